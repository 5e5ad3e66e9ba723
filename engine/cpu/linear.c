/* y = act(x w^T + bias) and dx = dz w * act'(pre): panels of rows, each one sequential product with
 * packed weights followed by its elementwise tail while the panel is in L2. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/packed.h"
#include "engine/cpu/tile.h"

#include <stdlib.h>
#include <string.h>

typedef struct panels {
    product *full, *rest; /* of `rows` rows and of what is left; either may be NULL */
    int64_t M, N, K, rows, count;
    bool bf16, shared;              /* rest takes the packed weights of full */
    size_t packed_bytes, own_bytes; /* scratch: packed weights, then a part for each thread */
    size_t operand_bytes;           /* of own_bytes: the panel of x in bf16 */
} panels;

/* Rows of a panel, several panels a thread.  For the library about 256 KiB of output, a multiple of
 * 16.  Tiles read their rows again for each strip of weights, from L2 unless they are few.  A rule
 * of the shape alone, so that results do not depend on timing. */
static int64_t panel_rows(int64_t M, int64_t N, int64_t K, bool tiled, int threads)
{
    int64_t widest = N > K ? N : K, grain = tiled ? TILE_GROUP : 16, rows;
    if (tiled) {
        rows = widest > 512 ? PACKED_PANEL : PACKED_PANEL * 3 / 2;
    } else {
        rows = 65536 / widest;
        rows = rows < 64 ? 64 : rows > 512 ? 512 : rows;
    }
    rows = cpu_even((M + threads - 1) / threads, rows);
    return (rows + grain - 1) / grain * grain;
}

static void release_panels(op_call *c)
{
    panels *p = c->state;
    if (!p)
        return;
    product_destroy(p->full);
    product_destroy(p->rest);
    free(p);
    c->state = NULL;
}

/* [M, K] x [K, N], the second operand stored transposed when tb. */
static int32_t prepare_panels(op_call *c, int64_t M, int64_t N, int64_t K, bool tb, bool bias)
{
    panels *p = calloc(1, sizeof *p);
    if (!p)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a linear layer's state");
    c->state = p;
    int threads = c->backend->threads;
    p->M = M;
    p->N = N;
    p->K = K;
    p->bf16 = cpu_in_bf16(c, K);
    if (M == 0 || N == 0 || K == 0)
        return 0;
    product_spec s = {.batch_a = 1,
                      .batch_b = 1,
                      .n = N,
                      .k = K,
                      .tb = tb,
                      .bf16 = p->bf16,
                      .packed = true,
                      .bias = bias,
                      .sequential = true};
    p->rows = panel_rows(M, N, K, product_is_tiled(&s, cpu_unit(c)), threads);
    if (p->rows > M)
        p->rows = M;
    p->count = (M + p->rows - 1) / p->rows;
    s.m = p->rows;
    int64_t rest = M % p->rows;
    TRY(product_create(&p->full, cpu_unit(c), &s));
    s.m = rest;
    if (rest)
        TRY(product_create(&p->rest, cpu_unit(c), &s));
    /* Where the two may have chosen different layouts each has its own packed copy. */
    p->packed_bytes = product_packed_bytes(p->full);
    size_t need = product_scratch_bytes(p->full);
    if (rest) {
        p->shared = product_shares_packed(p->full, p->rest);
        p->packed_bytes += p->shared ? 0 : product_packed_bytes(p->rest);
        if (product_scratch_bytes(p->rest) > need)
            need = product_scratch_bytes(p->rest);
    }
    p->operand_bytes = p->bf16 ? cpu_round((size_t)(p->rows * K) * sizeof(uint16_t)) : 0;
    p->own_bytes = p->operand_bytes + need;
    c->scratch_bytes = p->packed_bytes + p->own_bytes * (size_t)threads;
    return 0;
}

/* What follows the product of a panel: rows [first, first + rows) of the output. */
typedef void (*panel_tail)(const op_call *c, float *out, int64_t at, int64_t n);

static int32_t run_panels(op_call *c, const float *x, const float *w, const float *bias,
                          float *product_out, panel_tail tail)
{
    panels *p = c->state;
    char *packed = c->scratch, *packed_rest = packed;
    if (p->rest && !p->shared)
        packed_rest += product_packed_bytes(p->full);
    if (!p->full) {
        for (int64_t i = 0; i < p->M * p->N; i++) /* some extent is 0 */
            product_out[i] = bias ? bias[i % p->N] : 0;
        if (tail)
            tail(c, product_out, 0, p->M * p->N);
        return 0;
    }
    TRY(product_pack(p->full, w, packed));
    if (p->rest && !p->shared)
        TRY(product_pack(p->rest, w, packed_rest));
    int32_t failed = 0;
    cpu_tasks_set(c, p->count);
#pragma omp parallel num_threads(c->backend->threads)
    {
        int thread = omp_get_thread_num();
        char *own = (char *)c->scratch + p->packed_bytes + p->own_bytes * (size_t)thread;
        int32_t rc = 0;
        for (int64_t i; !rc && (i = cpu_tasks_take(c)) >= 0;) {
            bool whole = (i + 1) * p->rows <= p->M;
            int64_t first = i * p->rows, rows = whole ? p->rows : p->M - first;
            const void *a = x + first * p->K;
            if (p->bf16) {
                cpu_to_bf16((uint16_t *)own, x + first * p->K, rows * p->K);
                a = own;
            }
            float *out = product_out + first * p->N;
            rc = product_run(whole ? p->full : p->rest, thread, a, whole ? packed : packed_rest,
                             bias, out, own + p->operand_bytes);
            if (tail)
                tail(c, out, first * p->N, rows * p->N);
        }
        if (rc)
#pragma omp atomic write
            failed = rc;
    }
    return failed;
}

static int32_t prepare_linear(op_call *c)
{
    int64_t N = c->in[1].shape[0], K = c->in[1].shape[1];
    return prepare_panels(c, N ? c->out[0].count / N : 0, N, K, true, c->in[2].count > 0);
}

static void linear_tail(const op_call *c, float *out, int64_t at, int64_t n)
{
    cpu_activation(c->i[0], (float *)c->out[0].data + at, out, n);
}

/* x [M, K], w [N, K], bias? -> y = act(pre), pre? = x w^T + bias */
static int32_t linear(op_call *c)
{
    float *pre = c->out[1].data ? c->out[1].data : c->out[0].data;
    bool plain = c->i[0] == ACT_NONE && pre == c->out[0].data;
    return run_panels(c, c->in[0].data, c->in[1].data, c->in[2].data, pre,
                      plain ? NULL : linear_tail);
}

static int32_t prepare_linear_dx(op_call *c)
{
    int64_t N = c->in[1].shape[0], K = c->in[1].shape[1];
    return prepare_panels(c, K ? c->out[0].count / K : 0, K, N, false, false);
}

static void linear_dx_tail(const op_call *c, float *out, int64_t at, int64_t n)
{
    cpu_activation_backward(c->i[0], out, out, (const float *)c->in[2].data + at, n);
}

/* dz [M, N], w [N, K], pre? [M, K] -> dx [M, K] = dz w, times act'(pre) when given */
static int32_t linear_dx(op_call *c)
{
    return run_panels(c, c->in[0].data, c->in[1].data, NULL, c->out[0].data,
                      c->in[2].data ? linear_dx_tail : NULL);
}

void cpu_linear_kernels(op_kernel *k)
{
    k[OP_LINEAR] = (op_kernel){.prepare = prepare_linear, .run = linear, .release = release_panels};
    k[OP_LINEAR_DX] = (op_kernel){
        .prepare = prepare_linear_dx, .run = linear_dx, .release = release_panels};
}
