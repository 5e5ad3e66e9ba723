/* dw = dz^T x and the column sums of dz.  In f32 tiles multiply blocks of rows of dz and x.  Each
 * thread has its part of dw and packs all that one operand has for it; where dw is small, each has
 * its part of the rows instead, nothing is packed twice, and the threads' sums are added in their
 * order.  In bf16, and where K is no multiple of a vector, the product is oneDNN's. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/lanes.h"
#include "engine/cpu/packed.h"
#include "engine/cpu/tile.h"

#include <stdlib.h>
#include <string.h>

typedef struct weight_gradient {
    product *product;
    int64_t M, N, K;
    bool bf16, tiled, by_rows;
    size_t dz_bytes, x_bytes; /* of the operands in bf16 */
    size_t product_bytes;
    size_t own_floats; /* tiled: scratch of a thread, what it packs and by_rows its dw and dbias */
} weight_gradient;

static void release_dw(op_call *c)
{
    weight_gradient *g = c->state;
    if (!g)
        return;
    product_destroy(g->product);
    free(g);
    c->state = NULL;
}

enum { SMALL_DW = 1 << 16 }; /* floats of a dw that leaves L2 to the operands */

/* Scratch: dz and x in bf16, the product's own, column sums of every thread; tiled: see own_floats.
 */
static int32_t prepare_dw(op_call *c)
{
    weight_gradient *g = calloc(1, sizeof *g);
    if (!g)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a linear layer's state");
    c->state = g;
    g->N = c->out[0].shape[0];
    g->K = c->out[0].shape[1];
    g->M = g->N ? c->in[0].count / g->N : 0;
    g->bf16 = cpu_in_bf16(c, g->M);
    if (g->M == 0 || g->N == 0 || g->K == 0)
        return 0;
    g->tiled = !g->bf16 && g->K % LANES == 0;
    if (g->tiled) {
        int threads = c->backend->threads;
        g->by_rows = gradient_packs() && threads > 1 && g->N * g->K <= SMALL_DW &&
                     g->M >= threads * PACKED_TERMS / 2;
        size_t sums = g->by_rows ? (size_t)(g->N * g->K + g->N) : 0;
        g->own_floats = cpu_round((gradient_floats() + sums) * sizeof(float)) / sizeof(float);
        c->scratch_bytes = g->own_floats * sizeof(float) * (size_t)threads;
        return 0;
    }
    product_spec s = {
        .batch_a = 1, .batch_b = 1, .m = g->N, .n = g->K, .k = g->M, .ta = true, .bf16 = g->bf16};
    TRY(product_create(&g->product, cpu_unit(c), &s));
    g->dz_bytes = g->bf16 ? cpu_round((size_t)(g->M * g->N) * sizeof(uint16_t)) : 0;
    g->x_bytes = g->bf16 ? cpu_round((size_t)(g->M * g->K) * sizeof(uint16_t)) : 0;
    g->product_bytes = product_scratch_bytes(g->product);
    c->scratch_bytes = g->dz_bytes + g->x_bytes + g->product_bytes +
                       cpu_round((size_t)g->N * sizeof(float)) * (size_t)c->backend->threads;
    return 0;
}

/* Rounds the operands and sums the columns of dz in one region; partial sums are added by thread.
 */
static void visit_operands(op_call *c, uint16_t *dz16, uint16_t *x16, char *partials)
{
    weight_gradient *g = c->state;
    const float *dz = c->in[0].data, *x = c->in[1].data;
    float *dbias = c->out[1].data;
    size_t step = cpu_round((size_t)g->N * sizeof(float));
    int team = cpu_team(c, g->M * g->N);
#pragma omp parallel num_threads(team)
    {
        int64_t lo, hi;
        cpu_share(g->M, 1, &lo, &hi);
        float *sum = (float *)(void *)(partials + step * (size_t)omp_get_thread_num());
        memset(sum, 0, (size_t)g->N * sizeof *sum);
        for (int64_t m = lo; m < hi; m++) {
            const float *row = dz + m * g->N;
            if (dbias)
#pragma omp simd
                for (int64_t n = 0; n < g->N; n++)
                    sum[n] += row[n];
            if (g->bf16) {
                cpu_to_bf16(dz16 + m * g->N, row, g->N);
                cpu_to_bf16(x16 + m * g->K, x + m * g->K, g->K);
            }
        }
    }
    for (int64_t n = 0; dbias && n < g->N; n++) {
        float total = 0;
        for (int t = 0; t < team; t++)
            total += ((const float *)(const void *)(partials + step * (size_t)t))[n];
        dbias[n] = total;
    }
}

typedef struct span {
    int64_t lo, hi;
} span;

static span share_of(int64_t n, int64_t grain)
{
    span s;
    cpu_share(n, grain, &s.lo, &s.hi);
    return s;
}

/* From rows m of dz and x: rows n and columns k of dw, and the sums of columns b of dz. */
static void sum_part(const op_call *c, span m, span n, span k, span b, float *dw, float *dbias,
                     float *own)
{
    const weight_gradient *g = c->state;
    const float *dz = c->in[0].data, *x = c->in[1].data;
    int64_t step = cpu_even(m.hi - m.lo, PACKED_TERMS);
    if (dbias && b.lo < b.hi)
        memset(dbias + b.lo, 0, (size_t)(b.hi - b.lo) * sizeof *dbias);
    for (int64_t at = m.lo; at < m.hi; at += step) {
        int64_t rows = m.hi - at < step ? m.hi - at : step;
        if (dbias) /* first: it also streams the block into L2 */
            cpu_add_columns(dbias + b.lo, dz + at * g->N + b.lo, rows, g->N, b.hi - b.lo);
        if (n.lo < n.hi && k.lo < k.hi)
            gradient_product(n.hi - n.lo, k.hi - k.lo, rows, dz + at * g->N + n.lo, g->N,
                             x + at * g->K + k.lo, g->K, dw + n.lo * g->K + k.lo, g->K, at > m.lo,
                             at + rows < m.hi, own);
    }
}

/* Adds what threads 1, 2, ... have at `sums`, `apart` floats from each other. */
static void add_sums(float *to, const float *sums, size_t apart, int64_t count)
{
    span s = share_of(count, 16);
    for (int t = 1; t < omp_get_num_threads(); t++)
#pragma omp simd
        for (int64_t i = s.lo; i < s.hi; i++)
            to[i] += sums[(size_t)t * apart + (size_t)i];
}

static int32_t tiled_dw(op_call *c)
{
    weight_gradient *g = c->state;
    float *dw = c->out[0].data, *dbias = c->out[1].data, *scratch = c->scratch;
    span m = {0, g->M}, n = {0, g->N}, k = {0, g->K};
    int64_t grain = gradient_packs() ? TILE_GROUP : 4;
#pragma omp parallel num_threads(cpu_team(c, g->M * g->N * g->K / 16))
    {
        size_t thread = (size_t)omp_get_thread_num();
        float *own = scratch + g->own_floats * thread;
        if (g->by_rows) {
            float *sums = scratch + gradient_floats(), *bias_sums = sums + g->N * g->K;
            float *to = thread ? sums + g->own_floats * thread : dw;
            float *bias_to = thread ? bias_sums + g->own_floats * thread : dbias;
            sum_part(c, share_of(g->M, 1), n, k, n, to, dbias ? bias_to : NULL, own);
#pragma omp barrier
            add_sums(dw, sums, g->own_floats, g->N * g->K);
            if (dbias)
                add_sums(dbias, bias_sums, g->own_floats, g->N);
        } else if (gradient_packs() && g->K > g->N) /* then threads pack less than by rows of dw */
            sum_part(c, m, n, share_of(g->K, 2 * LANES), share_of(g->N, 16), dw, dbias, own);
        else
            sum_part(c, m, share_of(g->N, grain), k, share_of(g->N, grain), dw, dbias, own);
    }
    return 0;
}

/* dz [M, N], x [M, K] -> dw [N, K] = dz^T x, dbias? [N] */
static int32_t linear_dw(op_call *c)
{
    weight_gradient *g = c->state;
    if (g->tiled)
        return tiled_dw(c);
    if (!g->product) {
        if (c->out[0].count)
            memset(c->out[0].data, 0, (size_t)c->out[0].count * sizeof(float));
        for (int64_t n = 0; n < c->out[1].count; n++) {
            float sum = 0;
            for (int64_t m = 0; m < g->M; m++)
                sum += ((const float *)c->in[0].data)[m * g->N + n];
            ((float *)c->out[1].data)[n] = sum;
        }
        return 0;
    }
    char *at = c->scratch;
    uint16_t *dz16 = (uint16_t *)(void *)at, *x16 = (uint16_t *)(void *)(at + g->dz_bytes);
    char *own = at + g->dz_bytes + g->x_bytes;
    if (g->bf16 || c->out[1].data)
        visit_operands(c, dz16, x16, own + g->product_bytes);
    return product_run(g->product, 0, g->bf16 ? (const void *)dz16 : c->in[0].data,
                       g->bf16 ? (const void *)x16 : c->in[1].data, NULL, c->out[0].data, own);
}

void cpu_linear_dw_kernels(op_kernel *k)
{
    k[OP_LINEAR_DW] = (op_kernel){.prepare = prepare_dw, .run = linear_dw, .release = release_dw};
}
