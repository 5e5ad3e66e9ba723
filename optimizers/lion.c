/* Lion: the sign of an interpolated momentum.
 * Chen et al. 2023, arXiv:2302.06675, program 1, as google/automl has it:
 *     x = (1 - lr wd) x - lr sign(b1 m + (1 - b1) g),  then  m = b2 m + (1 - b2) g
 * sign(0) = 0.  State: m. */
#include "podium/optimizer.h"

typedef struct lion {
    podium_optimizer common;
    podium_vec *m;
} lion;

enum { LR, BETA1, BETA2 };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-4),
    PODIUM_BETA("beta1", "share of the momentum in the update", 0.9),
    PODIUM_BETA("beta2", "decay of the momentum", 0.99),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    lion *o = self;
    return podium_state(o, "m", &o->m);
}

static int32_t step(void *self, const podium_step *s)
{
    lion *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s);
    return podium_run(o,
                      "v0 = p1*v0 - c0*sign(c1*v2 + c2*v1);"
                      "v2 = c3*v2 + c4*v1",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->m),
                      PODIUM_C(lr, p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2]));
}

PODIUM_OPTIMIZER(lion, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2302.06675")
