/* Stochastic gradient descent.
 * Robbins & Monro 1951; weight decay is coupled (added to the gradient), as in torch.optim.SGD:
 *     g = grad + wd x,  x = x - lr g
 * State: none. */
#include "podium/optimizer.h"

typedef struct sgd {
    podium_optimizer common;
} sgd;

enum { LR };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t step(void *self, const podium_step *s)
{
    sgd *o = self;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, o->common.number[LR], s);
    return podium_run(o, "v0 = v0 - c0*(v1 + p0*v0)", PODIUM_V(o->common.t->x, o->common.t->g),
                      PODIUM_C(lr));
}

PODIUM_OPTIMIZER(sgd, hyperparameters, podium_no_state, step,
                 .url = "https://doi.org/10.1214/aoms/1177729586")
