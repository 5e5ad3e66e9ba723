/* Recording: values, nodes, inputs, constants and parameters of a graph. */
#include "engine/graph_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t graph_create(graph **out, const graph_config *config)
{
    *out = NULL;
    if (!config->backend || !config->params)
        return podium_fail(PODIUM_EINVAL, "a graph needs a backend and a parameter table");
    int32_t precision = config->precision ? config->precision : PODIUM_F32;
    TRY(backend_check_precision(config->backend, precision));
    graph *g = calloc(1, sizeof *g);
    if (!g)
        return podium_fail(PODIUM_ENOMEM, "no memory for a graph");
    g->config = *config;
    g->config.precision = precision;
    *out = g;
    return PODIUM_OK;
}

static void node_release(graph *g, node *n)
{
    if (n->call && g->config.backend->kernels[n->kind].release)
        g->config.backend->kernels[n->kind].release(n->call);
    free(n->call);
}

void graph_destroy(graph *g)
{
    if (!g)
        return;
    for (int32_t i = 0; i < g->num_nodes; i++)
        node_release(g, &g->nodes[i]);
    for (int32_t v = 0; v < g->num_values; v++) {
        free(g->values[v].constant);
        free(g->values[v].name);
    }
    backend *b = g->config.backend;
    if (g->base[PLACE_ARENA])
        b->free(b, g->base[PLACE_ARENA]);
    if (g->base[PLACE_CONSTANT])
        b->free(b, g->base[PLACE_CONSTANT]);
    free(g->staging);
    free(g->values);
    free(g->nodes);
    free(g->gradients);
    free(g->param_gradients);
    free(g);
}

int32_t graph_fail(graph *g, int32_t code, const char *format, ...)
{
    if (g->status)
        return g->status;
    va_list args;
    va_start(args, format);
    vsnprintf(g->error, sizeof g->error, format, args);
    va_end(args);
    g->status = code;
    return podium_fail(code, "%s", g->error);
}

int32_t graph_status(const graph *g)
{
    return g->status ? podium_fail(g->status, "%s", g->error) : PODIUM_OK;
}

int32_t real_type(const graph *g)
{
    return g->config.backend->real;
}

size_t dtype_size(int32_t dtype)
{
    return dtype == PODIUM_F64 ? 8 : 4;
}

/* Makes room for one more item; returns the array, or NULL. */
static void *room(void *items, int32_t count, int32_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    int32_t wanted = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(items, (size_t)wanted * size);
    if (grown)
        *capacity = wanted;
    return grown;
}

value value_new(graph *g, int32_t dtype, int ndim, const int64_t *shape)
{
    if (g->status)
        return NO_VALUE;
    if (g->planned) {
        graph_fail(g, PODIUM_EINVAL, "the graph is planned, nothing can be recorded any more");
        return NO_VALUE;
    }
    if (ndim < 1 || ndim > TENSOR_MAX_DIMS) {
        graph_fail(g, PODIUM_EINVAL, "%d dimensions, expected 1 to %d", ndim, TENSOR_MAX_DIMS);
        return NO_VALUE;
    }
    int64_t extents[TENSOR_MAX_DIMS]; /* a copy: `shape` may lie in the array that grows */
    memcpy(extents, shape, (size_t)ndim * sizeof *shape);
    value_info *grown = room(g->values, g->num_values, &g->cap_values, sizeof *grown);
    if (!grown) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for %d values", g->num_values);
        return NO_VALUE;
    }
    g->values = grown;
    value v = g->num_values;
    value_info *i = &g->values[v];
    *i = (value_info){.dtype = dtype,
                      .ndim = ndim,
                      .count = 1,
                      .root = v,
                      .node = -1,
                      .param = -1,
                      .param_last = -1,
                      .place = PLACE_ARENA,
                      .storage = v};
    for (int d = 0; d < ndim; d++) {
        if (extents[d] < 1 || extents[d] > INT64_MAX / 64 / i->count) {
            graph_fail(g, PODIUM_EINVAL, "extent %lld of axis %d is not valid",
                       (long long)extents[d], d);
            return NO_VALUE;
        }
        i->shape[d] = extents[d];
        i->count *= extents[d];
    }
    g->num_values++;
    return v;
}

bool values_ok(graph *g, const char *op, int n, const value *v)
{
    if (g->status)
        return false;
    for (int i = 0; i < n; i++)
        if (v[i] < 0 || v[i] >= g->num_values) {
            graph_fail(g, PODIUM_EINVAL, "%s: operand %d is not a value of this graph", op, i);
            return false;
        }
    return true;
}

node *node_add(graph *g, int32_t kind, int nin, const value *in, int nout, const value *out)
{
    if (g->status)
        return NULL;
    if (!g->config.backend->kernels[kind].run) {
        graph_fail(g, PODIUM_ENOTSUP, "device '%s' has no op '%s'", g->config.backend->name,
                   op_kind_name(kind));
        return NULL;
    }
    node *grown = room(g->nodes, g->num_nodes, &g->cap_nodes, sizeof *grown);
    if (!grown) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for %d nodes", g->num_nodes);
        return NULL;
    }
    g->nodes = grown;
    node *n = &g->nodes[g->num_nodes];
    *n = (node){.kind = kind, .phase = g->phase, .full_precision = g->full_precision};
    bool needs = false;
    for (int i = 0; i < OP_MAX_IN; i++) {
        n->in[i] = i < nin ? in[i] : NO_VALUE;
        needs = needs || (n->in[i] >= 0 && value_at(g, n->in[i])->needs_gradient);
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        n->out[i] = i < nout ? out[i] : NO_VALUE;
        if (n->out[i] < 0)
            continue;
        value_at(g, n->out[i])->node = g->num_nodes;
        value_at(g, n->out[i])->needs_gradient = needs;
    }
    g->num_nodes++;
    return n;
}

value graph_input(graph *g, const char *name, int32_t dtype, int ndim, const int64_t *shape)
{
    if (dtype != PODIUM_I32)
        dtype = real_type(g);
    value v = value_new(g, dtype, ndim, shape);
    if (v < 0)
        return v;
    value_at(g, v)->is_input = true;
    value_at(g, v)->kept = true;
    value_at(g, v)->name = strdup(name);
    if (!value_at(g, v)->name)
        graph_fail(g, PODIUM_ENOMEM, "no memory for the name of input '%s'", name);
    return v;
}

/* A constant whose elements the caller fills in; NULL after an error. */
static double *constant_new(graph *g, int32_t dtype, int ndim, const int64_t *shape, value *v)
{
    *v = value_new(g, dtype, ndim, shape);
    if (*v < 0)
        return NULL;
    value_info *i = value_at(g, *v);
    size_t bytes = (size_t)i->count * sizeof *i->constant;
    i->place = PLACE_CONSTANT;
    i->constant = malloc(bytes);
    if (!i->constant) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for a constant of %zu bytes", bytes);
        *v = NO_VALUE;
        return NULL;
    }
    return i->constant;
}

value graph_constant(graph *g, int ndim, const int64_t *shape, const double *data)
{
    value v;
    double *to = constant_new(g, real_type(g), ndim, shape, &v);
    if (to)
        memcpy(to, data, (size_t)graph_count(g, v) * sizeof *data);
    return v;
}

value graph_constant_ids(graph *g, int ndim, const int64_t *shape, const int32_t *data)
{
    value v;
    double *to = constant_new(g, PODIUM_I32, ndim, shape, &v);
    for (int64_t k = 0; to && k < graph_count(g, v); k++)
        to[k] = data[k];
    return v;
}

value constant_fill(graph *g, int ndim, const int64_t *shape, double x)
{
    int64_t count = 1;
    for (int d = 0; d < ndim; d++)
        count *= shape[d];
    double *data = malloc((size_t)count * sizeof *data);
    if (!data) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for a constant of %lld elements", (long long)count);
        return NO_VALUE;
    }
    for (int64_t i = 0; i < count; i++)
        data[i] = x;
    value v = graph_constant(g, ndim, shape, data);
    free(data);
    return v;
}

static value parameter_value(graph *g, int32_t first, int32_t last, int ndim, const int64_t *shape)
{
    const param *q = params_get(g->config.params, first);
    value v = value_new(g, real_type(g), ndim, shape);
    if (v < 0)
        return v;
    value_info *i = value_at(g, v);
    i->place = q->frozen ? PLACE_FROZEN : PLACE_PARAM;
    i->offset = q->offset;
    i->param = first;
    i->param_last = last;
    i->needs_gradient = !q->frozen;
    return v;
}

/* Each span is one value however often it is asked for, so that gradients meet in it. */
static value find_parameter_value(const graph *g, int32_t first, int32_t last)
{
    for (value v = 0; v < g->num_values; v++)
        if (g->values[v].param == first && g->values[v].param_last == last)
            return v;
    return NO_VALUE;
}

value graph_parameter(graph *g, int32_t i)
{
    const param *q = params_get(g->config.params, i);
    if (!q) {
        graph_fail(g, i < 0 ? i : PODIUM_EINVAL, "%s",
                   i < 0 ? podium_error() : "no parameter of this number");
        return NO_VALUE;
    }
    value v = find_parameter_value(g, i, i);
    return v >= 0 ? v : parameter_value(g, i, i, q->ndim, q->shape);
}

value graph_parameter_span(graph *g, int32_t first, int32_t last)
{
    const param *q = params_get(g->config.params, first);
    if (!q || last < first || !params_get(g->config.params, last))
        return NO_VALUE;
    int64_t shape[PARAM_MAX_DIMS] = {0}, end = q->offset;
    memcpy(shape, q->shape, sizeof shape);
    shape[0] = 0;
    for (int32_t i = first; i <= last; i++) {
        const param *r = params_get(g->config.params, i);
        if (r->ndim != q->ndim || r->frozen != q->frozen || r->offset != end)
            return NO_VALUE;
        for (int d = 1; d < q->ndim; d++)
            if (r->shape[d] != q->shape[d])
                return NO_VALUE;
        shape[0] += r->shape[0];
        end += r->count;
    }
    value v = find_parameter_value(g, first, last);
    return v >= 0 ? v : parameter_value(g, first, last, q->ndim, shape);
}

void graph_full_precision(graph *g, bool on)
{
    g->full_precision = on;
}

void graph_keep(graph *g, value v)
{
    if (v >= 0 && v < g->num_values)
        g->values[v].kept = true;
}

int graph_ndim(const graph *g, value v)
{
    return v >= 0 ? g->values[v].ndim : 0;
}

const int64_t *graph_shape(const graph *g, value v)
{
    static const int64_t none[TENSOR_MAX_DIMS];
    return v >= 0 ? g->values[v].shape : none;
}

int64_t graph_count(const graph *g, value v)
{
    return v >= 0 ? g->values[v].count : 0;
}

int32_t graph_dtype(const graph *g, value v)
{
    return v >= 0 ? g->values[v].dtype : 0;
}

bool graph_is_training(const graph *g)
{
    return g->config.training;
}

params *graph_params(const graph *g)
{
    return g->config.params;
}

/* Multiply-adds count 2; the backward of attention is two products for each of the forward's. */
static double node_flops(const graph *g, const node *n)
{
    const int64_t *a = graph_shape(g, n->in[0]);
    int nd = graph_ndim(g, n->in[0]);
    switch (n->kind) {
    case OP_LINEAR:
        return 2.0 * (double)graph_count(g, n->in[0]) * (double)graph_shape(g, n->in[1])[0];
    case OP_LINEAR_DX:
    case OP_LINEAR_DW:
        return 2.0 * (double)graph_count(g, n->in[0]) * (double)graph_shape(g, n->in[1])[1];
    case OP_GROUPED_LINEAR: /* as if nothing were dropped */
    case OP_GROUPED_LINEAR_DX:
        return 2.0 * (double)graph_count(g, n->in[0]) * (double)graph_shape(g, n->out[0])[1];
    case OP_GROUPED_LINEAR_DW:
        return 2.0 * (double)graph_count(g, n->in[0]) * (double)graph_shape(g, n->in[1])[1];
    case OP_MATMUL:
        return 2.0 * (double)graph_count(g, n->out[0]) * (double)a[n->i[0] ? nd - 2 : nd - 1];
    case OP_ATTENTION: {
        int64_t C = n->i[2] ? a[2] * n->i[0] / (n->i[0] + 2 * n->i[3]) : a[2];
        return 4.0 * (double)(a[0] * a[1] * C) * (double)graph_shape(g, n->in[1])[1];
    }
    case OP_ATTENTION_BACKWARD:
        return 8.0 * (double)(a[0] * a[1] * a[2]) * (double)graph_shape(g, n->in[2])[1];
    default:
        return 0;
    }
}

graph_stats graph_get_stats(const graph *g)
{
    graph_stats s = {.arena_bytes = g->arena_bytes,
                     .buffer_bytes = g->buffer_bytes,
                     .constant_bytes = g->constant_bytes};
    for (int32_t i = 0; i < g->num_nodes; i++) {
        const node *n = &g->nodes[i];
        if (n->alias || !n->live)
            continue;
        s.nodes++;
        if (n->phase == PHASE_FORWARD)
            s.forward_flops += node_flops(g, n);
        else
            s.backward_flops += node_flops(g, n);
    }
    return s;
}
