/* Backward rules of products by expert.  The routing itself is discrete: no gradient, and on a
 * lowered graph no curvature, flows through it. */
#include "engine/graph_internal.h"

#include <string.h>

static bool wants(const graph *g, value v)
{
    return v >= 0 && value_at(g, v)->needs_gradient;
}

static value new_like(graph *g, value v)
{
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, v), sizeof shape);
    return value_new(g, real_type(g), graph_ndim(g, v), shape);
}

/* One of the three products, shaped like `like`, with an absent third operand where it has four. */
static value product_of(graph *g, int32_t kind, value a, value b, value offsets, value like)
{
    value out = new_like(g, like);
    value four[4] = {a, b, NO_VALUE, offsets}, three[3] = {a, b, offsets};
    bool dw = kind == OP_GROUPED_LINEAR_DW;
    if (out < 0 || !node_add(g, kind, dw ? 3 : 4, dw ? three : four, 1, &out))
        return NO_VALUE;
    return out;
}

/* dx = dz w; when x is an activation that only this product reads, times its slope. */
static void grouped_dx(graph *g, sweep *s, const node *n, value dz)
{
    value x = n->in[0], source = sweep_sole_source(g, s, x), pre = NO_VALUE;
    int64_t act = ACT_NONE;
    const node *m = source >= 0 ? &g->nodes[value_at(g, source)->node] : NULL;
    if (m && m->kind == OP_GROUPED_LINEAR && m->i[0] != ACT_NONE && m->out[0] == source) {
        pre = m->out[1];
        act = m->i[0];
    }
    value dx = new_like(g, pre >= 0 ? pre : x);
    value in[4] = {dz, n->in[1], pre, n->in[3]};
    node *d = dx < 0 ? NULL : node_add(g, OP_GROUPED_LINEAR_DX, 4, in, 1, &dx);
    if (!d)
        return;
    d->i[0] = act;
    sweep_add(g, s, pre >= 0 ? pre : x, dx);
}

static value activation_slope(graph *g, activation act, value dy, value pre)
{
    value dz = new_like(g, pre);
    node *n = dz < 0 ? NULL : node_add(g, OP_UNARY_BACKWARD, 2, (value[]){dy, pre}, 1, &dz);
    if (!n)
        return NO_VALUE;
    n->i[0] = (int64_t)activation_unary(act);
    return dz;
}

static void rule_grouped_linear(graph *g, sweep *s, const node *n)
{
    value dz = sweep_gradient(s, n->out[1]), dy = sweep_gradient(s, n->out[0]);
    if (dy >= 0 && n->i[0] != ACT_NONE) {
        dy = activation_slope(g, (activation)n->i[0], dy, n->out[1]);
        dz = dz < 0 ? dy : op_add(g, dz, dy);
    } else if (dy >= 0) {
        dz = dy;
    }
    if (wants(g, n->in[1]) || wants(g, n->in[2])) {
        value dw = new_like(g, n->in[1]);
        value db = wants(g, n->in[2]) ? new_like(g, n->in[2]) : NO_VALUE;
        value in[3] = {dz, n->in[0], n->in[3]};
        if (g->status || !node_add(g, OP_GROUPED_LINEAR_DW, 3, in, 2, (value[]){dw, db}))
            return;
        sweep_add(g, s, n->in[1], dw);
        sweep_add(g, s, n->in[2], db);
    }
    if (wants(g, n->in[0]))
        grouped_dx(g, s, n, dz);
}

/* The rest is for second derivatives, on lowered graphs: neither bias nor activation. */
static void rule_grouped_dx(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]), dz = n->in[0], w = n->in[1], offsets = n->in[3];
    if (wants(g, dz))
        sweep_add(g, s, dz, product_of(g, OP_GROUPED_LINEAR, d, w, offsets, dz));
    if (wants(g, w))
        sweep_add(g, s, w, product_of(g, OP_GROUPED_LINEAR_DW, dz, d, offsets, w));
}

static void rule_grouped_dw(graph *g, sweep *s, const node *n)
{
    value d = sweep_gradient(s, n->out[0]), dz = n->in[0], x = n->in[1], offsets = n->in[2];
    if (wants(g, dz))
        sweep_add(g, s, dz, product_of(g, OP_GROUPED_LINEAR, x, d, offsets, dz));
    if (wants(g, x))
        sweep_add(g, s, x, product_of(g, OP_GROUPED_LINEAR_DX, dz, d, offsets, x));
}

static void rule_normal_noise(graph *g, sweep *s, const node *n)
{
    sweep_add(g, s, n->in[0], sweep_gradient(s, n->out[0]));
}

backward_rule rule_of_experts(int32_t kind)
{
    switch (kind) {
    case OP_GROUPED_LINEAR:
        return rule_grouped_linear;
    case OP_GROUPED_LINEAR_DX:
        return rule_grouped_dx;
    case OP_GROUPED_LINEAR_DW:
        return rule_grouped_dw;
    case OP_NORMAL_NOISE:
        return rule_normal_noise;
    default:
        return NULL;
    }
}
