/* Cautious Lion: Lion without the coordinates that point uphill.
 * Liang et al. 2024, arXiv:2411.16085, algorithm 1, as the authors' c_lion.py has it:
 *     x = (1 - lr wd) x,  u = sign(b1 m + (1 - b1) g),  mask = (u g > 0)
 *     x = x - lr u mask n/(count + 1),  m = b2 m + (1 - b2) g
 * with n elements and `count` ones of the mask per parameter tensor; the code's + 1 is in no
 * equation.  State: m. */
#include "podium/optimizer.h"

typedef struct cautious_lion {
    podium_optimizer common;
    podium_vec *m;
    double *count, *scale; /* [num_params] */
} cautious_lion;

enum { LR, BETA1, BETA2 };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-4),
    PODIUM_BETA("beta1", "share of the momentum in the update", 0.95),
    PODIUM_BETA("beta2", "decay of the momentum", 0.98),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    cautious_lion *o = self;
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_array(o, NULL, &o->count));
    return podium_array(o, NULL, &o->scale);
}

static int32_t step(void *self, const podium_step *s)
{
    cautious_lion *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s);
    PODIUM_TRY(podium_pass(o, "q0 += lt(0, sign(c0*v1 + c1*v0)*v0)", PODIUM_V(t->g, o->m),
                           PODIUM_C(p[BETA1], 1 - p[BETA1]), NULL, 0, NULL, 0, &o->count, 1));
    for (size_t i = 0; i < t->num_params; i++)
        o->scale[i] = (double)t->params[i]->count / (o->count[i] + 1);
    return podium_pass(o,
                       "t0 = sign(c1*v2 + c2*v1);"
                       "v0 = p1*v0 - c0*t0*lt(0, t0*v1)*p2;"
                       "v2 = c3*v2 + c4*v1",
                       PODIUM_V(t->x, t->g, o->m),
                       PODIUM_C(lr, p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2]), NULL, 0,
                       &o->scale, 1, NULL, 0);
}

PODIUM_OPTIMIZER(cautious_lion, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2411.16085")
