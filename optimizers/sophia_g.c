/* Sophia-G: clipped updates with a Gauss-Newton-Bartlett estimate of the Hessian's diagonal.
 * Liu et al. 2023, arXiv:2305.14342, algorithms 2 and 3, as Liuhong99/Sophia has it:
 *
 *     x = (1 - lr wd) x,  m = b1 m + (1 - b1) g,  x = x - lr sign(m) min(|m|/(rho bs h + 1e-15), 1)
 *
 * and after each hessian_interval-th step, at the new weights,  h = b2 h + (1 - b2) ghat^2,  where
 * ghat is the gradient of the loss on labels sampled from the model.  bs is the number of tokens of
 * a batch (none: the task's batch size).  The clipping compares with h as estimated; the paper's
 * max(gamma h, eps) is rho bs h + 1e-15.  Until the first estimate it is sign descent.
 * State: m and h. */
#include "podium/optimizer.h"

typedef struct sophia_g {
    podium_optimizer common;
    podium_vec *m, *hessian;
} sophia_g;

enum { LR, BETA1, BETA2, RHO, BATCH, INTERVAL };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-4),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.965),
    PODIUM_BETA("beta2", "decay of the Hessian's estimate", 0.99),
    PODIUM_DECLARE_NUMBER("rho", "clipping: smaller clips less", 0.04, 1e-12, 1e6, PODIUM_LOG),
    PODIUM_DECLARE_OPTIONAL("bs", "tokens of a batch, none: the batch size", 1, 1e12, PODIUM_LOG),
    PODIUM_DECLARE_INTEGER("hessian_interval", "steps between estimates", 10, 1, 1e9),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0.1),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    sophia_g *o = self;
    PODIUM_TRY(podium_state(o, "m", &o->m));
    return podium_state(o, "hessian", &o->hessian);
}

static int32_t estimate(sophia_g *o, const podium_step *s)
{
    const double *p = o->common.number;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    PODIUM_TRY(
        o->common.h->evaluate(o->common.h, s->batch, PODIUM_GRAD | PODIUM_SAMPLED_LABELS, &e));
    return podium_run(o, "v1 = c0*v1 + c1*v0*v0", PODIUM_V(o->common.t->g, o->hessian),
                      PODIUM_C(p[BETA2], 1 - p[BETA2]));
}

static int32_t step(void *self, const podium_step *s)
{
    sophia_g *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s);
    double batch = isnan(p[BATCH]) ? (double)t->batch_size : p[BATCH];
    PODIUM_TRY(podium_run(o,
                          "v2 = c1*v2 + c2*v1;"
                          "v0 = p1*v0 - c0*sign(v2)*min(abs(v2)/(c3*v3 + 1e-15), 1)",
                          PODIUM_V(t->x, t->g, o->m, o->hessian),
                          PODIUM_C(lr, p[BETA1], 1 - p[BETA1], p[RHO] * batch)));
    return (s->index + 1) % (int64_t)p[INTERVAL] == 0 ? estimate(o, s) : PODIUM_OK;
}

PODIUM_OPTIMIZER(sophia_g, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2305.14342")
