/* Sharpness-aware minimisation around any base.
 * Foret et al. 2021, arXiv:2010.01412, algorithm 1 (p = 2), as davda54/sam has it:
 *
 *     e = rho g(x) / (|g(x)| + 1e-12),  the base steps from x with the gradient at x + e
 *
 * The norm is global.  Both gradients see the same examples and dropout masks; the base's weight
 * decay acts on x.  The 1e-12 is the code's, not the paper's.
 * State: the base's and the point x + e.  Two gradients a step. */
#include "podium/wrapper.h"

typedef podium_ascent sam;

enum { RHO, BASE };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("rho", "length of the ascent step", 0.05, 0, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_BASE("adamw"),
    NULL,
};

static int32_t setup(void *self)
{
    sam *o = self;
    o->norm = "s0 += v1*v1";
    o->move = "v0 = v1 + c1*v2";
    o->rho = o->common.number[RHO];
    o->floor = 1e-12;
    return podium_ascent_setup(o, BASE);
}

PODIUM_OPTIMIZER(sam, hyperparameters, setup, podium_ascent_step,
                 .before_eval = podium_ascent_before_eval, .after_eval = podium_ascent_after_eval,
                 .url = "https://arxiv.org/abs/2010.01412")
