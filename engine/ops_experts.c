/* Recording of what a mixture of experts adds: the choice, the dispatch, products by expert. */
#include "engine/graph_internal.h"

#include <string.h>

value op_top_k(graph *g, value a, int64_t K, value *flat)
{
    if (flat)
        *flat = NO_VALUE;
    if (!values_ok(g, "TOP_K", 1, &a))
        return NO_VALUE;
    const int64_t *s = graph_shape(g, a);
    if (graph_ndim(g, a) != 2 || graph_dtype(g, a) != real_type(g) || K < 1 || K > s[1] ||
        graph_count(g, a) > INT32_MAX) {
        graph_fail(g, PODIUM_EINVAL, "TOP_K: %lld largest of rows of %lld reals", (long long)K,
                   (long long)s[1]);
        return NO_VALUE;
    }
    int64_t shape[2] = {s[0], K};
    value out[2] = {value_new(g, PODIUM_I32, 2, shape), value_new(g, PODIUM_I32, 2, shape)};
    if (g->status || !node_add(g, OP_TOP_K, 1, &a, 2, out))
        return NO_VALUE;
    value_at(g, out[0])->needs_gradient = value_at(g, out[1])->needs_gradient = false;
    if (flat)
        *flat = out[1];
    return out[0];
}

dispatch op_dispatch(graph *g, value ids, int64_t experts, int64_t capacity)
{
    dispatch d = {NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE};
    if (!values_ok(g, "DISPATCH", 1, &ids))
        return d;
    if (graph_ndim(g, ids) != 2 || graph_dtype(g, ids) != PODIUM_I32 || experts < 1) {
        graph_fail(g, PODIUM_EINVAL, "DISPATCH: i32 ids [L, K] and experts expected");
        return d;
    }
    int64_t A = graph_count(g, ids), ends = experts + 1;
    value out[4] = {value_new(g, PODIUM_I32, 1, &A), value_new(g, PODIUM_I32, 1, &A),
                    value_new(g, PODIUM_I32, 1, &ends), value_new(g, real_type(g), 1, &experts)};
    node *n = g->status ? NULL : node_add(g, OP_DISPATCH, 1, &ids, 4, out);
    if (!n)
        return d;
    n->i[0] = capacity;
    return (dispatch){out[0], out[1], out[2], out[3]};
}

static bool grouped_fits(graph *g, value x, value w, value bias, value offsets)
{
    int64_t E = graph_count(g, offsets) - 1;
    const int64_t *a = graph_shape(g, x), *b = graph_shape(g, w);
    bool fits = graph_ndim(g, x) == 2 && graph_ndim(g, w) == 2 && graph_ndim(g, offsets) == 1 &&
                graph_dtype(g, offsets) == PODIUM_I32 && E > 0 && b[0] % E == 0 && a[1] == b[1] &&
                (bias < 0 || (graph_ndim(g, bias) == 1 && graph_count(g, bias) == b[0]));
    if (!fits)
        graph_fail(g, PODIUM_EINVAL,
                   "GROUPED_LINEAR: x [%lld, %lld], w [%lld, %lld], %lld experts or the bias do "
                   "not agree",
                   (long long)a[0], (long long)a[1], (long long)b[0], (long long)b[1],
                   (long long)E);
    return fits;
}

/* The fused node; *pre gets what goes into the activation. */
static value grouped_node(graph *g, value x, value w, value bias, value offsets, activation act)
{
    int64_t N = graph_shape(g, w)[0] / (graph_count(g, offsets) - 1);
    int64_t shape[2] = {graph_shape(g, x)[0], N};
    value out[2] = {value_new(g, real_type(g), 2, shape),
                    act == ACT_NONE ? NO_VALUE : value_new(g, real_type(g), 2, shape)};
    node *n = g->status ? NULL
                        : node_add(g, OP_GROUPED_LINEAR, 4, (value[]){x, w, bias, offsets}, 2, out);
    if (!n)
        return NO_VALUE;
    n->i[0] = (int64_t)act;
    return out[0];
}

/* Products alone are closed under differentiation; a bias is a product with ones, so that rows of
 * no expert stay zero. */
static value lower_grouped(graph *g, value x, value w, value bias, value offsets, activation act)
{
    value y = grouped_node(g, x, w, NO_VALUE, offsets, ACT_NONE);
    if (bias >= 0 && y >= 0) {
        value ones = constant_fill(g, 2, (int64_t[]){graph_shape(g, x)[0], 1}, 1);
        value column = op_reshape(g, bias, 2, (int64_t[]){graph_count(g, bias), 1});
        y = op_add(g, y, grouped_node(g, ones, column, NO_VALUE, offsets, ACT_NONE));
    }
    return act == ACT_NONE ? y : op_unary(g, activation_unary(act), y);
}

value op_grouped_linear(graph *g, value x, value w, value bias, value offsets, activation act)
{
    if (!values_ok(g, "GROUPED_LINEAR", 3, (value[]){x, w, offsets}) ||
        !grouped_fits(g, x, w, bias, offsets))
        return NO_VALUE;
    return g->config.lowered ? lower_grouped(g, x, w, bias, offsets, act)
                             : grouped_node(g, x, w, bias, offsets, act);
}

value op_normal_noise(graph *g, value a, double sigma)
{
    if (!values_ok(g, "NORMAL_NOISE", 1, &a) || !g->config.training || sigma == 0)
        return g->status ? NO_VALUE : a;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value out = value_new(g, real_type(g), graph_ndim(g, a), shape);
    node *n = out < 0 ? NULL : node_add(g, OP_NORMAL_NOISE, 1, &a, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = g->dropout_calls++;
    n->f[0] = sigma;
    return out;
}

value op_weighted_mean(graph *g, value a, value weights)
{
    if (!values_ok(g, "NORMALISE_LOSS", 1, &a))
        return NO_VALUE;
    int64_t N = graph_count(g, a);
    if (graph_ndim(g, a) != 1 ||
        (weights >= 0 && (graph_ndim(g, weights) != 1 || graph_count(g, weights) != N))) {
        graph_fail(g, PODIUM_EINVAL, "NORMALISE_LOSS: weights do not fit %lld numbers",
                   (long long)N);
        return NO_VALUE;
    }
    value out = value_new(g, real_type(g), 1, (int64_t[]){1});
    if (out < 0 || !node_add(g, OP_NORMALISE_LOSS, 2, (value[]){a, weights}, 1, &out))
        return NO_VALUE;
    return out;
}
