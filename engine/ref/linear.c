/* The linear layer with its activation, and its two adjoints.  x [M, K], w [N, K], y [M, N]. */
#include "engine/ref/ref.h"

/* x, w, bias? -> y = act(pre), pre? = x w^T + bias */
static int32_t linear(op_call *c)
{
    const double *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    double *y = c->out[0].data, *pre = c->out[1].data;
    int64_t N = c->in[1].shape[0], K = c->in[1].shape[1], M = c->out[0].count / N;
    for (int64_t m = 0; m < M; m++) {
        for (int64_t n = 0; n < N; n++) {
            double z = bias ? bias[n] : 0;
            for (int64_t k = 0; k < K; k++)
                z += x[m * K + k] * w[n * K + k];
            if (pre)
                pre[m * N + n] = z;
            y[m * N + n] = ref_activation(c->i[0], z);
        }
    }
    return 0;
}

/* dz [M, N], w [N, K], pre? [M, K] -> dx [M, K] = dz w, times act'(pre) when given */
static int32_t linear_dx(op_call *c)
{
    const double *dz = c->in[0].data, *w = c->in[1].data, *pre = c->in[2].data;
    double *dx = c->out[0].data;
    int64_t N = c->in[1].shape[0], K = c->in[1].shape[1], M = c->out[0].count / K;
    for (int64_t m = 0; m < M; m++) {
        for (int64_t k = 0; k < K; k++) {
            double sum = 0;
            for (int64_t n = 0; n < N; n++)
                sum += dz[m * N + n] * w[n * K + k];
            if (pre)
                sum *= ref_activation_slope(c->i[0], pre[m * K + k]);
            dx[m * K + k] = sum;
        }
    }
    return 0;
}

/* dz [M, N], x [M, K] -> dw [N, K] = dz^T x, dbias? [N] */
static int32_t linear_dw(op_call *c)
{
    const double *dz = c->in[0].data, *x = c->in[1].data;
    double *dw = c->out[0].data, *dbias = c->out[1].data;
    int64_t N = c->out[0].shape[0], K = c->out[0].shape[1], M = c->in[0].count / N;
    for (int64_t n = 0; n < N; n++) {
        for (int64_t k = 0; k < K; k++) {
            double sum = 0;
            for (int64_t m = 0; m < M; m++)
                sum += dz[m * N + n] * x[m * K + k];
            dw[n * K + k] = sum;
        }
        if (dbias) {
            double sum = 0;
            for (int64_t m = 0; m < M; m++)
                sum += dz[m * N + n];
            dbias[n] = sum;
        }
    }
    return 0;
}

void ref_linear_kernels(op_kernel *k)
{
    k[OP_LINEAR].run = linear;
    k[OP_LINEAR_DX].run = linear_dx;
    k[OP_LINEAR_DW].run = linear_dw;
}
