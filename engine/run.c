/* Replaying a planned graph: binding, inputs, the loop over calls, reading, profiling. */
#include "engine/graph_internal.h"

#include <string.h>
#include <time.h>

static void *value_data(const graph *g, value v)
{
    const value_info *r = value_at(g, value_root(g, v));
    if (!g->base[r->place])
        return NULL;
    bool in_bytes = r->place == PLACE_ARENA || r->place == PLACE_CONSTANT;
    int64_t offset = in_bytes ? r->offset : r->offset * (int64_t)dtype_size(r->dtype);
    return (char *)g->base[r->place] + offset;
}

void graph_resolve(graph *g)
{
    for (int32_t i = 0; i < g->num_nodes; i++) {
        node *n = &g->nodes[i];
        if (!n->call)
            continue;
        for (int k = 0; k < OP_MAX_IN; k++)
            if (n->in[k] >= 0)
                n->call->in[k].data = value_data(g, n->in[k]);
        for (int k = 0; k < OP_MAX_OUT; k++)
            if (n->out[k] >= 0)
                n->call->out[k].data = value_data(g, n->out[k]);
    }
}

void graph_bind(graph *g, void *parameters, void *frozen, void *gradients)
{
    g->base[PLACE_PARAM] = parameters;
    g->base[PLACE_FROZEN] = frozen;
    g->base[PLACE_GRADIENT] = gradients;
    graph_resolve(g);
}

void graph_bind_hessian(graph *g, const void *v, void *hv)
{
    union {
        const void *in;
        void *out;
    } direction = {.in = v}; /* only ever read through */
    g->base[PLACE_DIRECTION] = direction.out;
    g->base[PLACE_HESSIAN] = hv;
    graph_resolve(g);
}

static int32_t check_input(const graph *g, value v)
{
    if (!g->planned)
        return podium_fail(PODIUM_EINVAL, "the graph is not planned yet");
    if (v < 0 || v >= g->num_values || !g->values[v].is_input)
        return podium_fail(PODIUM_EINVAL, "value %d is no input of the graph", v);
    return PODIUM_OK;
}

int32_t graph_set_input(graph *g, value v, const void *data)
{
    TRY(check_input(g, v));
    const value_info *i = value_at(g, v);
    backend *b = g->config.backend;
    return b->copy_in(b, value_data(g, v), data, (size_t)i->count * dtype_size(i->dtype));
}

int32_t graph_set_input_f32(graph *g, value v, const float *data)
{
    TRY(check_input(g, v));
    const value_info *i = value_at(g, v);
    if (i->dtype == PODIUM_I32)
        return podium_fail(PODIUM_EINVAL, "input '%s' is i32", i->name);
    if (i->dtype == PODIUM_F32)
        return graph_set_input(g, v, data);
    double *wide = g->staging;
    for (int64_t k = 0; k < i->count; k++)
        wide[k] = data[k];
    return graph_set_input(g, v, wide);
}

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int32_t node_run(graph *g, node *n, const graph_settings *settings)
{
    backend *b = g->config.backend;
    n->call->settings = settings;
    double start = g->profile ? now_seconds() : 0;
    int32_t rc = b->kernels[n->kind].run(n->call);
    if (rc < 0)
        return podium_fail_in(rc, "op '%s'", op_kind_name(n->kind));
    if (g->profile) {
        TRY(b->synchronise(b));
        g->seconds[n->kind] += now_seconds() - start;
    }
    return PODIUM_OK;
}

/* Every vector the chosen nodes touch must be bound. */
static int32_t check_bound(const node *n)
{
    for (int k = 0; k < OP_MAX_IN; k++)
        if (n->in[k] >= 0 && !n->call->in[k].data)
            return podium_fail(PODIUM_EINVAL, "op '%s': no vector is bound for operand %d",
                               op_kind_name(n->kind), k);
    for (int k = 0; k < OP_MAX_OUT; k++)
        if (n->out[k] >= 0 && !n->call->out[k].data)
            return podium_fail(PODIUM_EINVAL, "op '%s': no vector is bound for result %d",
                               op_kind_name(n->kind), k);
    return PODIUM_OK;
}

int32_t graph_run(graph *g, int what, const graph_settings *settings)
{
    if (!g->planned)
        return podium_fail(PODIUM_EINVAL, "the graph is not planned yet");
    for (int32_t i = 0; i < g->num_nodes; i++) {
        node *n = &g->nodes[i];
        int phase = n->phase == PHASE_FORWARD ? GRAPH_FORWARD : GRAPH_BACKWARD;
        if (!n->call || !(what & phase))
            continue;
        TRY(check_bound(n));
        TRY(node_run(g, n, settings));
    }
    return g->config.backend->synchronise(g->config.backend);
}

int32_t graph_read(graph *g, value v, double *out, int64_t n)
{
    if (!g->planned || v < 0 || v >= g->num_values || !g->values[v].kept)
        return podium_fail(PODIUM_EINVAL, "value %d is not kept, it cannot be read", v);
    const value_info *i = value_at(g, v);
    if (n != i->count)
        return podium_fail(PODIUM_EINVAL, "value %d has %lld elements, not %lld", v,
                           (long long)i->count, (long long)n);
    backend *b = g->config.backend;
    TRY(b->copy_out(b, g->staging, value_data(g, v), (size_t)n * dtype_size(i->dtype)));
    for (int64_t k = 0; k < n; k++) {
        if (i->dtype == PODIUM_F64)
            out[k] = ((const double *)g->staging)[k];
        else if (i->dtype == PODIUM_F32)
            out[k] = (double)((const float *)g->staging)[k];
        else
            out[k] = ((const int32_t *)g->staging)[k];
    }
    return PODIUM_OK;
}

void graph_profile(graph *g, bool on)
{
    g->profile = on;
}

double graph_profile_seconds(const graph *g, int32_t kind)
{
    return kind >= 0 && kind < OP_COUNT ? g->seconds[kind] : 0;
}

void graph_profile_reset(graph *g)
{
    memset(g->seconds, 0, sizeof g->seconds);
}
