/* Schedule-Free AdamW.
 * Defazio et al. 2024, arXiv:2405.15682, algorithm 1, as schedulefree 1.4.1 has it, in terms of y,
 * the weights of the gradient, and z; x, the average, is evaluated.  For t = 1, 2, ...:
 *
 *     v = b2 v + (1 - b2) g^2,  u = g/(sqrt(v/(1 - b2^t)) + eps) + wd y
 *
 *     y = (1 - c) y + c z - lr (1 - b1 (1 - c)) u,  z = z - lr u,  x = y + (1 - 1/b1)(z - y)
 *
 * with the z before the step; c and the warm-up are podium/schedule_free.h's.  The paper multiplies
 * the rate by sqrt(1 - b2^t) instead of correcting v.  The code undoes x in place, which costs a
 * rounding; here y is put aside.  State: z and v. */
#include "podium/schedule_free.h"

typedef struct schedule_free_adamw {
    podium_optimizer common;
    podium_schedule_free average;
    podium_vec *v;
} schedule_free_adamw;

enum { LR, BETA1, BETA2, EPS, WARMUP_STEPS, R, RATE_POWER };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(0.0025),
    PODIUM_DECLARE_NUMBER("beta1", "share of the average in y", 0.9, 1e-6, 1, PODIUM_LINEAR),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_INTEGER("warmup_steps", "steps of linear warm-up", 0, 0, 1e12),
    PODIUM_DECLARE_NUMBER("r", "power of the step in the average's weights", 0, 0, 100,
                          PODIUM_LINEAR),
    PODIUM_DECLARE_NUMBER("weight_lr_power", "power of the rate in the average's weights", 2, 0,
                          100, PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the update, times y", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    schedule_free_adamw *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_state(o, "v", &o->v));
    return podium_schedule_free_init(&o->average, o, p[BETA1], p[WARMUP_STEPS], p[R],
                                     p[RATE_POWER]);
}

static int32_t step(void *self, const podium_step *s)
{
    schedule_free_adamw *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->average.z, t->x));
    double c, lr = podium_rate(o, p[LR], s);
    lr = podium_schedule_free_rate(&o->average, lr, s->index, &c);
    return podium_run(o,
                      "v3 = c3*v3 + c4*v1*v1;"
                      "t0 = v1/(sqrt(c5*v3) + c6) + p0*v0;"
                      "v0 = v0 + c0*(v2 - v0) + c1*t0;"
                      "v2 = v2 - c2*t0",
                      PODIUM_V(t->x, t->g, o->average.z, o->v),
                      PODIUM_C(c, lr * (o->average.beta * (1 - c) - 1), lr, p[BETA2], 1 - p[BETA2],
                               1 / (1 - pow(p[BETA2], (double)s->index + 1)), p[EPS]));
}

static int32_t before_eval(void *self)
{
    schedule_free_adamw *o = self;
    return podium_schedule_free_show(&o->average, o);
}

PODIUM_OPTIMIZER(schedule_free_adamw, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2405.15682", .before_eval = before_eval,
                 .after_eval = podium_schedule_free_hide)
