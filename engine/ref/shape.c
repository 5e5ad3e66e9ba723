/* Kernels that only move elements: copy, permute, slice, pad, concatenate.  Reals and 32-bit
 * integers alike, so they work on bytes. */
#include "engine/ref/ref.h"

#include <string.h>

static size_t element_bytes(const tensor *t)
{
    return t->dtype == PODIUM_F64 ? sizeof(double) : sizeof(int32_t);
}

/* Extents before and after `axis` multiplied out. */
static int64_t outer_count(const tensor *t, int64_t axis)
{
    int64_t n = 1;
    for (int64_t d = 0; d < axis; d++)
        n *= t->shape[d];
    return n;
}

static int64_t inner_count(const tensor *t, int64_t axis)
{
    int64_t n = 1;
    for (int64_t d = axis + 1; d < t->ndim; d++)
        n *= t->shape[d];
    return n;
}

static int32_t copy(op_call *c)
{
    if (c->out[0].count)
        memmove(c->out[0].data, c->in[0].data, (size_t)c->out[0].count * element_bytes(&c->in[0]));
    return 0;
}

/* out axis d = in axis i[d] */
static int32_t permute(op_call *c)
{
    const tensor *a = &c->in[0], *o = &c->out[0];
    const char *from = a->data;
    char *to = o->data;
    size_t bytes = element_bytes(a);
    int64_t in_strides[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS];
    int64_t index[TENSOR_MAX_DIMS] = {0}, at = 0;
    ref_broadcast_strides(a, in_strides);
    for (int d = 0; d < o->ndim; d++)
        strides[d] = in_strides[c->i[d]];
    for (int64_t i = 0; i < o->count; i++) {
        memcpy(to + (size_t)i * bytes, from + (size_t)at * bytes, bytes);
        ref_advance(o->ndim, o->shape, strides, index, &at);
    }
    return 0;
}

/* Copies extents [from_start, + length) of `from` along the axis to [to_start, + length) of `to`.
 */
static void copy_range(const tensor *from, int64_t from_start, const tensor *to, int64_t to_start,
                       int64_t length, int64_t axis)
{
    size_t bytes = element_bytes(from);
    int64_t outer = outer_count(from, axis), inner = inner_count(from, axis);
    const char *source = from->data;
    char *target = to->data;
    for (int64_t n = 0; n < outer; n++) {
        int64_t at = (n * from->shape[axis] + from_start) * inner;
        int64_t into = (n * to->shape[axis] + to_start) * inner;
        memcpy(target + (size_t)into * bytes, source + (size_t)at * bytes,
               (size_t)(length * inner) * bytes);
    }
}

static int32_t slice(op_call *c)
{
    int64_t axis = c->i[0];
    copy_range(&c->in[0], c->i[1], &c->out[0], 0, c->out[0].shape[axis], axis);
    return 0;
}

static int32_t pad(op_call *c)
{
    int64_t axis = c->i[0];
    memset(c->out[0].data, 0, (size_t)c->out[0].count * element_bytes(&c->out[0]));
    copy_range(&c->in[0], 0, &c->out[0], c->i[1], c->in[0].shape[axis], axis);
    return 0;
}

static int32_t concat(op_call *c)
{
    int64_t axis = c->i[0], first = c->in[0].shape[axis];
    copy_range(&c->in[0], 0, &c->out[0], 0, first, axis);
    copy_range(&c->in[1], 0, &c->out[0], first, c->in[1].shape[axis], axis);
    return 0;
}

void ref_shape_kernels(op_kernel *k)
{
    k[OP_COPY].run = copy;
    k[OP_PERMUTE].run = permute;
    k[OP_SLICE].run = slice;
    k[OP_PAD].run = pad;
    k[OP_CONCAT].run = concat;
}
