/* Layer norm over the last axis, biased variance, eps inside the root; a row stays in L1. */
#include "engine/cpu/cpu.h"

#include <math.h>
#include <string.h>

/* One row of C elements: y = (x - mean) rstd scale + bias. */
static void normalise_row(float *y, float *mean_out, float *rstd_out, const float *x,
                          const float *scale, const float *bias, int64_t C, float eps)
{
    float mean = 0, variance = 0;
#pragma omp simd reduction(+ : mean)
    for (int64_t j = 0; j < C; j++)
        mean += x[j];
    mean /= (float)C;
#pragma omp simd reduction(+ : variance)
    for (int64_t j = 0; j < C; j++)
        variance += (x[j] - mean) * (x[j] - mean);
    float rstd = 1.0f / sqrtf(variance / (float)C + eps);
#pragma omp simd
    for (int64_t j = 0; j < C; j++)
        y[j] = (x[j] - mean) * rstd * scale[j] + bias[j];
    if (mean_out)
        *mean_out = mean;
    if (rstd_out)
        *rstd_out = rstd;
}

/* x, scale, bias -> y, mean?, rstd? */
static int32_t layer_norm(op_call *c)
{
    const float *x = c->in[0].data, *scale = c->in[1].data, *bias = c->in[2].data;
    float *y = c->out[0].data, *mean = c->out[1].data, *rstd = c->out[2].data;
    int64_t C = cpu_last(&c->out[0]), rows = C ? c->out[0].count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 4 * rows * C))
    for (int64_t r = 0; r < rows; r++)
        normalise_row(y + r * C, mean ? mean + r : NULL, rstd ? rstd + r : NULL, x + r * C, scale,
                      bias, C, (float)c->f[0]);
    return 0;
}

/* a, b, scale, bias -> y, sum, mean?, rstd? */
static int32_t add_layer_norm(op_call *c)
{
    const float *a = c->in[0].data, *b = c->in[1].data;
    const float *scale = c->in[2].data, *bias = c->in[3].data;
    float *y = c->out[0].data, *sum = c->out[1].data;
    float *mean = c->out[2].data, *rstd = c->out[3].data;
    int64_t C = cpu_last(&c->out[0]), rows = C ? c->out[0].count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 4 * rows * C))
    for (int64_t r = 0; r < rows; r++) {
        float *s = sum + r * C;
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            s[j] = a[r * C + j] + b[r * C + j];
        normalise_row(y + r * C, mean ? mean + r : NULL, rstd ? rstd + r : NULL, s, scale, bias, C,
                      (float)c->f[0]);
    }
    return 0;
}

/* Adds one row's share of the gradients of scale and bias. */
static void add_parameter_gradients(float *dscale, float *dbias, const float *dy, const float *x,
                                    float mean, float rstd, int64_t C)
{
#pragma omp simd
    for (int64_t j = 0; j < C; j++) {
        dscale[j] += dy[j] * (x[j] - mean) * rstd;
        dbias[j] += dy[j];
    }
}

/* dx of one row: with n = (x - mean) rstd and g = dy scale,
 * dx = rstd (g - mean(g) - n mean(g n)) + dsum. */
static void backward_row(float *dx, const float *dy, const float *x, float mean, float rstd,
                         const float *scale, const float *dsum, int64_t C)
{
    float mean_g = 0, mean_gn = 0;
#pragma omp simd reduction(+ : mean_g, mean_gn)
    for (int64_t j = 0; j < C; j++) {
        float g = dy[j] * scale[j];
        mean_g += g;
        mean_gn += g * (x[j] - mean);
    }
    mean_g /= (float)C;
    mean_gn *= rstd / (float)C;
    if (dsum)
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            dx[j] = rstd * (dy[j] * scale[j] - mean_g - (x[j] - mean) * rstd * mean_gn) + dsum[j];
    else
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            dx[j] = rstd * (dy[j] * scale[j] - mean_g - (x[j] - mean) * rstd * mean_gn);
}

static int64_t padded(int64_t C)
{
    return (C + 15) / 16 * 16;
}

/* dscale and dbias of every thread. */
static int32_t prepare_backward(op_call *c)
{
    c->scratch_bytes = (size_t)(2 * padded(cpu_last(&c->in[0]))) * sizeof(float) *
                       (size_t)c->backend->threads;
    return 0;
}

static void add_partials(float *out, const float *partial, int64_t step, int threads, int64_t C)
{
    if (!out)
        return;
    memcpy(out, partial, (size_t)C * sizeof *out);
    for (int t = 1; t < threads; t++)
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            out[j] += partial[t * step + j];
}

/* dy, x, mean, rstd, scale, dsum? -> dx, dscale?, dbias? */
static int32_t layer_norm_backward(op_call *c)
{
    const float *dy = c->in[0].data, *x = c->in[1].data, *mean = c->in[2].data;
    const float *rstd = c->in[3].data, *scale = c->in[4].data, *dsum = c->in[5].data;
    float *dx = c->out[0].data, *partials = c->scratch;
    int64_t C = cpu_last(&c->in[0]), rows = C ? c->in[0].count / C : 0, step = 2 * padded(C);
    bool wanted = c->out[1].data || c->out[2].data;
    int team = cpu_team(c, 8 * rows * C);
#pragma omp parallel num_threads(team)
    {
        float *dscale = partials + omp_get_thread_num() * step, *dbias = dscale + padded(C);
        int64_t lo, hi;
        cpu_share(rows, 1, &lo, &hi);
        memset(dscale, 0, (size_t)step * sizeof *dscale);
        for (int64_t r = lo; r < hi; r++) {
            int64_t at = r * C;
            if (wanted)
                add_parameter_gradients(dscale, dbias, dy + at, x + at, mean[r], rstd[r], C);
            if (dx)
                backward_row(dx + at, dy + at, x + at, mean[r], rstd[r], scale,
                             dsum ? dsum + at : NULL, C);
        }
    }
    add_partials(c->out[1].data, partials, step, team, C);
    add_partials(c->out[2].data, partials + padded(C), step, team, C);
    return 0;
}

void cpu_norm_kernels(op_kernel *k)
{
    k[OP_LAYER_NORM].run = layer_norm;
    k[OP_ADD_LAYER_NORM].run = add_layer_norm;
    k[OP_LAYER_NORM_BACKWARD] = (op_kernel){.prepare = prepare_backward,
                                            .run = layer_norm_backward};
}
