/* Nothing is wrong with this one: it drives a base submission whose gradient it scales by half. */
#include <stdlib.h>
#include "podium/submission.h"

typedef struct wrapper {
    const podium_host *h;
    const podium_task *t;
    void *base;
} wrapper;

static const podium_hyperparameter base = {
    .struct_size = sizeof(podium_hyperparameter),
    .type = PODIUM_BASE,
    .name = "base",
    .base = "sgd",
};
static const podium_hyperparameter *const hyperparameters[] = {&base, NULL};

static int32_t half_gradient(void *arg, podium_batch *batch, uint32_t what, podium_eval *io)
{
    wrapper *o = arg;
    int32_t rc = o->h->evaluate(o->h, batch, what, io);
    double half = 0.5;
    return rc ? rc : o->h->vec_run(o->h, "v0 = c0*v0", (podium_vec *[]){o->t->g}, 1, &half, 1);
}

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    wrapper *o = calloc(1, sizeof *o);
    *self = o;
    if (!o)
        return PODIUM_ENOMEM;
    o->h = h;
    o->t = t;
    return h->base_create(h, values[0]->base, NULL, half_gradient, o, &o->base);
}

static int32_t step(void *self, const podium_step *s)
{
    wrapper *o = self;
    return o->h->base_step(o->h, o->base, s);
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
        .name = "wrapper",
        .hyperparameters = hyperparameters,
        .create = create,
        .step = step,
        .destroy = destroy,
    };
    (void)host_major;
    (void)host_minor;
    return &table;
}
