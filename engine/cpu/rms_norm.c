/* Root-mean-square norm over the last axis, eps inside the root; a row stays in L1. */
#include "engine/cpu/cpu.h"

#include <math.h>
#include <string.h>

/* x, scale -> y, rstd? */
static int32_t rms_norm(op_call *c)
{
    const float *x = c->in[0].data, *scale = c->in[1].data;
    float *y = c->out[0].data, *rstd = c->out[1].data, eps = (float)c->f[0];
    int64_t C = cpu_last(&c->in[0]), rows = C ? c->in[0].count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 3 * rows * C))
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * C;
        float *to = y + r * C, sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < C; j++)
            sum += row[j] * row[j];
        float inverse = 1.0f / sqrtf(sum / (float)C + eps);
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            to[j] = row[j] * inverse * scale[j];
        if (rstd)
            rstd[r] = inverse;
    }
    return 0;
}

/* dx of one row: with n = x rstd and g = dy scale, dx = rstd (g - n mean(g n)) + dsum; adds the
 * row's share dy n to dscale. */
static void backward_row(float *dx, float *dscale, const float *dy, const float *x, float rstd,
                         const float *scale, const float *dsum, int64_t C)
{
    float mean = 0;
#pragma omp simd reduction(+ : mean)
    for (int64_t j = 0; j < C; j++) {
        mean += dy[j] * scale[j] * x[j];
        dscale[j] += dy[j] * x[j] * rstd;
    }
    mean *= rstd * rstd / (float)C;
    if (dsum)
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            dx[j] = rstd * (dy[j] * scale[j] - x[j] * mean) + dsum[j];
    else
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            dx[j] = rstd * (dy[j] * scale[j] - x[j] * mean);
}

static int64_t padded(int64_t C)
{
    return (C + 15) / 16 * 16;
}

/* dscale of every thread. */
static int32_t prepare_backward(op_call *c)
{
    c->scratch_bytes = (size_t)padded(cpu_last(&c->in[0])) * sizeof(float) *
                       (size_t)c->backend->threads;
    return 0;
}

/* dy, x, rstd, scale, dsum? -> dx, dscale? */
static int32_t rms_norm_backward(op_call *c)
{
    const float *dy = c->in[0].data, *x = c->in[1].data, *rstd = c->in[2].data;
    const float *scale = c->in[3].data, *dsum = c->in[4].data;
    float *dx = c->out[0].data, *partials = c->scratch, *dscale = c->out[1].data;
    int64_t C = cpu_last(&c->in[0]), rows = C ? c->in[0].count / C : 0, step = padded(C);
    int team = cpu_team(c, 6 * rows * C);
#pragma omp parallel num_threads(team)
    {
        float *own = partials + omp_get_thread_num() * step;
        int64_t lo, hi;
        cpu_share(rows, 1, &lo, &hi);
        memset(own, 0, (size_t)step * sizeof *own);
        for (int64_t r = lo; r < hi; r++)
            backward_row(dx + r * C, own, dy + r * C, x + r * C, rstd[r], scale,
                         dsum ? dsum + r * C : NULL, C);
    }
    for (int t = 0; dscale && t < team; t++)
        for (int64_t j = 0; j < C; j++)
            dscale[j] = (t ? dscale[j] : 0) + partials[t * step + j];
    return 0;
}

void cpu_rms_norm_kernels(op_kernel *k)
{
    k[OP_RMS_NORM].run = rms_norm;
    k[OP_RMS_NORM_BACKWARD] = (op_kernel){.prepare = prepare_backward, .run = rms_norm_backward};
}
