/* Reverse mode: walks the nodes backwards and lets each rule record the ops of its gradient; then
 * sends every parameter's gradient into the flat vector. */
#include "engine/graph_internal.h"

#include <stdlib.h>
#include <string.h>

value sweep_gradient(const sweep *s, value v)
{
    return v >= 0 && v < s->count ? s->gradient[v] : NO_VALUE;
}

void sweep_add(graph *g, sweep *s, value v, value d)
{
    if (v < 0 || d < 0 || v >= s->count || !value_at(g, v)->needs_gradient)
        return;
    s->gradient[v] = s->gradient[v] < 0 ? d : op_add(g, s->gradient[v], d);
}

value sum_to_shape(graph *g, value d, value like)
{
    uint32_t axes = 0;
    int ndim = graph_ndim(g, d), lead = ndim - graph_ndim(g, like);
    for (int i = 0; i < ndim; i++) {
        int64_t extent = i < lead ? 1 : graph_shape(g, like)[i - lead];
        if (extent == 1 && graph_shape(g, d)[i] != 1)
            axes |= 1u << i;
    }
    if (axes)
        d = op_reduce_sum(g, d, axes, true);
    return reshape_as(g, d, like);
}

static int32_t count_uses(graph *g, sweep *s)
{
    s->uses = calloc((size_t)s->count + 1, sizeof *s->uses);
    if (!s->uses)
        return graph_fail(g, PODIUM_ENOMEM, "no memory for the reverse sweep");
    for (int32_t i = 0; i < g->num_nodes; i++)
        for (int k = 0; k < OP_MAX_IN; k++)
            if (g->nodes[i].in[k] >= 0)
                s->uses[g->nodes[i].in[k]]++;
    return PODIUM_OK;
}

/* Gradients of `y` (one element) with respect to every value it depends on, into s->gradient. */
static int32_t differentiate(graph *g, value y, sweep *s)
{
    s->count = g->num_values;
    s->gradient = malloc((size_t)s->count * sizeof *s->gradient);
    if (!s->gradient)
        return graph_fail(g, PODIUM_ENOMEM, "no memory for the reverse sweep");
    for (int32_t v = 0; v < s->count; v++)
        s->gradient[v] = NO_VALUE;
    TRY(count_uses(g, s));
    int32_t last = g->num_nodes - 1;
    s->gradient[y] = constant_fill(g, graph_ndim(g, y), graph_shape(g, y), 1.0);
    for (int32_t i = last; i >= 0 && !g->status; i--) {
        node n = g->nodes[i]; /* a copy: rules append nodes */
        bool wanted = false;
        for (int k = 0; k < OP_MAX_OUT; k++)
            wanted = wanted || (n.out[k] >= 0 && s->gradient[n.out[k]] >= 0 &&
                                value_at(g, n.out[k])->needs_gradient);
        backward_rule rule = wanted ? rule_of(n.kind) : NULL;
        g->full_precision = n.full_precision;
        if (rule)
            rule(g, s, &n);
    }
    g->full_precision = false;
    return g->status;
}

/* Makes `d` live in a flat vector at `offset`: its producer writes there when it may, else a copy
 * does. */
static value send(graph *g, value d, value_place place, int64_t offset)
{
    value_info *r = d < 0 ? NULL : value_at(g, value_root(g, d));
    bool direct = r && r->place == PLACE_ARENA && !r->is_input && !r->kept && r->node >= 0 &&
                  g->nodes[r->node].phase == g->phase;
    if (!direct) {
        int64_t shape[TENSOR_MAX_DIMS];
        if (d < 0)
            return NO_VALUE;
        memcpy(shape, graph_shape(g, d), sizeof shape);
        value copy = value_new(g, real_type(g), graph_ndim(g, d), shape);
        if (copy < 0 || !node_add(g, OP_COPY, 1, &d, 1, &copy))
            return NO_VALUE;
        d = copy;
        r = value_at(g, d);
    }
    r->place = place;
    r->offset = offset;
    return d;
}

static value zeros(graph *g, int ndim, const int64_t *shape)
{
    int64_t ones[TENSOR_MAX_DIMS] = {1, 1, 1, 1, 1, 1};
    return op_broadcast(g, constant_fill(g, ndim, ones, 0.0), ndim, shape);
}

/* The gradient of parameter i: its own value's plus its rows of every span it is in. */
static value parameter_gradient(graph *g, const sweep *s, int32_t i)
{
    const param *q = params_get(g->config.params, i);
    value total = NO_VALUE;
    for (value v = 0; v < s->count; v++) {
        const value_info *p = &g->values[v];
        if (p->param < 0 || i < p->param || i > p->param_last || s->gradient[v] < 0)
            continue;
        value d = s->gradient[v];
        if (p->param != p->param_last) {
            int64_t row = 0;
            for (int32_t k = p->param; k < i; k++)
                row += params_get(g->config.params, k)->shape[0];
            d = op_slice(g, d, 0, row, q->shape[0]);
        }
        total = total < 0 ? d : op_add(g, total, d);
    }
    return total >= 0 ? total : zeros(g, q->ndim, q->shape);
}

/* The span value whose gradient is the only one of all its parameters, starting at i. */
static value whole_span(const graph *g, const sweep *s, int32_t i)
{
    value span = NO_VALUE;
    for (value v = 0; v < s->count; v++)
        if (g->values[v].param == i && g->values[v].param_last > i && s->gradient[v] >= 0)
            span = v;
    for (value v = 0; span >= 0 && v < s->count; v++)
        if (v != span && g->values[v].param >= 0 && s->gradient[v] >= 0 &&
            g->values[v].param <= g->values[span].param_last && g->values[v].param_last >= i)
            return NO_VALUE;
    return span;
}

/* Sends all gradients of trainable parameters to `place`; list[i] gets the value of parameter i's
 * gradient where it has one of its own. */
static int32_t send_all(graph *g, const sweep *s, value_place place, value *list)
{
    int32_t n = params_count(g->config.params);
    for (int32_t i = 0; i < n && !g->status; i++) {
        const param *q = params_get(g->config.params, i);
        list[i] = NO_VALUE;
        if (q->frozen)
            continue;
        value span = whole_span(g, s, i);
        if (span >= 0) {
            list[i] = send(g, s->gradient[span], place, q->offset);
            for (; i + 1 <= g->values[span].param_last; i++)
                list[i + 1] = NO_VALUE;
        } else {
            list[i] = send(g, parameter_gradient(g, s, i), place, q->offset);
        }
    }
    return g->status;
}

static void sweep_release(sweep *s)
{
    free(s->gradient);
    free(s->uses);
}

static bool is_scalar(graph *g, value loss)
{
    if (!values_ok(g, "backward", 1, &loss))
        return false;
    if (graph_count(g, loss) == 1)
        return true;
    graph_fail(g, PODIUM_EINVAL, "the loss has %lld elements, expected 1",
               (long long)graph_count(g, loss));
    return false;
}

int32_t graph_backward(graph *g, value loss)
{
    if (!is_scalar(g, loss))
        return graph_status(g);
    if (g->gradients)
        return graph_fail(g, PODIUM_EINVAL, "the graph has a backward pass already");
    sweep s = {0};
    g->phase = PHASE_BACKWARD;
    if (differentiate(g, loss, &s) == PODIUM_OK) {
        g->param_gradients = malloc(((size_t)params_count(g->config.params) + 1) * sizeof(value));
        if (g->param_gradients)
            send_all(g, &s, PLACE_GRADIENT, g->param_gradients);
        else
            graph_fail(g, PODIUM_ENOMEM, "no memory for the list of gradients");
        g->gradients = s.gradient;
        g->num_gradients = s.count;
        s.gradient = NULL;
    }
    sweep_release(&s);
    return graph_status(g);
}

value graph_gradient(graph *g, value v)
{
    return g->gradients && v >= 0 && v < g->num_gradients ? g->gradients[v] : NO_VALUE;
}

/* <gradient, direction> summed over all parameters. */
static value directional_derivative(graph *g)
{
    value total = NO_VALUE;
    int32_t n = params_count(g->config.params);
    for (int32_t i = 0; i < n; i++) {
        value d = g->param_gradients[i];
        if (d < 0)
            continue;
        const param *q = params_get(g->config.params, i);
        int64_t count = graph_count(g, d);
        value direction = value_new(g, real_type(g), 1, &count);
        if (direction < 0)
            return NO_VALUE;
        value_at(g, direction)->place = PLACE_DIRECTION;
        value_at(g, direction)->offset = q->offset;
        value product = op_mul(g, op_reshape(g, d, 1, &count), direction);
        value part = op_reduce_sum(g, product, 1, false);
        total = total < 0 ? part : op_add(g, total, part);
    }
    return total;
}

int32_t graph_hessian_vector(graph *g, value loss)
{
    if (!is_scalar(g, loss))
        return graph_status(g);
    if (!g->config.lowered || !g->param_gradients)
        return graph_fail(g, PODIUM_EINVAL,
                          "Hessian products need a lowered graph with a backward pass");
    sweep s = {0};
    value *list = malloc(((size_t)params_count(g->config.params) + 1) * sizeof *list);
    if (!list)
        return graph_fail(g, PODIUM_ENOMEM, "no memory for the list of products");
    g->phase = PHASE_HESSIAN;
    value y = directional_derivative(g);
    if (y < 0)
        graph_fail(g, PODIUM_EINVAL, "no trainable parameters to differentiate by");
    else if (differentiate(g, y, &s) == PODIUM_OK)
        send_all(g, &s, PLACE_HESSIAN, list);
    sweep_release(&s);
    free(list);
    return graph_status(g);
}
