/* Heavy ball on nothing but the frozen header: built by tests/abi.t against
 * tests/abi/submission_*.h, never against include/.  Uses what optimizers use: vectors, programs
 * with sums and per-parameter numbers, kept numbers, choices, the eval pair. */
#include <math.h>
#include <stdlib.h>
#include "podium/submission.h"

typedef struct state {
    const podium_host *h;
    const podium_task *t;
    podium_vec *velocity, *home;
    double *ones;
    double lr, momentum, weight_decay, dampening;
    double square; /* of the velocity */
} state;

#define NUMBER(field, start)                                                                  \
    static const podium_hyperparameter field = {.struct_size = sizeof(podium_hyperparameter), \
                                                .type = PODIUM_NUMBER,                        \
                                                .name = #field,                               \
                                                .value = (start),                             \
                                                .max = 100}
NUMBER(lr, 0.01);
NUMBER(momentum, 0.9);
NUMBER(weight_decay, 0);
NUMBER(dampening, 0);
static const podium_hyperparameter *const hyperparameters[] = {&lr, &momentum, &weight_decay,
                                                               &dampening, NULL};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    state *o = calloc(1, sizeof *o);
    *self = o;
    if (!o || !(o->ones = calloc(t->num_params + 1, sizeof *o->ones)))
        return h->fail(h, PODIUM_ENOMEM, "no memory");
    o->h = h;
    o->t = t;
    for (size_t i = 0; i < t->num_params; i++)
        o->ones[i] = 1;
    o->lr = values[0]->number;
    o->momentum = values[1]->number;
    o->weight_decay = values[2]->number;
    o->dampening = values[3]->number;
    if (!PODIUM_HAS(h, keep_number) || h->extension(h, "nobody.offers.this"))
        return h->fail(h, PODIUM_ENOTSUP, "not the host that 1.0 promises");
    int32_t rc = h->vec_create(h, "velocity", 0, &o->velocity);
    if (!rc)
        rc = h->vec_create(h, "home", 0, &o->home);
    return rc ? rc : h->keep_number(h, "square", &o->square);
}

static int32_t step(void *self, const podium_step *s)
{
    state *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);
    if (rc)
        return rc;
    double c[] = {o->lr, o->momentum, s->index ? 1 - o->dampening : 1, o->weight_decay};
    podium_program p = {
        .struct_size = sizeof p,
        .num_vectors = 3,
        .text = "v2 = c1*v2 + c2*(v1 + c3*p0*v0); v0 = v0 - c0*v2; s0 += v2*v2",
        .vectors = (podium_vec *const[]){o->t->x, o->t->g, o->velocity},
        .constants = c,
        .num_constants = 4,
        .num_per_param = 1,
        .per_param = (const double *const[]){o->ones},
        .sums = &o->square,
        .num_sums = 1,
    };
    return o->h->vec_program(o->h, &p);
}

/* There and back: the weights that are looked at are the weights. */
static int32_t before_eval(void *self)
{
    state *o = self;
    return o->h->vec_copy(o->h, o->home, o->t->x);
}

static int32_t after_eval(void *self)
{
    state *o = self;
    return o->h->vec_run(o->h, "v0 = v1", (podium_vec *const[]){o->t->x, o->home}, 2, NULL, 0);
}

static void destroy(void *self)
{
    state *o = self;
    if (o)
        free(o->ones);
    free(o);
}

const podium_submission *podium_get_submission(uint32_t host_major, uint32_t host_minor)
{
    static const podium_submission table = {
        .struct_size = sizeof table,
        .abi_major = PODIUM_ABI_MAJOR,
        .abi_minor = PODIUM_ABI_MINOR,
        .name = "frozen",
        .hyperparameters = hyperparameters,
        .create = create,
        .step = step,
        .before_eval = before_eval,
        .after_eval = after_eval,
        .destroy = destroy,
    };
    (void)host_minor;
    return host_major == PODIUM_ABI_MAJOR ? &table : NULL;
}
