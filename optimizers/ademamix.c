/* AdEMAMix: Adam with a second, slow mean of gradients.
 * Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, algorithm 1, as apple/ml-ademamix has it.
 * For t = 1, 2, ...:
 *
 *     m1 = b1 m1 + (1 - b1) g,  m2 = b3 m2 + (1 - b3) g,  v = b2 v + (1 - b2) g^2
 *
 *     x = x - lr ((m1/(1 - b1^t) + alpha m2) / (sqrt(v/(1 - b2^t)) + eps) + wd x)
 *
 * m2 is not corrected.  While t < T, alpha is alpha t/T, and b3 goes from b1 to beta3 linearly in
 * the half-life of the mean (the paper's appendix; the code adds 1e-8 inside its logarithm).
 * State: m1, m2, v. */
#include "podium/optimizer.h"

typedef struct ademamix {
    podium_optimizer common;
    podium_vec *m1, *m2, *v;
} ademamix;

enum { LR, BETA1, BETA2, EPS, BETA3, ALPHA, BETA3_WARMUP, ALPHA_WARMUP };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("beta1", "decay of the fast mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_BETA("beta3", "decay of the slow mean of gradients", 0.9999),
    PODIUM_DECLARE_NUMBER("alpha", "weight of the slow mean", 2, 0, 1e3, PODIUM_LINEAR),
    PODIUM_DECLARE_INTEGER("beta3_warmup", "steps until beta3 is reached, 0: none", 0, 0, 1e12),
    PODIUM_DECLARE_INTEGER("alpha_warmup", "steps until alpha is reached, 0: none", 0, 0, 1e12),
    PODIUM_WEIGHT_DECAY("inside the update", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    ademamix *o = self;
    PODIUM_TRY(podium_state(o, "m1", &o->m1));
    PODIUM_TRY(podium_state(o, "m2", &o->m2));
    return podium_state(o, "v", &o->v);
}

static double half_life(double beta)
{
    return log(0.5) / log(beta + 1e-8) - 1;
}

static double slow_decay(const double *p, double t)
{
    if (!(t < p[BETA3_WARMUP]))
        return p[BETA3];
    double part = t / p[BETA3_WARMUP];
    double h = (1 - part) * half_life(p[BETA1]) + part * half_life(p[BETA3]);
    return pow(0.5, 1 / (h + 1));
}

static int32_t step(void *self, const podium_step *s)
{
    ademamix *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s);
    double alpha = t < p[ALPHA_WARMUP] ? p[ALPHA] * (t / p[ALPHA_WARMUP]) : p[ALPHA];
    double beta3 = slow_decay(p, t);
    return podium_run(o,
                      "v2 = c0*v2 + c1*v1;"
                      "v3 = c2*v3 + c3*v1;"
                      "v4 = c4*v4 + c5*v1*v1;"
                      "v0 = v0 - c6*((c7*v2 + c8*v3)/(c9*sqrt(v4) + c10) + p0*v0)",
                      PODIUM_V(o->common.t->x, o->common.t->g, o->m1, o->m2, o->v),
                      PODIUM_C(p[BETA1], 1 - p[BETA1], beta3, 1 - beta3, p[BETA2], 1 - p[BETA2], lr,
                               1 / (1 - pow(p[BETA1], t)), alpha, 1 / sqrt(1 - pow(p[BETA2], t)),
                               p[EPS]));
}

PODIUM_OPTIMIZER(ademamix, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2409.03137")
