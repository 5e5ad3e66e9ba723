/* Stochastic gradient descent.
 * Robbins & Monro 1951; weight decay is coupled (added to the gradient), as in torch.optim.SGD:
 *     g = grad + wd x,  x = x - lr g
 * State: none. */
#include <stdlib.h>

#include "podium/schedule.h"

typedef struct sgd {
    const podium_host *h;
    const podium_task *t;
    double lr, weight_decay, grad_clip;
    podium_schedule schedule;
} sgd;

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

HYPERPARAMETER(lr, "learning rate", 1e-3, 0, 1e3, PODIUM_LOG);
HYPERPARAMETER(weight_decay, "added to the gradient, times x", 0, 0, 1e3, PODIUM_LOG);

static const podium_hyperparameter *const hyperparameters[] = {
    &lr_hyperparameter,
    &weight_decay_hyperparameter,
    PODIUM_SCHEDULE_HYPERPARAMETERS,
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    sgd *o = calloc(1, sizeof *o);
    *self = o;
    if (!o)
        return h->fail(h, PODIUM_ENOMEM, "no memory for the optimizer's struct");
    o->h = h;
    o->t = t;
    o->lr = values[0]->number;
    o->weight_decay = values[1]->number;
    o->grad_clip = values[2 + PODIUM_SCHEDULE_COUNT]->number;
    return podium_schedule_init(&o->schedule, h, values + 2, t->step_hint);
}

static int32_t step(void *self, const podium_step *s)
{
    sgd *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);
    if (!rc)
        rc = podium_clip_gradient(o->h, o->t->g, o->grad_clip);
    if (rc)
        return rc;
    double lr = podium_schedule_rate(&o->schedule, o->lr, s->index);
    double c[] = {lr, o->weight_decay};
    return o->h->vec_run(o->h, "v0 = v0 - c0*(v1 + c1*v0)", (podium_vec *[]){o->t->x, o->t->g}, 2,
                         c, 2);
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
        .name = "sgd",
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
