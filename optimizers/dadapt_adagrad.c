/* D-Adapted AdaGrad.
 * Defazio & Mishchenko 2023, arXiv:2301.07733, algorithm 3, as version 3.2 of the authors'
 * dadaptation has it, coordinate by coordinate with dlr = d lr and A starting at 1e-6:
 *
 *     g = grad + wd x,  A = A + g^2,  w = sqrt(A) + eps,  G = G + dlr^2 sum g^2/w,  s = s + dlr g
 *
 *     d = max(d, min((sum s^2/w - G)/|s|_1, growth_rate d)),  x = mu x + (1 - mu)(x0 - s/w)
 *
 * The code keeps sum s^2/w and |s|_1 as running differences per tensor: the same up to rounding.
 * The new d acts from the next step on, so one pass does all of it.  State: A, s, x0. */
#include "podium/optimizer.h"

typedef struct dadapt_adagrad {
    podium_optimizer common;
    podium_vec *squares, *sum, *x0;
    double d, weighted;
} dadapt_adagrad;

enum { LR, MOMENTUM, EPS, D0, GROWTH };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_DECLARE_NUMBER("momentum", "share of the old x", 0, 0, 1, PODIUM_LINEAR),
    PODIUM_EPS(1e-6),
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
    dadapt_adagrad *o = self;
    PODIUM_TRY(podium_number(o, "d", &o->d, o->common.number[D0]));
    PODIUM_TRY(podium_number(o, "weighted", &o->weighted, 0));
    PODIUM_TRY(podium_state_of(o, "squares", 1e-6, &o->squares));
    PODIUM_TRY(podium_state(o, "s", &o->sum));
    return podium_state(o, "x0", &o->x0);
}

static int32_t step(void *self, const podium_step *s)
{
    dadapt_adagrad *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    double sums[3], lr = podium_rate(o, p[LR], s), dlr = o->d * lr;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->x0, t->x));
    PODIUM_TRY(podium_reduce(o,
                             "t0 = v1 + p0*v0;"
                             "v2 = v2 + t0*t0;"
                             "t1 = sqrt(v2) + c1;"
                             "s0 += t0*t0/t1;"
                             "v3 = v3 + c0*t0;"
                             "s1 += v3*v3/t1;"
                             "s2 += abs(v3);"
                             "v0 = c2*v0 + c3*(v4 - v3/t1)",
                             PODIUM_V(t->x, t->g, o->squares, o->sum, o->x0),
                             PODIUM_C(dlr, p[EPS], p[MOMENTUM], 1 - p[MOMENTUM]), sums, 3));
    if (sums[2] == 0)
        return PODIUM_OK;
    o->weighted += dlr * dlr * sums[0];
    double growth = p[GROWTH] > 0 ? p[GROWTH] : INFINITY;
    if (lr > 0)
        o->d = fmax(o->d, fmin((sums[1] - o->weighted) / sums[2], o->d * growth));
    return PODIUM_OK;
}

PODIUM_OPTIMIZER(dadapt_adagrad, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2301.07733")
