/* dw = dz^T x and the column sums of dz.  In f32 the threads share the rows of dw, and blocks of
 * rows of dz and x pass through L2 once; sums run in the order of the rows whatever the thread
 * count.  In bf16, and where K is no multiple of a vector, the product is oneDNN's. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/lanes.h"
#include "engine/cpu/packed.h"

#include <stdlib.h>
#include <string.h>

typedef struct weight_gradient {
    product *product;
    int64_t M, N, K;
    bool bf16, tiled;
    size_t dz_bytes, x_bytes; /* of the operands in bf16 */
    size_t product_bytes;
    size_t own_floats; /* scratch of a thread, when tiled */
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

/* Scratch: dz and x in bf16, the product's own, column sums of every thread; tiled: what each
 * thread packs. */
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
        g->own_floats = gradient_floats(g->K);
        c->scratch_bytes = g->own_floats * sizeof(float) * (size_t)c->backend->threads;
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

enum { BLOCK_ROWS = PACKED_TERMS }; /* of dz and x at a time: they stay in L2, or are packed */

static void add_columns(float *sum, const float *dz, int64_t rows, int64_t N, int64_t count)
{
    for (int64_t m = 0; m < rows; m++)
#pragma omp simd
        for (int64_t n = 0; n < count; n++)
            sum[n] += dz[m * N + n];
}

static int32_t tiled_dw(op_call *c)
{
    weight_gradient *g = c->state;
    const float *dz = c->in[0].data, *x = c->in[1].data;
    float *dw = c->out[0].data, *dbias = c->out[1].data;
#pragma omp parallel num_threads(cpu_team(c, g->M * g->N * g->K / 16))
    {
        int64_t lo, hi;
        cpu_share(g->N, 4, &lo, &hi);
        int64_t rows = hi - lo;
        float *own = (float *)c->scratch + g->own_floats * (size_t)omp_get_thread_num();
        if (dbias && rows > 0)
            memset(dbias + lo, 0, (size_t)rows * sizeof *dbias);
        for (int64_t m = 0; m < g->M && rows > 0; m += BLOCK_ROWS) {
            int64_t block = g->M - m < BLOCK_ROWS ? g->M - m : BLOCK_ROWS;
            const float *part = dz + m * g->N + lo;
            if (dbias) /* first: it also streams the block into L2 */
                add_columns(dbias + lo, part, block, g->N, rows);
            gradient_product(rows, g->K, block, part, g->N, x + m * g->K, g->K, dw + lo * g->K,
                             g->K, m > 0, true, own);
        }
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
