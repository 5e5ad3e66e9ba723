/* Softmax cross-entropy with label smoothing and weights, and the pieces of its lowered form.
 * logits [N, V]; labels I32 [N] (outside [0, V): no target) or f32 [N, V]; weights? [N]. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vmath.h"

#include <math.h>

static double weight_of(const tensor *weights, int64_t n)
{
    return weights->data ? (double)((const float *)weights->data)[n] : 1;
}

/* 1 / D; a batch of padding only (D = 0) has loss 0 and gradient 0. */
static double inverse_denominator(const op_call *c, const tensor *weights, int64_t N)
{
    double D = c->settings->loss_denominator;
    if (D == 0)
        for (int64_t n = 0; n < N; n++)
            D += weight_of(weights, n);
    return D != 0 ? 1 / D : 0;
}

static float log_sum_exp(const float *x, int64_t V)
{
    float max = x[0], sum = 0;
#pragma omp simd reduction(max : max)
    for (int64_t v = 1; v < V; v++)
        max = x[v] > max ? x[v] : max;
#pragma omp simd reduction(+ : sum)
    for (int64_t v = 0; v < V; v++)
        sum += vm_exp(x[v] - max);
    return max + logf(sum);
}

/* sum_v y'_v (lse - x_v), y' = (1 - e) y + e / V. */
static float example_loss(const tensor *labels, int64_t n, const float *x, int64_t V, float lse,
                          float e)
{
    float given = 0, uniform = 0;
    if (labels->dtype == PODIUM_I32) {
        int32_t label = ((const int32_t *)labels->data)[n];
        given = label >= 0 && label < V ? lse - x[label] : 0;
    } else {
        const float *y = (const float *)labels->data + n * V;
#pragma omp simd reduction(+ : given)
        for (int64_t v = 0; v < V; v++)
            given += y[v] * (lse - x[v]);
    }
    if (e != 0)
#pragma omp simd reduction(+ : uniform)
        for (int64_t v = 0; v < V; v++)
            uniform += lse - x[v];
    return (1 - e) * given + e / (float)V * uniform;
}

static int32_t prepare_cross_entropy(op_call *c)
{
    c->scratch_bytes = (size_t)c->in[0].shape[0] * sizeof(float);
    return 0;
}

/* logits, labels, weights? -> loss [1], per_example? [N], lse? [N] */
static int32_t cross_entropy(op_call *c)
{
    const float *logits = c->in[0].data;
    float *loss = c->out[0].data, *per_example = c->out[1].data, *lse = c->out[2].data;
    float *ce = per_example ? per_example : c->scratch;
    int64_t N = c->in[0].shape[0], V = c->in[0].shape[1];
    float e = (float)c->settings->label_smoothing;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 8 * N * V))
    for (int64_t n = 0; n < N; n++) {
        float l = log_sum_exp(logits + n * V, V);
        ce[n] = example_loss(&c->in[1], n, logits + n * V, V, l, e);
        if (lse)
            lse[n] = l;
    }
    double total = 0;
    for (int64_t n = 0; n < N; n++)
        total += weight_of(&c->in[2], n) * (double)ce[n];
    loss[0] = (float)(total * inverse_denominator(c, &c->in[2], N));
    return 0;
}

/* dlogits of one example: w ((sum y') softmax - y'). */
static void example_backward(const tensor *labels, int64_t n, const float *x, float *d, int64_t V,
                             float lse, float e, float w)
{
    const float *y = labels->dtype == PODIUM_I32 ? NULL : (const float *)labels->data + n * V;
    int32_t label = y ? -1 : ((const int32_t *)labels->data)[n];
    float sum = 0, floor_y = e / (float)V;
    if (y) {
#pragma omp simd reduction(+ : sum)
        for (int64_t v = 0; v < V; v++)
            sum += y[v];
    } else {
        sum = label >= 0 && label < V ? 1 : 0;
    }
    sum = (1 - e) * sum + e;
#pragma omp simd
    for (int64_t v = 0; v < V; v++)
        d[v] = w * (sum * vm_exp(x[v] - lse) - floor_y);
    if (!y && label >= 0 && label < V)
        d[label] -= w * (1 - e);
    if (y)
#pragma omp simd
        for (int64_t v = 0; v < V; v++)
            d[v] -= w * (1 - e) * y[v];
}

/* dloss [1], logits, labels, weights?, lse -> dlogits */
static int32_t cross_entropy_backward(op_call *c)
{
    const float *dloss = c->in[0].data, *logits = c->in[1].data, *lse = c->in[4].data;
    float *dlogits = c->out[0].data, e = (float)c->settings->label_smoothing;
    int64_t N = c->in[1].shape[0], V = c->in[1].shape[1];
    double scale = (double)dloss[0] * inverse_denominator(c, &c->in[3], N);
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 8 * N * V))
    for (int64_t n = 0; n < N; n++)
        example_backward(&c->in[2], n, logits + n * V, dlogits + n * V, V, lse[n], e,
                         (float)(scale * weight_of(&c->in[3], n)));
    return 0;
}

/* y [N, V] -> y' */
static int32_t smooth_labels(op_call *c)
{
    const float *y = c->in[0].data;
    float *out = c->out[0].data, e = (float)c->settings->label_smoothing;
    int64_t V = cpu_last(&c->in[0]), n = c->out[0].count;
    float shift = e / (float)V;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = (1 - e) * y[i] + shift;
    return 0;
}

/* ce [N], weights? -> [1] */
static int32_t normalise_loss(op_call *c)
{
    const float *ce = c->in[0].data;
    float *loss = c->out[0].data;
    double total = 0;
    for (int64_t n = 0; n < c->in[0].count; n++)
        total += weight_of(&c->in[1], n) * (double)ce[n];
    loss[0] = (float)(total * inverse_denominator(c, &c->in[1], c->in[0].count));
    return 0;
}

/* dloss [1], weights?, ce -> dce [N] */
static int32_t normalise_loss_backward(op_call *c)
{
    const float *dloss = c->in[0].data;
    float *dce = c->out[0].data;
    double scale = (double)dloss[0] * inverse_denominator(c, &c->in[1], c->out[0].count);
    for (int64_t n = 0; n < c->out[0].count; n++)
        dce[n] = (float)(scale * weight_of(&c->in[1], n));
    return 0;
}

void cpu_loss_kernels(op_kernel *k)
{
    k[OP_CROSS_ENTROPY] = (op_kernel){.prepare = prepare_cross_entropy, .run = cross_entropy};
    k[OP_CROSS_ENTROPY_BACKWARD].run = cross_entropy_backward;
    k[OP_SMOOTH_LABELS].run = smooth_labels;
    k[OP_NORMALISE_LOSS].run = normalise_loss;
    k[OP_NORMALISE_LOSS_BACKWARD].run = normalise_loss_backward;
}
