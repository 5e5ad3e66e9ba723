/* Layer norm over the last axis (Ba, Kiros & Hinton 2016), biased variance, eps inside the root. */
#include "engine/ref/ref.h"

#include <math.h>
#include <string.h>

/* One row of C elements: y = (x - mean) rstd scale + bias. */
static void normalise_row(double *y, double *mean_out, double *rstd_out, const double *x,
                          const double *scale, const double *bias, int64_t C, double eps)
{
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < C; j++)
        mean += x[j];
    mean /= (double)C;
    for (int64_t j = 0; j < C; j++)
        variance += (x[j] - mean) * (x[j] - mean);
    variance /= (double)C;
    double rstd = 1 / sqrt(variance + eps);
    for (int64_t j = 0; j < C; j++)
        y[j] = (x[j] - mean) * rstd * scale[j] + bias[j];
    if (mean_out)
        *mean_out = mean;
    if (rstd_out)
        *rstd_out = rstd;
}

static void normalise(const tensor *y, const tensor *mean, const tensor *rstd, const double *x,
                      const double *scale, const double *bias, double eps)
{
    int64_t C = ref_last(y), rows = y->count / C;
    double *out = y->data, *means = mean->data, *rstds = rstd->data;
    for (int64_t r = 0; r < rows; r++)
        normalise_row(out + r * C, means ? means + r : NULL, rstds ? rstds + r : NULL, x + r * C,
                      scale, bias, C, eps);
}

/* x, scale, bias -> y, mean?, rstd? */
static int32_t layer_norm(op_call *c)
{
    normalise(&c->out[0], &c->out[1], &c->out[2], c->in[0].data, c->in[1].data, c->in[2].data,
              c->f[0]);
    return 0;
}

/* a, b, scale, bias -> y, sum, mean?, rstd? */
static int32_t add_layer_norm(op_call *c)
{
    const double *a = c->in[0].data, *b = c->in[1].data;
    double *sum = c->out[1].data;
    for (int64_t i = 0; i < c->out[1].count; i++)
        sum[i] = a[i] + b[i];
    normalise(&c->out[0], &c->out[2], &c->out[3], sum, c->in[2].data, c->in[3].data, c->f[0]);
    return 0;
}

/* dx of one row: with n = (x - mean) rstd and g = dy scale,
 * dx = rstd (g - mean(g) - n mean(g n)) + dsum. */
static void backward_row(double *dx, const double *dy, const double *x, double mean, double rstd,
                         const double *scale, const double *dsum, int64_t C)
{
    double mean_g = 0, mean_gn = 0;
    for (int64_t j = 0; j < C; j++) {
        double g = dy[j] * scale[j];
        mean_g += g;
        mean_gn += g * (x[j] - mean) * rstd;
    }
    mean_g /= (double)C;
    mean_gn /= (double)C;
    for (int64_t j = 0; j < C; j++) {
        double n = (x[j] - mean) * rstd;
        dx[j] = rstd * (dy[j] * scale[j] - mean_g - n * mean_gn) + (dsum ? dsum[j] : 0);
    }
}

/* dy, x, mean, rstd, scale, dsum? -> dx, dscale?, dbias? */
static int32_t layer_norm_backward(op_call *c)
{
    const double *dy = c->in[0].data, *x = c->in[1].data, *mean = c->in[2].data;
    const double *rstd = c->in[3].data, *scale = c->in[4].data, *dsum = c->in[5].data;
    double *dx = c->out[0].data, *dscale = c->out[1].data, *dbias = c->out[2].data;
    int64_t C = ref_last(&c->in[0]), rows = c->in[0].count / C;
    if (dscale)
        memset(dscale, 0, (size_t)C * sizeof *dscale);
    if (dbias)
        memset(dbias, 0, (size_t)C * sizeof *dbias);
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = r * C;
        for (int64_t j = 0; j < C; j++) {
            if (dscale)
                dscale[j] += dy[at + j] * (x[at + j] - mean[r]) * rstd[r];
            if (dbias)
                dbias[j] += dy[at + j];
        }
        if (dx)
            backward_row(dx + at, dy + at, x + at, mean[r], rstd[r], scale, dsum ? dsum + at : NULL,
                         C);
    }
    return 0;
}

void ref_norm_kernels(op_kernel *k)
{
    k[OP_LAYER_NORM].run = layer_norm;
    k[OP_ADD_LAYER_NORM].run = add_layer_norm;
    k[OP_LAYER_NORM_BACKWARD].run = layer_norm_backward;
}
