/* MoMo-Adam: model-based momentum with Adam's preconditioner.
 * Schaipp, Ohana, Eickenberg, Defazio & Gower 2023, arXiv:2305.07583, algorithm 2, as
 * fabian-sp/MoMo has it.  With means f of the loss, d of g and gm of <g, x> from 0 with decay b1,
 * v as Adam, rho = 1 - b1^t, D = sqrt(v/(1 - b2^t)) + eps, k = 1 + lr wd:
 *
 *     tau = min(lr/rho, max(k (f - rho lb) + <d, x> - k gm, 0)/<d, d/D>)
 *
 *     x = (x - tau d/D)/k,  or without `divide`  x = (1 - lr wd) x - tau d/D
 *
 * d is not corrected; rho does it.  use_fstar moves lb as momo.c says.  State: d and v. */
#include "podium/optimizer.h"

typedef struct momo_adam {
    podium_optimizer common;
    podium_vec *mean, *v;
    double loss, product, bound; /* f, gm, lb */
} momo_adam;

enum { LR, BETA1, BETA2, EPS, BOUND, DIVIDE, USE_FSTAR };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-2),
    PODIUM_BETA("beta1", "decay of the means", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_NUMBER("lb", "lower bound of the loss", 0, -1e30, 1e30, PODIUM_LINEAR),
    PODIUM_DECLARE_FLAG("divide", "proximal weight decay", 1),
    PODIUM_DECLARE_FLAG("use_fstar", "estimate the lower bound", 0),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_COMMON,
    NULL,
};

static int32_t setup(void *self)
{
    momo_adam *o = self;
    PODIUM_TRY(podium_number(o, "loss_avg", &o->loss, 0));
    PODIUM_TRY(podium_number(o, "gamma", &o->product, 0));
    PODIUM_TRY(podium_number(o, "lb", &o->bound, o->common.number[BOUND]));
    PODIUM_TRY(podium_state(o, "d", &o->mean));
    return podium_state(o, "v", &o->v);
}

/* The step size; moves the bound.  sums: <d, x>, <g, x>, <d, d/D>. */
static double step_size(momo_adam *o, double lr, double k, double rho, const double sums[3])
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
    momo_adam *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    double loss, sums[3], lr = podium_rate(o, p[LR], s), t = (double)s->index + 1;
    PODIUM_TRY(podium_gradient(o, s, &loss));
    double correct = 1 / (1 - pow(p[BETA2], t)), rho = 1 - pow(p[BETA1], t);
    PODIUM_TRY(podium_reduce(
        o,
        "v2 = c0*v2 + c1*v1;"
        "v3 = c2*v3 + c3*v1*v1;"
        "s0 += v2*v0;"
        "s1 += v1*v0;"
        "s2 += v2*v2/(sqrt(c4*v3) + c5)",
        PODIUM_V(task->x, task->g, o->mean, o->v),
        PODIUM_C(p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2], correct, p[EPS]), sums, 3));
    o->loss = p[BETA1] * o->loss + (1 - p[BETA1]) * loss;
    o->product = p[BETA1] * o->product + (1 - p[BETA1]) * sums[1];
    double decay = lr * o->common.weight_decay;
    double tau = step_size(o, lr, 1 + decay, rho, sums);
    double before = p[DIVIDE] != 0 ? 1 : 1 - decay;
    double after = p[DIVIDE] != 0 ? 1 + decay : 1; /* no golden: decays without divide only */
    return podium_run(o, "v0 = (c0*v0 - c1*v1/(sqrt(c2*v2) + c3))/c4",
                      PODIUM_V(task->x, o->mean, o->v),
                      PODIUM_C(before, tau, correct, p[EPS], after));
}

PODIUM_OPTIMIZER(momo_adam, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2305.07583")
