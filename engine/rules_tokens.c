/* Backward rules of RMS norm and rotary positions. */
#include "engine/graph_internal.h"

#include <string.h>

static value new_like(graph *g, value v)
{
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, v), sizeof shape);
    return value_new(g, real_type(g), graph_ndim(g, v), shape);
}

/* dx with what else flows into x added in the same pass. */
static void rule_rms_norm(graph *g, sweep *s, const node *n)
{
    value x = n->in[0], scale = n->in[1], dsum = sweep_gradient(s, x);
    value dx = new_like(g, x), dscale = new_like(g, scale);
    value in[5] = {sweep_gradient(s, n->out[0]), x, n->out[1], scale, dsum};
    if (g->status || !node_add(g, OP_RMS_NORM_BACKWARD, 5, in, 2, (value[]){dx, dscale}))
        return;
    sweep_add(g, s, scale, dscale);
    if (value_at(g, x)->needs_gradient && x < s->count)
        s->gradient[x] = dx;
}

/* A rotation's adjoint turns the other way. */
static void rule_rope(graph *g, sweep *s, const node *n)
{
    value a = n->in[0], da = new_like(g, a);
    value in[2] = {sweep_gradient(s, n->out[0]), n->in[1]};
    node *m = da < 0 ? NULL : node_add(g, OP_ROPE, 2, in, 1, &da);
    if (!m)
        return;
    memcpy(m->i, n->i, sizeof m->i);
    memcpy(m->f, n->f, sizeof m->f);
    m->i[2] = -n->i[2];
    sweep_add(g, s, a, da);
}

backward_rule rule_of_tokens(int32_t kind)
{
    switch (kind) {
    case OP_RMS_NORM:
        return rule_rms_norm;
    case OP_ROPE:
        return rule_rope;
    default:
        return rule_of_experts(kind);
    }
}
