/* Multi-head attention (Vaswani et al. 2017, eq. 1).  A thread takes whole heads; K (transposed), V
 * and the scores of a block of queries stay in its cache. */
#include "engine/cpu/attention.h"
#include "engine/cpu/vmath.h"

#include <math.h>
#include <string.h>

attention_shape attention_shape_of(const op_call *c, int first, int mask_at)
{
    const tensor *q = &c->in[first], *k = &c->in[first + 1], *mask = &c->in[mask_at];
    bool packed = c->i[2] != 0;
    attention_shape s = {.B = q->shape[0], .Tq = q->shape[1], .H = c->i[0], .causal = c->i[1] != 0};
    s.C = packed ? q->shape[2] / 3 : q->shape[2];
    s.Tk = packed ? s.Tq : k->shape[1];
    s.D = s.C / s.H;
    s.Dp = tile_padded(s.D);
    s.Tp = tile_padded(s.Tk);
    s.row = q->shape[2];
    s.q = q->data;
    s.k = packed && s.q ? s.q + s.C : k->data;
    s.v = packed && s.q ? s.q + 2 * s.C : c->in[first + 2].data;
    s.scale = (float)(c->f[0] > 0 ? c->f[0] : 1 / sqrt((double)s.D));
    if (mask->data) {
        s.mask = mask->data;
        s.mask_query = mask->shape[1] > 1 ? s.Tk : 0;
        s.mask_batch = mask->shape[0] > 1 ? mask->shape[1] * s.Tk : 0;
    }
    return s;
}

void attention_copy(const attention_shape *s, float *to, const float *from, int64_t stride,
                    int64_t rows)
{
    for (int64_t r = 0; r < rows; r++) {
        memcpy(to + r * s->Dp, from + r * stride, (size_t)s->D * sizeof *to);
        memset(to + r * s->Dp + s->D, 0, (size_t)(s->Dp - s->D) * sizeof *to);
    }
}

void attention_transpose(const attention_shape *s, float *to, const float *from)
{
    for (int64_t d = 0; d < s->D; d++)
        for (int64_t j = s->Tk; j < s->Tp; j++)
            to[d * s->Tp + j] = 0;
    /* Blocks of 8 columns: whole lines are read, and few streams are written at once. */
    for (int64_t first = 0; first < s->D; first += 8) {
        int64_t end = first + 8 < s->D ? first + 8 : s->D;
        for (int64_t j = 0; j < s->Tk; j++)
            for (int64_t d = first; d < end; d++)
                to[d * s->Tp + j] = from[j * s->row + d];
    }
}

void attention_scale(const attention_shape *s, float *row, int64_t b, int64_t i)
{
#pragma omp simd
    for (int64_t j = 0; j < s->Tk; j++)
        row[j] *= s->scale;
    if (s->mask) {
        const int32_t *mask = s->mask + b * s->mask_batch + i * s->mask_query;
#pragma omp simd
        for (int64_t j = 0; j < s->Tk; j++)
            row[j] = mask[j] ? row[j] : -INFINITY;
    }
    for (int64_t j = i + 1; s->causal && j < s->Tk; j++)
        row[j] = -INFINITY;
}

/* Scores -> exp(score - max), padding 0; returns the sum, *lse the log of the sum of exps. */
static float exponentials(const attention_shape *s, float *row, float *lse)
{
    float max = -INFINITY, sum = 0;
#pragma omp simd reduction(max : max)
    for (int64_t j = 0; j < s->Tk; j++)
        max = row[j] > max ? row[j] : max;
    float shift = max == -INFINITY ? 0 : max;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < s->Tk; j++) {
        row[j] = vm_exp(row[j] - shift);
        sum += row[j];
    }
    for (int64_t j = s->Tk; j < s->Tp; j++)
        row[j] = 0;
    *lse = sum > 0 ? max + logf(sum) : -INFINITY;
    return sum;
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

/* One head: out [Tq, C] at its columns, lse [Tq] or NULL. */
static void head(const attention_shape *s, int64_t b, int64_t h, float *out, float *lse,
                 float *work)
{
    float *keys = work, *values = keys + s->D * s->Tp;
    float *scores = values + s->Tk * s->Dp, *mixed = scores + QUERY_BLOCK * s->Tp;
    int64_t at = b * s->Tk * s->row + h * s->D;
    attention_transpose(s, keys, s->k + at);
    attention_copy(s, values, s->v + at, s->row, s->Tk);
    for (int64_t first = 0; first < s->Tq; first += QUERY_BLOCK) {
        int64_t rows = s->Tq - first < QUERY_BLOCK ? s->Tq - first : QUERY_BLOCK;
        const float *q = s->q + (b * s->Tq + first) * s->row + h * s->D;
        float sums[QUERY_BLOCK];
        tile_product(rows, s->Tp, s->D, q, s->row, 1, keys, s->Tp, scores, s->Tp, false);
        for (int64_t i = 0; i < rows; i++) {
            float l;
            attention_scale(s, scores + i * s->Tp, b, first + i);
            sums[i] = exponentials(s, scores + i * s->Tp, &l);
            if (lse)
                lse[first + i] = l;
        }
        tile_product(rows, s->Dp, s->Tk, scores, s->Tp, 1, values, s->Dp, mixed, s->Dp, false);
        for (int64_t i = 0; i < rows; i++) {
            float *o = out + ((b * s->Tq + first + i) * s->C) + h * s->D;
            float inverse = sums[i] > 0 ? 1.0f / sums[i] : 0;
#pragma omp simd
            for (int64_t d = 0; d < s->D; d++)
                o[d] = mixed[i * s->Dp + d] * inverse;
        }
    }
}

/* q, k, v, mask? -> out [B, Tq, C], lse? [B, H, Tq] */
static int32_t attention(op_call *c)
{
    attention_shape s = attention_shape_of(c, 0, 3);
    float *out = c->out[0].data, *lse = c->out[1].data;
    size_t step = cpu_round((size_t)workspace(&s) * sizeof(float));
#pragma omp parallel num_threads(cpu_team(c, s.B *s.H *s.Tq *s.Tk))
    {
        void *work = (char *)c->scratch + step * (size_t)omp_get_thread_num();
        int64_t lo, hi;
        cpu_share(s.B * s.H, 1, &lo, &hi);
        for (int64_t n = lo; n < hi; n++)
            head(&s, n / s.H, n % s.H, out, lse ? lse + n * s.Tq : NULL, work);
    }
    return 0;
}

void cpu_attention_kernels(op_kernel *k)
{
    k[OP_ATTENTION] = (op_kernel){.prepare = prepare, .run = attention};
}
