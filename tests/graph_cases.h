/* Small graphs that use every op, for the tests of gradients, Hessian products and mutations.  A
 * case declares its operands as parameters and returns a scalar loss. Odd sizes on purpose. */
#ifndef TESTS_GRAPH_CASES_H
#define TESTS_GRAPH_CASES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/backend.h"
#include "engine/graph_internal.h"
#include "engine/ops.h"
#include "engine/params.h"
#include "engine/philox.h"

#define SHAPE(...)                                                         \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) \
    {                                                                      \
        __VA_ARGS__                                                        \
    }

/* A trainable operand N(0, 1), named by the next number of this graph. */
static value operand(graph *g, int ndim, const int64_t *shape)
{
    char name[16];
    int used = 0;
    for (value v = 0; v < g->num_values; v++)
        used += g->values[v].param >= 0;
    snprintf(name, sizeof name, "x%d", used);
    param p = {.name = name, .kind = PODIUM_WEIGHT, .ndim = ndim, .init = {INIT_NORMAL, 1, 0, 0}};
    memcpy(p.shape, shape, (size_t)ndim * sizeof *shape);
    return graph_parameter(g, params_declare(g->config.params, &p));
}

static value random_constant(graph *g, uint64_t stream, int ndim, const int64_t *shape)
{
    double data[4096];
    int64_t n = 1;
    for (int d = 0; d < ndim; d++)
        n *= shape[d];
    if (n > 4096)
        return NO_VALUE;
    philox r = philox_make(99, stream);
    for (int64_t i = 0; i < n; i++)
        data[i] = philox_normal(&r, (uint64_t)i);
    return graph_constant(g, ndim, shape, data);
}

/* A scalar that depends on every element of a, with curvature (for Hessian products). */
static value to_loss(graph *g, value a)
{
    if (a < 0)
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = graph_ndim(g, a);
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value w = random_constant(g, 1, ndim, shape);
    value t = op_add(g, op_mul(g, a, w), op_affine(g, op_mul(g, a, a), 0.15, 0));
    return op_reduce_sum(g, t, (1u << ndim) - 1, false);
}

/* An I32 input; its contents come from fill_inputs: element i is (5 i + 1) mod modulus. */
static value ids(graph *g, const char *modulus, int ndim, const int64_t *shape)
{
    return graph_input(g, modulus, PODIUM_I32, ndim, shape);
}

static value case_add(graph *g)
{
    return to_loss(g, op_add(g, operand(g, SHAPE(3, 5)), operand(g, SHAPE(5))));
}
static value case_sub(graph *g)
{
    return to_loss(g, op_sub(g, operand(g, SHAPE(2, 1, 3)), operand(g, SHAPE(5, 1))));
}
static value case_mul(graph *g)
{
    value a = operand(g, SHAPE(3, 5));
    return to_loss(g, op_mul(g, op_mul(g, a, operand(g, SHAPE(3, 1))), a));
}
static value case_div(graph *g)
{
    value b = op_affine(g, op_unary(g, UNARY_SQUARE, operand(g, SHAPE(1, 5))), 1, 0.7);
    return to_loss(g, op_div(g, operand(g, SHAPE(3, 5)), b));
}
static value unary_of(graph *g, unary_kind k)
{
    value a = operand(g, SHAPE(17));
    if (k == UNARY_LOG || k == UNARY_SQRT || k == UNARY_RSQRT || k == UNARY_RECIPROCAL)
        a = op_affine(g, op_unary(g, UNARY_SQUARE, a), 1, 0.7);
    return to_loss(g, op_unary(g, k, a));
}
/* Version 14 never settles on a layout of this list. */
/* clang-format off */
#define UNARY_CASES(X)                                                                       \
    X(NEG)                                                                                   \
    X(EXP)                                                                                   \
    X(LOG) X(SQRT) X(RSQRT) X(TANH) X(SIGMOID) X(ERF) X(RELU) X(SQUARE) X(ABS) X(RECIPROCAL) \
        X(GELU_TANH) X(GELU_ERF) X(SILU)
/* clang-format on */
#define X(name)                              \
    static value case_unary_##name(graph *g) \
    {                                        \
        return unary_of(g, UNARY_##name);    \
    }
UNARY_CASES(X)
#undef X
/* a flat function beside a curved one: no gradient flows through it */
static value case_flat(graph *g)
{
    value a = operand(g, SHAPE(9));
    value flat = op_add(g, op_unary(g, UNARY_STEP, a), op_unary(g, UNARY_SIGN, a));
    return to_loss(g, op_add(g, op_mul(g, a, flat), op_stop_gradient(g, flat)));
}
static value case_affine(graph *g)
{
    return to_loss(g, op_affine(g, operand(g, SHAPE(7)), -2.5, 0.3));
}
static value case_reduce(graph *g)
{
    value a = operand(g, SHAPE(2, 3, 5));
    value m = op_reduce_mean(g, a, 2, false), s = op_reduce_sum(g, a, 5, true);
    return op_add(g, to_loss(g, m), to_loss(g, s));
}
static value case_broadcast(graph *g)
{
    return to_loss(g, op_broadcast(g, operand(g, SHAPE(3, 1)), SHAPE(2, 3, 5)));
}
static value case_permute(graph *g)
{
    return to_loss(g, op_permute(g, operand(g, SHAPE(2, 3, 5)), (int[]){2, 0, 1}));
}
static value case_reshape(graph *g)
{
    value a = operand(g, SHAPE(4, 6));
    value b = op_reshape(g, op_unary(g, UNARY_TANH, op_reshape(g, a, SHAPE(8, 3))), SHAPE(24));
    return op_add(g, to_loss(g, b), to_loss(g, a));
}
static value case_slice_pad(graph *g)
{
    value a = op_slice(g, operand(g, SHAPE(3, 7)), 1, 2, 4);
    return to_loss(g, op_pad(g, a, 0, 1, 2));
}
static value case_concat(graph *g)
{
    return to_loss(g, op_concat(g, operand(g, SHAPE(2, 3)), operand(g, SHAPE(2, 4)), 1));
}
static value case_matmul(graph *g)
{
    value a = operand(g, SHAPE(3, 5)), b = operand(g, SHAPE(5, 2)), c = operand(g, SHAPE(7, 3));
    value ab = op_matmul(g, a, b, false, false); /* [3, 2] */
    value t = op_matmul(g, ab, c, true, true);   /* [2, 7] */
    value u = op_matmul(g, a, c, true, true);    /* [5, 7] */
    return op_add(g, to_loss(g, t), to_loss(g, op_matmul(g, u, t, false, true)));
}
static value case_matmul_batched(graph *g)
{
    value a = operand(g, SHAPE(2, 3, 4)), b = operand(g, SHAPE(2, 4, 5)),
          w = operand(g, SHAPE(5, 3));
    value ab = op_matmul(g, a, b, false, false);        /* [2, 3, 5] */
    value r = op_matmul(g, ab, w, false, false);        /* [2, 3, 3] repeated w */
    value l = op_matmul(g, w, r, false, false);         /* [2, 5, 3] repeated on the left */
    return to_loss(g, op_matmul(g, l, w, true, false)); /* [2, 3, 3] */
}
static value case_rows(graph *g)
{
    value i = ids(g, "4", SHAPE(2, 3));
    value rows = op_gather_rows(g, operand(g, SHAPE(4, 3)), i);
    return to_loss(g, op_scatter_rows(g, op_unary(g, UNARY_TANH, rows), i, 5));
}
static value case_cast(graph *g)
{
    value i = ids(g, "3", SHAPE(2, 4));
    value hot = op_one_hot(g, i, 3), x = op_cast_real(g, i);
    value a = op_mul(g, operand(g, SHAPE(4, 3)), hot);
    return op_add(g, to_loss(g, a), to_loss(g, op_mul(g, operand(g, SHAPE(4)), x)));
}
static value linear_of(graph *g, activation act)
{
    value x = operand(g, SHAPE(2, 3, 5)), w = operand(g, SHAPE(4, 5));
    return to_loss(g, op_linear(g, x, w, operand(g, SHAPE(4)), act));
}
static value case_linear(graph *g)
{
    return linear_of(g, ACT_NONE);
}
static value case_linear_gelu(graph *g)
{
    return linear_of(g, ACT_GELU_TANH);
}
static value case_linear_gelu_erf(graph *g)
{
    return linear_of(g, ACT_GELU_ERF);
}
static value case_linear_relu(graph *g)
{
    return linear_of(g, ACT_RELU);
}
static value case_linear_tanh(graph *g)
{
    return linear_of(g, ACT_TANH);
}
static value case_linear_silu(graph *g)
{
    return linear_of(g, ACT_SILU);
}
/* the hidden activation has one reader, so its slope is fused into the second product's backward */
static value case_mlp(graph *g)
{
    value h = op_linear(g, operand(g, SHAPE(3, 5)), operand(g, SHAPE(7, 5)), operand(g, SHAPE(7)),
                        ACT_GELU_TANH);
    return to_loss(g, op_linear(g, h, operand(g, SHAPE(2, 7)), NO_VALUE, ACT_NONE));
}
/* two readers: it must not be fused */
static value case_mlp_gated(graph *g)
{
    value h = op_linear(g, operand(g, SHAPE(3, 5)), operand(g, SHAPE(7, 5)), operand(g, SHAPE(7)),
                        ACT_GELU_TANH);
    value gate = op_linear(g, h, operand(g, SHAPE(7, 7)), NO_VALUE, ACT_NONE);
    return to_loss(g, op_mul(g, h, gate));
}
static value case_layer_norm(graph *g)
{
    value x = operand(g, SHAPE(2, 3, 7));
    value y = op_layer_norm(g, x, operand(g, SHAPE(7)), operand(g, SHAPE(7)), 1e-6);
    return op_add(g, to_loss(g, y), to_loss(g, op_unary(g, UNARY_TANH, x)));
}
static value case_add_layer_norm(graph *g)
{
    value sum, a = operand(g, SHAPE(3, 7)), b = operand(g, SHAPE(3, 7));
    value y = op_add_layer_norm(g, op_unary(g, UNARY_TANH, a), b, operand(g, SHAPE(7)),
                                operand(g, SHAPE(7)), 1e-5, &sum);
    return op_add(g, to_loss(g, y), to_loss(g, sum));
}
static value case_attention(graph *g)
{
    value q = operand(g, SHAPE(2, 3, 6)), k = operand(g, SHAPE(2, 5, 6));
    return to_loss(g, op_attention(g, q, k, operand(g, SHAPE(2, 5, 6)), 2, 0, NO_VALUE, false));
}
/* mask 1 1 0 0 ... with rows that hide every key */
static value case_attention_masked(graph *g)
{
    value q = operand(g, SHAPE(2, 4, 6)), k = operand(g, SHAPE(2, 4, 6));
    value mask = ids(g, "2", SHAPE(2, 1, 4));
    return to_loss(g, op_attention(g, q, k, operand(g, SHAPE(2, 4, 6)), 3, 0.7, mask, true));
}
static value case_attention_packed(graph *g)
{
    return to_loss(g, op_attention_packed(g, operand(g, SHAPE(2, 5, 12)), 2, 0, NO_VALUE, false));
}
static value attention_general(graph *g, value q, value k, value v, int key_heads, value bias,
                               value mask)
{
    attention_options o = {
        .heads = 4, .key_heads = key_heads, .causal = true, .mask = mask, .bias = bias};
    return to_loss(g, op_attention_general(g, q, k, v, &o));
}
/* two query heads share a key head; a trained bias; a mask a query */
static value case_attention_grouped(graph *g)
{
    value q = operand(g, SHAPE(2, 3, 8)), k = operand(g, SHAPE(2, 5, 4));
    return attention_general(g, q, k, operand(g, SHAPE(2, 5, 4)), 2, operand(g, SHAPE(4, 3, 5)),
                             ids(g, "3", SHAPE(1, 3, 5)));
}
static value case_attention_packed_grouped(graph *g)
{
    return attention_general(g, operand(g, SHAPE(2, 5, 12)), NO_VALUE, NO_VALUE, 1, NO_VALUE,
                             NO_VALUE);
}
static value case_attention_packed_bias(graph *g)
{
    return attention_general(g, operand(g, SHAPE(2, 3, 24)), NO_VALUE, NO_VALUE, 0,
                             operand(g, SHAPE(4, 3, 3)), NO_VALUE);
}
static value case_segment_mask(graph *g)
{
    value q = operand(g, SHAPE(2, 5, 8)), k = operand(g, SHAPE(2, 5, 8));
    value segments = ids(g, "2", SHAPE(2, 5));
    value mask = op_segment_mask(g, segments, segments, ids(g, "4", SHAPE(2, 5)));
    return attention_general(g, q, k, operand(g, SHAPE(2, 5, 8)), 0, NO_VALUE, mask);
}
static value case_rms_norm(graph *g)
{
    value x = operand(g, SHAPE(2, 3, 7));
    value y = op_rms_norm(g, x, operand(g, SHAPE(7)), 1e-6);
    return op_add(g, to_loss(g, y), to_loss(g, op_unary(g, UNARY_TANH, x)));
}
/* heads that turn, columns that pass, given positions */
static value case_rope(graph *g)
{
    value a = op_rope(g, operand(g, SHAPE(2, 3, 10)), 4, 2, 100, NO_VALUE, 2);
    return to_loss(g,
                   op_rope(g, op_unary(g, UNARY_TANH, a), 6, 1, 10, ids(g, "9", SHAPE(2, 3)), 0));
}
/* a language model's loss: ids shifted, an embedding tied to the output, a position ignored */
static value case_shifted_loss(graph *g)
{
    value table = operand(g, SHAPE(5, 3)), i = ids(g, "5", SHAPE(2, 4));
    value x = op_gather_rows(g, table, op_shift_ids(g, i, 1, 0));
    value logits = op_linear(g, op_affine(g, x, sqrt(1.0 / 3), 0), table, NO_VALUE, ACT_NONE);
    value w = graph_constant(g, SHAPE(8), (double[]){1, 1, 0, 1, 1, 0.5, 1, 0});
    value labels = op_reshape(g, op_shift_ids(g, i, -1, -100), SHAPE(8));
    return op_softmax_cross_entropy(g, op_reshape(g, logits, SHAPE(8, 5)), labels, w, NULL);
}
static value case_softmax(graph *g)
{
    return to_loss(g, op_softmax(g, operand(g, SHAPE(3, 5))));
}
static value case_cross_entropy(graph *g)
{
    value each, l = op_softmax_cross_entropy(g, operand(g, SHAPE(4, 5)), ids(g, "5", SHAPE(4)),
                                             NO_VALUE, &each);
    graph_keep(g, each);
    return l;
}
static value case_cross_entropy_weights(graph *g)
{
    value w = graph_constant(g, SHAPE(4), (double[]){1, 0, 2.5, 0.5});
    return op_softmax_cross_entropy(g, operand(g, SHAPE(4, 5)), ids(g, "5", SHAPE(4)), w, NULL);
}
static value case_cross_entropy_dense(graph *g)
{
    value y = graph_constant(g, SHAPE(2, 3), (double[]){0.2, 0.7, 0.1, 0.6, 0.6, 0});
    return op_softmax_cross_entropy(g, operand(g, SHAPE(2, 3)), y, NO_VALUE, NULL);
}
/* Two products by expert behind a choice of 2 of 3, as a mixture of experts has them. */
static value experts_of(graph *g, int64_t capacity, activation last)
{
    value x = operand(g, SHAPE(7, 5)), flat;
    value p = op_softmax(g, op_normal_noise(g, operand(g, SHAPE(7, 3)), 0.3));
    dispatch d = op_dispatch(g, op_top_k(g, p, 2, &flat), 3, capacity);
    value h = op_grouped_linear(g, op_gather_rows(g, x, d.rows), operand(g, SHAPE(12, 5)),
                                operand(g, SHAPE(12)), d.offsets, ACT_GELU_TANH);
    value y = op_grouped_linear(g, h, operand(g, SHAPE(6, 4)), operand(g, SHAPE(6)), d.offsets,
                                last);
    value gates = op_gather_rows(g, op_reshape(g, p, SHAPE(21, 1)), op_reshape(g, flat, SHAPE(14)));
    y = op_mul(g, y, op_gather_rows(g, gates, d.slots));
    value balance = op_reduce_sum(g, op_mul(g, op_reduce_mean(g, p, 1, false), d.share), 1, false);
    return op_add(g, to_loss(g, op_scatter_rows(g, y, d.rows, 7)), balance);
}
static value case_experts(graph *g)
{
    return experts_of(g, -1, ACT_NONE);
}
static value case_experts_capacity(graph *g)
{
    return experts_of(g, 3, ACT_GELU_TANH);
}
/* the bias reaches the rows of experts only, and nothing else makes the products' gradient */
static value case_grouped_linear(graph *g)
{
    dispatch d = op_dispatch(g, ids(g, "3", SHAPE(8, 1)), 3, 2);
    return to_loss(g, op_grouped_linear(g, operand(g, SHAPE(8, 5)), operand(g, SHAPE(12, 5)),
                                        operand(g, SHAPE(12)), d.offsets, ACT_SILU));
}
static value case_weighted_mean(graph *g)
{
    value w = graph_constant(g, SHAPE(4), (double[]){1, 0, 2.5, 0.5});
    value a = op_unary(g, UNARY_TANH, operand(g, SHAPE(4)));
    return op_add(g, op_weighted_mean(g, a, w), op_weighted_mean(g, a, NO_VALUE));
}
static value case_patches(graph *g)
{
    return to_loss(g, op_patches(g, operand(g, SHAPE(2, 3, 4, 6)), 2));
}
static value case_dropout(graph *g)
{
    value a = op_dropout(g, op_unary(g, UNARY_TANH, operand(g, SHAPE(5, 9))));
    return to_loss(g, op_dropout(g, a));
}
/* three matrices as one, and one of them again by itself */
static value span_of(graph *g, bool again)
{
    value first = operand(g, SHAPE(2, 16));
    operand(g, SHAPE(1, 16));
    value third = operand(g, SHAPE(3, 16));
    int32_t i = value_at(g, first)->param;
    value l = to_loss(g, op_unary(g, UNARY_TANH, graph_parameter_span(g, i, i + 2)));
    return again ? op_add(g, l, to_loss(g, third)) : l;
}
static value case_span(graph *g)
{
    return span_of(g, false);
}
static value case_span_again(graph *g)
{
    return span_of(g, true);
}
/* one value is the gradient of two parameters, and one parameter is not reached */
static value case_shared_gradient(graph *g)
{
    value a = operand(g, SHAPE(5)), b = operand(g, SHAPE(5));
    operand(g, SHAPE(3));
    return to_loss(g, op_add(g, a, b));
}

/* [2, 3, 8] through n = 2 (halves of 4 columns) to 6 columns */
static value phm_of(graph *g, int64_t rank)
{
    value x = operand(g, SHAPE(2, 3, 8)), rule = operand(g, SHAPE(2, 2, 2));
    value left = operand(g, SHAPE(2, 4, rank)), right = operand(g, SHAPE(2, rank, 3));
    return to_loss(g, op_affine(g, op_phm(g, x, rule, left, right), 0.2, 0));
}
static value case_phm(graph *g)
{
    return phm_of(g, 1);
}
static value case_phm_rank(graph *g)
{
    return phm_of(g, 3);
}
/* only the rule and one factor are trained */
static value case_phm_frozen(graph *g)
{
    value x = random_constant(g, 2, SHAPE(5, 6)), left = random_constant(g, 3, SHAPE(3, 2, 1));
    return to_loss(g, op_phm(g, x, operand(g, SHAPE(3, 3, 3)), left, operand(g, SHAPE(3, 1, 2))));
}

/* a frozen matrix under a trained bias */
static value case_linear_bias_alone(graph *g)
{
    value x = random_constant(g, 4, SHAPE(4, 5)), w = random_constant(g, 5, SHAPE(3, 5));
    return to_loss(g, op_linear(g, x, w, operand(g, SHAPE(3)), ACT_GELU_ERF));
}
static value case_constant_ids(graph *g)
{
    static const int32_t ids[6] = {2, 0, 2, 4, 1, 2};
    value table = operand(g, SHAPE(5, 3));
    return to_loss(g, op_gather_rows(g, table, graph_constant_ids(g, SHAPE(2, 3), ids)));
}

typedef struct graph_case {
    const char *name;
    value (*build)(graph *g);
} graph_case;

static const graph_case graph_cases[] = {
#define C(n) {#n, case_##n},
#define X(n) {"unary " #n, case_unary_##n},
    C(add) C(sub) C(mul) C(div) UNARY_CASES(X) C(flat) C(affine) C(reduce) C(broadcast) C(permute)
        C(reshape) C(slice_pad) C(concat) C(matmul) C(matmul_batched) C(rows) C(cast) C(linear)
            C(linear_gelu) C(linear_gelu_erf) C(linear_relu) C(linear_tanh) C(linear_silu) C(mlp)
                C(mlp_gated) C(layer_norm) C(add_layer_norm) C(attention) C(attention_masked)
                    C(attention_packed) C(attention_grouped) C(attention_packed_grouped)
                        C(attention_packed_bias) C(segment_mask) C(rms_norm) C(rope) C(shifted_loss)
                            C(softmax) C(cross_entropy) C(cross_entropy_weights)
                                C(cross_entropy_dense) C(experts) C(experts_capacity)
                                    C(grouped_linear) C(weighted_mean) C(patches) C(dropout) C(span)
                                        C(phm) C(phm_rank) C(phm_frozen) C(linear_bias_alone)
                                            C(constant_ids) C(span_again) C(shared_gradient)
#undef X
#undef C
};
#define NUM_GRAPH_CASES (sizeof graph_cases / sizeof graph_cases[0])

static const graph_settings case_settings = {.seed = 7, .dropout = 0.25, .label_smoothing = 0.1};

/* A case that is built, planned, bound and ready to run in double. */
typedef struct case_run {
    params *p;
    graph *g;
    value loss;
    int64_t n;
    double *x, *grad, *v, *hv;
} case_run;

static void fill_inputs(graph *g)
{
    int32_t data[256];
    for (value v = 0; v < g->num_values; v++) {
        const value_info *i = &g->values[v];
        if (!i->is_input || i->dtype != PODIUM_I32)
            continue;
        for (int64_t k = 0; k < i->count; k++)
            data[k] = (int32_t)((5 * k + 1) % atol(i->name));
        graph_set_input(g, v, data);
    }
}

/* 0, or a status with the message set. hessian needs lowered. */
static int32_t case_open(case_run *r, const graph_case *c, backend *b, bool lowered, bool hessian)
{
    *r = (case_run){0};
    TRY(params_create(&r->p));
    TRY(graph_create(
        &r->g,
        &(graph_config){.backend = b, .params = r->p, .training = true, .lowered = lowered}));
    r->loss = c->build(r->g);
    graph_keep(r->g, r->loss);
    TRY(graph_backward(r->g, r->loss));
    if (hessian)
        TRY(graph_hessian_vector(r->g, r->loss));
    TRY(graph_plan(r->g));
    r->n = params_vector_length(r->p);
    r->x = calloc((size_t)r->n, sizeof(double));
    r->grad = calloc((size_t)r->n, sizeof(double));
    r->v = calloc((size_t)r->n, sizeof(double));
    r->hv = calloc((size_t)r->n, sizeof(double));
    TRY(params_initialise(r->p, 3, PODIUM_F64, r->x, NULL));
    graph_bind(r->g, r->x, NULL, r->grad);
    graph_bind_hessian(r->g, r->v, r->hv);
    fill_inputs(r->g);
    return PODIUM_OK;
}

static void case_close(case_run *r)
{
    graph_destroy(r->g);
    params_destroy(r->p);
    free(r->x);
    free(r->grad);
    free(r->v);
    free(r->hv);
}

static inline double case_loss(case_run *r)
{
    double loss = NAN;
    if (graph_run(r->g, GRAPH_FORWARD, &case_settings) < 0 ||
        graph_read(r->g, r->loss, &loss, 1) < 0)
        return NAN;
    return loss;
}

/* Central differences of the loss by every parameter. */
static inline void case_differences(case_run *r, double *out)
{
    const double h = 1e-5;
    for (int64_t i = 0; i < r->n; i++) {
        double x = r->x[i];
        r->x[i] = x + h;
        double up = case_loss(r);
        r->x[i] = x - h;
        out[i] = (up - case_loss(r)) / (2 * h);
        r->x[i] = x;
    }
}

/* max |a - b| / max(max |b|, 1e-3); NaN counts as infinite. */
static inline double worst_error(const double *a, const double *b, int64_t n)
{
    double error = 0, size = 1e-3;
    for (int64_t i = 0; i < n; i++) {
        double e = fabs(a[i] - b[i]);
        if (!(e < INFINITY))
            return INFINITY;
        error = e > error ? e : error;
        size = fabs(b[i]) > size ? fabs(b[i]) : size;
    }
    return error / size;
}

#endif
