/* Reductions that keep their axes as extents of 1, and the broadcast that undoes their shape. */
#include "engine/ref/ref.h"

#include <string.h>

/* a -> out (keep form), out = f[0] * sum over the axes of i[0]: out's extents say which. */
static int32_t reduce_sum(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    const tensor *t = &c->in[0];
    int64_t strides[TENSOR_MAX_DIMS], index[TENSOR_MAX_DIMS] = {0}, at = 0;
    ref_broadcast_strides(&c->out[0], strides);
    memset(out, 0, (size_t)c->out[0].count * sizeof *out);
    for (int64_t i = 0; i < t->count; i++) {
        out[at] += a[i];
        ref_advance(t->ndim, t->shape, strides, index, &at);
    }
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] *= c->f[0];
    return 0;
}

/* a [..., C] -> out [..., 1] */
static int32_t reduce_max_last(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    int64_t C = ref_last(&c->in[0]);
    for (int64_t row = 0; row < c->out[0].count; row++) {
        double max = a[row * C];
        for (int64_t j = 1; j < C; j++)
            if (a[row * C + j] > max)
                max = a[row * C + j];
        out[row] = max;
    }
    return 0;
}

/* a (extents out's or 1) -> out */
static int32_t broadcast(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    const tensor *o = &c->out[0];
    int64_t strides[TENSOR_MAX_DIMS], index[TENSOR_MAX_DIMS] = {0}, at = 0;
    ref_broadcast_strides(&c->in[0], strides);
    for (int64_t i = 0; i < o->count; i++) {
        out[i] = a[at];
        ref_advance(o->ndim, o->shape, strides, index, &at);
    }
    return 0;
}

void ref_reduce_kernels(op_kernel *k)
{
    k[OP_REDUCE_SUM].run = reduce_sum;
    k[OP_REDUCE_MAX_LAST].run = reduce_max_last;
    k[OP_BROADCAST].run = broadcast;
}
