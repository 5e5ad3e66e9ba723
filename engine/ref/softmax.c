/* Softmax over the last axis and its adjoint. */
#include "engine/ref/ref.h"

#include <math.h>

static int32_t softmax(op_call *c)
{
    int64_t C = ref_last(&c->out[0]);
    for (int64_t at = 0; at < c->out[0].count; at += C) {
        const double *a = (const double *)c->in[0].data + at;
        double *out = (double *)c->out[0].data + at;
        double max = a[0], sum = 0;
        for (int64_t j = 1; j < C; j++)
            max = fmax(max, a[j]);
        for (int64_t j = 0; j < C; j++)
            sum += out[j] = exp(a[j] - max);
        for (int64_t j = 0; j < C; j++)
            out[j] /= sum;
    }
    return 0;
}

/* dout, out -> da = out (dout - sum dout out) */
static int32_t softmax_backward(op_call *c)
{
    int64_t C = ref_last(&c->out[0]);
    for (int64_t at = 0; at < c->out[0].count; at += C) {
        const double *dout = (const double *)c->in[0].data + at;
        const double *out = (const double *)c->in[1].data + at;
        double *da = (double *)c->out[0].data + at;
        double dot = 0;
        for (int64_t j = 0; j < C; j++)
            dot += dout[j] * out[j];
        for (int64_t j = 0; j < C; j++)
            da[j] = out[j] * (dout[j] - dot);
    }
    return 0;
}

void ref_softmax_kernels(op_kernel *k)
{
    k[OP_SOFTMAX].run = softmax;
    k[OP_SOFTMAX_BACKWARD].run = softmax_backward;
}
