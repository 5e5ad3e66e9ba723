/* Nesterov momentum.
 * Nesterov 1983, in the form of Sutskever et al. 2013, torch.optim.SGD and AlgoPerf's baseline:
 *     g = grad + wd x,  b = mu b + g,  x = x - lr (g + mu b)
 * With the flag off it is the heavy ball.
 * State: the velocity b. */
#include <stdbool.h>
#include <stdlib.h>

#include "podium/schedule.h"

typedef struct nesterov {
    const podium_host *h;
    const podium_task *t;
    podium_vec *velocity;
    bool nesterov;
    double lr, momentum, weight_decay, grad_clip;
    podium_schedule schedule;
} nesterov;

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
static const podium_hyperparameter nesterov_hyperparameter = {
    .struct_size = sizeof(podium_hyperparameter),
    .type = PODIUM_FLAG,
    .name = "nesterov",
    .help = "look ahead along the velocity",
    .value = 1,
    .max = 1,
};

static const podium_hyperparameter *const hyperparameters[] = {
    &lr_hyperparameter,
    &momentum_hyperparameter,
    &weight_decay_hyperparameter,
    &nesterov_hyperparameter,
    PODIUM_SCHEDULE_HYPERPARAMETERS,
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    nesterov *o = calloc(1, sizeof *o);
    *self = o;
    if (!o)
        return h->fail(h, PODIUM_ENOMEM, "no memory for the optimizer's struct");
    o->h = h;
    o->t = t;
    o->lr = values[0]->number;
    o->momentum = values[1]->number;
    o->weight_decay = values[2]->number;
    o->nesterov = values[3]->integer != 0;
    o->grad_clip = values[4 + PODIUM_SCHEDULE_COUNT]->number;
    int32_t rc = podium_schedule_init(&o->schedule, h, values + 4, t->step_hint);
    return rc ? rc : h->vec_create(h, "velocity", 0, &o->velocity);
}

static int32_t step(void *self, const podium_step *s)
{
    nesterov *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);
    if (!rc)
        rc = podium_clip_gradient(o->h, o->t->g, o->grad_clip);
    if (rc)
        return rc;
    double lr = podium_schedule_rate(&o->schedule, o->lr, s->index);
    double ahead = o->nesterov ? 1 : 0; /* x moves along ahead g + (mu or 1) b */
    double c[] = {lr, o->weight_decay, o->momentum, ahead, o->nesterov ? o->momentum : 1};
    return o->h->vec_run(o->h,
                         "t0 = v1 + c1*v0;"
                         "v2 = c2*v2 + t0;"
                         "v0 = v0 - c0*(c3*t0 + c4*v2)",
                         (podium_vec *[]){o->t->x, o->t->g, o->velocity}, 3, c, 5);
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
        .name = "nesterov",
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
