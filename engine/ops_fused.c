/* Recording of fused ops; on a lowered graph lower.c records their primitives instead. */
#include "engine/graph_internal.h"

#include <math.h>
#include <string.h>

unary_kind activation_unary(activation act)
{
    switch (act) {
    case ACT_GELU_TANH:
        return UNARY_GELU_TANH;
    case ACT_GELU_ERF:
        return UNARY_GELU_ERF;
    case ACT_RELU:
        return UNARY_RELU;
    case ACT_TANH:
        return UNARY_TANH;
    case ACT_SILU:
        return UNARY_SILU;
    case ACT_NONE:
        break;
    }
    return UNARY_COUNT;
}

static bool vector_of(const graph *g, value v, int64_t n)
{
    return v >= 0 && graph_ndim(g, v) == 1 && graph_count(g, v) == n;
}

value op_linear(graph *g, value x, value w, value bias, activation act)
{
    if (!values_ok(g, "LINEAR", 2, (value[]){x, w}))
        return NO_VALUE;
    int ndim = graph_ndim(g, x);
    int64_t K = graph_shape(g, x)[ndim - 1], N = graph_shape(g, w)[0];
    if (graph_ndim(g, w) != 2 || graph_shape(g, w)[1] != K ||
        (bias >= 0 && !vector_of(g, bias, N))) {
        graph_fail(g, PODIUM_EINVAL,
                   "LINEAR: x has %lld columns, w is [%lld, %lld], or the bias "
                   "does not fit",
                   (long long)K, (long long)N, (long long)graph_shape(g, w)[1]);
        return NO_VALUE;
    }
    if (g->config.lowered)
        return lower_linear(g, x, w, bias, act);
    int64_t M = graph_count(g, x) / K, shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, x), sizeof shape);
    shape[ndim - 1] = N;
    value x2 = op_reshape(g, x, 2, (int64_t[]){M, K});
    value y = value_new(g, real_type(g), 2, (int64_t[]){M, N});
    value pre = act == ACT_NONE ? NO_VALUE : value_new(g, real_type(g), 2, (int64_t[]){M, N});
    if (g->status)
        return NO_VALUE;
    node *n = node_add(g, OP_LINEAR, 3, (value[]){x2, w, bias}, 2, (value[]){y, pre});
    if (!n)
        return NO_VALUE;
    n->i[0] = (int64_t)act;
    return op_reshape(g, y, ndim, shape);
}

static bool norm_operands(graph *g, value x, value scale, value bias)
{
    if (!values_ok(g, "LAYER_NORM", 3, (value[]){x, scale, bias}))
        return false;
    int64_t C = graph_shape(g, x)[graph_ndim(g, x) - 1];
    if (vector_of(g, scale, C) && vector_of(g, bias, C))
        return true;
    graph_fail(g, PODIUM_EINVAL, "LAYER_NORM: scale and bias must have %lld elements",
               (long long)C);
    return false;
}

value op_layer_norm(graph *g, value x, value scale, value bias, double eps)
{
    if (!norm_operands(g, x, scale, bias))
        return NO_VALUE;
    if (g->config.lowered)
        return lower_layer_norm(g, x, scale, bias, eps);
    int64_t shape[TENSOR_MAX_DIMS], rows;
    memcpy(shape, graph_shape(g, x), sizeof shape);
    rows = graph_count(g, x) / shape[graph_ndim(g, x) - 1];
    value y = value_new(g, real_type(g), graph_ndim(g, x), shape);
    value mean = value_new(g, real_type(g), 1, &rows), rstd = value_new(g, real_type(g), 1, &rows);
    node *n = node_add(g, OP_LAYER_NORM, 3, (value[]){x, scale, bias}, 3, (value[]){y, mean, rstd});
    if (!n)
        return NO_VALUE;
    n->f[0] = eps;
    return y;
}

value op_add_layer_norm(graph *g, value a, value b, value scale, value bias, double eps, value *sum)
{
    *sum = NO_VALUE;
    if (!norm_operands(g, a, scale, bias) || !values_ok(g, "ADD_LAYER_NORM", 1, &b))
        return NO_VALUE;
    int ndim = graph_ndim(g, a);
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    if (ndim != graph_ndim(g, b) ||
        memcmp(shape, graph_shape(g, b), (size_t)ndim * sizeof *shape)) {
        graph_fail(g, PODIUM_EINVAL, "ADD_LAYER_NORM: the two terms differ in shape");
        return NO_VALUE;
    }
    if (g->config.lowered) {
        *sum = op_add(g, a, b);
        return lower_layer_norm(g, *sum, scale, bias, eps);
    }
    int64_t rows = graph_count(g, a) / shape[ndim - 1];
    value y = value_new(g, real_type(g), ndim, shape), s = value_new(g, real_type(g), ndim, shape);
    value mean = value_new(g, real_type(g), 1, &rows), rstd = value_new(g, real_type(g), 1, &rows);
    node *n = node_add(g, OP_ADD_LAYER_NORM, 4, (value[]){a, b, scale, bias}, 4,
                       (value[]){y, s, mean, rstd});
    if (!n)
        return NO_VALUE;
    n->f[0] = eps;
    *sum = s;
    return y;
}

static bool attention_shapes(graph *g, int64_t B, int64_t Tq, int64_t Tk, int64_t C, int heads,
                             value mask)
{
    bool fits = heads > 0 && C % heads == 0;
    if (mask >= 0) {
        const int64_t *m = graph_shape(g, mask);
        fits = fits && graph_ndim(g, mask) == 3 && graph_dtype(g, mask) == PODIUM_I32 &&
               (m[0] == 1 || m[0] == B) && (m[1] == 1 || m[1] == Tq) && m[2] == Tk;
    }
    if (!fits)
        graph_fail(g, PODIUM_EINVAL, "ATTENTION: width %lld, %d heads, or the mask does not fit",
                   (long long)C, heads);
    return fits;
}

/* Records the fused node; q, k and v are one value when packed. */
static value attention_node(graph *g, value q, value k, value v, int heads, double scale,
                            value mask, bool causal, bool packed)
{
    const int64_t *s = graph_shape(g, q);
    int64_t B = s[0], T = s[1], C = packed ? s[2] / 3 : s[2];
    value out = value_new(g, real_type(g), 3, (int64_t[]){B, T, C});
    value lse = value_new(g, real_type(g), 3, (int64_t[]){B, heads, T});
    node *n = node_add(g, OP_ATTENTION, 4, (value[]){q, k, v, mask}, 2, (value[]){out, lse});
    if (!n)
        return NO_VALUE;
    n->i[0] = heads;
    n->i[1] = causal;
    n->i[2] = packed;
    n->f[0] = scale != 0 ? scale : 1 / sqrt((double)(C / heads));
    return out;
}

value op_attention(graph *g, value q, value k, value v, int heads, double scale, value mask,
                   bool causal)
{
    if (!values_ok(g, "ATTENTION", 3, (value[]){q, k, v}))
        return NO_VALUE;
    const int64_t *a = graph_shape(g, q), *b = graph_shape(g, k), *c = graph_shape(g, v);
    if (graph_ndim(g, q) != 3 || graph_ndim(g, k) != 3 || graph_ndim(g, v) != 3 || a[0] != b[0] ||
        a[2] != b[2] || memcmp(b, c, 3 * sizeof *b)) {
        graph_fail(g, PODIUM_EINVAL, "ATTENTION: q [B, Tq, C], k and v [B, Tk, C] do not agree");
        return NO_VALUE;
    }
    if (!attention_shapes(g, a[0], a[1], b[1], a[2], heads, mask))
        return NO_VALUE;
    if (g->config.lowered)
        return lower_attention(g, q, k, v, heads, scale, mask, causal);
    return attention_node(g, q, k, v, heads, scale, mask, causal, false);
}

value op_attention_packed(graph *g, value qkv, int heads, double scale, value mask, bool causal)
{
    if (!values_ok(g, "ATTENTION", 1, &qkv))
        return NO_VALUE;
    const int64_t *s = graph_shape(g, qkv);
    int64_t C = s[2] / 3;
    if (graph_ndim(g, qkv) != 3 || s[2] % 3) {
        graph_fail(g, PODIUM_EINVAL, "ATTENTION: a packed projection is [B, T, 3C]");
        return NO_VALUE;
    }
    if (!attention_shapes(g, s[0], s[1], s[1], C, heads, mask))
        return NO_VALUE;
    if (!g->config.lowered)
        return attention_node(g, qkv, qkv, qkv, heads, scale, mask, causal, true);
    value q = op_slice(g, qkv, 2, 0, C), k = op_slice(g, qkv, 2, C, C);
    return lower_attention(g, q, k, op_slice(g, qkv, 2, 2 * C, C), heads, scale, mask, causal);
}

value op_softmax(graph *g, value a)
{
    if (!values_ok(g, "SOFTMAX", 1, &a))
        return NO_VALUE;
    if (g->config.lowered)
        return lower_softmax(g, a);
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value out = value_new(g, real_type(g), graph_ndim(g, a), shape);
    return out >= 0 && node_add(g, OP_SOFTMAX, 1, &a, 1, &out) ? out : NO_VALUE;
}

value op_softmax_cross_entropy(graph *g, value logits, value labels, value weights,
                               value *per_example)
{
    if (per_example)
        *per_example = NO_VALUE;
    if (!values_ok(g, "CROSS_ENTROPY", 2, (value[]){logits, labels}))
        return NO_VALUE;
    int64_t N = graph_shape(g, logits)[0];
    bool index = graph_dtype(g, labels) == PODIUM_I32;
    bool fits = graph_ndim(g, logits) == 2 && (weights < 0 || vector_of(g, weights, N)) &&
                (index ? vector_of(g, labels, N)
                       : graph_ndim(g, labels) == 2 &&
                             !memcmp(graph_shape(g, labels), graph_shape(g, logits),
                                     2 * sizeof(int64_t)));
    if (!fits) {
        graph_fail(g, PODIUM_EINVAL,
                   "CROSS_ENTROPY: logits [N, V], labels [N] or [N, V] and "
                   "weights [N] do not agree");
        return NO_VALUE;
    }
    if (g->config.lowered)
        return lower_cross_entropy(g, logits, labels, weights, per_example);
    value out[3] = {value_new(g, real_type(g), 1, (int64_t[]){1}),
                    value_new(g, real_type(g), 1, &N), value_new(g, real_type(g), 1, &N)};
    if (!node_add(g, OP_CROSS_ENTROPY, 3, (value[]){logits, labels, weights}, 3, out))
        return NO_VALUE;
    if (per_example)
        *per_example = out[1];
    return out[0];
}

value op_dropout(graph *g, value a)
{
    if (!values_ok(g, "DROPOUT", 1, &a) || !g->config.training)
        return g->status ? NO_VALUE : a;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value out = value_new(g, real_type(g), graph_ndim(g, a), shape);
    node *n = out < 0 ? NULL : node_add(g, OP_DROPOUT, 1, &a, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = g->dropout_calls++;
    return out;
}
