/* Stochastic gradient descent, with momentum on demand.
 * Robbins & Monro 1951; Polyak 1964; Sutskever et al. 2013 for Nesterov's form.  As
 * torch.optim.SGD: weight decay is coupled (added to the gradient), the first velocity is the
 * gradient itself:
 *
 *     g = grad + wd x,  v = g  at the first step, then  v = mu v + (1 - dampening) g
 *
 *     x = x - lr v,  Nesterov: x = x - lr (g + mu v)
 *
 * State: none, with momentum v.  heavy_ball and nesterov are the two with momentum as AlgoPerf's
 * baselines know them. */
#include "podium/optimizer.h"

typedef struct sgd {
    podium_optimizer common;
    podium_vec *velocity;
} sgd;

enum { LR, MOMENTUM, DAMPENING, NESTEROV };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("momentum", "decay of the velocity; 0: none", 0),
    PODIUM_DECLARE_NUMBER("dampening", "part of the gradient that the velocity leaves out", 0, 0, 1,
                          PODIUM_LINEAR),
    PODIUM_DECLARE_FLAG("nesterov", "look one momentum step ahead", 0),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    sgd *o = self;
    return o->common.number[MOMENTUM] != 0 ? podium_state(o, "velocity", &o->velocity) : PODIUM_OK;
}

static int32_t step(void *self, const podium_step *s)
{
    sgd *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double lr = podium_rate(o, p[LR], s), mu = p[MOMENTUM];
    if (!o->velocity)
        return podium_run(o, "v0 = v0 - c0*(v1 + p0*v0)", PODIUM_V(o->common.t->x, o->common.t->g),
                          PODIUM_C(lr));
    /* v starts at 0, so a gradient that is not dampened is all the first step needs. */
    double part = s->index == 0 ? 1 : 1 - p[DAMPENING]; /* no golden: see replay.t */
    return podium_run(o,
                      "t0 = v1 + p0*v0;"              /* no golden: see replay.t */
                      "v2 = c1*v2 + c2*t0;"           /* no golden: see replay.t */
                      "v0 = v0 - c0*(c3*t0 + c4*v2)", /* no golden: see replay.t */
                      PODIUM_V(o->common.t->x, o->common.t->g, o->velocity),
                      PODIUM_C(lr, mu, part, p[NESTEROV], p[NESTEROV] != 0 ? mu : 1));
}

PODIUM_OPTIMIZER(sgd, hyperparameters, setup, step,
                 .url = "https://doi.org/10.1214/aoms/1177729586")
