/* podium/optimizer.h: what most optimizers share, all static inline, on top of submission.h: the
 * common hyperparameters, weight-decay masks, and passes over vectors without boilerplate.
 *
 *     typedef struct adam { podium_optimizer common; podium_vec *m, *v; } adam;   common is first
 *     enum { LR, BETA1, ... };                           order of the table: o->common.number[LR]
 *     static const podium_hyperparameter *const hyperparameters[] = {
 *         PODIUM_LR(1e-3), ..., PODIUM_WEIGHT_DECAY(0), PODIUM_COMMON, NULL};
 *     static int32_t setup(void *self)                   creates vectors with podium_state
 *     static int32_t step(void *self, const podium_step *s)
 *     PODIUM_OPTIMIZER(adam, hyperparameters, setup, step, .url = "https://...")
 *
 * In every program p0 is the parameter's weight decay and p1 = 1 - rate * p0, the factor of
 * decoupled decay (podium_rate sets it); both leave out the parameters that `decay_on` masks. */
#ifndef PODIUM_OPTIMIZER_H
#define PODIUM_OPTIMIZER_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "podium/schedule.h"

enum { PODIUM_MAX_HYPERPARAMETERS = 40, PODIUM_MAX_ARRAYS = 14 };

#define PODIUM_TRY(call)           \
    do {                           \
        int32_t podium_rc_ = call; \
        if (podium_rc_)            \
            return podium_rc_;     \
    } while (0)

/* --- declarations ------------------------------------------------------------------------- */

#define PODIUM_DECLARE(kind, field, text, start, least, greatest, how, none)                 \
    &(const podium_hyperparameter)                                                           \
    {                                                                                        \
        .struct_size = sizeof(podium_hyperparameter), .type = (kind), .name = (field),       \
        .help = (text), .value = (start), .min = (least), .max = (greatest), .scale = (how), \
        .may_be_none = (none)                                                                \
    }
#define PODIUM_DECLARE_NUMBER(field, text, start, least, greatest, how) \
    PODIUM_DECLARE(PODIUM_NUMBER, field, text, start, least, greatest, how, 0)
#define PODIUM_DECLARE_OPTIONAL(field, text, least, greatest, how) /* none by default */ \
    PODIUM_DECLARE(PODIUM_NUMBER, field, text, NAN, least, greatest, how, 1)
#define PODIUM_DECLARE_INTEGER(field, text, start, least, greatest) \
    PODIUM_DECLARE(PODIUM_INTEGER, field, text, start, least, greatest, PODIUM_LINEAR, 0)
#define PODIUM_DECLARE_FLAG(field, text, start) \
    PODIUM_DECLARE(PODIUM_FLAG, field, text, start, 0, 1, PODIUM_LINEAR, 0)

#define PODIUM_DECLARE_BASE(start) /* another submission, driven through the host */         \
    &(const podium_hyperparameter)                                                           \
    {                                                                                        \
        .struct_size = sizeof(podium_hyperparameter), .type = PODIUM_BASE, .name = "base",   \
        .help = "the submission that is wrapped, with its hyperparameters", .base = (start), \
    }

#define PODIUM_LR(start) PODIUM_DECLARE_NUMBER("lr", "learning rate", start, 0, 1e3, PODIUM_LOG)
#define PODIUM_BETA(field, text, start) \
    PODIUM_DECLARE_NUMBER(field, text, start, 0, 0.9999999, PODIUM_LINEAR)
#define PODIUM_EPS(start) \
    PODIUM_DECLARE_NUMBER("eps", "added to the denominator", start, 0, 1, PODIUM_LOG)
/* The schedule, clipping. */
#define PODIUM_COMMON PODIUM_SCHEDULE_HYPERPARAMETERS, PODIUM_CLIP_HYPERPARAMETER
/* Weight decay; which parameters it spares is the last of the table, PODIUM_DECAY_ON. */
#define PODIUM_WEIGHT_DECAY(text, start) \
    PODIUM_DECLARE_NUMBER("weight_decay", text, start, 0, 1e3, PODIUM_LOG)
#define PODIUM_DECAY_ON                                                                          \
    &(const podium_hyperparameter)                                                               \
    {                                                                                            \
        .struct_size = sizeof(podium_hyperparameter), .type = PODIUM_CHOICE, .name = "decay_on", \
        .help = "what weight decay acts on", .min = 0, .max = 1,                                 \
        .choices = (const char *const[]){"all", "weights", NULL},                                \
    }

/* True for the kinds that "decay_on: weights" decays: matrices, not biases and norms. */
static inline int podium_decays(int32_t kind)
{
    switch (kind) {
    case PODIUM_BIAS:
    case PODIUM_BATCH_NORM_SCALE:
    case PODIUM_BATCH_NORM_BIAS:
    case PODIUM_LAYER_NORM_SCALE:
    case PODIUM_LAYER_NORM_BIAS:
    case PODIUM_ATTENTION_BIAS:
        return 0;
    default:
        return 1;
    }
}

/* --- an optimizer's first member ---------------------------------------------------------- */

typedef struct podium_optimizer {
    const podium_host *h;
    const podium_task *t;
    double number[PODIUM_MAX_HYPERPARAMETERS]; /* values in the order of the table; NaN: none */
    const podium_value *const *values;         /* the same, for texts, lists and bases */
    double weight_decay;                       /* 0 without that hyperparameter */
    double grad_clip;                          /* NaN: none */
    podium_schedule schedule;
    double *decay, *factor; /* [num_params] p0 and p1 */
    double *arrays[PODIUM_MAX_ARRAYS];
    int32_t num_arrays;
} podium_optimizer;

/* `n` numbers, zeros; kept in checkpoints under `name` unless that is NULL.  Freed with the
 * optimizer.  Only in setup. */
static inline int32_t podium_numbers(void *self, const char *name, size_t n, double **out)
{
    podium_optimizer *o = (podium_optimizer *)self;
    if (o->num_arrays == PODIUM_MAX_ARRAYS)
        return o->h->fail(o->h, PODIUM_ENOMEM, "too many arrays");
    *out = (double *)calloc(n + 1, sizeof **out);
    if (!*out)
        return o->h->fail(o->h, PODIUM_ENOMEM, "no memory for the state's numbers");
    o->arrays[o->num_arrays++] = *out;
    return name ? o->h->keep(o->h, name, *out, n * sizeof **out) : PODIUM_OK;
}

/* The same, one number per parameter. */
static inline int32_t podium_array(void *self, const char *name, double **out)
{
    return podium_numbers(self, name, ((podium_optimizer *)self)->t->num_params, out);
}

/* Sets p1 = 1 - rate * weight decay.  Call it again where decay has a rate of its own. */
static inline void podium_set_decay(void *self, double rate)
{
    podium_optimizer *o = (podium_optimizer *)self;
    for (size_t i = 0; i < o->t->num_params; i++)
        o->factor[i] = 1 - rate * o->decay[i];
}

static inline const podium_value *podium_find_value(const podium_hyperparameter *const *table,
                                                    const podium_value *const *values,
                                                    const char *name, size_t *at)
{
    for (*at = 0; table[*at]; ++*at)
        if (!strcmp(table[*at]->name, name))
            return values[*at];
    return NULL;
}

/* create() of the table: a zeroed struct of `size` bytes whose first member is filled. */
static inline int32_t podium_optimizer_create(const podium_host *h, const podium_task *t,
                                              const podium_value *const *values,
                                              const podium_hyperparameter *const *table,
                                              size_t size, void **self)
{
    podium_optimizer *o = (podium_optimizer *)calloc(1, size);
    *self = o;
    if (!o)
        return h->fail(h, PODIUM_ENOMEM, "no memory for the optimizer's struct");
    o->h = h;
    o->t = t;
    o->values = values;
    size_t at;
    for (at = 0; table[at]; at++)
        o->number[at] = values[at]->number;
    const podium_value *decay = podium_find_value(table, values, "weight_decay", &at);
    const podium_value *on = podium_find_value(table, values, "decay_on", &at);
    const podium_value *clip = podium_find_value(table, values, "grad_clip", &at);
    const podium_value *schedule = podium_find_value(table, values, "schedule", &at);
    o->weight_decay = decay ? decay->number : 0;
    o->grad_clip = clip ? clip->number : NAN;
    if (schedule)
        PODIUM_TRY(podium_schedule_init(&o->schedule, h, values + at, t->step_hint));
    PODIUM_TRY(podium_array(o, NULL, &o->decay));
    PODIUM_TRY(podium_array(o, NULL, &o->factor));
    for (size_t i = 0; i < t->num_params; i++)
        if (!on || on->integer == 0 || podium_decays(t->params[i]->kind))
            o->decay[i] = o->weight_decay;
    podium_set_decay(o, 0);
    return PODIUM_OK;
}

static inline void podium_optimizer_destroy(void *self)
{
    podium_optimizer *o = (podium_optimizer *)self;
    for (int32_t i = 0; o && i < o->num_arrays; i++)
        free(o->arrays[i]);
    free(o);
}

/* The exported symbol, for a struct `type` that begins with a podium_optimizer.  What follows
 * `update` are further fields of podium_submission, .url at least. */
#define PODIUM_OPTIMIZER(type, table, setup, update, ...) \
    PODIUM_OPTIMIZER_WITH(podium_optimizer_destroy, type, table, setup, update, __VA_ARGS__)

/* The same with a destroy of its own, which ends with podium_optimizer_destroy. */
#define PODIUM_OPTIMIZER_WITH(destroy_with, type, table, setup, update, ...)                 \
    static int32_t create(const podium_host *h, const podium_task *t,                        \
                          const podium_value *const *values, void **self)                    \
    {                                                                                        \
        PODIUM_TRY(podium_optimizer_create(h, t, values, table, sizeof(type), self));        \
        return setup(*self);                                                                 \
    }                                                                                        \
    const podium_submission *podium_get_submission(uint32_t host_major, uint32_t host_minor) \
    {                                                                                        \
        static const podium_submission submission = {                                        \
            .struct_size = sizeof submission,                                                \
            .abi_major = PODIUM_ABI_MAJOR,                                                   \
            .abi_minor = PODIUM_ABI_MINOR,                                                   \
            .name = #type,                                                                   \
            .version = "1.0",                                                                \
            .authors = "Podium maintainers",                                                 \
            .hyperparameters = (table),                                                      \
            .create = create,                                                                \
            .step = (update),                                                                \
            .destroy = (destroy_with),                                                       \
            __VA_ARGS__,                                                                     \
        };                                                                                   \
        (void)host_minor;                                                                    \
        return host_major == PODIUM_ABI_MAJOR ? &submission : NULL;                          \
    }

/* setup of an optimizer without state. */
static inline int32_t podium_no_state(void *self)
{
    (void)self;
    return PODIUM_OK;
}

/* --- state -------------------------------------------------------------------------------- */

/* A zeroed vector.  Only in setup. */
static inline int32_t podium_state(void *self, const char *name, podium_vec **out)
{
    podium_optimizer *o = (podium_optimizer *)self;
    return o->h->vec_create(o->h, name, 0, out);
}

/* A vector whose elements are `start`.  Only in setup. */
static inline int32_t podium_state_of(void *self, const char *name, double start, podium_vec **out)
{
    podium_optimizer *o = (podium_optimizer *)self;
    PODIUM_TRY(podium_state(self, name, out));
    return o->h->vec_run(o->h, "v0 = c0", out, 1, &start, 1);
}

/* The number *at, from now on `start`: kept in checkpoints and shown by the host.  Only in setup.
 */
static inline int32_t podium_number(void *self, const char *name, double *at, double start)
{
    podium_optimizer *o = (podium_optimizer *)self;
    *at = start;
    return o->h->keep_number(o->h, name, at);
}

/* --- a step ------------------------------------------------------------------------------- */

/* Loss (may be NULL) and clipped gradient of the step's batch at task->x into task->g. */
static inline int32_t podium_gradient(void *self, const podium_step *s, double *loss)
{
    podium_optimizer *o = (podium_optimizer *)self;
    podium_eval e;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.seed = s->seed;
    PODIUM_TRY(o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e));
    if (loss)
        *loss = e.loss;
    return podium_clip_gradient(o->h, o->t->g, o->grad_clip);
}

/* The scheduled rate of the step; sets p1 for it. */
static inline double podium_rate(void *self, double lr, const podium_step *s)
{
    podium_optimizer *o = (podium_optimizer *)self;
    double rate = podium_schedule_rate(&o->schedule, lr, s->index);
    podium_set_decay(o, rate);
    return rate;
}

/* Two arguments of the functions below: v0 .., c0 .. */
#define PODIUM_V(...)                   \
    (podium_vec *const[]){__VA_ARGS__}, \
        (int32_t)(sizeof((podium_vec *const[]){__VA_ARGS__}) / sizeof(podium_vec *))
#define PODIUM_C(...) \
    (const double[]){__VA_ARGS__}, (int32_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* One fused pass with global sums s0 .. and per-parameter operands p2 .. and sums q0 ..; all of
 * them may be absent.  [collective] [sync] when it has sums. */
static inline int32_t podium_pass(void *self, const char *text, podium_vec *const *v, int32_t nv,
                                  const double *c, int32_t nc, double *sums, int32_t num_sums,
                                  double *const *in, int32_t num_in, double *const *out,
                                  int32_t num_out)
{
    podium_optimizer *o = (podium_optimizer *)self;
    const double *per_param[PODIUM_MAX_ARRAYS + 2] = {o->decay, o->factor};
    for (int32_t i = 0; i < num_in && i < PODIUM_MAX_ARRAYS; i++)
        per_param[2 + i] = in[i];
    podium_program p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.text = text;
    p.vectors = v;
    p.num_vectors = nv;
    p.constants = c;
    p.num_constants = nc;
    p.per_param = per_param;
    p.num_per_param = 2 + num_in;
    p.sums = sums;
    p.num_sums = num_sums;
    p.per_param_sums = out;
    p.num_per_param_sums = num_out;
    return o->h->vec_program(o->h, &p);
}

static inline int32_t podium_run(void *self, const char *text, podium_vec *const *v, int32_t nv,
                                 const double *c, int32_t nc)
{
    return podium_pass(self, text, v, nv, c, nc, NULL, 0, NULL, 0, NULL, 0);
}

static inline int32_t podium_reduce(void *self, const char *text, podium_vec *const *v, int32_t nv,
                                    const double *c, int32_t nc, double *sums, int32_t num_sums)
{
    return podium_pass(self, text, v, nv, c, nc, sums, num_sums, NULL, 0, NULL, 0);
}

#endif
