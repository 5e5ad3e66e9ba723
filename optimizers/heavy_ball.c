/* Heavy ball: gradient descent with momentum.
 * Polyak 1964, in the form of torch.optim.SGD and of AlgoPerf's baseline:
 *     g = grad + wd x
 *     b = g in the first step, later mu b + (1 - dampening) g
 *     x = x - lr b
 * State: the velocity b. */
#include <stdlib.h>

#include "podium/schedule.h"

typedef struct heavy_ball {
    const podium_host *h;
    const podium_task *t;
    podium_vec *velocity;
    double lr, momentum, weight_decay, dampening, grad_clip;
    podium_schedule schedule;
} heavy_ball;

#define HYPERPARAMETER(id, text, start, least, greatest, how)  \
    static const podium_hyperparameter id##_hyperparameter = { \
        .struct_size = sizeof(podium_hyperparameter),          \
        .type = PODIUM_NUMBER,                                 \
        .name = #id,                                           \
        .help = text,                                          \
        .value = start,                                        \
        .min = least,                                          \
        .max = greatest,                                       \
        .scale = how,                                          \
    }

HYPERPARAMETER(lr, "learning rate", 1e-2, 0, 1e3, PODIUM_LOG);
HYPERPARAMETER(momentum, "decay of the velocity", 0.9, 0, 1, PODIUM_LINEAR);
HYPERPARAMETER(weight_decay, "added to the gradient, times x", 0, 0, 1e3, PODIUM_LOG);
HYPERPARAMETER(dampening, "share of the gradient left out of the velocity", 0, 0, 1, PODIUM_LINEAR);

static const podium_hyperparameter *const hyperparameters[] = {
    &lr_hyperparameter,
    &momentum_hyperparameter,
    &weight_decay_hyperparameter,
    &dampening_hyperparameter,
    PODIUM_SCHEDULE_HYPERPARAMETERS,
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    heavy_ball *o = calloc(1, sizeof *o);
    *self = o;
    if (!o)
        return h->fail(h, PODIUM_ENOMEM, "no memory for the optimizer's struct");
    o->h = h;
    o->t = t;
    o->lr = values[0]->number;
    o->momentum = values[1]->number;
    o->weight_decay = values[2]->number;
    o->dampening = values[3]->number;
    o->grad_clip = values[4 + PODIUM_SCHEDULE_COUNT]->number;
    int32_t rc = podium_schedule_init(&o->schedule, h, values + 4, t->step_hint);
    return rc ? rc : h->vec_create(h, "velocity", 0, &o->velocity);
}

static int32_t step(void *self, const podium_step *s)
{
    heavy_ball *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);
    if (!rc)
        rc = podium_clip_gradient(o->h, o->t->g, o->grad_clip);
    if (rc)
        return rc;
    double lr = podium_schedule_rate(&o->schedule, o->lr, s->index);
    /* The velocity is zero before the first step, which takes the whole gradient. */
    double share = s->index == 0 ? 1 : 1 - o->dampening;
    double c[] = {lr, o->weight_decay, o->momentum, share};
    return o->h->vec_run(o->h,
                         "v2 = c2*v2 + c3*(v1 + c1*v0);"
                         "v0 = v0 - c0*v2",
                         (podium_vec *[]){o->t->x, o->t->g, o->velocity}, 3, c, 4);
}

static void destroy(void *self)
{
    free(self);
}

const podium_submission *podium_get_submission(uint32_t host_major, uint32_t host_minor)
{
    static const podium_submission table = {
        .struct_size = sizeof table,
        .abi_major = PODIUM_ABI_MAJOR,
        .abi_minor = PODIUM_ABI_MINOR,
        .name = "heavy_ball",
        .version = "1.0",
        .authors = "Podium maintainers",
        .hyperparameters = hyperparameters,
        .create = create,
        .step = step,
        .destroy = destroy,
    };
    (void)host_minor;
    return host_major == PODIUM_ABI_MAJOR ? &table : NULL;
}
