/* Nesterov momentum.
 * Nesterov 1983, in the form of Sutskever et al. 2013 (eq. 3 and 4), torch.optim.SGD and AlgoPerf's
 * baseline:
 *     g = grad + wd x,  b = mu b + g,  x = x - lr (g + mu b)
 * With the flag off it is the heavy ball.  State: the velocity b. */
#include "podium/optimizer.h"

typedef struct nesterov {
    podium_optimizer common;
    podium_vec *velocity;
} nesterov;

enum { LR, MOMENTUM, DECAY, LOOK_AHEAD };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-2),
    PODIUM_DECLARE_NUMBER("momentum", "decay of the velocity", 0.9, 0, 1, PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_DECLARE_FLAG("nesterov", "look ahead along the velocity", 1),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    nesterov *o = self;
    return podium_state(o, "velocity", &o->velocity);
}

static int32_t step(void *self, const podium_step *s)
{
    nesterov *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s);
    /* x moves along ahead g + (mu or 1) b */
    double ahead = p[LOOK_AHEAD], along = p[LOOK_AHEAD] != 0 ? p[MOMENTUM] : 1;
    return podium_run(o,
                      "t0 = v1 + p0*v0;"
                      "v2 = c1*v2 + t0;"
                      "v0 = v0 - c0*(c2*t0 + c3*v2)",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->velocity),
                      PODIUM_C(lr, p[MOMENTUM], ahead, along));
}

PODIUM_OPTIMIZER(nesterov, hyperparameters, setup, step,
                 .url = "https://proceedings.mlr.press/v28/sutskever13.html")
