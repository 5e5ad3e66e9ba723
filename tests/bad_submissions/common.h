/* Plain gradient descent with holes: each bad submission defines one of the macros before including
 * this, and is otherwise faultless. */
#ifndef BAD_SUBMISSIONS_COMMON_H
#define BAD_SUBMISSIONS_COMMON_H

#include <stdlib.h>
#include "podium/submission.h"

#ifndef BEFORE_EVALUATE
#define BEFORE_EVALUATE
#endif
#ifndef AFTER_EVALUATE
#define AFTER_EVALUATE \
    if (rc)            \
        return rc;
#endif
#ifndef RATE
#define RATE 0.1
#endif
#ifndef IN_CREATE
#define IN_CREATE
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(podium_submission)
#endif
#ifndef ABI_MAJOR
#define ABI_MAJOR PODIUM_ABI_MAJOR
#endif
#ifndef DEFAULT_RATE
#define DEFAULT_RATE 0.1
#endif
#ifndef ENTRY
#define ENTRY podium_get_submission
#endif

typedef struct bad {
    const podium_host *h;
    const podium_task *t;
    podium_vec *v;
} bad;

static const podium_hyperparameter lr = {
    .struct_size = sizeof(podium_hyperparameter),
    .type = PODIUM_NUMBER,
    .name = "lr",
    .value = DEFAULT_RATE,
    .min = 0,
    .max = 1,
};
static const podium_hyperparameter *const hyperparameters[] = {&lr, NULL};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    bad *o = calloc(1, sizeof *o);
    (void)values;
    *self = o;
    if (!o)
        return PODIUM_ENOMEM;
    o->h = h;
    o->t = t;
    IN_CREATE
    return h->vec_create(h, "v", 0, &o->v);
}

static int32_t step(void *self, const podium_step *s)
{
    bad *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    BEFORE_EVALUATE
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_GRAD, &e);
    AFTER_EVALUATE
    double c[] = {RATE};
    return o->h->vec_run(o->h, "v0 = v0 - c0*v1", (podium_vec *[]){o->t->x, o->t->g}, 2, c, 1);
}

static void destroy(void *self)
{
    free(self);
}

PODIUM_EXPORT const podium_submission *ENTRY(uint32_t host_major, uint32_t host_minor);
const podium_submission *ENTRY(uint32_t host_major, uint32_t host_minor)
{
    static const podium_submission table = {
        .struct_size = TABLE_SIZE,
        .abi_major = ABI_MAJOR,
        .abi_minor = PODIUM_ABI_MINOR,
        .name = "bad",
        .hyperparameters = hyperparameters,
        .create = create,
        .step = step,
        .destroy = destroy,
    };
    (void)host_major;
    (void)host_minor;
    return &table;
}

#endif
