/* The ops forward code records.  Every function returns a value of the graph, or NO_VALUE after an
 * error (sticky, graph.h).  Shapes in brackets; "real" is the backend's element type. Fused ops
 * record their primitives instead on a lowered graph (graph_config.lowered): that form is closed
 * under differentiation, and a second opinion on each fused kernel. */
#ifndef ENGINE_OPS_H
#define ENGINE_OPS_H

#include "engine/graph.h"

/* --- primitives -------------------------------------------------------------------------- */
/* Elementwise with NumPy broadcasting. */
value op_add(graph *g, value a, value b);
value op_sub(graph *g, value a, value b);
value op_mul(graph *g, value a, value b);
value op_div(graph *g, value a, value b);

typedef enum {
    UNARY_NEG,
    UNARY_EXP,
    UNARY_LOG,
    UNARY_SQRT,
    UNARY_RSQRT,
    UNARY_TANH,
    UNARY_SIGMOID,
    UNARY_ERF,
    UNARY_RELU,
    UNARY_STEP /* x > 0 */,
    UNARY_SQUARE,
    UNARY_ABS,
    UNARY_SIGN,
    UNARY_RECIPROCAL,
    UNARY_GELU_TANH,
    UNARY_GELU_ERF,
    UNARY_SILU,
    UNARY_COUNT,
} unary_kind;
value op_unary(graph *g, unary_kind kind, value a);
value op_affine(graph *g, value a, double scale, double shift); /* scale * a + shift */

/* Sums over the axes in `axes` (bit i = axis i), which stay as extents of 1 when keep. */
value op_reduce_sum(graph *g, value a, uint32_t axes, bool keep);
value op_reduce_mean(graph *g, value a, uint32_t axes, bool keep);
/* Maximum over the last axis, kept as 1; no gradient flows through it (softmax's shift). */
value op_reduce_max_last(graph *g, value a);
value op_broadcast(graph *g, value a, int ndim, const int64_t *shape);
value op_reshape(graph *g, value a, int ndim, const int64_t *shape); /* no copy */
value op_permute(graph *g, value a, const int *axes);                /* out axis i = in axes[i] */
value op_slice(graph *g, value a, int axis, int64_t start, int64_t length);
value op_pad(graph *g, value a, int axis, int64_t before, int64_t after); /* with zeros */
value op_concat(graph *g, value a, value b, int axis);
/* [..., m, k] x [..., k, n] -> [..., m, n]; equal leading extents, or none on either side (then it
 * is repeated).  ta / tb: the last two axes of a / b are stored transposed. */
value op_matmul(graph *g, value a, value b, bool ta, bool tb);
value op_gather_rows(graph *g, value table, value ids); /* [V, C], I32 [...] -> [..., C] */
value op_scatter_rows(graph *g, value rows, value ids, int64_t V); /* adjoint of the above */
value op_one_hot(graph *g, value ids, int64_t classes); /* I32 [...] -> real [..., classes] */
value op_cast_real(graph *g, value ids);                /* I32 -> real */
value op_stop_gradient(graph *g, value a);

/* --- fused ------------------------------------------------------------------------------- */
typedef enum { ACT_NONE, ACT_GELU_TANH, ACT_GELU_ERF, ACT_RELU, ACT_TANH, ACT_SILU } activation;

/* y = act(x W^T + bias).  x [..., K], w [N, K], bias [N] or NO_VALUE -> [..., N]. */
value op_linear(graph *g, value x, value w, value bias, activation act);
/* Over the last axis, biased variance, eps inside the root. scale, bias [C]. */
value op_layer_norm(graph *g, value x, value scale, value bias, double eps);
/* sum = a + b and its layer norm in one pass; *sum gets the sum (the residual stream). */
value op_add_layer_norm(graph *g, value a, value b, value scale, value bias, double eps,
                        value *sum);
/* Multi-head attention.  q [B, Tq, C], k and v [B, Tk, C], heads consecutive slices of C; scores
 * are multiplied by `scale` (0: 1/sqrt(C/heads)).  mask: I32 [B or 1, Tq or 1, Tk], 0 hides a key,
 * or NO_VALUE; a query with no key gets zeros.  causal hides keys after the query.  -> [B, Tq, C]
 */
value op_attention(graph *g, value q, value k, value v, int heads, double scale, value mask,
                   bool causal);
/* The same on a packed projection qkv [B, T, 3C] (columns q, k, v). */
value op_attention_packed(graph *g, value qkv, int heads, double scale, value mask, bool causal);
/* The general form. */
typedef struct attention_options {
    int heads;
    int key_heads; /* grouped queries: query head h reads key head h / (heads / key_heads); 0: heads
                    */
    double scale;  /* 0: 1 / sqrt(head width) */
    bool causal;
    value mask; /* or NO_VALUE */
    value bias; /* real [heads, Tq, Tk], added to the scaled scores; or NO_VALUE */
} attention_options;
/* q [B, Tq, heads D], k and v [B, Tk, key_heads D] -> [B, Tq, heads D].  k = v = NO_VALUE: q is a
 * packed projection [B, T, (heads + 2 key_heads) D]. */
value op_attention_general(graph *g, value q, value k, value v, const attention_options *o);
/* x / sqrt(mean(x^2) + eps) * scale over the last axis (Zhang & Sennrich 2019). scale [C]. */
value op_rms_norm(graph *g, value x, value scale, double eps);
/* Rotary positions (Su et al. 2021) in halves: in each of the first `heads` slices of D columns the
 * pair (i, i + D/2) turns by position * theta^(-2i/D); other columns pass.  a [B, T, C]; position
 * of token t is positions[b, t] (I32 [B, T]), or first + t without. */
value op_rope(graph *g, value a, int64_t head_width, int heads, double theta, value positions,
              int64_t first);
/* out[b, t] = ids[b, t - by], `fill` where there is none or a negative one.  I32 [B, T]; by may be
 * negative. */
value op_shift_ids(graph *g, value ids, int64_t by, int32_t fill);
/* An attention mask of packed sequences, I32 [B, Tq, Tk]: 1 where query and key are of one segment
 * and the key's id is not 0 (ids [B, Tk], or NO_VALUE). */
value op_segment_mask(graph *g, value query_segments, value key_segments, value key_ids);
/* --- mixture of experts (ops_experts.c) ---
 * The K largest of each row of a [L, E], largest first, the lower index among equals: ids I32 [L,
 * K]. *flat (may be NULL) gets the places in a, l E + id.  No gradient: the choice is discrete. */
value op_top_k(graph *g, value a, int64_t K, value *flat);
/* Assignments ids I32 [L, K] (element l K + j: choice j of token l) brought together by expert. */
typedef struct dispatch {
    value slots;   /* I32 [L K]: the assignment in each place; those of one expert are adjacent, in
                      the order of the tokens, dropped ones come last */
    value rows;    /* I32 [L K]: its token */
    value offsets; /* I32 [E + 1]: expert e has places offsets[e] .. offsets[e + 1] - 1 */
    value share;   /* [E]: its part of all assignments, before any drop; no gradient */
} dispatch;
/* An expert takes its first `capacity` assignments in the order of the tokens; < 0: all. */
dispatch op_dispatch(graph *g, value ids, int64_t experts, int64_t capacity);
/* y = act(x W_e^T + bias_e) for the rows of expert e.  x [A, K], w [E N, K] and bias [E N] (or
 * NO_VALUE) stack the experts' -> [A, N]; rows of no expert give zeros. */
value op_grouped_linear(graph *g, value x, value w, value bias, value offsets, activation act);
/* a + sigma N(0, 1) from the same kind of stream as dropout; the identity outside training. */
value op_normal_noise(graph *g, value a, double sigma);
/* Parametrised hypercomplex multiplication with low-rank weights (Zhang et al. 2021, Karimi
 * Mahabadi et al. 2021, eq. 5): y = x H, H = sum_i rule_i (x) (left_i right_i), Kronecker products
 * that are never formed.  x [..., n p], rule [n, n, n], left [n, p, r], right [n, r, q] -> [..., n
 * q]. */
value op_phm(graph *g, value x, value rule, value left, value right);
value op_softmax(graph *g, value a); /* last axis */
/* sum_n w_n a_n / sum_n w_n over a [N], with the denominator of the loss (graph_settings); weights
 * may be NO_VALUE. -> [1] */
value op_weighted_mean(graph *g, value a, value weights);
/* sum_n w_n ce_n / sum_n w_n, ce with label smoothing from graph_settings: targets
 * (1-e) y + e/V.  logits [N, V]; labels I32 [N] or real [N, V]; weights real [N] or NO_VALUE.
 * -> [1]; *per_example (may be NULL) gets the unweighted ce [N]. */
value op_softmax_cross_entropy(graph *g, value logits, value labels, value weights,
                               value *per_example);
/* Non-overlapping patches: images [N, Ch, H, W] -> [N, (H/p)(W/p), Ch p p], each patch in the
 * order (channel, y, x), patches row-major. */
value op_patches(graph *g, value images, int patch);
/* Zeroes each element with settings.dropout and scales the rest by 1/(1-rate).  Element i of call
 * number `n` of the graph uses Philox stream n of settings.seed: the same on every backend. */
value op_dropout(graph *g, value a);

#endif
