/* The parameter table of a model: declaration, layout in the two flat vectors, initial values. */
#include "engine/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/philox.h"

struct params {
    param *items;
    int32_t count, capacity;
    int64_t trainable_elements;
    int64_t length, frozen_length; /* of the flat vectors, padding included */
    bool closed;
    params_rule is_frozen; /* NULL: as declared */
    const void *context;
};

int32_t params_create(params **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for a parameter table");
}

void params_destroy(params *p)
{
    if (!p)
        return;
    for (int32_t i = 0; i < p->count; i++)
        free(p->items[i].name);
    free(p->items);
    free(p);
}

static int64_t padded(int64_t n)
{
    return (n + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
}

/* An existing parameter must be declared the same way again. */
static int32_t check_same(const param *have, const param *spec)
{
    bool same = have->ndim == spec->ndim && have->frozen == spec->frozen;
    for (int d = 0; same && d < spec->ndim; d++)
        same = have->shape[d] == spec->shape[d];
    if (!same)
        return podium_fail(PODIUM_EINVAL, "parameter '%s' is declared again with another shape",
                           spec->name);
    return PODIUM_OK;
}

static int32_t grow(params *p)
{
    if (p->count < p->capacity)
        return PODIUM_OK;
    int32_t capacity = p->capacity ? 2 * p->capacity : 64;
    param *items = realloc(p->items, (size_t)capacity * sizeof *items);
    if (!items)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d parameters", capacity);
    p->items = items;
    p->capacity = capacity;
    return PODIUM_OK;
}

void params_freeze(params *p, params_rule is_frozen, const void *context)
{
    p->is_frozen = is_frozen;
    p->context = context;
}

int32_t params_declare(params *p, const param *declared)
{
    if (!declared->name || !declared->name[0])
        return podium_fail(PODIUM_EINVAL, "a parameter needs a name");
    param ruled = *declared;
    const param *spec = &ruled;
    if (p->is_frozen)
        ruled.frozen = p->is_frozen(declared, p->context);
    int32_t found = params_find(p, spec->name);
    if (found >= 0) {
        TRY(check_same(&p->items[found], spec));
        return found;
    }
    if (p->closed)
        return podium_fail(PODIUM_EINVAL, "unknown parameter '%s'", spec->name);
    if (spec->ndim < 1 || spec->ndim > PARAM_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL, "parameter '%s': %d dimensions, expected 1 to %d",
                           spec->name, spec->ndim, PARAM_MAX_DIMS);
    int64_t count = 1;
    for (int d = 0; d < spec->ndim; d++) {
        if (spec->shape[d] < 1 || spec->shape[d] > INT64_MAX / 64 / count)
            return podium_fail(PODIUM_EINVAL, "parameter '%s': extent %lld of axis %d is not valid",
                               spec->name, (long long)spec->shape[d], d);
        count *= spec->shape[d];
    }
    TRY(grow(p));
    param made = *spec;
    made.name = strdup(spec->name);
    if (!made.name)
        return podium_fail(PODIUM_ENOMEM, "no memory for the name of parameter '%s'", spec->name);
    made.count = count;
    int64_t *length = spec->frozen ? &p->frozen_length : &p->length;
    made.offset = *length;
    *length += padded(count);
    if (!spec->frozen)
        p->trainable_elements += count;
    p->items[p->count] = made;
    return p->count++;
}

void params_close(params *p)
{
    p->closed = true;
}

int32_t params_count(const params *p)
{
    return p->count;
}

const param *params_get(const params *p, int32_t i)
{
    return i >= 0 && i < p->count ? &p->items[i] : NULL;
}

int32_t params_find(const params *p, const char *name)
{
    for (int32_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i].name, name))
            return i;
    return -1;
}

int64_t params_trainable_elements(const params *p)
{
    return p->trainable_elements;
}

int64_t params_vector_length(const params *p)
{
    return p->length;
}

int64_t params_frozen_length(const params *p)
{
    return p->frozen_length;
}

/* Fans of [out, in, rest...] unless the declaration gives them; a vector has fan 1 on the other
 * side. */
static void fans(const param *q, double *fan_in, double *fan_out)
{
    int64_t rest = 1;
    for (int d = 2; d < q->ndim; d++)
        rest *= q->shape[d];
    int64_t in = q->ndim > 1 ? q->shape[1] * rest : 1;
    int64_t out = q->shape[0] * rest;
    *fan_in = (double)(q->init.fan_in > 0 ? q->init.fan_in : in);
    *fan_out = (double)(q->init.fan_out > 0 ? q->init.fan_out : out);
}

/* N(0, 1) truncated at 2 by rejection; attempt k of element e reads normal e + k * count, so the
 * value depends on e alone. */
static double truncated_normal(const philox *rng, uint64_t e, uint64_t count)
{
    double x = philox_normal(rng, e);
    for (uint64_t k = 1; fabs(x) > 2.0; k++)
        x = philox_normal(rng, e + k * count);
    return x;
}

static double initial_value(const param *q, const philox *rng, int64_t e)
{
    double fan_in, fan_out;
    fans(q, &fan_in, &fan_out);
    uint64_t i = (uint64_t)e;
    switch (q->init.kind) {
    case INIT_ZERO:
        return 0;
    case INIT_ONE:
        return 1;
    case INIT_NORMAL:
        return q->init.a * philox_normal(rng, i);
    case INIT_UNIFORM:
        return q->init.a * (2 * philox_uniform(rng, i) - 1);
    case INIT_XAVIER_UNIFORM: /* Glorot & Bengio 2010, eq. 16 */
        return (q->init.a > 0 ? q->init.a : 1) * sqrt(6 / (fan_in + fan_out)) *
               (2 * philox_uniform(rng, i) - 1);
    case INIT_LECUN_TRUNCATED: /* 0.8796...: standard deviation of N(0, 1) cut at 2 sigma */
        return sqrt(1 / fan_in) / 0.87962566103423978 *
               truncated_normal(rng, i, (uint64_t)q->count);
    case INIT_CONSTANT:
        return q->init.a;
    }
    return 0;
}

static void store(int32_t dtype, void *vector, int64_t i, double x)
{
    if (dtype == PODIUM_F64)
        ((double *)vector)[i] = x;
    else
        ((float *)vector)[i] = (float)x;
}

int32_t params_initialise(const params *p, uint64_t seed, int32_t dtype, void *vector, void *frozen)
{
    if (dtype != PODIUM_F32 && dtype != PODIUM_F64)
        return podium_fail(PODIUM_EINVAL, "parameters can be f32 or f64, not type %d", dtype);
    size_t size = dtype == PODIUM_F64 ? sizeof(double) : sizeof(float);
    if (vector)
        memset(vector, 0, (size_t)p->length * size);
    if (frozen)
        memset(frozen, 0, (size_t)p->frozen_length * size);
    for (int32_t n = 0; n < p->count; n++) {
        const param *q = &p->items[n];
        void *to = q->frozen ? frozen : vector;
        if (!to)
            continue;
        philox rng = philox_make(seed, (uint64_t)n);
        for (int64_t e = 0; e < q->count; e++)
            store(dtype, to, q->offset + e, initial_value(q, &rng, e));
    }
    return PODIUM_OK;
}
