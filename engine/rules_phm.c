/* The backward rule of PHM: only the gradients somebody wants are computed. */
#include "engine/graph_internal.h"

#include <string.h>

static value gradient_like(graph *g, value v)
{
    int64_t shape[TENSOR_MAX_DIMS];
    if (!value_at(g, v)->needs_gradient)
        return NO_VALUE;
    memcpy(shape, graph_shape(g, v), sizeof shape);
    return value_new(g, real_type(g), graph_ndim(g, v), shape);
}

void rule_phm(graph *g, sweep *s, const node *n)
{
    value in[6] = {sweep_gradient(s, n->out[0]), n->in[0], n->in[1], n->in[2], n->in[3], n->out[1]};
    value out[4];
    for (int i = 0; i < 4; i++)
        out[i] = gradient_like(g, n->in[i]);
    if (g->status || !node_add(g, OP_PHM_BACKWARD, 6, in, 4, out))
        return;
    for (int i = 0; i < 4; i++)
        sweep_add(g, s, n->in[i], out[i]);
}
