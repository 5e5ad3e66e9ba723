/* Fused ops as compositions of primitives, closed under differentiation. */
#include "engine/graph_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t last_axis(const graph *g, value a)
{
    return 1u << (graph_ndim(g, a) - 1);
}

value lower_unary(graph *g, unary_kind kind, value a)
{
    if (kind == UNARY_SILU)
        return op_mul(g, a, op_unary(g, UNARY_SIGMOID, a));
    value inner;
    if (kind == UNARY_GELU_TANH) {
        value cube = op_mul(g, op_unary(g, UNARY_SQUARE, a), a);
        value sum = op_add(g, a, op_affine(g, cube, 0.044715, 0));
        inner = op_unary(g, UNARY_TANH, op_affine(g, sum, sqrt(2 / 3.14159265358979323846), 0));
    } else {
        inner = op_unary(g, UNARY_ERF, op_affine(g, a, sqrt(0.5), 0));
    }
    return op_mul(g, op_affine(g, a, 0.5, 0), op_affine(g, inner, 1, 1));
}

value lower_linear(graph *g, value x, value w, value bias, activation act)
{
    value y = op_matmul(g, x, w, false, true);
    if (bias >= 0)
        y = op_add(g, y, bias);
    return act == ACT_NONE ? y : op_unary(g, activation_unary(act), y);
}

value lower_layer_norm(graph *g, value x, value scale, value bias, double eps)
{
    if (x < 0)
        return NO_VALUE;
    uint32_t axis = last_axis(g, x);
    value centred = op_sub(g, x, op_reduce_mean(g, x, axis, true));
    value variance = op_reduce_mean(g, op_unary(g, UNARY_SQUARE, centred), axis, true);
    value rstd = op_unary(g, UNARY_RSQRT, op_affine(g, variance, 1, eps));
    return op_add(g, op_mul(g, op_mul(g, centred, rstd), scale), bias);
}

value lower_softmax(graph *g, value a)
{
    value e = op_unary(g, UNARY_EXP, op_sub(g, a, op_reduce_max_last(g, a)));
    if (e < 0)
        return NO_VALUE;
    return op_div(g, e, op_reduce_sum(g, e, last_axis(g, e), true));
}

/* [B, T, C] -> [B, H, T, C / H] */
static value split_heads(graph *g, value a, int heads)
{
    int64_t B = graph_shape(g, a)[0], T = graph_shape(g, a)[1], C = graph_shape(g, a)[2];
    value four = op_reshape(g, a, 4, (int64_t[]){B, T, heads, C / heads});
    return op_permute(g, four, (int[]){0, 2, 1, 3});
}

/* Product of the given mask and the causal one as reals over [B|1, 1, Tq|1, Tk]; NO_VALUE: none. */
static value allowed_keys(graph *g, int64_t Tq, int64_t Tk, value mask, bool causal)
{
    value all = NO_VALUE;
    if (mask >= 0) {
        const int64_t *m = graph_shape(g, mask);
        int64_t shape[4] = {m[0], 1, m[1], m[2]};
        /* any non-zero entry allows the key */
        value real = op_unary(g, UNARY_ABS, op_unary(g, UNARY_SIGN, op_cast_real(g, mask)));
        all = op_reshape(g, real, 4, shape);
    }
    if (!causal)
        return all;
    double *data = malloc((size_t)(Tq * Tk) * sizeof *data);
    if (!data) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for a causal mask");
        return NO_VALUE;
    }
    for (int64_t q = 0; q < Tq; q++)
        for (int64_t k = 0; k < Tk; k++)
            data[q * Tk + k] = k <= q;
    value lower = graph_constant(g, 4, (int64_t[]){1, 1, Tq, Tk}, data);
    free(data);
    return all >= 0 ? op_mul(g, all, lower) : lower;
}

/* Softmax over the allowed keys; a row without any is zero. */
static value masked_softmax(graph *g, value scores, value allowed)
{
    value hidden = op_affine(g, allowed, 1e30, -1e30);
    value shifted = op_add(g, op_mul(g, scores, allowed), hidden);
    value e = op_unary(g, UNARY_EXP, op_sub(g, shifted, op_reduce_max_last(g, shifted)));
    e = op_mul(g, e, allowed);
    if (e < 0)
        return NO_VALUE;
    value sum = op_reduce_sum(g, e, last_axis(g, e), true);
    value none = op_affine(g, op_unary(g, UNARY_STEP, sum), -1, 1);
    return op_div(g, e, op_add(g, sum, none));
}

/* Key heads [B, K, T, D] repeated for the query heads of their group, [B, H, T, D]. */
static value repeat_heads(graph *g, value a, int heads)
{
    if (a < 0)
        return NO_VALUE;
    const int64_t *s = graph_shape(g, a);
    int64_t B = s[0], K = s[1], T = s[2], D = s[3];
    if (K == heads)
        return a;
    value five = op_reshape(g, a, 5, (int64_t[]){B, K, 1, T, D});
    five = op_broadcast(g, five, 5, (int64_t[]){B, K, heads / K, T, D});
    return op_reshape(g, five, 4, (int64_t[]){B, heads, T, D});
}

value lower_attention(graph *g, value q, value k, value v, const attention_options *o)
{
    if (q < 0 || k < 0 || v < 0)
        return NO_VALUE;
    int64_t B = graph_shape(g, q)[0], Tq = graph_shape(g, q)[1], C = graph_shape(g, q)[2];
    int64_t Tk = graph_shape(g, k)[1];
    value keys = repeat_heads(g, split_heads(g, k, o->key_heads), o->heads);
    value values = repeat_heads(g, split_heads(g, v, o->key_heads), o->heads);
    value scores = op_matmul(g, split_heads(g, q, o->heads), keys, false, true);
    scores = op_affine(g, scores, o->scale, 0);
    if (o->bias >= 0)
        scores = op_add(g, scores, op_reshape(g, o->bias, 4, (int64_t[]){1, o->heads, Tq, Tk}));
    value allowed = allowed_keys(g, Tq, Tk, o->mask, o->causal);
    value p = allowed >= 0 ? masked_softmax(g, scores, allowed) : lower_softmax(g, scores);
    value out = op_matmul(g, p, values, false, false);
    if (out < 0)
        return NO_VALUE;
    out = op_permute(g, out, (int[]){0, 2, 1, 3});
    return op_reshape(g, out, 3, (int64_t[]){B, Tq, C});
}

value lower_rms_norm(graph *g, value x, value scale, double eps)
{
    if (x < 0)
        return NO_VALUE;
    value square = op_reduce_mean(g, op_unary(g, UNARY_SQUARE, x), last_axis(g, x), true);
    value rstd = op_unary(g, UNARY_RSQRT, op_affine(g, square, 1, eps));
    return op_mul(g, op_mul(g, x, rstd), scale);
}

value lower_cross_entropy(graph *g, value logits, value labels, value weights, value *per_example)
{
    int64_t N = graph_shape(g, logits)[0], V = graph_shape(g, logits)[1];
    value y = graph_dtype(g, labels) == PODIUM_I32 ? op_one_hot(g, labels, V) : labels;
    value smooth = value_new(g, real_type(g), 2, (int64_t[]){N, V});
    if (smooth < 0 || !node_add(g, OP_SMOOTH_LABELS, 1, &y, 1, &smooth))
        return NO_VALUE;
    value shifted = op_sub(g, logits, op_reduce_max_last(g, logits));
    value total = op_reduce_sum(g, op_unary(g, UNARY_EXP, shifted), 2, true);
    value log_p = op_sub(g, shifted, op_unary(g, UNARY_LOG, total));
    value ce = op_affine(g, op_reduce_sum(g, op_mul(g, smooth, log_p), 2, false), -1, 0);
    if (per_example)
        *per_example = ce;
    return op_weighted_mean(g, ce, weights);
}
