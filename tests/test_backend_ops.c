/* Every kernel of every backend against `ref`, over shapes that are odd, 1, or no multiple of a
 * vector's length.  A case is an op_call in host memory (reals as doubles that are exact in f32);
 * run_on carries it to a backend and back.  Outputs start as NaN and end in a guard, so an element
 * not written or written past the end shows.  An op without cases is a failure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/philox.h"
#include "tests/tap.h"

#pragma weak backend_cpu_open
#pragma weak backend_cuda_open
#pragma weak backend_hip_open

#define GUARD 16 /* elements past the end of an output */

typedef enum {
    NORMAL,   /* standard normal */
    POSITIVE, /* 0.1 + |normal| */
    OFFSET,   /* normal + 1: sums do not cancel */
    IDS,      /* [0, limit) */
    LABELS,   /* [-1, limit): -1 is no target */
    MASK,     /* 0 or 1 */
    WEIGHTS,  /* 0, 0.5 or 1 */
} fill_kind;

typedef struct op_case {
    op_call call;
    op_call *forward;        /* run first, for from_out; NULL: none */
    int from_out[OP_MAX_IN]; /* 1 + the output of `forward` which this input is; 0: own data */
    int num_in, num_out;
    uint32_t optional; /* bit o: output o may be left out */
    bool in_place;     /* out[0] may lie on any input of its count */
    bool product;      /* also compared in bf16 */
    double floor;      /* absolute error that counts as 1; 0: a tenth of max |want| */
} op_case;

static backend *ref, *other;
static int cases, failures;
static double worst; /* error over what is allowed */
static uint64_t serial;
static void *pool[1 << 16]; /* host data of the op at hand */
static int pooled;

#define SHAPE(...)                                                         \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) \
    {                                                                      \
        __VA_ARGS__                                                        \
    }

static void *pool_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p || pooled == (int)(sizeof pool / sizeof pool[0])) {
        fprintf(stderr, "out of memory or of pool slots\n");
        abort();
    }
    return pool[pooled++] = p;
}

static void pool_clear(void)
{
    while (pooled)
        free(pool[--pooled]);
}

static tensor shape_of(int32_t dtype, int ndim, const int64_t *shape)
{
    tensor t = {.dtype = dtype, .ndim = ndim, .count = 1};
    for (int d = 0; d < ndim; d++)
        t.count *= t.shape[d] = shape[d];
    return t;
}

static double draw(fill_kind fill, uint64_t stream, int64_t i, int32_t limit)
{
    philox p = philox_make(7, stream);
    uint64_t at = (uint64_t)i;
    switch (fill) {
    case POSITIVE:
        return 0.1 + fabs(philox_normal(&p, at));
    case OFFSET:
        return philox_normal(&p, at) + 1;
    case IDS:
        return philox_below(&p, at, (uint32_t)limit);
    case LABELS:
        return (double)philox_below(&p, at, (uint32_t)limit + 1) - 1;
    case MASK:
        return philox_below(&p, at, 4) != 0;
    case WEIGHTS:
        return philox_below(&p, at, 3) / 2.0;
    default:
        return philox_normal(&p, at);
    }
}

/* Adds an input with data. */
static void in(op_case *k, fill_kind fill, int32_t limit, int ndim, const int64_t *shape)
{
    bool integer = fill == IDS || fill == LABELS || fill == MASK;
    tensor t = shape_of(integer ? PODIUM_I32 : PODIUM_F64, ndim, shape);
    t.data = pool_alloc((size_t)t.count * sizeof(double));
    serial++;
    for (int64_t i = 0; i < t.count; i++) {
        double x = draw(fill, serial, i, limit);
        if (integer)
            ((int32_t *)t.data)[i] = (int32_t)x;
        else
            ((double *)t.data)[i] = (float)x;
    }
    k->call.in[k->num_in++] = t;
}

/* Adds an optional input that is absent. */
static void in_none(op_case *k)
{
    k->call.in[k->num_in++] = (tensor){0};
}

/* Adds an input that is output o of the forward op. */
static void in_from(op_case *k, int o)
{
    k->from_out[k->num_in] = o + 1;
    k->call.in[k->num_in++] = k->forward->out[o];
}

static void out(op_case *k, int ndim, const int64_t *shape)
{
    k->call.out[k->num_out++] = shape_of(PODIUM_F64, ndim, shape);
}

static void out_ids(op_case *k, int ndim, const int64_t *shape)
{
    k->call.out[k->num_out++] = shape_of(PODIUM_I32, ndim, shape);
}

static void out_like(op_case *k, tensor like)
{
    out(k, like.ndim, like.shape);
}

static void out_optional(op_case *k, int ndim, const int64_t *shape)
{
    k->optional |= 1u << k->num_out;
    out(k, ndim, shape);
}

/* --- carrying a call to a backend ---------------------------------------------------------- */

static size_t element_bytes(const backend *b, int32_t dtype)
{
    return dtype == PODIUM_I32 || b->real == PODIUM_F32 ? 4 : 8;
}

/* Copies a host tensor to fresh memory of b; output memory (no data) gets NaN and a guard. */
static int32_t upload(backend *b, tensor *t)
{
    const double *real = t->data;
    size_t bytes = element_bytes(b, t->dtype);
    int64_t n = t->count + (real ? 0 : GUARD);
    char *host = calloc((size_t)n, bytes);
    if (!host)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld elements", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        if (t->dtype == PODIUM_I32)
            ((int32_t *)(void *)host)[i] = real           ? ((const int32_t *)t->data)[i]
                                           : i < t->count ? -77
                                                          : 42;
        else if (bytes == 4)
            ((float *)(void *)host)[i] = real ? (float)real[i] : i < t->count ? NAN : 42;
        else
            ((double *)(void *)host)[i] = real ? real[i] : i < t->count ? NAN : 42;
    }
    void *device = NULL;
    int32_t rc = b->alloc(b, (size_t)n * bytes, &device);
    if (rc == 0)
        rc = b->copy_in(b, device, host, (size_t)n * bytes);
    free(host);
    t->data = device;
    if (t->dtype != PODIUM_I32)
        t->dtype = b->real;
    return rc;
}

/* The output as doubles in pool memory; *guarded gets false when the guard was overwritten. */
static int32_t download(backend *b, const tensor *t, double **values, bool *guarded)
{
    size_t bytes = element_bytes(b, t->dtype);
    int64_t n = t->count + GUARD;
    char *host = pool_alloc((size_t)n * bytes);
    int32_t rc = b->copy_out(b, host, t->data, (size_t)n * bytes);
    *values = pool_alloc((size_t)n * sizeof(double));
    for (int64_t i = 0; i < n; i++)
        (*values)[i] = t->dtype == PODIUM_I32 ? (double)((int32_t *)(void *)host)[i]
                       : bytes == 4           ? (double)((float *)(void *)host)[i]
                                              : ((double *)(void *)host)[i];
    for (int64_t i = t->count; i < n; i++)
        *guarded = *guarded && (*values)[i] == 42;
    return rc;
}

enum { SCRATCH_GUARD = 256 };

static int32_t run_kernel(backend *b, op_call *c)
{
    const op_kernel *k = &b->kernels[c->kind];
    void *scratch = NULL;
    op_call planned = *c;
    for (int i = 0; i < OP_MAX_IN; i++)
        planned.in[i].data = NULL;
    for (int o = 0; o < OP_MAX_OUT; o++)
        planned.out[o].data = NULL;
    int32_t rc = k->prepare ? k->prepare(&planned) : 0;
    c->state = planned.state;
    c->scratch_bytes = planned.scratch_bytes;
    if (rc == 0 && c->scratch_bytes)
        rc = b->alloc(b, c->scratch_bytes + SCRATCH_GUARD, &scratch);
    c->scratch = scratch;
    char *guard = scratch && b->host_memory ? (char *)scratch + c->scratch_bytes : NULL;
    if (guard)
        memset(guard, 42, SCRATCH_GUARD);
    if (rc == 0)
        rc = k->run(c);
    for (int i = 0; guard && rc == 0 && i < SCRATCH_GUARD; i++)
        if (guard[i] != 42)
            rc = podium_fail(PODIUM_EINVAL, "it wrote past its %zu bytes of scratch",
                             c->scratch_bytes);
    if (rc == 0)
        rc = b->synchronise(b);
    if (k->release)
        k->release(c);
    if (scratch)
        b->free(b, scratch);
    return rc;
}

/* Runs a host call on b; values[o] gets output o.  alias: 1 + input that out[0] lies on. */
static int32_t run_on(backend *b, const op_call *host, int alias, double *values[OP_MAX_OUT],
                      bool *guarded)
{
    op_call c = *host;
    int32_t rc = 0;
    c.backend = b;
    for (int i = 0; i < OP_MAX_IN && rc == 0; i++)
        if (c.in[i].count)
            rc = upload(b, &c.in[i]);
    for (int o = 0; o < OP_MAX_OUT && rc == 0; o++)
        if (c.out[o].count) {
            if (o == 0 && alias)
                c.out[0].data = NULL;
            rc = upload(b, &c.out[o]);
        }
    op_call run = c;
    if (alias && rc == 0) { /* the input moves into the output's guarded memory */
        double *x = ((double *)host->in[alias - 1].data);
        size_t bytes = element_bytes(b, PODIUM_F64), n = (size_t)c.out[0].count;
        char *copy = pool_alloc(n * bytes);
        for (size_t i = 0; i < n; i++)
            if (bytes == 4)
                ((float *)(void *)copy)[i] = (float)x[i];
            else
                ((double *)(void *)copy)[i] = x[i];
        rc = b->copy_in(b, c.out[0].data, copy, n * bytes);
        run.in[alias - 1].data = c.out[0].data;
    }
    if (rc == 0)
        rc = run_kernel(b, &run);
    for (int o = 0; o < OP_MAX_OUT; o++)
        if (rc == 0 && c.out[o].count)
            rc = download(b, &c.out[o], &values[o], guarded);
    for (int i = 0; i < OP_MAX_IN; i++)
        if (c.in[i].count)
            b->free(b, c.in[i].data);
    for (int o = 0; o < OP_MAX_OUT; o++)
        if (c.out[o].count)
            b->free(b, c.out[o].data);
    return rc;
}

/* The case on b: its forward op first, on the same backend. */
static int32_t run_case(backend *b, const op_case *k, op_call c, int alias,
                        double *values[OP_MAX_OUT], bool *guarded)
{
    double *forward[OP_MAX_OUT] = {NULL};
    if (k->forward) {
        op_call f = *k->forward;
        f.precision = c.precision;
        f.settings = c.settings;
        TRY(run_on(b, &f, 0, forward, guarded));
    }
    for (int i = 0; i < k->num_in; i++)
        if (k->from_out[i])
            c.in[i].data = forward[k->from_out[i] - 1];
    return run_on(b, &c, alias, values, guarded);
}

/* --- comparing ------------------------------------------------------------------------------ */

static void describe(const op_call *c, char *text, size_t size)
{
    int n = snprintf(text, size, "i %lld %lld %lld", (long long)c->i[0], (long long)c->i[1],
                     (long long)c->i[2]);
    for (int i = 0; i < OP_MAX_IN + OP_MAX_OUT; i++) {
        const tensor *t = i < OP_MAX_IN ? &c->in[i] : &c->out[i - OP_MAX_IN];
        if (t->count && n < (int)size - 100) {
            n += snprintf(text + n, size - (size_t)n, " %s%d[", i < OP_MAX_IN ? "in" : "out",
                          i < OP_MAX_IN ? i : i - OP_MAX_IN);
            for (int d = 0; d < t->ndim; d++)
                n += snprintf(text + n, size - (size_t)n, "%s%lld", d ? "," : "",
                              (long long)t->shape[d]);
            n += snprintf(text + n, size - (size_t)n, "]");
        }
    }
}

static void complain(const op_call *c, const char *what)
{
    char text[512];
    describe(c, text, sizeof text);
    if (failures++ < 3)
        tap_diag("%s: %s", text, what);
}

/* Compares output o; a want of -inf (the log-sum-exp of nothing) is left to the backend. */
static bool agree(const op_case *k, const op_call *c, int o, const double *got, const double *want)
{
    double tolerance = c->precision == PODIUM_BF16 ? 3e-2 : 1e-5, max = 0;
    for (int64_t i = 0; i < c->out[o].count; i++)
        if (isfinite(want[i]))
            max = fmax(max, fabs(want[i]));
    double floor = fmax(k->floor, 0.1 * max);
    if (c->precision == PODIUM_BF16)
        floor = fmax(floor, max);
    if (c->precision == PODIUM_BF16 && (c->kind == OP_LINEAR || c->kind == OP_GROUPED_LINEAR) &&
        c->i[0] == ACT_TANH)
        floor = fmax(floor, 3); /* tanh's 1 hides how large the rounded product was */
    for (int64_t i = 0; i < c->out[o].count; i++) {
        if (want[i] == -INFINITY)
            continue;
        double error = fabs(got[i] - want[i]);
        double allowed = tolerance * (fabs(want[i]) + floor) + 1e-30;
        if (!(error <= allowed)) {
            char what[160];
            snprintf(what, sizeof what, "output %d element %lld is %.9g, ref says %.9g%s", o,
                     (long long)i, got[i], want[i], c->precision == PODIUM_BF16 ? " (bf16)" : "");
            complain(c, what);
            return false;
        }
        worst = fmax(worst, error / allowed);
    }
    return true;
}

static void compare(const op_case *k, op_call c, int alias)
{
    double *want[OP_MAX_OUT] = {NULL}, *got[OP_MAX_OUT] = {NULL}, *again[OP_MAX_OUT] = {NULL};
    bool guarded = true;
    cases++;
    if (run_case(ref, k, c, alias, want, &guarded) < 0 || !guarded) {
        complain(&c, guarded ? podium_error() : "ref wrote past the end of an output");
        return;
    }
    if (run_case(other, k, c, alias, got, &guarded) < 0 ||
        run_case(other, k, c, alias, again, &guarded) < 0) {
        complain(&c, podium_error());
        return;
    }
    if (!guarded)
        complain(&c, "an output's end was overrun");
    for (int o = 0; o < OP_MAX_OUT; o++) {
        if (!c.out[o].count)
            continue;
        if (!agree(k, &c, o, got[o], want[o]))
            return;
        if (memcmp(got[o], again[o], (size_t)c.out[o].count * sizeof(double)) != 0)
            complain(&c, "a second run gives other bits");
    }
}

/* The case as it is, without its optional outputs, in place, and in bf16. */
static void check(op_case *k)
{
    op_call c = k->call;
    if (!c.settings) {
        static const graph_settings none = {0};
        c.settings = &none;
    }
    if (!c.precision)
        c.precision = PODIUM_F32;
    compare(k, c, 0);
    if (k->optional) {
        op_call bare = c;
        for (int o = 0; o < OP_MAX_OUT; o++)
            if (k->optional >> o & 1)
                bare.out[o] = (tensor){0};
        compare(k, bare, 0);
    }
    for (int i = 0; k->in_place && i < k->num_in; i++)
        if (c.in[i].count == c.out[0].count)
            compare(k, c, i + 1);
    if (k->product && other->has_bf16) {
        c.precision = PODIUM_BF16;
        compare(k, c, 0);
    }
}

static op_case make(op_kind kind)
{
    return (op_case){.call = {.kind = kind}};
}

#include "tests/backend_ops_cases.h"

/* --- the walk ------------------------------------------------------------------------------- */

static const char *const names[] = {
#define X(name) #name,
    OP_KINDS(X)
#undef X
};

static void walk(bool complete)
{
    for (int kind = 0; kind < OP_COUNT; kind++) {
        if (!op_cases[kind]) {
            ok(false, "%s has cases", names[kind]);
        } else if (!other->kernels[kind].run && !complete) {
            tap_skip(1, names[kind]);
        } else if (!other->kernels[kind].run) {
            ok(false, "%s has a kernel for %s", other->name, names[kind]);
        } else {
            cases = failures = 0;
            worst = 0;
            serial = (uint64_t)kind << 32; /* more cases of one op do not change another's inputs */
            op_cases[kind]((op_kind)kind);
            pool_clear();
            ok(cases > 0 && failures == 0, "%s, %d threads: %s agrees with ref in %d cases (%.2f)",
               other->name, other->threads, names[kind], cases, worst);
        }
    }
}

static void check_backend(const char *name, int32_t (*open)(backend **, int), bool complete)
{
    char why[256];
    for (int threads = 1; threads <= 2; threads++) {
        int32_t rc = open ? open(&other, threads) : PODIUM_ENOTSUP;
        if (rc < 0) {
            snprintf(why, sizeof why, "%s: %s", name, open ? podium_error() : "not built");
            if (rc == PODIUM_ENOTSUP)
                tap_skip(1, why);
            else
                ok(false, "%s", why);
            return;
        }
        walk(complete);
        other->destroy(other);
    }
}

int main(void)
{
    if (backend_ref_open(&ref, 1) < 0)
        return 1;
    for (int kind = 0; kind < OP_COUNT; kind++)
        ok(ref->kernels[kind].run != NULL, "ref has a kernel for %s", names[kind]);
    check_backend("cpu", backend_cpu_open, true);
    check_backend("cuda", backend_cuda_open, false);
    check_backend("hip", backend_hip_open, false);
    ref->destroy(ref);
    return tap_done();
}
