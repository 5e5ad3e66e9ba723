/* AdamW: Adam with decoupled weight decay.
 * Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as torch.optim.AdamW has it: the decay
 * is multiplied with the rate too.  For t = 1, 2, ...:
 *
 *     m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
 *
 *     x = (1 - lr wd) x - lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)
 *
 * Epsilon stands outside the root and after the bias correction.  State: m and v. */
#include "podium/optimizer.h"

typedef struct adamw {
    podium_optimizer common;
    podium_vec *m, *v;
} adamw;

enum { LR, BETA1, BETA2, EPS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 1e-2),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    adamw *o = self;
    PODIUM_TRY(podium_state(o, "m", &o->m));
    return podium_state(o, "v", &o->v);
}

static int32_t step(void *self, const podium_step *s)
{
    adamw *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s);
    return podium_run(o,
                      "v2 = c0*v2 + c1*v1;"
                      "v3 = c2*v3 + c3*v1*v1;"
                      "v0 = p1*v0 - c4*v2/(c5*sqrt(v3) + c6)",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->m, o->v),
                      PODIUM_C(p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2],
                               lr / (1 - pow(p[BETA1], t)), 1 / sqrt(1 - pow(p[BETA2], t)),
                               p[EPS]));
}

PODIUM_OPTIMIZER(adamw, hyperparameters, setup, step, .url = "https://arxiv.org/abs/1711.05101")
