/* DoWG: distance over weighted gradients.
 * Khaled, Mishchenko & Jin 2023, arXiv:2305.16284, algorithm 1, as rka97/dowg has it:
 *     r2 = max(r2, |x - x0|^2),  v = v + r2 |g|^2,  x = x - r2 g / (sqrt(v) + eps)
 * over all parameters together.  The code uses eps twice: as the first squared distance, and added
 * to the root.  State: x0 (the paper's average is left to the caller in the code too). */
#include "podium/optimizer.h"

typedef struct dowg {
    podium_optimizer common;
    podium_vec *x0;
    double distance2, weighted;
} dowg;

enum { EPS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("eps", "first squared distance, and added to the root", 1e-4, 1e-30, 1e3,
                          PODIUM_LOG),
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

static int32_t setup(void *self)
{
    dowg *o = self;
    PODIUM_TRY(podium_number(o, "rt2", &o->distance2, o->common.number[EPS]));
    PODIUM_TRY(podium_number(o, "vt", &o->weighted, 0));
    return podium_state(o, "x0", &o->x0);
}

static int32_t step(void *self, const podium_step *s)
{
    dowg *o = self;
    const podium_task *t = o->common.t;
    double sums[2];
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->x0, t->x));
    PODIUM_TRY(podium_reduce(o,
                             "t0 = v0 - v2;"
                             "s0 += t0*t0;"
                             "s1 += v1*v1",
                             PODIUM_V(t->x, t->g, o->x0), NULL, 0, sums, 2));
    o->distance2 = fmax(o->distance2, sums[0]);
    o->weighted += o->distance2 * sums[1];
    double size = o->distance2 / (sqrt(o->weighted) + o->common.number[EPS]);
    return podium_run(o, "v0 = v0 - c0*v1", PODIUM_V(t->x, t->g), PODIUM_C(size));
}

PODIUM_OPTIMIZER(dowg, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2305.16284")
