/* DoG: distance over gradients.
 * Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, eq. (1) to (3), as formll/dog has it:
 *     r = max(r, |x - x0|),  G = G + |g|^2,  eta = lr r / sqrt(G),  x = x - eta g
 * over all parameters together, with g = grad + wd x.  The first r is reps_rel (1 + |x0|), the
 * first G has eps added, once.  init_eta replaces the first eta; then the first r is 0.  Distances
 * are those before the step.  The paper evaluates an average of the weights (section 4):
 * averaging_gamma turns it on.  State: x0, and the average when there is one. */
#include "podium/average.h"
#include "podium/optimizer.h"

typedef struct dog {
    podium_optimizer common;
    podium_average average;
    podium_vec *x0;
    double distance, squares, eta;
} dog;

enum { REPS_REL, LR, EPS, INIT_ETA, GAMMA };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("reps_rel", "first distance, relative to 1 + |x0|", 1e-6, 0, 1,
                          PODIUM_LOG),
    PODIUM_LR(1),
    PODIUM_DECLARE_NUMBER("eps", "added to the first sum of squares", 1e-8, 0, 1, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("init_eta", "first step size; 0: from reps_rel", 0, 0, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_OPTIONAL("averaging_gamma", "polynomial averaging, 8 in the paper", 0, 1e6,
                            PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    dog *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_number(o, "rbar", &o->distance, 0));
    PODIUM_TRY(podium_number(o, "G", &o->squares, 0));
    PODIUM_TRY(podium_number(o, "eta", &o->eta, 0));
    PODIUM_TRY(podium_state(o, "x0", &o->x0));
    if (isnan(p[GAMMA]))
        return PODIUM_OK;
    return podium_average_init(&o->average, o->common.h, PODIUM_AVERAGE_POLYNOMIAL, p[GAMMA], 0, 0);
}

static int32_t step(void *self, const podium_step *s)
{
    dog *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    double sums[3], lr = podium_rate(o, p[LR], s);
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->x0, t->x));
    PODIUM_TRY(podium_reduce(o,
                             "t0 = v0 - v2;"
                             "t1 = v1 + p0*v0;"
                             "s0 += t0*t0;"
                             "s1 += t1*t1;"
                             "s2 += v2*v2",
                             PODIUM_V(t->x, t->g, o->x0), NULL, 0, sums, 3));
    if (s->index == 0) {
        o->distance = p[INIT_ETA] > 0 ? 0 : p[REPS_REL] * (1 + sqrt(sums[2]));
        o->squares = p[EPS];
    }
    o->distance = fmax(o->distance, sqrt(sums[0]));
    o->squares += sums[1];
    o->eta = lr * o->distance / sqrt(o->squares);
    if (s->index == 0 && p[INIT_ETA] > 0)
        o->eta = p[INIT_ETA];
    PODIUM_TRY(podium_run(o, "v0 = v0 - c0*(v1 + p0*v0)", PODIUM_V(t->x, t->g), PODIUM_C(o->eta)));
    return isnan(p[GAMMA]) ? PODIUM_OK : podium_average_update(&o->average, t->x, s->index);
}

static int32_t swap(void *self)
{
    dog *o = self;
    if (isnan(o->common.number[GAMMA]))
        return PODIUM_OK;
    return podium_average_swap(&o->average, o->common.t->x);
}

PODIUM_OPTIMIZER(dog, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2302.12022",
                 .before_eval = swap, .after_eval = swap)
