/* D-Adapted Adam.
 * Defazio & Mishchenko 2023, arXiv:2301.07733, algorithm 5, as version 3.2 of the authors'
 * dadaptation has it (the inner-product form; the paper's first edition has another).  For
 * t = 1, 2, ..., r = sqrt(b2), dlr = d lr, times sqrt(1 - b2^t)/(1 - b1^t) with
 * use_bias_correction:
 *
 *     num = r num + (1 - r) dlr <g, s/(sqrt(v) + eps)>           s and v before the step
 *
 *     m = b1 m + (1 - b1) dlr g,  v = b2 v + (1 - b2) g^2,  s = r s + (1 - r) dlr g
 *
 *     d = max(d, min(num/((1 - r) |s|_1), growth_rate d)),  x = x - m/(sqrt(v) + eps)
 *
 * m carries the dlr of its time, so the new d acts from the next step on and one pass does all.
 * Weight decay: g = grad + wd x, or with decouple x = (1 - dlr wd) x first.  While every gradient
 * was 0 the code does not even decay; here decoupled decay acts.  State: m, v, s. */
#include "podium/optimizer.h"

typedef struct dadapt_adam {
    podium_optimizer common;
    podium_vec *m, *v, *sum;
    double d, numerator, steps;
} dadapt_adam;

enum { LR, BETA1, BETA2, EPS, DECOUPLE, BIAS_CORRECTION, D0, GROWTH };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_FLAG("decouple", "decoupled weight decay", 0),
    PODIUM_DECLARE_FLAG("use_bias_correction", "Adam's bias correction", 0),
    PODIUM_DECLARE_NUMBER("d0", "first estimate of the distance", 1e-6, 1e-30, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("growth_rate", "greatest growth of d in a step, 0: any", 0, 0, 1e30,
                          PODIUM_LOG),
    PODIUM_WEIGHT_DECAY("added to the gradient, or decoupled", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    dadapt_adam *o = self;
    PODIUM_TRY(podium_number(o, "d", &o->d, o->common.number[D0]));
    PODIUM_TRY(podium_number(o, "numerator", &o->numerator, 0));
    PODIUM_TRY(podium_number(o, "steps", &o->steps, 0));
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    return podium_state(o, "s", &o->sum);
}

static int32_t step(void *self, const podium_step *s)
{
    dadapt_adam *o = self;
    const double *p = o->common.number;
    double sums[2], lr = podium_rate(o, p[LR], s), r = sqrt(p[BETA2]), dlr = o->d * lr;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (p[BIAS_CORRECTION] != 0)
        dlr *= sqrt(1 - pow(p[BETA2], o->steps + 1)) / (1 - pow(p[BETA1], o->steps + 1));
    double share = (1 - r) * dlr;     /* no golden: s has any scale */
    double coupled = 1 - p[DECOUPLE]; /* no golden: coupled */
    podium_set_decay(o, p[DECOUPLE] * dlr);
    PODIUM_TRY(podium_reduce(
        o,
        "t0 = v1 + c0*p0*v0;" /* no golden: coupled */
        "s0 += t0*v4/(sqrt(v3) + c7);"
        "v2 = c1*v2 + c2*t0;"
        "v3 = c3*v3 + c4*t0*t0;"
        "v4 = c5*v4 + c6*t0;" /* no golden: s has any scale */
        "s1 += abs(v4);"
        "v0 = p1*v0 - v2/(sqrt(v3) + c7)",
        PODIUM_V(o->common.t->x, o->common.t->g, o->m, o->v, o->sum),
        PODIUM_C(coupled, p[BETA1], (1 - p[BETA1]) * dlr, p[BETA2], 1 - p[BETA2], r, share, p[EPS]),
        sums, 2));
    if (sums[1] == 0)
        return PODIUM_OK;
    o->steps += 1;
    o->numerator = r * o->numerator + (1 - r) * dlr * sums[0];
    double growth = p[GROWTH] > 0 ? p[GROWTH] : INFINITY;
    if (lr > 0)
        o->d = fmax(o->d, fmin(o->numerator / ((1 - r) * sums[1]), o->d * growth));
    return PODIUM_OK;
}

PODIUM_OPTIMIZER(dadapt_adam, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2301.07733")
