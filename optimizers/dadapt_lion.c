/* D-Adapted Lion.
 * Version 3.2 of the dadaptation of Defazio & Mishchenko 2023, arXiv:2301.07733 (the paper has no
 * Lion); r = sqrt(b2), dlr = d lr:
 *
 *     u = sign(b1 m + (1 - b1) g),  x = (1 - dlr wd) x - dlr u,  m = b2 m + (1 - b2) dlr g
 *
 *     num = r num + (1 - r) dlr <u, s>,  s = r s + (1 - r) dlr u,  d = max(d, num/((1 - r) |s|_1))
 *
 * num takes the s before the step.  m is in units of dlr, the g beside it in u is not: so the
 * code.  The new d acts from the next step on, so one pass does all of it.  State: m and s. */
#include "podium/optimizer.h"

typedef struct dadapt_lion {
    podium_optimizer common;
    podium_vec *m, *sum;
    double d, numerator;
} dadapt_lion;

enum { LR, BETA1, BETA2, D0 };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_BETA("beta1", "share of the momentum in the update", 0.9),
    PODIUM_BETA("beta2", "decay of the momentum", 0.99),
    PODIUM_DECLARE_NUMBER("d0", "first estimate of the distance", 1e-6, 1e-30, 1e3, PODIUM_LOG),
    PODIUM_WEIGHT_DECAY("decoupled, times d and the learning rate", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    dadapt_lion *o = self;
    PODIUM_TRY(podium_number(o, "d", &o->d, o->common.number[D0]));
    PODIUM_TRY(podium_number(o, "numerator", &o->numerator, 0));
    PODIUM_TRY(podium_state(o, "m", &o->m));
    return podium_state(o, "s", &o->sum);
}

static int32_t step(void *self, const podium_step *s)
{
    dadapt_lion *o = self;
    const double *p = o->common.number;
    double sums[2], lr = podium_rate(o, p[LR], s), dlr = o->d * lr, r = sqrt(p[BETA2]);
    PODIUM_TRY(podium_gradient(o, s, NULL));
    podium_set_decay(o, dlr);
    PODIUM_TRY(podium_reduce(o,
                             "t0 = sign(c1*v2 + c2*v1);" /* no golden: m is dlr small */
                             "v0 = p1*v0 - c0*t0;"
                             "v2 = c3*v2 + c4*v1;" /* no golden: m is dlr small */
                             "s0 += t0*v3;"
                             "v3 = c5*v3 + c6*t0;" /* no golden: s has any scale */
                             "s1 += abs(v3)",
                             PODIUM_V(o->common.t->x, o->common.t->g, o->m, o->sum),
                             PODIUM_C(dlr, p[BETA1], 1 - p[BETA1], p[BETA2], (1 - p[BETA2]) * dlr,
                                      r, (1 - r) * dlr), /* no golden: s has any scale */
                             sums, 2));
    if (sums[1] == 0)
        return PODIUM_OK;
    o->numerator = r * o->numerator + (1 - r) * dlr * sums[0];
    if (lr > 0)
        o->d = fmax(o->d, o->numerator / ((1 - r) * sums[1]));
    return PODIUM_OK;
}

PODIUM_OPTIMIZER(dadapt_lion, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2301.07733")
