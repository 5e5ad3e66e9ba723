/* AdaGrad.
 * Duchi, Hazan & Singer 2011, fig. 1 (diagonal), as torch.optim.Adagrad has it: coupled weight
 * decay, a rate that may decay with the step, an accumulator that may start above 0:
 *     g = grad + wd x,  G = G + g^2,  x = x - lr / (1 + (t - 1) lr_decay) * g / (sqrt(G) + eps)
 * State: G. */
#include "podium/optimizer.h"

typedef struct adagrad {
    podium_optimizer common;
    podium_vec *squares;
} adagrad;

enum { LR, LR_DECAY, INITIAL, EPS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-2),
    PODIUM_DECLARE_NUMBER("lr_decay", "rate falls as 1/(1 + lr_decay step)", 0, 0, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("initial_accumulator_value", "start of the sum of squares", 0, 0, 1e3,
                          PODIUM_LOG),
    PODIUM_EPS(1e-10),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    adagrad *o = self;
    return podium_state_of(o, "squares", o->common.number[INITIAL], &o->squares);
}

static int32_t step(void *self, const podium_step *s)
{
    adagrad *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s) / (1 + (double)s->index * p[LR_DECAY]);
    return podium_run(o,
                      "t0 = v1 + p0*v0;"
                      "v2 = v2 + t0*t0;"
                      "v0 = v0 - c0*t0/(sqrt(v2) + c1)",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->squares), PODIUM_C(lr, p[EPS]));
}

PODIUM_OPTIMIZER(adagrad, hyperparameters, setup, step,
                 .url = "https://jmlr.org/papers/v12/duchi11a.html")
