/* Backward rules of fused ops. */
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

value sweep_sole_source(const graph *g, const sweep *s, value v)
{
    for (;;) {
        const value_info *i = value_at(g, v);
        if (i->kept || v >= s->count || s->uses[v] != 1 || i->node < 0)
            return NO_VALUE;
        const node *n = &g->nodes[i->node];
        if (!n->alias)
            return v;
        v = n->in[0];
    }
}

/* dx = dz w; when x is an activation only this product reads, times its slope in the same pass: the
 * result is then the gradient of that linear op's `pre`. */
static void linear_dx(graph *g, sweep *s, const node *n, value dz)
{
    value x = n->in[0], w = n->in[1], source = sweep_sole_source(g, s, x), pre = NO_VALUE;
    int64_t act = ACT_NONE;
    const node *m = source >= 0 ? &g->nodes[value_at(g, source)->node] : NULL;
    if (m && m->kind == OP_LINEAR && m->i[0] != ACT_NONE && m->out[0] == source) {
        pre = m->out[1];
        act = m->i[0];
    }
    value dx = new_like(g, pre >= 0 ? pre : x);
    node *d = dx < 0 ? NULL : node_add(g, OP_LINEAR_DX, 3, (value[]){dz, w, pre}, 1, &dx);
    if (!d)
        return;
    d->i[0] = act;
    sweep_add(g, s, pre >= 0 ? pre : x, dx);
}

static value unary_backward(graph *g, unary_kind kind, value d, value a)
{
    value da = new_like(g, a);
    node *n = da < 0 ? NULL : node_add(g, OP_UNARY_BACKWARD, 2, (value[]){d, a}, 1, &da);
    if (!n)
        return NO_VALUE;
    n->i[0] = (int64_t)kind;
    return da;
}

static void rule_linear(graph *g, sweep *s, const node *n)
{
    value dz = sweep_gradient(s, n->out[1]), dy = sweep_gradient(s, n->out[0]);
    if (dy >= 0 && n->i[0] != ACT_NONE) {
        dy = unary_backward(g, activation_unary((activation)n->i[0]), dy, n->out[1]);
        dz = dz < 0 ? dy : op_add(g, dz, dy);
    } else if (dy >= 0) {
        dz = dy;
    }
    if (wants(g, n->in[2]) && !wants(g, n->in[1])) { /* the bias alone: no product */
        sweep_add(g, s, n->in[2], op_reduce_sum(g, dz, 1, false));
    } else if (wants(g, n->in[1])) {
        value dw = new_like(g, n->in[1]);
        value db = wants(g, n->in[2]) ? new_like(g, n->in[2]) : NO_VALUE;
        if (!node_add(g, OP_LINEAR_DW, 2, (value[]){dz, n->in[0]}, 2, (value[]){dw, db}))
            return;
        sweep_add(g, s, n->in[1], dw);
        sweep_add(g, s, n->in[2], db);
    }
    if (wants(g, n->in[0]))
        linear_dx(g, s, n, dz);
}

/* dx of a norm over x, with dsum (what else flows into x) added in the same pass. */
static value norm_backward(graph *g, sweep *s, value dy, value x, value mean, value rstd,
                           value scale, value bias, value dsum)
{
    value dx = new_like(g, x), dscale = new_like(g, scale), dbias = new_like(g, bias);
    if (g->status ||
        !node_add(g, OP_LAYER_NORM_BACKWARD, 6, (value[]){dy, x, mean, rstd, scale, dsum}, 3,
                  (value[]){dx, dscale, dbias}))
        return NO_VALUE;
    sweep_add(g, s, scale, dscale);
    sweep_add(g, s, bias, dbias);
    return dx;
}

static void rule_layer_norm(graph *g, sweep *s, const node *n)
{
    value x = n->in[0], dsum = sweep_gradient(s, x);
    value dx = norm_backward(g, s, sweep_gradient(s, n->out[0]), x, n->out[1], n->out[2], n->in[1],
                             n->in[2], dsum);
    if (wants(g, x) && x < s->count)
        s->gradient[x] = dx; /* dsum is in it */
}

static void rule_add_layer_norm(graph *g, sweep *s, const node *n)
{
    value dy = sweep_gradient(s, n->out[0]), d = sweep_gradient(s, n->out[1]);
    if (dy >= 0)
        d = norm_backward(g, s, dy, n->out[1], n->out[2], n->out[3], n->in[2], n->in[3], d);
    sweep_add(g, s, n->in[0], d);
    sweep_add(g, s, n->in[1], d);
}

static void rule_attention(graph *g, sweep *s, const node *n)
{
    value q = n->in[0], k = n->in[1], v = n->in[2], bias = n->in[4];
    bool packed = n->i[2];
    value out[4] = {new_like(g, q), packed ? NO_VALUE : new_like(g, k),
                    packed ? NO_VALUE : new_like(g, v),
                    wants(g, bias) ? new_like(g, bias) : NO_VALUE};
    value in[8] = {sweep_gradient(s, n->out[0]), q, k, v, n->out[0], n->out[1], n->in[3], bias};
    node *m = g->status ? NULL : node_add(g, OP_ATTENTION_BACKWARD, 8, in, 4, out);
    if (!m)
        return;
    memcpy(m->i, n->i, sizeof m->i);
    memcpy(m->f, n->f, sizeof m->f);
    sweep_add(g, s, q, out[0]);
    if (!packed) {
        sweep_add(g, s, k, out[1]);
        sweep_add(g, s, v, out[2]);
    }
    sweep_add(g, s, bias, out[3]);
}

static void rule_softmax(graph *g, sweep *s, const node *n)
{
    value da = new_like(g, n->in[0]);
    value in[2] = {sweep_gradient(s, n->out[0]), n->out[0]};
    if (da >= 0 && node_add(g, OP_SOFTMAX_BACKWARD, 2, in, 1, &da))
        sweep_add(g, s, n->in[0], da);
}

static void rule_cross_entropy(graph *g, sweep *s, const node *n)
{
    if (sweep_gradient(s, n->out[1]) >= 0) {
        graph_fail(g, PODIUM_ENOTSUP,
                   "no gradient through the per-example loss of a fused "
                   "cross-entropy: record it lowered");
        return;
    }
    value dlogits = new_like(g, n->in[0]);
    value in[5] = {sweep_gradient(s, n->out[0]), n->in[0], n->in[1], n->in[2], n->out[2]};
    if (dlogits >= 0 && node_add(g, OP_CROSS_ENTROPY_BACKWARD, 5, in, 1, &dlogits))
        sweep_add(g, s, n->in[0], dlogits);
}

backward_rule rule_of_fused(int32_t kind)
{
    switch (kind) {
    case OP_LINEAR:
        return rule_linear;
    case OP_LAYER_NORM:
        return rule_layer_norm;
    case OP_ADD_LAYER_NORM:
        return rule_add_layer_norm;
    case OP_ATTENTION:
        return rule_attention;
    case OP_PHM:
        return rule_phm;
    case OP_SOFTMAX:
        return rule_softmax;
    case OP_CROSS_ENTROPY:
        return rule_cross_entropy;
    default:
        return rule_of_tokens(kind);
    }
}
