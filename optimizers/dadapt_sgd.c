/* D-Adapted SGD.
 * Defazio & Mishchenko 2023, arXiv:2301.07733, algorithm 4, as version 3.2 of the authors'
 * dadaptation has it, with |g0| the norm of the first gradient and dlr = d lr/|g0|:
 *
 *     g = grad + wd x,  num = num + dlr <g, s>,  s = s + dlr g
 *
 *     d = max(d, min(2 num/|s|, growth_rate d)),  x = mu x + (1 - mu)(x0 - s)
 *
 * num takes the s before the step; the new d acts from the next step on, so one pass does all of
 * it.  |g0| is without weight decay (the code adds the decay and drops the result); where it is 0
 * the code divides by it, here the step is left out.  State: s and x0. */
#include "podium/optimizer.h"

typedef struct dadapt_sgd {
    podium_optimizer common;
    podium_vec *sum, *x0;
    double d, numerator, first_norm; /* first_norm 0: no gradient seen yet */
} dadapt_sgd;

enum { LR, MOMENTUM, D0, GROWTH };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_DECLARE_NUMBER("momentum", "share of the old x", 0, 0, 1, PODIUM_LINEAR),
    PODIUM_DECLARE_NUMBER("d0", "first estimate of the distance", 1e-6, 1e-30, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("growth_rate", "greatest growth of d in a step, 0: any", 0, 0, 1e30,
                          PODIUM_LOG),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    dadapt_sgd *o = self;
    PODIUM_TRY(podium_number(o, "d", &o->d, o->common.number[D0]));
    PODIUM_TRY(podium_number(o, "numerator", &o->numerator, 0));
    PODIUM_TRY(podium_number(o, "first_norm", &o->first_norm, 0));
    PODIUM_TRY(podium_state(o, "s", &o->sum));
    return podium_state(o, "x0", &o->x0);
}

static int32_t begin(dadapt_sgd *o)
{
    const podium_task *t = o->common.t;
    double square;
    PODIUM_TRY(podium_reduce(o, "s0 += v0*v0", PODIUM_V(t->g), NULL, 0, &square, 1));
    o->first_norm = sqrt(square);
    return o->common.h->vec_copy(o->common.h, o->x0, t->x);
}

static int32_t step(void *self, const podium_step *s)
{
    dadapt_sgd *o = self;
    const double *p = o->common.number;
    double sums[2], lr = podium_rate(o, p[LR], s);
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (!(o->first_norm > 0)) {
        PODIUM_TRY(begin(o));
        if (o->first_norm == 0)
            return PODIUM_OK;
    }
    double dlr = o->d * lr / o->first_norm;
    PODIUM_TRY(podium_reduce(o,
                             "t0 = v1 + p0*v0;"
                             "s0 += t0*v2;"
                             "v2 = v2 + c0*t0;"
                             "s1 += v2*v2;"
                             "v0 = c1*v0 + c2*(v3 - v2)",
                             PODIUM_V(o->common.t->x, o->common.t->g, o->sum, o->x0),
                             PODIUM_C(dlr, p[MOMENTUM], 1 - p[MOMENTUM]), sums, 2));
    o->numerator += dlr * sums[0];
    double growth = p[GROWTH] > 0 ? p[GROWTH] : INFINITY;
    if (lr > 0 && sums[1] > 0)
        o->d = fmax(o->d, fmin(2 * o->numerator / sqrt(sums[1]), o->d * growth));
    return PODIUM_OK;
}

PODIUM_OPTIMIZER(dadapt_sgd, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2301.07733")
