/* Reductions that keep their axes as extents of 1. */
#include "engine/cpu/cpu.h"

#include <string.h>

/* Sum of n contiguous elements: vector lanes within chunks, double across them. */
static double sum_run(const float *a, int64_t n)
{
    double total = 0;
    for (int64_t at = 0; at < n; at += 4096) {
        int64_t end = at + 4096 < n ? at + 4096 : n;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = at; i < end; i++)
            sum += a[i];
        total += (double)sum;
    }
    return total;
}

void cpu_add_columns(float *sum, const float *x, int64_t rows, int64_t stride, int64_t n)
{
    int64_t m = 0;
    for (; m + 4 <= rows; m += 4) { /* sum is loaded and stored once for four rows */
        const float *a = x + m * stride, *b = a + stride, *c = b + stride, *d = c + stride;
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            sum[i] += (a[i] + b[i]) + (c[i] + d[i]);
    }
    for (; m < rows; m++)
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            sum[i] += x[m * stride + i];
}

/* out[i] = factor sum_r a[r, i] for columns [lo, hi) of a [R, I]. */
static void sum_columns(float *out, const float *a, int64_t R, int64_t I, int64_t lo, int64_t hi,
                        float factor)
{
    memset(out + lo, 0, (size_t)(hi - lo) * sizeof *out);
    cpu_add_columns(out + lo, a + lo, R, I, hi - lo);
#pragma omp simd
    for (int64_t i = lo; i < hi; i++)
        out[i] *= factor;
}

/* a seen as [O, R, I] with R reduced. */
static void reduce_middle(const op_call *c, int64_t O, int64_t R, int64_t I)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data;
    double factor = c->f[0];
    int team = cpu_team(c, O * R * I);
    if (I == 1) {
#pragma omp parallel for schedule(static) num_threads(team)
        for (int64_t o = 0; o < O; o++)
            out[o] = (float)(sum_run(a + o * R, R) * factor);
    } else if (O > 1) {
#pragma omp parallel for schedule(static) num_threads(team)
        for (int64_t o = 0; o < O; o++)
            sum_columns(out + o * I, a + o * R * I, R, I, 0, I, (float)factor);
    } else {
#pragma omp parallel num_threads(team)
        {
            int64_t lo, hi;
            cpu_share(I, 16, &lo, &hi);
            if (lo < hi)
                sum_columns(out, a, R, I, lo, hi, (float)factor);
        }
    }
}

/* Reduced axes that are not adjacent: one element at a time. */
static void reduce_scattered(const op_call *c)
{
    const tensor *t = &c->in[0], *o = &c->out[0];
    const float *a = t->data;
    float *out = o->data, factor = (float)c->f[0];
    int64_t strides[TENSOR_MAX_DIMS], index[TENSOR_MAX_DIMS] = {0}, at = 0, step = 1;
    for (int d = o->ndim - 1; d >= 0; d--) {
        strides[d] = o->shape[d] == 1 ? 0 : step;
        step *= o->shape[d];
    }
    memset(out, 0, (size_t)o->count * sizeof *out);
    for (int64_t i = 0; i < t->count; i++) {
        out[at] += a[i];
        for (int d = t->ndim - 1; d >= 0; d--) {
            at += strides[d];
            if (++index[d] < t->shape[d])
                break;
            at -= strides[d] * t->shape[d];
            index[d] = 0;
        }
    }
    for (int64_t i = 0; i < o->count; i++)
        out[i] *= factor;
}

/* a -> out (keep form), out = f[0] * sum over the axes of i[0]: out's extents say which. */
static int32_t reduce_sum(op_call *c)
{
    const tensor *t = &c->in[0], *o = &c->out[0];
    int64_t extent[3] = {1, 1, 1}; /* before, reduced, after */
    int part = 0;
    bool adjacent = true;
    for (int d = 0; d < t->ndim; d++) {
        bool reduced = o->shape[d] != t->shape[d];
        if (t->shape[d] == 1)
            continue;
        if (reduced && part == 2)
            adjacent = false;
        part = reduced ? 1 : part ? 2 : 0;
        extent[part] *= t->shape[d];
    }
    if (o->count == 0)
        return 0;
    if (adjacent)
        reduce_middle(c, extent[0], extent[1], extent[2]);
    else
        reduce_scattered(c);
    return 0;
}

/* a [..., C] -> out [..., 1] */
static int32_t reduce_max_last(op_call *c)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data;
    int64_t C = cpu_last(&c->in[0]), rows = c->out[0].count;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, rows *C))
    for (int64_t row = 0; row < rows; row++) {
        float max = a[row * C];
#pragma omp simd reduction(max : max)
        for (int64_t j = 1; j < C; j++)
            max = a[row * C + j] > max ? a[row * C + j] : max;
        out[row] = max;
    }
    return 0;
}

void cpu_reduce_kernels(op_kernel *k)
{
    k[OP_REDUCE_SUM].run = reduce_sum;
    k[OP_REDUCE_MAX_LAST].run = reduce_max_last;
}
