/* Recording of ops that move elements: permute, slice, pad, concatenate, patches. */
#include "engine/graph_internal.h"

#include <string.h>

static bool axis_ok(graph *g, const char *op, value a, int axis)
{
    if (!values_ok(g, op, 1, &a))
        return false;
    if (graph_dtype(g, a) == real_type(g) && axis >= 0 && axis < graph_ndim(g, a))
        return true;
    graph_fail(g, PODIUM_EINVAL, "%s: axis %d of a value of %d axes, or not real", op, axis,
               graph_ndim(g, a));
    return false;
}

static value moved(graph *g, int32_t kind, value a, int ndim, const int64_t *shape, int64_t i0,
                   int64_t i1)
{
    value out = value_new(g, real_type(g), ndim, shape);
    node *n = out < 0 ? NULL : node_add(g, kind, 1, &a, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = i0;
    n->i[1] = i1;
    return out;
}

value op_permute(graph *g, value a, const int *axes)
{
    if (!axis_ok(g, "PERMUTE", a, 0))
        return NO_VALUE;
    int ndim = graph_ndim(g, a);
    int64_t shape[TENSOR_MAX_DIMS];
    uint32_t seen = 0;
    for (int d = 0; d < ndim; d++) {
        if (axes[d] < 0 || axes[d] >= ndim || seen >> axes[d] & 1) {
            graph_fail(g, PODIUM_EINVAL, "PERMUTE: axes are no permutation of 0 to %d", ndim - 1);
            return NO_VALUE;
        }
        seen |= 1u << axes[d];
        shape[d] = graph_shape(g, a)[axes[d]];
    }
    value out = moved(g, OP_PERMUTE, a, ndim, shape, 0, 0);
    if (out >= 0)
        for (int d = 0; d < ndim; d++)
            g->nodes[value_at(g, out)->node].i[d] = axes[d];
    return out;
}

value op_slice(graph *g, value a, int axis, int64_t start, int64_t length)
{
    if (!axis_ok(g, "SLICE", a, axis))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    if (start < 0 || length < 1 || start > shape[axis] - length) {
        graph_fail(g, PODIUM_EINVAL, "SLICE: [%lld, +%lld) of an extent of %lld", (long long)start,
                   (long long)length, (long long)shape[axis]);
        return NO_VALUE;
    }
    shape[axis] = length;
    return moved(g, OP_SLICE, a, graph_ndim(g, a), shape, axis, start);
}

value op_pad(graph *g, value a, int axis, int64_t before, int64_t after)
{
    if (!axis_ok(g, "PAD", a, axis))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    if (before < 0 || after < 0) {
        graph_fail(g, PODIUM_EINVAL, "PAD: negative width");
        return NO_VALUE;
    }
    shape[axis] += before + after;
    return moved(g, OP_PAD, a, graph_ndim(g, a), shape, axis, before);
}

value op_concat(graph *g, value a, value b, int axis)
{
    if (!axis_ok(g, "CONCAT", a, axis) || !axis_ok(g, "CONCAT", b, axis))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = graph_ndim(g, a);
    bool agree = ndim == graph_ndim(g, b);
    memcpy(shape, graph_shape(g, a), sizeof shape);
    for (int d = 0; agree && d < ndim; d++)
        agree = d == axis || shape[d] == graph_shape(g, b)[d];
    if (!agree) {
        graph_fail(g, PODIUM_EINVAL, "CONCAT: shapes differ outside axis %d", axis);
        return NO_VALUE;
    }
    shape[axis] += graph_shape(g, b)[axis];
    value out = value_new(g, real_type(g), ndim, shape);
    node *n = out < 0 ? NULL : node_add(g, OP_CONCAT, 2, (value[]){a, b}, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = axis;
    return out;
}

value op_patches(graph *g, value images, int patch)
{
    if (!axis_ok(g, "PATCHES", images, 0))
        return NO_VALUE;
    const int64_t *s = graph_shape(g, images);
    if (graph_ndim(g, images) != 4 || patch < 1 || s[2] % patch || s[3] % patch) {
        graph_fail(g, PODIUM_EINVAL,
                   "PATCHES: images must be [N, Ch, H, W] with H and W multiples "
                   "of %d",
                   patch);
        return NO_VALUE;
    }
    int64_t shape[3] = {s[0], (s[2] / patch) * (s[3] / patch), s[1] * patch * patch};
    return moved(g, OP_PATCHES, images, 3, shape, patch, 0);
}
