/* Schedule-Free SGD.
 * Defazio et al. 2024, arXiv:2405.15682, eq. (3) to (5), as schedulefree 1.4.1 has it, in terms of
 * y, the weights of the gradient, and z; x, the average, is evaluated:
 *
 *     g = grad + wd y,  y = (1 - c) y + c z - lr (1 - b (1 - c)) g,  z = z - lr g
 *
 *     x = y + (1 - 1/b)(z - y)
 *
 * with the z before the step; c and the warm-up are podium/schedule_free.h's.  The code undoes x in
 * place, which costs a rounding; here y is put aside.  State: z. */
#include "podium/schedule_free.h"

typedef struct schedule_free_sgd {
    podium_optimizer common;
    podium_schedule_free average;
} schedule_free_sgd;

enum { LR, MOMENTUM, WARMUP_STEPS, R, RATE_POWER };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_DECLARE_NUMBER("momentum", "share of the average in y", 0.9, 1e-6, 1, PODIUM_LINEAR),
    PODIUM_DECLARE_INTEGER("warmup_steps", "steps of linear warm-up", 0, 0, 1e12),
    PODIUM_DECLARE_NUMBER("r", "power of the step in the average's weights", 0, 0, 100,
                          PODIUM_LINEAR),
    PODIUM_DECLARE_NUMBER("weight_lr_power", "power of the rate in the average's weights", 2, 0,
                          100, PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the gradient, times y", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    schedule_free_sgd *o = self;
    const double *p = o->common.number;
    return podium_schedule_free_init(&o->average, o, p[MOMENTUM], p[WARMUP_STEPS], p[R],
                                     p[RATE_POWER]);
}

static int32_t step(void *self, const podium_step *s)
{
    schedule_free_sgd *o = self;
    const podium_task *t = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->average.z, t->x));
    double c, lr = podium_rate(o, o->common.number[LR], s);
    lr = podium_schedule_free_rate(&o->average, lr, s->index, &c);
    return podium_run(o,
                      "t0 = v1 + p0*v0;"
                      "v0 = v0 + c0*(v2 - v0) + c1*t0;"
                      "v2 = v2 - c2*t0",
                      PODIUM_V(t->x, t->g, o->average.z),
                      PODIUM_C(c, lr * (o->average.beta * (1 - c) - 1), lr));
}

static int32_t before_eval(void *self)
{
    schedule_free_sgd *o = self;
    return podium_schedule_free_show(&o->average, o);
}

PODIUM_OPTIMIZER(schedule_free_sgd, hyperparameters, setup, step,
                 .url = "https://arxiv.org/abs/2405.15682", .before_eval = before_eval,
                 .after_eval = podium_schedule_free_hide)
