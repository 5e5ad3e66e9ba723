/* Root-mean-square norm over the last axis (Zhang & Sennrich 2019, eq. 4), eps inside the root. */
#include "engine/ref/ref.h"

#include <math.h>
#include <string.h>

/* x, scale -> y, rstd? */
static int32_t rms_norm(op_call *c)
{
    const double *x = c->in[0].data, *scale = c->in[1].data;
    double *y = c->out[0].data, *rstd = c->out[1].data;
    int64_t C = ref_last(&c->in[0]), rows = c->in[0].count / C;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t j = 0; j < C; j++)
            sum += x[r * C + j] * x[r * C + j];
        double inverse = 1 / sqrt(sum / (double)C + c->f[0]);
        for (int64_t j = 0; j < C; j++)
            y[r * C + j] = x[r * C + j] * inverse * scale[j];
        if (rstd)
            rstd[r] = inverse;
    }
    return 0;
}

/* dy, x, rstd, scale, dsum? -> dx, dscale?: with n = x rstd and g = dy scale,
 * dx = rstd (g - n mean(g n)) + dsum. */
static int32_t rms_norm_backward(op_call *c)
{
    const double *dy = c->in[0].data, *x = c->in[1].data, *rstd = c->in[2].data;
    const double *scale = c->in[3].data, *dsum = c->in[4].data;
    double *dx = c->out[0].data, *dscale = c->out[1].data;
    int64_t C = ref_last(&c->in[0]), rows = c->in[0].count / C;
    if (dscale)
        memset(dscale, 0, (size_t)C * sizeof *dscale);
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0;
        for (int64_t j = r * C; j < (r + 1) * C; j++)
            mean += dy[j] * scale[j - r * C] * x[j] * rstd[r];
        mean /= (double)C;
        for (int64_t j = r * C; j < (r + 1) * C; j++) {
            double n = x[j] * rstd[r];
            dx[j] = rstd[r] * (dy[j] * scale[j - r * C] - n * mean) + (dsum ? dsum[j] : 0);
            if (dscale)
                dscale[j - r * C] += dy[j] * n;
        }
    }
    return 0;
}

void ref_rms_norm_kernels(op_kernel *k)
{
    k[OP_RMS_NORM].run = rms_norm;
    k[OP_RMS_NORM_BACKWARD].run = rms_norm_backward;
}
