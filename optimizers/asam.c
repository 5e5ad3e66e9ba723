/* Adaptive SAM around any base, in the form of davda54/sam ("adaptive").
 * After Kwon et al. 2021, arXiv:2102.11600, but not their algorithm (asam_samsung is): no eta, and
 * biases adapt like all other parameters.
 *
 *     e = rho x^2 g / (| |x| g | + 1e-12),  the base steps from x with the gradient at x + e
 *
 * The norm is global.  State: the base's and the point x + e.  Two gradients a step. */
#include "podium/wrapper.h"

typedef podium_ascent asam;

enum { RHO, BASE };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("rho", "length of the ascent step, relative to x", 0.5, 0, 1e3,
                          PODIUM_LOG),
    PODIUM_DECLARE_BASE("adamw"),
    NULL,
};

static int32_t setup(void *self)
{
    asam *o = self;
    o->norm = "t0 = v0*v1; s0 += t0*t0";
    o->move = "v0 = v1 + c1*v1*v1*v2";
    o->rho = o->common.number[RHO];
    o->floor = 1e-12;
    return podium_ascent_setup(o, BASE);
}

PODIUM_OPTIMIZER(asam, hyperparameters, setup, podium_ascent_step,
                 .before_eval = podium_ascent_before_eval, .after_eval = podium_ascent_after_eval,
                 .url = "https://arxiv.org/abs/2102.11600")
