/* Adaptive SAM around any base, the authors' algorithm.
 * Kwon et al. 2021, arXiv:2102.11600, algorithm 1 and eq. 10, as SamsungLabs/ASAM has it:
 *
 *     T = |x| + eta,  1 for biases,  e = rho T^2 g / (|T g| + 1e-16),
 *
 *     the base steps from x with the gradient at x + e
 *
 * The norm is global.  The code tells parameters by "weight" in their names, which PyTorch gives
 * the scales of norms too; here it is all kinds but biases.  It also comes back to x by subtracting
 * e; here x never moved.  State: the base's and the point x + e.  Two gradients a step. */
#include "podium/wrapper.h"

typedef podium_ascent asam_samsung;

enum { RHO, ETA, BASE };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("rho", "length of the ascent step, relative to x", 0.5, 0, 1e3,
                          PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("eta", "added to |x|", 0.01, 0, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_BASE("adamw"),
    NULL,
};

static int is_bias(int32_t kind)
{
    return kind == PODIUM_BIAS || kind == PODIUM_BATCH_NORM_BIAS ||
           kind == PODIUM_LAYER_NORM_BIAS || kind == PODIUM_ATTENTION_BIAS;
}

static int32_t setup(void *self)
{
    asam_samsung *o = self;
    o->norm = "t1 = p2;" /* no golden: a mask */
              "t0 = select(t1, abs(v0) + c0, 1)*v1; s0 += t0*t0";
    o->move = "t1 = p2;" /* no golden: a mask */
              "t0 = select(t1, abs(v1) + c0, 1); v0 = v1 + c1*t0*t0*v2";
    o->rho = o->common.number[RHO];
    o->constant = o->common.number[ETA];
    o->floor = 1e-16;
    PODIUM_TRY(podium_ascent_setup(o, BASE));
    for (size_t i = 0; i < o->common.t->num_params; i++)
        o->adaptive[i] = !is_bias(o->common.t->params[i]->kind);
    return PODIUM_OK;
}

PODIUM_OPTIMIZER(asam_samsung, hyperparameters, setup, podium_ascent_step,
                 .before_eval = podium_ascent_before_eval, .after_eval = podium_ascent_after_eval,
                 .url = "https://arxiv.org/abs/2102.11600")
