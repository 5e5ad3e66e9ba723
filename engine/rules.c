/* Backward rules of primitives. On a lowered graph every rule records primitives only. */
#include "engine/graph_internal.h"

#include <math.h>
#include <string.h>

static bool wants(const graph *g, value v)
{
    return v >= 0 && value_at(g, v)->needs_gradient;
}

static void rule_add(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    if (wants(g, n->in[0]))
        sweep_add(g, s, n->in[0], sum_to_shape(g, d, n->in[0]));
    if (wants(g, n->in[1]))
        sweep_add(g, s, n->in[1], sum_to_shape(g, d, n->in[1]));
}

static void rule_sub(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    if (wants(g, n->in[0]))
        sweep_add(g, s, n->in[0], sum_to_shape(g, d, n->in[0]));
    if (wants(g, n->in[1]))
        sweep_add(g, s, n->in[1], op_affine(g, sum_to_shape(g, d, n->in[1]), -1, 0));
}

static void rule_mul(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]), a = n->in[0], b = n->in[1];
    if (wants(g, a))
        sweep_add(g, s, a, sum_to_shape(g, op_mul(g, d, b), a));
    if (wants(g, b))
        sweep_add(g, s, b, sum_to_shape(g, op_mul(g, d, a), b));
}

static void rule_div(graph *g, sweep *s, const node *n)
{
    value a = n->in[0], b = n->in[1], q = op_div(g, sweep_gradient(s, n->out[0]), b);
    if (wants(g, a))
        sweep_add(g, s, a, sum_to_shape(g, q, a));
    if (wants(g, b))
        sweep_add(g, s, b, op_affine(g, sum_to_shape(g, op_mul(g, q, n->out[0]), b), -1, 0));
}

/* f'(a) times d by primitives. */
static value unary_slope(graph *g, unary_kind kind, value d, value a, value out)
{
    switch (kind) {
    case UNARY_NEG:
        return op_affine(g, d, -1, 0);
    case UNARY_EXP:
        return op_mul(g, d, out);
    case UNARY_LOG:
        return op_div(g, d, a);
    case UNARY_SQRT:
        return op_div(g, op_affine(g, d, 0.5, 0), out);
    case UNARY_RSQRT:
        return op_mul(g, d, op_affine(g, op_mul(g, op_unary(g, UNARY_SQUARE, out), out), -0.5, 0));
    case UNARY_TANH:
        return op_mul(g, d, op_affine(g, op_unary(g, UNARY_SQUARE, out), -1, 1));
    case UNARY_SIGMOID:
        return op_mul(g, d, op_mul(g, out, op_affine(g, out, -1, 1)));
    case UNARY_ERF: {
        value bell = op_unary(g, UNARY_EXP, op_affine(g, op_unary(g, UNARY_SQUARE, a), -1, 0));
        return op_mul(g, d, op_affine(g, bell, 2 / sqrt(3.14159265358979323846), 0));
    }
    case UNARY_RELU:
        return op_mul(g, d, op_unary(g, UNARY_STEP, a));
    case UNARY_SQUARE:
        return op_mul(g, d, op_affine(g, a, 2, 0));
    case UNARY_ABS:
        return op_mul(g, d, op_unary(g, UNARY_SIGN, a));
    case UNARY_RECIPROCAL:
        return op_mul(g, d, op_affine(g, op_unary(g, UNARY_SQUARE, out), -1, 0));
    default: /* STEP, SIGN: flat; GELU and SILU are never recorded on a lowered graph */
        return NO_VALUE;
    }
}

static void rule_unary(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]), a = n->in[0];
    if (g->config.lowered) {
        sweep_add(g, s, a, unary_slope(g, (unary_kind)n->i[0], d, a, n->out[0]));
        return;
    }
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value da = value_new(g, real_type(g), graph_ndim(g, a), shape);
    node *m = da < 0 ? NULL : node_add(g, OP_UNARY_BACKWARD, 2, (value[]){d, a}, 1, &da);
    if (!m)
        return;
    m->i[0] = n->i[0];
    sweep_add(g, s, a, da);
}

static void rule_affine(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    sweep_add(g, s, n->in[0], n->f[0] == 1 ? d : op_affine(g, d, n->f[0], 0));
}

static void rule_reduce_sum(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, n->in[0]), sizeof shape);
    if (n->f[0] != 1)
        d = op_affine(g, d, n->f[0], 0);
    sweep_add(g, s, n->in[0], op_broadcast(g, d, graph_ndim(g, n->in[0]), shape));
}

static void rule_broadcast(graph *g, sweep *s, const node *n)
{
    sweep_add(g, s, n->in[0], sum_to_shape(g, sweep_gradient(s, n->out[0]), n->in[0]));
}

static void rule_copy(graph *g, sweep *s, const node *n)
{
    sweep_add(g, s, n->in[0], reshape_as(g, sweep_gradient(s, n->out[0]), n->in[0]));
}

static void rule_permute(graph *g, sweep *s, const node *n)
{
    int inverse[TENSOR_MAX_DIMS] = {0};
    for (int d = 0; d < graph_ndim(g, n->in[0]); d++)
        inverse[n->i[d]] = d;
    sweep_add(g, s, n->in[0], op_permute(g, sweep_gradient(s, n->out[0]), inverse));
}

static void rule_slice(graph *g, sweep *s, const node *n)
{
    int axis = (int)n->i[0];
    int64_t whole = graph_shape(g, n->in[0])[axis], part = graph_shape(g, n->out[0])[axis];
    value d = sweep_gradient(s, n->out[0]);
    sweep_add(g, s, n->in[0], op_pad(g, d, axis, n->i[1], whole - part - n->i[1]));
}

static void rule_pad(graph *g, sweep *s, const node *n)
{
    int axis = (int)n->i[0];
    value d = sweep_gradient(s, n->out[0]);
    sweep_add(g, s, n->in[0], op_slice(g, d, axis, n->i[1], graph_shape(g, n->in[0])[axis]));
}

static void rule_concat(graph *g, sweep *s, const node *n)
{
    int axis = (int)n->i[0];
    value d = sweep_gradient(s, n->out[0]);
    int64_t first = graph_shape(g, n->in[0])[axis], second = graph_shape(g, n->in[1])[axis];
    if (wants(g, n->in[0]))
        sweep_add(g, s, n->in[0], op_slice(g, d, axis, 0, first));
    if (wants(g, n->in[1]))
        sweep_add(g, s, n->in[1], op_slice(g, d, axis, first, second));
}

/* Sums a gradient over the leading extents that its operand was repeated along. */
static value unrepeat(graph *g, value d, value like)
{
    int extra = graph_ndim(g, d) - graph_ndim(g, like);
    if (extra <= 0)
        return d;
    return reshape_as(g, op_reduce_sum(g, d, (1u << extra) - 1, true), like);
}

static void rule_matmul(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]), a = n->in[0], b = n->in[1];
    bool ta = n->i[0], tb = n->i[1];
    if (wants(g, a)) {
        value da = ta ? op_matmul(g, b, d, tb, true) : op_matmul(g, d, b, false, !tb);
        sweep_add(g, s, a, unrepeat(g, da, a));
    }
    if (wants(g, b)) {
        value db = tb ? op_matmul(g, d, a, true, ta) : op_matmul(g, a, d, !ta, false);
        sweep_add(g, s, b, unrepeat(g, db, b));
    }
}

static void rule_gather(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    sweep_add(g, s, n->in[0], op_scatter_rows(g, d, n->in[1], graph_shape(g, n->in[0])[0]));
}

static void rule_scatter(graph *g, sweep *s, const node *n)
{
    value rows = op_gather_rows(g, sweep_gradient(s, n->out[0]), n->in[1]);
    sweep_add(g, s, n->in[0], rows < 0 ? rows : reshape_as(g, rows, n->in[0]));
}

/* Linear maps whose adjoint is another kind on the same attributes. */
static void adjoint(graph *g, sweep *s, const node *n, int32_t kind)
{
    value d = sweep_gradient(s, n->out[0]);
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, n->in[0]), sizeof shape);
    value da = value_new(g, real_type(g), graph_ndim(g, n->in[0]), shape);
    node *m = da < 0 ? NULL : node_add(g, kind, 1, &d, 1, &da);
    if (!m)
        return;
    m->i[0] = n->i[0];
    sweep_add(g, s, n->in[0], da);
}

static void rule_patches(graph *g, sweep *s, const node *n)
{
    adjoint(g, s, n, OP_PATCHES_BACKWARD);
}

static void rule_patches_backward(graph *g, sweep *s, const node *n)
{
    adjoint(g, s, n, OP_PATCHES);
}

static void rule_dropout(graph *g, sweep *s, const node *n)
{
    adjoint(g, s, n, OP_DROPOUT);
}

static void rule_normalise(graph *g, sweep *s, const node *n)
{
    value ce = n->in[0], d = sweep_gradient(s, n->out[0]);
    value dce = value_new(g, real_type(g), 1, graph_shape(g, ce));
    if (dce >= 0 && node_add(g, OP_NORMALISE_LOSS_BACKWARD, 3, (value[]){d, n->in[1], ce}, 1, &dce))
        sweep_add(g, s, ce, dce);
}

/* dce = dloss w / D is linear in dloss, with NORMALISE_LOSS as its adjoint. */
static void rule_normalise_backward(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]);
    value dd = value_new(g, real_type(g), 1, (int64_t[]){1});
    if (dd >= 0 && node_add(g, OP_NORMALISE_LOSS, 2, (value[]){d, n->in[1]}, 1, &dd))
        sweep_add(g, s, n->in[0], dd);
}

backward_rule rule_of(int32_t kind)
{
    static const backward_rule rules[OP_COUNT] = {
        [OP_ADD] = rule_add,
        [OP_SUB] = rule_sub,
        [OP_MUL] = rule_mul,
        [OP_DIV] = rule_div,
        [OP_UNARY] = rule_unary,
        [OP_AFFINE] = rule_affine,
        [OP_REDUCE_SUM] = rule_reduce_sum,
        [OP_BROADCAST] = rule_broadcast,
        [OP_COPY] = rule_copy,
        [OP_PERMUTE] = rule_permute,
        [OP_SLICE] = rule_slice,
        [OP_PAD] = rule_pad,
        [OP_CONCAT] = rule_concat,
        [OP_MATMUL] = rule_matmul,
        [OP_GATHER_ROWS] = rule_gather,
        [OP_SCATTER_ROWS] = rule_scatter,
        [OP_PATCHES] = rule_patches,
        [OP_PATCHES_BACKWARD] = rule_patches_backward,
        [OP_DROPOUT] = rule_dropout,
        [OP_NORMALISE_LOSS] = rule_normalise,
        [OP_NORMALISE_LOSS_BACKWARD] = rule_normalise_backward,
    };
    return rules[kind] ? rules[kind] : rule_of_fused(kind);
}
