/* LAMB: Adam with a rate per layer.
 * You et al. 2020, arXiv:1904.00962, algorithm 2, in the form of AlgoPerf's baseline.  For
 * t = 1, 2, ... and each parameter tensor:
 *
 *     m, v as Adam,  u = (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) + wd x
 *
 *     x = x - lr |x|/|u| u,   the ratio is 1 where either norm is 0
 *
 * The paper's phi, which clips |x|, is the identity; biases and norms take part like all others.
 * State: m and v; u is computed twice, not stored. */
#include "podium/optimizer.h"

typedef struct lamb {
    podium_optimizer common;
    podium_vec *m, *v;
    double *weight, *update, *ratio; /* [num_params] squared norms of x and u, |x|/|u| */
} lamb;

enum { LR, BETA1, BETA2, EPS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_WEIGHT_DECAY("inside the normalised update", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    lamb *o = self;
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_array(o, NULL, &o->weight));
    PODIUM_TRY(podium_array(o, NULL, &o->update));
    return podium_array(o, NULL, &o->ratio);
}

static int32_t step(void *self, const podium_step *s)
{
    lamb *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s);
    double mean = 1 / (1 - pow(p[BETA1], t)), square = 1 / sqrt(1 - pow(p[BETA2], t));
    PODIUM_TRY(
        podium_pass(o,
                    "v2 = c0*v2 + c1*v1;"
                    "v3 = c2*v3 + c3*v1*v1;"
                    "t0 = c4*v2/(c5*sqrt(v3) + c6) + p0*v0;"
                    "q0 += v0*v0;"
                    "q1 += t0*t0",
                    PODIUM_V(task->x, task->g, o->m, o->v),
                    PODIUM_C(p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2], mean, square, p[EPS]),
                    NULL, 0, NULL, 0, (double *[]){o->weight, o->update}, 2));
    for (size_t i = 0; i < task->num_params; i++) {
        int both = o->weight[i] > 0 && o->update[i] > 0;
        o->ratio[i] = both ? sqrt(o->weight[i] / o->update[i]) : 1;
    }
    return podium_pass(o, "v0 = v0 - c0*p2*(c1*v1/(c2*sqrt(v2) + c3) + p0*v0)",
                       PODIUM_V(task->x, o->m, o->v), PODIUM_C(lr, mean, square, p[EPS]), NULL, 0,
                       &o->ratio, 1, NULL, 0);
}

PODIUM_OPTIMIZER(lamb, hyperparameters, setup, step, .url = "https://arxiv.org/abs/1904.00962")
