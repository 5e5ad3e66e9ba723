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

/* Columns of a head when everything fits together, else 0 with the error set.  A packed projection
 * comes as k = q. */
static int64_t attention_head_width(graph *g, value q, value k, const attention_options *o,
                                    bool packed)
{
    const int64_t *a = graph_shape(g, q), *b = graph_shape(g, k);
    int64_t H = o->heads, K = o->key_heads, slices = packed ? H + 2 * K : H, D = 0;
    bool fits = H > 0 && K > 0 && H % K == 0 && a[2] % slices == 0;
    if (fits)
        D = a[2] / slices;
    fits = fits && (packed || b[2] == K * D);
    if (o->mask >= 0) {
        const int64_t *m = graph_shape(g, o->mask);
        fits = fits && graph_ndim(g, o->mask) == 3 && graph_dtype(g, o->mask) == PODIUM_I32 &&
               (m[0] == 1 || m[0] == a[0]) && (m[1] == 1 || m[1] == a[1]) && m[2] == b[1];
    }
    if (o->bias >= 0) {
        const int64_t *s = graph_shape(g, o->bias);
        fits = fits && graph_ndim(g, o->bias) == 3 && graph_dtype(g, o->bias) == real_type(g) &&
               s[0] == H && s[1] == a[1] && s[2] == b[1];
    }
    if (fits)
        return D;
    graph_fail(g, PODIUM_EINVAL,
               "ATTENTION: width %lld, %d heads, %d key heads, the mask or the bias do not fit",
               (long long)a[2], o->heads, o->key_heads);
    return 0;
}

/* Records the fused node; q, k and v are one value when packed. */
static value attention_node(graph *g, value q, value k, value v, const attention_options *o,
                            int64_t D, bool packed)
{
    const int64_t *s = graph_shape(g, q);
    int64_t B = s[0], T = s[1];
    value out = value_new(g, real_type(g), 3, (int64_t[]){B, T, o->heads * D});
    value lse = value_new(g, real_type(g), 3, (int64_t[]){B, o->heads, T});
    node *n = node_add(g, OP_ATTENTION, 5, (value[]){q, k, v, o->mask, o->bias}, 2,
                       (value[]){out, lse});
    if (!n)
        return NO_VALUE;
    n->i[0] = o->heads;
    n->i[1] = o->causal;
    n->i[2] = packed;
    n->i[3] = o->key_heads;
    n->f[0] = o->scale;
    return out;
}

value op_attention_general(graph *g, value q, value k, value v, const attention_options *options)
{
    attention_options o = *options;
    bool packed = k == NO_VALUE && v == NO_VALUE;
    if (!values_ok(g, "ATTENTION", packed ? 1 : 3, (value[]){q, k, v}))
        return NO_VALUE;
    if (packed)
        k = v = q;
    const int64_t *a = graph_shape(g, q), *b = graph_shape(g, k), *c = graph_shape(g, v);
    if (graph_ndim(g, q) != 3 || graph_ndim(g, k) != 3 || graph_ndim(g, v) != 3 || a[0] != b[0] ||
        memcmp(b, c, 3 * sizeof *b)) {
        graph_fail(g, PODIUM_EINVAL,
                   "ATTENTION: q [B, Tq, C], k and v [B, Tk, C'], or one packed [B, T, C + 2C'], "
                   "do not agree");
        return NO_VALUE;
    }
    o.key_heads = o.key_heads ? o.key_heads : o.heads;
    int64_t D = attention_head_width(g, q, k, &o, packed);
    if (!D)
        return NO_VALUE;
    o.scale = o.scale != 0 ? o.scale : 1 / sqrt((double)D);
    if (!g->config.lowered)
        return attention_node(g, q, k, v, &o, D, packed);
    if (packed) {
        int64_t C = o.heads * D, K = o.key_heads * D;
        k = op_slice(g, q, 2, C, K);
        v = op_slice(g, q, 2, C + K, K);
        q = op_slice(g, q, 2, 0, C);
    }
    return lower_attention(g, q, k, v, &o);
}

value op_attention(graph *g, value q, value k, value v, int heads, double scale, value mask,
                   bool causal)
{
    attention_options o = {
        .heads = heads, .scale = scale, .mask = mask, .bias = NO_VALUE, .causal = causal};
    if (!values_ok(g, "ATTENTION", 3, (value[]){q, k, v}))
        return NO_VALUE;
    return op_attention_general(g, q, k, v, &o);
}

value op_attention_packed(graph *g, value qkv, int heads, double scale, value mask, bool causal)
{
    attention_options o = {
        .heads = heads, .scale = scale, .mask = mask, .bias = NO_VALUE, .causal = causal};
    return op_attention_general(g, qkv, NO_VALUE, NO_VALUE, &o);
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
