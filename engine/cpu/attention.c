/* Multi-head attention (Vaswani et al. 2017, eq. 1).  A thread takes whole heads; K (transposed), V
 * and the scores of a block of queries stay in its cache. */
#include "engine/cpu/attention.h"
#include "engine/cpu/transpose.h"
#include "engine/cpu/vmath.h"

#include <math.h>
#include <string.h>

attention_shape attention_shape_of(const op_call *c, int first, int mask_at)
{
    const tensor *q = &c->in[first], *k = &c->in[first + 1], *mask = &c->in[mask_at];
    bool packed = c->i[2] != 0;
    attention_shape s = {.B = q->shape[0], .Tq = q->shape[1], .H = c->i[0], .causal = c->i[1] != 0};
    s.K = c->i[3];
    s.group = s.H / s.K;
    s.D = q->shape[2] / (packed ? s.H + 2 * s.K : s.H);
    s.C = s.H * s.D;
    s.Tk = packed ? s.Tq : k->shape[1];
    s.Dp = tile_padded(s.D);
    s.Tp = tile_padded(s.Tk);
    s.q_row = q->shape[2];
    s.k_row = k->shape[2];
    s.q = q->data;
    s.k = packed && s.q ? s.q + s.C : k->data;
    s.v = packed && s.k ? s.k + s.K * s.D : c->in[first + 2].data;
    s.bias = c->in[mask_at + 1].data;
    s.scale = (float)(c->f[0] > 0 ? c->f[0] : 1 / sqrt((double)s.D));
    s.inverse_scale = 1.0f / s.scale;
    if (mask->data) {
        s.mask = mask->data;
        s.mask_query = mask->shape[1] > 1 ? s.Tk : 0;
        s.mask_batch = mask->shape[0] > 1 ? mask->shape[1] * s.Tk : 0;
    }
    for (int64_t l = 0; l < LANES; l++)
        s.last[l] = s.Tp - LANES + l < s.Tk ? 0 : -INFINITY;
    return s;
}

static int64_t block_step(const attention_shape *s)
{
    return s->causal ? CAUSAL_BLOCK : QUERY_BLOCK;
}

int64_t attention_blocks(const attention_shape *s)
{
    return (s->Tq + block_step(s) - 1) / block_step(s);
}

query_block attention_block(const attention_shape *s, int64_t i)
{
    int64_t step = block_step(s), first = i * step;
    int64_t rows = s->Tq - first < step ? s->Tq - first : step;
    int64_t keys = s->causal ? tile_padded(first + rows) : s->Tk;
    keys = keys < s->Tk ? keys : s->Tk;
    return (query_block){.first = first, .rows = rows, .keys = keys, .width = tile_padded(keys)};
}

head_rows attention_rows(const attention_shape *s, float *copy, const float *from, int64_t stride,
                         int64_t rows)
{
    if (s->D == s->Dp)
        return (head_rows){from, stride};
    for (int64_t r = 0; r < rows; r++) {
        float *to = copy + r * s->Dp;
#pragma omp simd
        for (int64_t d = 0; d < s->D; d++)
            to[d] = from[r * stride + d];
        for (int64_t d = s->D; d < s->Dp; d++)
            to[d] = 0;
    }
    return (head_rows){copy, s->Dp};
}

void attention_put(const attention_shape *s, float *to, int64_t stride, const float *from,
                   int64_t rows)
{
    if (to == from)
        return;
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t d = 0; d < s->D; d++)
            to[r * stride + d] = from[r * s->Dp + d];
}

void attention_transpose(const attention_shape *s, float *to, const float *from)
{
    transpose(to, s->Tp, from, s->k_row, s->Tk, s->D);
    for (int64_t d = 0; d < s->D; d++)
        for (int64_t j = s->Tk; j < s->Tp; j++)
            to[d * s->Tp + j] = 0;
}

/* The lines of D floats. */
static void prefetch_row(const float *x, int64_t D)
{
    for (int64_t d = 0; x && d < D; d += 16)
        __builtin_prefetch(x + d, 0, 2);
}

void attention_prefetch(const attention_shape *s, int64_t b, int64_t h, int64_t i, const float *x,
                        const float *y)
{
    b += h + 1 == s->H;
    h = h + 1 == s->H ? 0 : h + 1;
    if (b == s->B)
        return;
    int64_t query = b * s->Tq + i, key = (b * s->Tk + i) * s->k_row + h / s->group * s->D;
    prefetch_row(s->q + query * s->q_row + h * s->D, s->D);
    if (i < s->Tk) {
        prefetch_row(s->k + key, s->D);
        prefetch_row(s->v + key, s->D);
    }
    prefetch_row(x ? x + query * s->C + h * s->D : NULL, s->D);
    prefetch_row(y ? y + query * s->C + h * s->D : NULL, s->D);
}

void attention_hide(const attention_shape *s, float *row, int64_t b, int64_t h, int64_t i,
                    int64_t keys)
{
    if (s->bias) {
        const float *bias = s->bias + (h * s->Tq + i) * s->Tk;
#pragma omp simd
        for (int64_t j = 0; j < keys; j++)
            row[j] += bias[j] * s->inverse_scale;
    }
    if (s->mask) {
        const int32_t *mask = s->mask + b * s->mask_batch + i * s->mask_query;
#pragma omp simd
        for (int64_t j = 0; j < keys; j++)
            row[j] = mask[j] ? row[j] : -INFINITY;
    }
    for (int64_t j = i + 1; s->causal && j < keys; j++)
        row[j] = -INFINITY;
}

/* Scores of one query -> exp(score scale - max), padding 0; returns the sum. */
static float exponentials(const attention_shape *s, const query_block *block, float *row,
                          float *max)
{
    const float low = -INFINITY;
    lanes best = (lanes){0} + low, sum = {0};
    int64_t end = block->width - LANES;
    for (int64_t j = 0; j < end; j += LANES)
        best = lanes_max(lanes_load(row + j) * s->scale, best);
    lanes tail = lanes_load(row + end) * s->scale + attention_last(s, block);
    *max = lanes_highest(lanes_max(tail, best));
    float shift = *max == -INFINITY ? 0 : *max;
    for (int64_t j = 0; j < end; j += LANES) {
        lanes e = lanes_exp(lanes_load(row + j) * s->scale - shift);
        lanes_store(row + j, e);
        sum += e;
    }
    tail = lanes_exp(tail - shift);
    lanes_store(row + end, tail);
    return lanes_sum(sum + tail);
}

/* Workspace of a thread, in floats. */
static int64_t workspace(const attention_shape *s)
{
    return s->D * s->Tp + s->Tk * s->Dp + QUERY_BLOCK * s->Tp + QUERY_BLOCK * s->Dp;
}

static int32_t prepare(op_call *c)
{
    attention_shape s = attention_shape_of(c, 0, 3);
    c->scratch_bytes = cpu_round((size_t)workspace(&s) * sizeof(float)) *
                       (size_t)c->backend->threads;
    return 0;
}

/* A block of queries of head h: mixed values to out [rows, C], lse [rows] or NULL. */
static void mix(const attention_shape *s, int64_t b, int64_t h, const query_block *block,
                const float *q, const float *keys, head_rows values, float *scores, float *mixed,
                float *out, float *lse)
{
    float sums[QUERY_BLOCK];
    int64_t first = block->first, rows = block->rows;
    tile_product(rows, block->width, s->D, q, s->q_row, 1, keys, s->Tp, scores, s->Tp, false);
    for (int64_t i = 0; i < rows; i++) {
        float max;
        attention_prefetch(s, b, h, first + i, NULL, NULL);
        attention_hide(s, scores + i * s->Tp, b, h, first + i, block->keys);
        sums[i] = exponentials(s, block, scores + i * s->Tp, &max);
        if (lse)
            lse[i] = sums[i] > 0 ? max + logf(sums[i]) : -INFINITY;
    }
    bool direct = s->D == s->Dp;
    int64_t step = direct ? s->C : s->Dp;
    mixed = direct ? out : mixed;
    tile_product(rows, s->Dp, block->keys, scores, s->Tp, 1, values.at, values.step, mixed, step,
                 false);
    for (int64_t i = 0; i < rows; i++) {
        float inverse = sums[i] > 0 ? 1.0f / sums[i] : 0;
        for (int64_t d = 0; d < s->Dp; d += LANES)
            lanes_store(mixed + i * step + d, lanes_load(mixed + i * step + d) * inverse);
    }
    attention_put(s, out, s->C, mixed, rows);
}

/* The query heads of key head k of example b: out [Tq, C] at their columns, lse [H, Tq] or NULL. */
static void group(const attention_shape *s, int64_t b, int64_t k, float *out, float *lse,
                  float *work)
{
    float *keys = work, *copy = keys + s->D * s->Tp;
    float *scores = copy + s->Tk * s->Dp, *mixed = scores + QUERY_BLOCK * s->Tp;
    int64_t at = b * s->Tk * s->k_row + k * s->D;
    attention_transpose(s, keys, s->k + at);
    head_rows values = attention_rows(s, copy, s->v + at, s->k_row, s->Tk);
    for (int64_t h = k * s->group; h < (k + 1) * s->group; h++)
        for (int64_t i = 0; i < attention_blocks(s); i++) {
            query_block block = attention_block(s, i);
            int64_t token = b * s->Tq + block.first;
            mix(s, b, h, &block, s->q + token * s->q_row + h * s->D, keys, values, scores, mixed,
                out + token * s->C + h * s->D, lse ? lse + h * s->Tq + block.first : NULL);
        }
}

/* q, k, v, mask?, bias? -> out [B, Tq, C], lse? [B, H, Tq] */
static int32_t attention(op_call *c)
{
    attention_shape s = attention_shape_of(c, 0, 3);
    float *out = c->out[0].data, *lse = c->out[1].data;
    size_t step = cpu_round((size_t)workspace(&s) * sizeof(float));
    cpu_tasks_set(c, s.B * s.K);
#pragma omp parallel num_threads(cpu_team(c, s.B *s.H *s.Tq *s.Tk))
    {
        void *work = (char *)c->scratch + step * (size_t)omp_get_thread_num();
        for (int64_t n; (n = cpu_tasks_take(c)) >= 0;)
            group(&s, n / s.K, n % s.K, out, lse ? lse + n / s.K * s.H * s.Tq : NULL, work);
    }
    return 0;
}

void cpu_attention_kernels(op_kernel *k)
{
    k[OP_ATTENTION] = (op_kernel){.prepare = prepare, .run = attention};
}
