/* Products by expert: the rows of each expert are cut into panels of one height, each panel is one
 * dense product.  A panel's result does not depend on which thread computes it, so neither does
 * anything here on the number of threads.  The last panel of an expert is filled up with zeros. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/lanes.h"
#include "engine/cpu/packed.h"

#include <stdlib.h>
#include <string.h>

typedef struct grouped {
    product *product;
    int64_t A, E, N, K; /* [A, K] x [K, N] an expert */
    int64_t rows;       /* of a panel */
    bool bf16;
    size_t packed_bytes;                         /* weights of one expert */
    size_t operand_bytes, out_bytes, need_bytes; /* of a thread: operand, result, the product's */
    int64_t columns;                             /* DW: of dz in one task */
    size_t x_bytes, dz_bytes;                    /* DW: operands in panels */
    size_t own_floats;                           /* DW: of a thread, when tiled */
} grouped;

static void release_grouped(op_call *c)
{
    grouped *g = c->state;
    if (!g)
        return;
    product_destroy(g->product);
    free(g);
    c->state = NULL;
}

/* About four panels an expert when the load is even: little is spent on filling up. */
static int64_t panel_rows(int64_t A, int64_t E)
{
    int64_t rows = (A / E / 4 + 15) / 16 * 16;
    return rows < 16 ? 16 : rows > 128 ? 128 : rows;
}

/* `terms` of each sum. */
static int32_t grouped_new(op_call *c, grouped **out, int64_t A, int64_t E, int64_t N, int64_t K,
                           int64_t terms)
{
    grouped *g = calloc(1, sizeof *g);
    if (!g)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a grouped product's state");
    *g = (grouped){.A = A, .E = E, .N = N, .K = K, .rows = panel_rows(A, E)};
    g->bf16 = cpu_in_bf16(c, terms);
    c->state = *out = g;
    return 0;
}

static int32_t check_offsets(const tensor *offsets, int64_t A)
{
    const int32_t *o = offsets->data;
    bool good = o[0] == 0;
    for (int64_t e = 0; e + 1 < offsets->count; e++)
        good = good && o[e] <= o[e + 1] && o[e + 1] <= A;
    return good ? 0 : podium_fail(PODIUM_EINVAL, "offsets of experts are not in order");
}

static int64_t panels_of(const grouped *g, const int32_t *offsets, int64_t e)
{
    return (offsets[e + 1] - offsets[e] + g->rows - 1) / g->rows;
}

static int64_t count_panels(const grouped *g, const int32_t *offsets)
{
    int64_t n = 0;
    for (int64_t e = 0; e < g->E; e++)
        n += panels_of(g, offsets, e);
    return n;
}

typedef struct panel {
    int64_t expert, first, rows;
} panel;

static panel panel_at(const grouped *g, const int32_t *offsets, int64_t i)
{
    int64_t e = 0;
    for (; i >= panels_of(g, offsets, e); e++)
        i -= panels_of(g, offsets, e);
    int64_t first = offsets[e] + i * g->rows, left = offsets[e + 1] - first;
    return (panel){e, first, left < g->rows ? left : g->rows};
}

/* Rows of columns [from, from + width) of x [.., stride] in the product's type, filled up with
 * zeros to the panel's height. */
static void fill_panel(const grouped *g, void *to, const float *x, int64_t rows, int64_t stride,
                       int64_t from, int64_t width)
{
    size_t size = g->bf16 ? sizeof(uint16_t) : sizeof(float);
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * stride + from;
        if (g->bf16)
            cpu_to_bf16((uint16_t *)to + r * width, row, width);
        else
            memcpy((float *)to + r * width, row, (size_t)width * size);
    }
    memset((char *)to + (size_t)(rows * width) * size, 0,
           (size_t)((g->rows - rows) * width) * size);
}

/* [A, K] by rows of an expert x [K, N] of it, stored transposed when tb. */
static int32_t prepare_rows(op_call *c, int64_t A, int64_t E, int64_t N, int64_t K, bool tb,
                            bool bias)
{
    grouped *g = NULL;
    TRY(grouped_new(c, &g, A, E, N, K, K));
    product_spec s = {.batch_a = 1,
                      .batch_b = 1,
                      .m = g->rows,
                      .n = N,
                      .k = K,
                      .tb = tb,
                      .bf16 = g->bf16,
                      .packed = true,
                      .bias = bias,
                      .sequential = true};
    if (product_is_tiled(&s, cpu_unit(c)) && g->rows > PACKED_PANEL)
        s.m = g->rows = PACKED_PANEL; /* less is filled up, too */
    TRY(product_create(&g->product, cpu_unit(c), &s));
    g->packed_bytes = product_packed_bytes(g->product);
    g->operand_bytes = cpu_round((size_t)(g->rows * K) * sizeof(float));
    g->out_bytes = cpu_round((size_t)(g->rows * N) * sizeof(float));
    g->need_bytes = product_scratch_bytes(g->product);
    c->scratch_bytes = g->packed_bytes * (size_t)E +
                       (g->operand_bytes + g->out_bytes + g->need_bytes) *
                           (size_t)c->backend->threads;
    return 0;
}

/* What follows the product of a panel: n elements of the output from `at`. */
typedef void (*panel_tail)(const op_call *c, float *out, int64_t at, int64_t n);

static int32_t run_panel(const op_call *c, const panel *p, const float *x, const float *bias,
                         float *out)
{
    const grouped *g = c->state;
    int thread = omp_get_thread_num();
    size_t own = g->operand_bytes + g->out_bytes + g->need_bytes;
    char *at = (char *)c->scratch + g->packed_bytes * (size_t)g->E + own * (size_t)thread;
    bool whole = p->rows == g->rows;
    const void *a = x + p->first * g->K;
    float *to = out + p->first * g->N, *part = (float *)(void *)(at + g->operand_bytes);
    if (g->bf16 || !whole) {
        fill_panel(g, at, a, p->rows, g->K, 0, g->K);
        a = at;
    }
    TRY(product_run(g->product, thread, a, (char *)c->scratch + g->packed_bytes * (size_t)p->expert,
                    bias ? bias + p->expert * g->N : NULL, whole ? to : part,
                    at + g->operand_bytes + g->out_bytes));
    if (!whole)
        memcpy(to, part, (size_t)(p->rows * g->N) * sizeof *to);
    return 0;
}

/* `extra` (may be NULL) is a second result whose rows of no expert are zeroed too. */
static int32_t run_rows(op_call *c, const tensor *offsets, const float *bias, float *out,
                        float *extra, panel_tail tail)
{
    const grouped *g = c->state;
    const int32_t *o = offsets->data;
    const float *x = c->in[0].data, *w = c->in[1].data;
    TRY(check_offsets(offsets, g->A));
    int64_t count = count_panels(g, o), kept = o[g->E];
    for (int64_t e = 0; e < g->E; e++)
        if (o[e] < o[e + 1])
            TRY(product_pack(g->product, w + e * g->N * g->K,
                             (char *)c->scratch + g->packed_bytes * (size_t)e));
    size_t left = (size_t)((g->A - kept) * g->N) * sizeof *out;
    memset(out + kept * g->N, 0, left);
    if (extra)
        memset(extra + kept * g->N, 0, left);
    int32_t failed = 0;
    cpu_tasks_set(c, count);
#pragma omp parallel num_threads(cpu_team(c, kept * g->N * g->K / 16))
    {
        int32_t rc = 0;
        for (int64_t i; !rc && (i = cpu_tasks_take(c)) >= 0;) {
            panel p = panel_at(g, o, i);
            rc = run_panel(c, &p, x, bias, out);
            if (tail)
                tail(c, out + p.first * g->N, p.first * g->N, p.rows * g->N);
        }
        if (rc)
#pragma omp atomic write
            failed = rc;
    }
    return failed;
}

static int32_t prepare_linear(op_call *c)
{
    int64_t E = c->in[3].count - 1;
    return prepare_rows(c, c->in[0].shape[0], E, c->out[0].shape[1], c->in[0].shape[1], true,
                        c->in[2].count > 0);
}

static void linear_tail(const op_call *c, float *out, int64_t at, int64_t n)
{
    cpu_activation(c->i[0], (float *)c->out[0].data + at, out, n);
}

/* x, w, bias?, offsets -> y = act(pre), pre? */
static int32_t grouped_linear(op_call *c)
{
    float *y = c->out[0].data, *pre = c->out[1].data ? c->out[1].data : y;
    bool plain = c->i[0] == ACT_NONE && pre == y;
    return run_rows(c, &c->in[3], c->in[2].data, pre, pre == y ? NULL : y,
                    plain ? NULL : linear_tail);
}

static int32_t prepare_dx(op_call *c)
{
    int64_t E = c->in[3].count - 1;
    return prepare_rows(c, c->in[0].shape[0], E, c->out[0].shape[1], c->in[0].shape[1], false,
                        false);
}

static void dx_tail(const op_call *c, float *out, int64_t at, int64_t n)
{
    cpu_activation_backward(c->i[0], out, out, (const float *)c->in[2].data + at, n);
}

/* dz, w, pre?, offsets -> dx = dz w_e, times act'(pre) when given */
static int32_t grouped_linear_dx(op_call *c)
{
    return run_rows(c, &c->in[3], NULL, c->out[0].data, NULL, c->in[2].data ? dx_tail : NULL);
}

/* --- the weights' gradient ------------------------------------------------------------------- */

/* Columns of dz in one task: several tasks an expert, none narrow. */
static int64_t task_columns(int64_t N)
{
    int64_t cut = 8;
    while (cut > 1 && (N % cut || N / cut < 64))
        cut /= 2;
    return N / cut;
}

/* Where oneDNN multiplies: all operands copied into panels (scratch: x, dz, a thread's own). */
static int32_t prepare_dw(op_call *c)
{
    grouped *g = NULL;
    int64_t E = c->in[2].count - 1, A = c->in[0].shape[0];
    TRY(grouped_new(c, &g, A, E, c->in[0].shape[1], c->in[1].shape[1], A / E));
    if (!g->bf16 && g->K % LANES == 0) {
        g->own_floats = gradient_floats();
        c->scratch_bytes = g->own_floats * sizeof(float) * (size_t)c->backend->threads;
        return 0;
    }
    g->columns = task_columns(g->N);
    product_spec s = {.batch_a = 1,
                      .batch_b = 1,
                      .m = g->columns,
                      .n = g->K,
                      .k = g->rows,
                      .ta = true,
                      .bf16 = g->bf16,
                      .accumulate = true,
                      .sequential = true};
    TRY(product_create(&g->product, cpu_unit(c), &s));
    size_t size = g->bf16 ? sizeof(uint16_t) : sizeof(float);
    size_t rows = (size_t)((A / g->rows + E) *
                           g->rows); /* each expert fills up at most one panel */
    g->x_bytes = cpu_round(rows * (size_t)g->K * size);
    g->dz_bytes = cpu_round(rows * (size_t)g->N * size);
    g->need_bytes = product_scratch_bytes(g->product);
    c->scratch_bytes = g->x_bytes + g->dz_bytes + g->need_bytes * (size_t)c->backend->threads;
    return 0;
}

/* Rows n and columns k of expert e's dw: blocks of its rows of dz and x in their order. */
static void tiled_part(const op_call *c, int64_t e, int64_t n, int64_t n_end, int64_t k,
                       int64_t k_end)
{
    const grouped *g = c->state;
    const int32_t *o = c->in[2].data;
    const float *dz = c->in[0].data, *x = c->in[1].data;
    float *dw = (float *)c->out[0].data + (e * g->N + n) * g->K + k;
    float *own = (float *)c->scratch + g->own_floats * (size_t)omp_get_thread_num();
    for (int64_t i = 0; o[e] == o[e + 1] && i < n_end - n; i++)
        memset(dw + i * g->K, 0, (size_t)(k_end - k) * sizeof *dw);
    for (int64_t m = o[e]; m < o[e + 1]; m += PACKED_TERMS) {
        int64_t block = o[e + 1] - m < PACKED_TERMS ? o[e + 1] - m : PACKED_TERMS;
        gradient_product(n_end - n, k_end - k, block, dz + m * g->N + n, g->N, x + m * g->K + k,
                         g->K, dw, g->K, m > o[e], false, own);
    }
}

/* Experts have unequal loads, so each is cut along the longer side of its dw: four tasks a thread,
 * unless that makes them narrow. */
static void tiled_dw(op_call *c)
{
    enum { NARROW = 32 };
    const grouped *g = c->state;
    int64_t work = (int64_t)((const int32_t *)c->in[2].data)[g->E] * g->N * g->K / 16;
    int64_t cuts = (4 * c->backend->threads + g->E - 1) / g->E;
    bool by_columns = g->K > g->N;
    int64_t side = by_columns ? g->K : g->N, width = (side + cuts - 1) / cuts;
    if (!side)
        return;
    width = (width + NARROW - 1) / NARROW * NARROW;
    cuts = (side + width - 1) / width;
    cpu_tasks_set(c, g->E * cuts);
#pragma omp parallel num_threads(cpu_team(c, work))
    for (int64_t i; (i = cpu_tasks_take(c)) >= 0;) {
        int64_t lo = i % cuts * width, hi = lo + width < side ? lo + width : side;
        if (by_columns)
            tiled_part(c, i / cuts, 0, g->N, lo, hi);
        else
            tiled_part(c, i / cuts, lo, hi, 0, g->K);
    }
}

static void sum_columns(op_call *c)
{
    const grouped *g = c->state;
    const int32_t *o = c->in[2].data;
    const float *dz = c->in[0].data;
    float *dbias = c->out[1].data;
#pragma omp parallel num_threads(cpu_team(c, g->A * g->N))
    {
        int64_t lo, hi;
        cpu_share(g->N, 16, &lo, &hi);
        for (int64_t e = 0; e < g->E && lo < hi; e++) {
            float *sum = dbias + e * g->N;
            memset(sum + lo, 0, (size_t)(hi - lo) * sizeof *sum);
            cpu_add_columns(sum + lo, dz + o[e] * g->N + lo, o[e + 1] - o[e], g->N, hi - lo);
        }
    }
}

/* Copies panel i of both operands; dz by task, so that each task's columns are adjacent. */
static void copy_panel(const op_call *c, int64_t i)
{
    const grouped *g = c->state;
    size_t size = g->bf16 ? sizeof(uint16_t) : sizeof(float);
    panel p = panel_at(g, c->in[2].data, i);
    char *x = (char *)c->scratch + (size_t)(i * g->rows * g->K) * size;
    char *dz = (char *)c->scratch + g->x_bytes + (size_t)(i * g->rows * g->N) * size;
    fill_panel(g, x, (const float *)c->in[1].data + p.first * g->K, p.rows, g->K, 0, g->K);
    for (int64_t n = 0; n < g->N; n += g->columns)
        fill_panel(g, dz + (size_t)(n * g->rows) * size,
                   (const float *)c->in[0].data + p.first * g->N, p.rows, g->N, n, g->columns);
}

/* One expert's columns [n, n + columns) of dz against all of x, panel after panel. */
static int32_t run_task(const op_call *c, int64_t e, int64_t n)
{
    const grouped *g = c->state;
    const int32_t *o = c->in[2].data;
    size_t size = g->bf16 ? sizeof(uint16_t) : sizeof(float);
    int thread = omp_get_thread_num();
    float *dw = (float *)c->out[0].data + (e * g->N + n) * g->K;
    char *own = (char *)c->scratch + g->x_bytes + g->dz_bytes + g->need_bytes * (size_t)thread;
    int64_t i = 0;
    for (int64_t before = 0; before < e; before++)
        i += panels_of(g, o, before);
    memset(dw, 0, (size_t)(g->columns * g->K) * sizeof *dw);
    for (int64_t end = i + panels_of(g, o, e); i < end; i++) {
        const char *x = (char *)c->scratch + (size_t)(i * g->rows * g->K) * size;
        const char *dz = (char *)c->scratch + g->x_bytes +
                         (size_t)(i * g->rows * g->N + n * g->rows) * size;
        TRY(product_run(g->product, thread, dz, x, NULL, dw, own));
    }
    return 0;
}

static int32_t panelled_dw(op_call *c)
{
    const grouped *g = c->state;
    int64_t count = count_panels(g, c->in[2].data), cuts = g->N / g->columns;
    int32_t failed = 0;
#pragma omp parallel num_threads(cpu_team(c, count * g->rows * g->N * g->K / 16))
    {
        int64_t lo, hi;
        int32_t rc = 0;
        cpu_share(count, 1, &lo, &hi);
        for (int64_t i = lo; i < hi; i++)
            copy_panel(c, i);
#pragma omp barrier
        cpu_share(g->E * cuts, 1, &lo, &hi);
        for (int64_t i = lo; i < hi && !rc; i++)
            rc = run_task(c, i / cuts, i % cuts * g->columns);
        if (rc)
#pragma omp atomic write
            failed = rc;
    }
    return failed;
}

/* dz, x, offsets -> dw = dz_e^T x_e, dbias? */
static int32_t grouped_linear_dw(op_call *c)
{
    const grouped *g = c->state;
    TRY(check_offsets(&c->in[2], g->A));
    if (c->out[1].data)
        sum_columns(c);
    if (g->product)
        return panelled_dw(c);
    tiled_dw(c);
    return 0;
}

void cpu_grouped_kernels(op_kernel *k)
{
    k[OP_GROUPED_LINEAR] = (op_kernel){
        .prepare = prepare_linear, .run = grouped_linear, .release = release_grouped};
    k[OP_GROUPED_LINEAR_DX] = (op_kernel){
        .prepare = prepare_dx, .run = grouped_linear_dx, .release = release_grouped};
    k[OP_GROUPED_LINEAR_DW] = (op_kernel){
        .prepare = prepare_dw, .run = grouped_linear_dw, .release = release_grouped};
}
