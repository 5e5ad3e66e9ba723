/* Heavy-ball momentum.
 * Polyak 1964, in the form of torch.optim.SGD and AlgoPerf's baseline:
 *     g = grad + wd x,  b = mu b + (1 - dampening) g,  x = x - lr b
 * On the first step b = g, undampened, as torch has it.  State: the velocity b. */
#include "podium/optimizer.h"

typedef struct heavy_ball {
    podium_optimizer common;
    podium_vec *velocity;
} heavy_ball;

enum { LR, MOMENTUM, DECAY, DAMPENING };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-2),
    PODIUM_DECLARE_NUMBER("momentum", "decay of the velocity", 0.9, 0, 1, PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_DECLARE_NUMBER("dampening", "share of the gradient left out of the velocity", 0, 0, 1,
                          PODIUM_LINEAR),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    heavy_ball *o = self;
    return podium_state(o, "velocity", &o->velocity);
}

static int32_t step(void *self, const podium_step *s)
{
    heavy_ball *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s);
    /* The velocity is zero before the first step, which takes the whole gradient. */
    double share = s->index == 0 ? 1 : 1 - p[DAMPENING];
    return podium_run(o,
                      "v2 = c1*v2 + c2*(v1 + p0*v0);"
                      "v0 = v0 - c0*v2",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->velocity),
                      PODIUM_C(lr, p[MOMENTUM], share));
}

PODIUM_OPTIMIZER(heavy_ball, hyperparameters, setup, step,
                 .url = "https://doi.org/10.1016/0041-5553(64)90137-5")
