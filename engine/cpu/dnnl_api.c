#include "engine/cpu/dnnl_api.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/library.h"

/* A memory descriptor is a struct in 2.x and an owned handle in 3.x. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t desc_view;
#define VIEW(d) (d)
#else
typedef const dnnl_memory_desc_t *desc_view;
#define VIEW(d) (&(d))
#endif

/* clang-format off */
#if DNNL_VERSION_MAJOR >= 3
#define VERSIONED(X) \
    X(memory_desc_create_with_tag) X(memory_desc_create_with_strides) X(memory_desc_destroy) \
    X(matmul_primitive_desc_create)
#else
#define VERSIONED(X) \
    X(memory_desc_init_by_tag) X(memory_desc_init_by_strides) X(matmul_desc_init) \
    X(primitive_desc_create)
#endif
#define FUNCTIONS(X) \
    X(version) X(get_effective_cpu_isa) X(engine_create) X(engine_destroy) X(stream_create) \
    X(stream_destroy) X(memory_create) X(memory_destroy) X(memory_desc_get_size) \
    X(memory_set_data_handle) X(post_ops_create) X(post_ops_destroy) X(post_ops_append_sum) \
    X(primitive_attr_create) X(primitive_attr_destroy) X(primitive_attr_set_post_ops) \
    X(primitive_attr_set_scratchpad_mode) X(primitive_desc_query_md) X(primitive_desc_destroy) \
    X(reorder_primitive_desc_create) X(primitive_create) X(primitive_destroy) \
    X(primitive_execute) X(sgemm) VERSIONED(X)
/* clang-format on */

/* The library is opened with the first unit: it brings the C++ run-time and OpenCL along, which
 * commands that train nothing would wait for. */
#define POINTER(name) __typeof__(&dnnl_##name) name;
static struct {
    FUNCTIONS(POINTER)
} dnnl;
static const char *missing; /* what could not be found; NULL: nothing */

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define SONAME "libdnnl.so." TEXT(DNNL_VERSION_MAJOR)

static void open_once(void)
{
#define SYMBOL(name) {"dnnl_" #name, &dnnl.name, false},
    static const library_symbol all[] = {FUNCTIONS(SYMBOL)};
    missing = library_open(SONAME, all, sizeof all / sizeof *all);
}

static int32_t open_dnnl(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_once);
    return missing ? podium_fail(PODIUM_EDEVICE,
                                 "no oneDNN: %s of " SONAME " is missing (Debian: libdnnl%d)",
                                 missing, DNNL_VERSION_MAJOR)
                   : 0;
}

struct dnnl_unit {
    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* [threads] */
    int threads;
    bool has_layouts, has_bf16;
    char description[64];
};

enum { SLOT_A, SLOT_B, SLOT_BIAS, SLOT_C, SLOT_SCRATCH, SLOTS };

struct dnnl_product {
    dnnl_unit *unit;
    product_spec spec;
    dnnl_primitive_t primitive, reorder;
    dnnl_memory_t (*memory)[SLOTS]; /* [callers] */
    dnnl_memory_t pack_from, pack_to;
    int callers;
    size_t packed_bytes, scratch_bytes;
};

static int32_t check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return 0;
    if (status == dnnl_out_of_memory)
        return podium_fail(PODIUM_ENOMEM, "oneDNN is out of memory: %s", what);
    return podium_fail(PODIUM_EDEVICE, "oneDNN status %d: %s", (int)status, what);
}

/* --- what differs between 2.x and 3.x ------------------------------------------------------ */

/* strides NULL: oneDNN chooses the layout. */
static dnnl_status_t desc_make(dnnl_memory_desc_t *d, int ndim, const dnnl_dims_t dims,
                               dnnl_data_type_t type, const int64_t *strides)
{
#if DNNL_VERSION_MAJOR >= 3
    if (!strides)
        return dnnl.memory_desc_create_with_tag(d, ndim, dims, type, dnnl_format_tag_any);
    return dnnl.memory_desc_create_with_strides(d, ndim, dims, type, strides);
#else
    if (!strides)
        return dnnl.memory_desc_init_by_tag(d, ndim, dims, type, dnnl_format_tag_any);
    return dnnl.memory_desc_init_by_strides(d, ndim, dims, type, strides);
#endif
}

static void desc_free(dnnl_memory_desc_t *d)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*d)
        dnnl.memory_desc_destroy(*d);
    *d = NULL;
#else
    (void)d;
#endif
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl.post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#else
    return dnnl.post_ops_append_sum(ops, 1);
#endif
}

static dnnl_status_t matmul_make(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, desc_view a,
                                 desc_view b, desc_view bias, desc_view c,
                                 const_dnnl_primitive_attr_t attr)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl.matmul_primitive_desc_create(pd, engine, a, b, bias, c, attr);
#else
    dnnl_matmul_desc_t op;
    dnnl_status_t status = dnnl.matmul_desc_init(&op, a, b, bias, c);
    return status ? status : dnnl.primitive_desc_create(pd, &op, attr, engine, NULL);
#endif
}

/* --- the unit ------------------------------------------------------------------------------ */

/* Sets of instructions are masks of bits. */
static bool isa_has(dnnl_cpu_isa_t isa, dnnl_cpu_isa_t part)
{
    return ((unsigned)isa & (unsigned)part) == (unsigned)part;
}

static const char *isa_name(dnnl_cpu_isa_t isa)
{
    return isa_has(isa, dnnl_cpu_isa_avx512_core_amx)    ? "amx"
           : isa_has(isa, dnnl_cpu_isa_avx512_core_bf16) ? "avx512_bf16"
           : isa_has(isa, dnnl_cpu_isa_avx512_core)      ? "avx512"
           : isa_has(isa, dnnl_cpu_isa_avx2)             ? "avx2"
                                                         : "sse4.1";
}

int32_t dnnl_unit_create(dnnl_unit **out, int threads)
{
    TRY(open_dnnl());
    dnnl_unit *u = calloc(1, sizeof *u);
    if (!u)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the oneDNN unit");
    int32_t rc = 0;
    u->threads = threads;
    u->streams = calloc((size_t)threads, sizeof(dnnl_stream_t));
    if (!u->streams)
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate %d streams", threads);
    if (!rc)
        rc = check(dnnl.engine_create(&u->engine, dnnl_cpu, 0), "cannot create an engine");
    for (int i = 0; !rc && i < threads; i++)
        rc = check(dnnl.stream_create(&u->streams[i], u->engine, dnnl_stream_default_flags),
                   "cannot create a stream");
    if (rc) {
        dnnl_unit_destroy(u);
        return rc;
    }
    const dnnl_version_t *version = dnnl.version();
    dnnl_cpu_isa_t isa = dnnl.get_effective_cpu_isa();
    u->has_layouts = isa_has(isa, dnnl_cpu_isa_avx512_core);
    u->has_bf16 = isa_has(isa, dnnl_cpu_isa_avx512_core_bf16);
    snprintf(u->description, sizeof u->description, "oneDNN %d.%d.%d %s", version->major,
             version->minor, version->patch, isa_name(isa));
    *out = u;
    return 0;
}

void dnnl_unit_destroy(dnnl_unit *u)
{
    if (!u)
        return;
    for (int i = 0; u->streams && i < u->threads; i++)
        if (u->streams[i])
            dnnl.stream_destroy(u->streams[i]);
    free(u->streams);
    if (u->engine)
        dnnl.engine_destroy(u->engine);
    free(u);
}

const char *dnnl_unit_description(const dnnl_unit *u)
{
    return u->description;
}

int dnnl_unit_threads(const dnnl_unit *u)
{
    return u->threads;
}

bool dnnl_unit_has_layouts(const dnnl_unit *u)
{
    return u->has_layouts;
}

bool dnnl_unit_has_bf16(const dnnl_unit *u)
{
    return u->has_bf16;
}

/* --- products ------------------------------------------------------------------------------ */

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Descriptor of one operand: [rows, cols], stored transposed when t; batched when `nd` is 3. */
static dnnl_status_t operand(dnnl_memory_desc_t *d, int nd, int64_t batch, int64_t rows,
                             int64_t cols, bool t, bool bf16, bool any)
{
    dnnl_dims_t dims = {batch, rows, cols};
    dnnl_dims_t strides = {rows * cols, t ? 1 : cols, t ? rows : 1};
    int skip = 3 - nd;
    return desc_make(d, nd, dims + skip, bf16 ? dnnl_bf16 : dnnl_f32, any ? NULL : strides + skip);
}

static int32_t attributes(dnnl_primitive_attr_t *attr, bool accumulate)
{
    TRY(check(dnnl.primitive_attr_create(attr), "cannot create attributes"));
    TRY(check(dnnl.primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user),
              "cannot set the scratch mode"));
    if (!accumulate)
        return 0;
    dnnl_post_ops_t ops = NULL;
    TRY(check(dnnl.post_ops_create(&ops), "cannot create post-ops"));
    dnnl_status_t status = append_sum(ops);
    if (!status)
        status = dnnl.primitive_attr_set_post_ops(*attr, ops);
    dnnl.post_ops_destroy(ops);
    return check(status, "cannot set post-ops");
}

static int32_t memories(dnnl_product *p, dnnl_primitive_desc_t pd, desc_view a, desc_view bias,
                        desc_view c)
{
    desc_view b = dnnl.primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    desc_view scratch = dnnl.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    desc_view of[SLOTS] = {a, b, bias, c, scratch};
    p->packed_bytes = p->spec.packed ? round_up(dnnl.memory_desc_get_size(b)) : 0;
    p->scratch_bytes = round_up(dnnl.memory_desc_get_size(scratch));
    p->callers = p->spec.sequential ? p->unit->threads : 1;
    p->memory = calloc((size_t)p->callers, sizeof *p->memory);
    if (!p->memory)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %d memory handles", p->callers);
    for (int i = 0; i < p->callers; i++)
        for (int s = 0; s < SLOTS; s++)
            if (of[s])
                TRY(check(
                    dnnl.memory_create(&p->memory[i][s], of[s], p->unit->engine, DNNL_MEMORY_NONE),
                    "cannot create a memory handle"));
    return 0;
}

/* The reorder of b from plain f32 into the layout the product asked for. */
static int32_t packing(dnnl_product *p, dnnl_primitive_desc_t matmul, int nd)
{
    dnnl_engine_t engine = p->unit->engine;
    desc_view to = dnnl.primitive_desc_query_md(matmul, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t from = {0};
    dnnl_primitive_desc_t pd = NULL;
    int32_t rc = check(
        operand(&from, nd, p->spec.batch_b, p->spec.k, p->spec.n, p->spec.tb, false, false),
        "cannot describe the weights");
    if (!rc)
        rc = check(dnnl.reorder_primitive_desc_create(&pd, VIEW(from), engine, to, engine, NULL),
                   "cannot describe a reorder");
    if (!rc)
        rc = check(dnnl.primitive_create(&p->reorder, pd), "cannot create a reorder");
    if (!rc)
        rc = check(dnnl.memory_create(&p->pack_from, VIEW(from), engine, DNNL_MEMORY_NONE),
                   "cannot create a memory handle");
    if (!rc)
        rc = check(dnnl.memory_create(&p->pack_to, to, engine, DNNL_MEMORY_NONE),
                   "cannot create a memory handle");
    if (pd)
        dnnl.primitive_desc_destroy(pd);
    desc_free(&from);
    return rc;
}

static int32_t build(dnnl_product *p)
{
    const product_spec *s = &p->spec;
    int64_t batch = s->batch_a > s->batch_b ? s->batch_a : s->batch_b;
    int nd = batch > 1 ? 3 : 2;
    dnnl_memory_desc_t a = {0}, b = {0}, bias = {0}, c = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = operand(&a, nd, s->batch_a, s->m, s->k, s->ta, s->bf16, false);
    if (!status)
        status = operand(&b, nd, s->batch_b, s->k, s->n, s->tb, s->bf16, s->packed);
    if (!status && s->bias)
        status = operand(&bias, nd, 1, 1, s->n, false, false, false);
    if (!status)
        status = operand(&c, nd, batch, s->m, s->n, false, false, false);
    int32_t rc = check(status, "cannot describe the operands of a product");
    if (!rc)
        rc = attributes(&attr, s->accumulate);
    if (!rc)
        rc = check(matmul_make(&pd, p->unit->engine, VIEW(a), VIEW(b), s->bias ? VIEW(bias) : NULL,
                               VIEW(c), attr),
                   "cannot describe a product");
    if (!rc)
        rc = check(dnnl.primitive_create(&p->primitive, pd), "cannot create a product");
    if (!rc)
        rc = memories(p, pd, VIEW(a), s->bias ? VIEW(bias) : NULL, VIEW(c));
    if (!rc && s->packed)
        rc = packing(p, pd, nd);
    if (pd)
        dnnl.primitive_desc_destroy(pd);
    if (attr)
        dnnl.primitive_attr_destroy(attr);
    desc_free(&a);
    desc_free(&b);
    desc_free(&bias);
    desc_free(&c);
    return rc;
}

int32_t dnnl_product_create(dnnl_product **out, dnnl_unit *u, const product_spec *spec)
{
    dnnl_product *p = calloc(1, sizeof *p);
    if (!p)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a product");
    p->unit = u;
    p->spec = *spec;
    /* oneDNN fixes a primitive's partition when it is made, for OpenMP's thread limit then. */
    int before = omp_get_max_threads();
    omp_set_num_threads(spec->sequential ? 1 : u->threads);
    int32_t rc = build(p);
    omp_set_num_threads(before);
    if (rc) {
        dnnl_product_destroy(p);
        return rc;
    }
    *out = p;
    return 0;
}

void dnnl_product_destroy(dnnl_product *p)
{
    if (!p)
        return;
    for (int i = 0; p->memory && i < p->callers; i++)
        for (int s = 0; s < SLOTS; s++)
            if (p->memory[i][s])
                dnnl.memory_destroy(p->memory[i][s]);
    free(p->memory);
    if (p->pack_from)
        dnnl.memory_destroy(p->pack_from);
    if (p->pack_to)
        dnnl.memory_destroy(p->pack_to);
    if (p->reorder)
        dnnl.primitive_destroy(p->reorder);
    if (p->primitive)
        dnnl.primitive_destroy(p->primitive);
    free(p);
}

size_t dnnl_product_packed_bytes(const dnnl_product *p)
{
    return p->packed_bytes;
}

size_t dnnl_product_scratch_bytes(const dnnl_product *p)
{
    return p->scratch_bytes;
}

/* oneDNN takes non-const pointers for what it only reads. */
static dnnl_status_t point(dnnl_memory_t m, const void *data)
{
    return m ? dnnl.memory_set_data_handle(m, (void *)(uintptr_t)data) : dnnl_success;
}

int32_t dnnl_product_pack(dnnl_product *p, const float *b, void *packed)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, p->pack_from}, {DNNL_ARG_TO, p->pack_to}};
    dnnl_status_t status = point(p->pack_from, b);
    if (!status)
        status = point(p->pack_to, packed);
    if (!status)
        status = dnnl.primitive_execute(p->reorder, p->unit->streams[0], 2, args);
    return check(status, "cannot pack weights");
}

int32_t dnnl_product_run(dnnl_product *p, int caller, const void *a, const void *b,
                         const float *bias, float *c, void *scratch)
{
    static const int slot_arg[SLOTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                                        DNNL_ARG_SCRATCHPAD};
    const void *data[SLOTS] = {a, b, bias, c, scratch};
    dnnl_exec_arg_t args[SLOTS];
    dnnl_status_t status = dnnl_success;
    int n = 0;
    for (int s = 0; s < SLOTS; s++) {
        dnnl_memory_t m = p->memory[caller][s];
        if (!m)
            continue;
        if (!status)
            status = point(m, data[s]);
        args[n++] = (dnnl_exec_arg_t){slot_arg[s], m};
    }
    if (!status)
        status = dnnl.primitive_execute(p->primitive, p->unit->streams[caller], n, args);
    return check(status, "a product failed");
}

int32_t dnnl_product_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                         float *c, int64_t ldc)
{
    return check(
        dnnl.sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc),
        "cannot multiply two matrices");
}
