/* MoMo: model-based momentum.
 * Schaipp, Ohana, Eickenberg, Defazio & Gower 2023, arXiv:2305.07583, algorithm 1, as
 * fabian-sp/MoMo has it: means f of the loss, d of g and gm of <g, x> with decay b, k = 1 + lr wd:
 *
 *     tau = min(lr/rho, max(k (f - rho lb) + <d, x> - k gm, 0)/|d|^2),  x = (x - tau d)/k
 *
 * The means start at their first values and rho = 1; with bias_correction they start at 0 and
 * rho = 1 - b^t.  use_fstar estimates the lower bound lb (the paper's section 4): where
 * k f + <d, x> - k gm < k rho lb, lb falls to max(half of that, its start); after the step it is
 * max((f + <d, x> - gm - tau |d|^2/2)/rho, its start).  Where d is 0 nothing moves.  State: d. */
#include "podium/optimizer.h"

typedef struct momo {
    podium_optimizer common;
    podium_vec *mean;
    double loss, product, bound; /* f, gm, lb */
} momo;

enum { LR, BETA, BOUND, BIAS_CORRECTION, USE_FSTAR };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_BETA("beta", "decay of the means", 0.9),
    PODIUM_DECLARE_NUMBER("lb", "lower bound of the loss", 0, -1e30, 1e30, PODIUM_LINEAR),
    PODIUM_DECLARE_FLAG("bias_correction", "means start at 0 and are corrected", 0),
    PODIUM_DECLARE_FLAG("use_fstar", "estimate the lower bound", 0),
    PODIUM_WEIGHT_DECAY("decoupled (proximal), times the learning rate", 0),
    PODIUM_COMMON,
    NULL,
};

static int32_t setup(void *self)
{
    momo *o = self;
    PODIUM_TRY(podium_number(o, "loss_avg", &o->loss, 0));
    PODIUM_TRY(podium_number(o, "gamma", &o->product, 0));
    PODIUM_TRY(podium_number(o, "lb", &o->bound, o->common.number[BOUND]));
    return podium_state(o, "d", &o->mean);
}

/* The step size; moves the bound.  sums: <d, x>, <g, x>, |d|^2. */
static double step_size(momo *o, double lr, double k, double rho, const double sums[3])
{
    const double *p = o->common.number;
    double model = k * o->loss + sums[0] - k * o->product;
    if (p[USE_FSTAR] != 0 && model < k * rho * o->bound)
        o->bound = fmax(model / (2 * k * rho), p[BOUND]); /* no golden: use_fstar */
    double tau = lr / rho;
    if (sums[2] > 0)
        tau = fmin(tau, fmax(model - k * rho * o->bound, 0) / sums[2]);
    double product = o->product, half = 0.5 * tau * sums[2]; /* no golden: use_fstar */
    double low = (o->loss + sums[0] - product - half) / rho; /* no golden: use_fstar */
    if (p[USE_FSTAR] != 0)
        o->bound = fmax(low, p[BOUND]);
    return tau;
}

static int32_t step(void *self, const podium_step *s)
{
    momo *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    double loss, sums[3], lr = podium_rate(o, p[LR], s);
    PODIUM_TRY(podium_gradient(o, s, &loss));
    /* Without correction the first values are the first means. */
    double b = s->index == 0 && p[BIAS_CORRECTION] == 0 ? 0 : p[BETA];
    PODIUM_TRY(podium_reduce(o,
                             "v2 = c0*v2 + c1*v1;"
                             "s0 += v2*v0;"
                             "s1 += v1*v0;"
                             "s2 += v2*v2",
                             PODIUM_V(t->x, t->g, o->mean), PODIUM_C(b, 1 - b), sums, 3));
    o->loss = b * o->loss + (1 - b) * loss;
    o->product = b * o->product + (1 - b) * sums[1];
    double rho = p[BIAS_CORRECTION] != 0 ? 1 - pow(p[BETA], (double)s->index + 1) : 1;
    double k = 1 + lr * o->common.weight_decay;
    double tau = step_size(o, lr, k, rho, sums);
    return podium_run(o, "v0 = (v0 - c0*v1)/c1", PODIUM_V(t->x, o->mean), PODIUM_C(tau, k));
}

PODIUM_OPTIMIZER(momo, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2305.07583")
