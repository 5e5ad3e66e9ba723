/* Cautious AdamW: AdamW without the coordinates that point uphill.
 * Liang et al. 2024, arXiv:2411.16085, algorithm 1, as the single-tensor path of the authors'
 * c_adamw.py has it:
 *
 *     m, v as Adam,  mask = (m g > 0), divided by max(its mean, 1e-3) per parameter tensor
 *
 *     x = (1 - lr wd) x,  x = x - lr sqrt(1 - b2^t)/(1 - b1^t) mask m / (sqrt(v) + eps)
 *
 * Epsilon stands before the bias correction, so it weighs more in early steps than AdamW's (the
 * default path of the same class has it after).  correct_bias 0 leaves the correction out.
 * State: m and v. */
#include "podium/optimizer.h"

typedef struct cautious_adamw {
    podium_optimizer common;
    podium_vec *m, *v;
    double *count, *scale; /* [num_params] */
} cautious_adamw;

enum { LR, BETA1, BETA2, EPS, DECAY, CORRECT_BIAS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-6),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_DECLARE_FLAG("correct_bias", "Adam's bias correction", 1),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    cautious_adamw *o = self;
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_array(o, NULL, &o->count));
    return podium_array(o, NULL, &o->scale);
}

static int32_t step(void *self, const podium_step *s)
{
    cautious_adamw *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, size = podium_rate(o, p[LR], s);
    if (p[CORRECT_BIAS] != 0)
        size *= sqrt(1 - pow(p[BETA2], t)) / (1 - pow(p[BETA1], t));
    PODIUM_TRY(podium_pass(o,
                           "v1 = c0*v1 + c1*v0;"
                           "v2 = c2*v2 + c3*v0*v0;"
                           "q0 += lt(0, v1*v0)",
                           PODIUM_V(task->g, o->m, o->v),
                           PODIUM_C(p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2]), NULL, 0, NULL,
                           0, &o->count, 1));
    for (size_t i = 0; i < task->num_params; i++)
        o->scale[i] = 1 / fmax(o->count[i] / (double)task->params[i]->count, 1e-3);
    return podium_pass(o, "v0 = p1*v0 - c0*p2*lt(0, v2*v1)*v2/(sqrt(v3) + c1)",
                       PODIUM_V(task->x, task->g, o->m, o->v), PODIUM_C(size, p[EPS]), NULL, 0,
                       &o->scale, 1, NULL, 0);
}

PODIUM_OPTIMIZER(cautious_adamw, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2411.16085")
