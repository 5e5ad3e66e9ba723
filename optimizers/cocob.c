/* COCOB: continuous coin betting, no learning rate.
 * Orabona & Tommasi 2017, arXiv:1705.07795, algorithm 2 (COCOB-Backprop), as the author's
 * parameterfree 0.0.1 has it, coordinate by coordinate:
 *
 *     g = grad + wd x,  L = max(L, |g|),  theta = theta - g,  G = G + |g|
 *
 *     R = max(R - g (x - x0), 0),  x = x0 + theta (R + L)/(L max(G + L, alpha L))
 *
 * L starts at eps, weight decay is the code's.  State: L, theta, G, R, x0. */
#include "podium/optimizer.h"

typedef struct cocob {
    podium_optimizer common;
    podium_vec *largest, *theta, *total, *reward, *x0;
} cocob;

enum { ALPHA, EPS };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("alpha", "bounds the first bets to 1/alpha", 100, 0, 1e9, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("eps", "start of the largest gradient", 1e-8, 1e-30, 1e3, PODIUM_LOG),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_CLIP_HYPERPARAMETER,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    cocob *o = self;
    PODIUM_TRY(podium_state_of(o, "largest", o->common.number[EPS], &o->largest));
    PODIUM_TRY(podium_state(o, "theta", &o->theta));
    PODIUM_TRY(podium_state(o, "total", &o->total));
    PODIUM_TRY(podium_state(o, "reward", &o->reward));
    return podium_state(o, "x0", &o->x0);
}

static int32_t step(void *self, const podium_step *s)
{
    cocob *o = self;
    const podium_task *t = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->x0, t->x));
    return podium_run(o,
                      "t0 = v1 + p0*v0;"
                      "v2 = max(v2, abs(t0));"
                      "v3 = v3 - t0;"
                      "v4 = v4 + abs(t0);"
                      "v5 = max(v5 - t0*(v0 - v6), 0);"
                      "v0 = v6 + v3/(v2*max(v4 + v2, c0*v2))*(v5 + v2)",
                      PODIUM_V(t->x, t->g, o->largest, o->theta, o->total, o->reward, o->x0),
                      PODIUM_C(o->common.number[ALPHA]));
}

PODIUM_OPTIMIZER(cocob, hyperparameters, setup, step, .url = "https://arxiv.org/abs/1705.07795")
