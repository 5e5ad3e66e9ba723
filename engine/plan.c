/* The plan: which nodes are live, where each buffer lies in the arena (by liveness, in place where
 * legal), what each kernel prepares.  All memory of a graph is taken here. */
#include "engine/graph_internal.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Outputs a kernel can do without (the names with ? in backend.h), as a mask. */
static uint32_t optional_outputs(int32_t kind)
{
    switch (kind) {
    case OP_LINEAR:
    case OP_LINEAR_DW:
    case OP_GROUPED_LINEAR:
    case OP_GROUPED_LINEAR_DW:
    case OP_TOP_K:
    case OP_ATTENTION:
    case OP_PHM:
    case OP_RMS_NORM:
    case OP_RMS_NORM_BACKWARD:
        return 2;
    case OP_LAYER_NORM:
    case OP_CROSS_ENTROPY:
    case OP_LAYER_NORM_BACKWARD:
        return 2 | 4;
    case OP_DISPATCH:
        return 8;
    case OP_ADD_LAYER_NORM:
        return 4 | 8;
    case OP_PHM_BACKWARD:
        return 1 | 2 | 4 | 8;
    default:
        return 0;
    }
}

static bool is_external(const value_info *r)
{
    return r->place == PLACE_GRADIENT || r->place == PLACE_HESSIAN;
}

/* Marks what kept and external values need, last node first; read[] is by root. */
static void mark_live(graph *g, bool *read)
{
    for (value v = 0; v < g->num_values; v++)
        if (g->values[v].kept || is_external(&g->values[v]))
            read[g->values[v].root] = true;
    for (int32_t i = g->num_nodes - 1; i >= 0; i--) {
        node *n = &g->nodes[i];
        if (n->alias)
            continue;
        for (int k = 0; k < OP_MAX_OUT; k++)
            n->live = n->live || (n->out[k] >= 0 && read[value_root(g, n->out[k])]);
        for (int k = 0; n->live && k < OP_MAX_IN; k++)
            if (n->in[k] >= 0)
                read[value_root(g, n->in[k])] = true;
        for (int k = 0; k < OP_MAX_OUT; k++)
            if (n->live && n->out[k] >= 0 && !read[value_root(g, n->out[k])] &&
                optional_outputs(n->kind) >> k & 1)
                n->out[k] = NO_VALUE;
    }
}

static void touch(graph *g, value v, int32_t at)
{
    value_info *r = value_at(g, value_root(g, v));
    if (r->first < 0 || at < r->first)
        r->first = at;
    if (at > r->last)
        r->last = at;
}

/* first and last node of every root; inputs and kept values live for ever. */
static void find_lifetimes(graph *g)
{
    for (value v = 0; v < g->num_values; v++) {
        g->values[v].first = g->values[v].last = -1;
        g->values[v].storage = g->values[v].root;
    }
    for (int32_t i = 0; i < g->num_nodes; i++) {
        node *n = &g->nodes[i];
        if (n->alias || !n->live)
            continue;
        for (int k = 0; k < OP_MAX_IN; k++)
            if (n->in[k] >= 0)
                touch(g, n->in[k], i);
        for (int k = 0; k < OP_MAX_OUT; k++)
            if (n->out[k] >= 0)
                touch(g, n->out[k], i);
    }
    for (value v = 0; v < g->num_values; v++)
        if (g->values[v].kept) {
            value_info *r = value_at(g, g->values[v].root);
            r->last = INT32_MAX;
            if (r->is_input || r->first < 0)
                r->first = 0;
        }
}

static bool may_run_in_place(int32_t kind)
{
    switch (kind) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_UNARY:
    case OP_UNARY_BACKWARD:
    case OP_AFFINE:
    case OP_DROPOUT:
    case OP_NORMAL_NOISE:
        return true;
    default:
        return false;
    }
}

/* Lets an elementwise result take over the storage of an operand that dies at this node. The owner
 * of a storage carries the lifetime of all its tenants. */
static void share_in_place(graph *g)
{
    for (int32_t i = 0; i < g->num_nodes; i++) {
        const node *n = &g->nodes[i];
        if (n->alias || !n->live || !may_run_in_place(n->kind))
            continue;
        value_info *out = value_at(g, n->out[0]);
        if (out->place != PLACE_ARENA)
            continue;
        for (int k = 0; k < 2 && n->in[k] >= 0; k++) {
            const value_info *in = value_at(g, value_root(g, n->in[k]));
            value_info *owner = value_at(g, in->storage);
            if (in->place != PLACE_ARENA || in->count != out->count || in->dtype != out->dtype ||
                owner->last != i)
                continue;
            out->storage = in->storage;
            owner->last = out->last;
            break;
        }
    }
}

typedef struct block {
    value v;
    size_t bytes;
    int64_t offset;
    int32_t first, last;
} block;

/* Large blocks first, so that small ones fill the gaps; by number among equals: deterministic. */
static int by_size(const void *x, const void *y)
{
    const block *a = x, *b = y;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return a->v < b->v ? -1 : 1;
}

/* The best-fitting gap between the blocks already placed (sorted by offset) that are alive at the
 * same time; the end of them when none is large enough. */
static int64_t best_gap(const block *want, block *const *placed, int32_t n)
{
    int64_t end = 0, best = -1, best_size = INT64_MAX, need = (int64_t)want->bytes;
    for (int32_t i = 0; i < n; i++) {
        const block *p = placed[i];
        if (p->last < want->first || p->first > want->last)
            continue;
        int64_t gap = p->offset - end;
        if (gap >= need && gap < best_size) {
            best = end;
            best_size = gap;
        }
        if (p->offset + (int64_t)p->bytes > end)
            end = p->offset + (int64_t)p->bytes;
    }
    return best >= 0 ? best : end;
}

static void insert_by_offset(block **placed, int32_t n, block *b)
{
    int32_t at = n;
    for (; at > 0 && placed[at - 1]->offset > b->offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = b;
}

/* Gives every storage its arena offset; returns the bytes they need together. */
static int32_t place_blocks(graph *g, size_t *bytes)
{
    block *blocks = calloc((size_t)g->num_values + 1, sizeof *blocks);
    block **placed = calloc((size_t)g->num_values + 1, sizeof *placed);
    int32_t n = 0;
    *bytes = 0;
    if (!blocks || !placed) {
        free(blocks);
        free(placed);
        return podium_fail(PODIUM_ENOMEM, "no memory for planning %d values", g->num_values);
    }
    for (value v = 0; v < g->num_values; v++) {
        const value_info *i = &g->values[v];
        if (i->root == v && i->storage == v && i->place == PLACE_ARENA && i->first >= 0)
            blocks[n++] = (block){.v = v,
                                  .first = i->first,
                                  .last = i->last,
                                  .bytes = aligned((size_t)i->count * dtype_size(i->dtype))};
    }
    qsort(blocks, (size_t)n, sizeof *blocks, by_size);
    for (int32_t i = 0; i < n; i++) {
        blocks[i].offset = best_gap(&blocks[i], placed, i);
        insert_by_offset(placed, i, &blocks[i]);
        g->values[blocks[i].v].offset = blocks[i].offset;
        size_t end = (size_t)blocks[i].offset + blocks[i].bytes;
        *bytes = end > *bytes ? end : *bytes;
    }
    free(blocks);
    free(placed);
    for (value v = 0; v < g->num_values; v++) {
        value_info *i = &g->values[v];
        if (i->root != v || i->place != PLACE_ARENA || i->storage == v)
            continue;
        i->offset = g->values[i->storage].offset;
    }
    return PODIUM_OK;
}

static void fill_tensor(const graph *g, tensor *t, value v)
{
    if (v < 0)
        return;
    const value_info *i = value_at(g, v);
    *t = (tensor){.dtype = i->dtype, .ndim = i->ndim, .count = i->count};
    memcpy(t->shape, i->shape, sizeof t->shape);
}

/* The call of one node, prepared by its kernel. */
static int32_t prepare_call(graph *g, node *n)
{
    backend *b = g->config.backend;
    op_call *c = calloc(1, sizeof *c);
    if (!c)
        return podium_fail(PODIUM_ENOMEM, "no memory for a call of '%s'", op_kind_name(n->kind));
    n->call = c;
    int32_t precision = n->full_precision ? PODIUM_F32 : g->config.precision;
    *c = (op_call){.kind = n->kind, .precision = precision, .backend = b};
    for (int k = 0; k < OP_MAX_IN; k++)
        fill_tensor(g, &c->in[k], n->in[k]);
    for (int k = 0; k < OP_MAX_OUT; k++)
        fill_tensor(g, &c->out[k], n->out[k]);
    memcpy(c->i, n->i, sizeof c->i);
    memcpy(c->f, n->f, sizeof c->f);
    value_place weights = n->in[1] >= 0 ? value_at(g, value_root(g, n->in[1]))->place : PLACE_COUNT;
    c->weights_fixed = weights == PLACE_PARAM || weights == PLACE_FROZEN;
    int32_t rc = b->kernels[n->kind].prepare ? b->kernels[n->kind].prepare(c) : PODIUM_OK;
    if (rc < 0)
        return podium_fail_in(rc, "op '%s'", op_kind_name(n->kind));
    if (c->scratch_bytes > g->scratch_bytes)
        g->scratch_bytes = c->scratch_bytes;
    return PODIUM_OK;
}

static int32_t write_constant(graph *g, value_info *i)
{
    backend *b = g->config.backend;
    char *to = (char *)g->base[PLACE_CONSTANT] + i->offset;
    if (i->dtype == PODIUM_F64)
        return b->copy_in(b, to, i->constant, (size_t)i->count * sizeof(double));
    bool ids = i->dtype == PODIUM_I32;
    void *narrow = malloc((size_t)i->count * sizeof(float));
    if (!narrow)
        return podium_fail(PODIUM_ENOMEM, "no memory for a constant");
    for (int64_t k = 0; k < i->count; k++) {
        if (ids)
            ((int32_t *)narrow)[k] = (int32_t)i->constant[k];
        else
            ((float *)narrow)[k] = (float)i->constant[k];
    }
    int32_t rc = b->copy_in(b, to, narrow, (size_t)i->count * sizeof(float));
    free(narrow);
    return rc;
}

/* Constants that a live node reads, in a buffer of their own. */
static int32_t place_constants(graph *g)
{
    backend *b = g->config.backend;
    size_t bytes = 0;
    for (value v = 0; v < g->num_values; v++) {
        value_info *i = &g->values[v];
        if (!i->constant || i->first < 0)
            continue;
        i->offset = (int64_t)bytes;
        bytes += aligned((size_t)i->count * dtype_size(i->dtype));
    }
    g->constant_bytes = bytes;
    if (!bytes || g->config.unbacked)
        return PODIUM_OK;
    TRY(b->alloc(b, bytes, &g->base[PLACE_CONSTANT]));
    for (value v = 0; v < g->num_values; v++)
        if (g->values[v].constant && g->values[v].first >= 0)
            TRY(write_constant(g, &g->values[v]));
    return PODIUM_OK;
}

static int32_t take_memory(graph *g, size_t buffers)
{
    backend *b = g->config.backend;
    g->buffer_bytes = buffers;
    g->arena_bytes = buffers + aligned(g->scratch_bytes);
    if (g->config.unbacked)
        return PODIUM_OK;
    if (g->arena_bytes)
        TRY(b->alloc(b, g->arena_bytes, &g->base[PLACE_ARENA]));
    for (int32_t i = 0; i < g->num_nodes; i++)
        if (g->nodes[i].call && g->nodes[i].call->scratch_bytes)
            g->nodes[i].call->scratch = (char *)g->base[PLACE_ARENA] + buffers;
    for (value v = 0; v < g->num_values; v++) {
        const value_info *i = &g->values[v];
        size_t bytes = (size_t)i->count * dtype_size(i->dtype);
        if (i->kept && bytes > g->staging_bytes)
            g->staging_bytes = bytes;
    }
    g->staging = malloc(g->staging_bytes + 1);
    return g->staging ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for staging");
}

int32_t graph_plan(graph *g)
{
    TRY(graph_status(g));
    if (g->planned)
        return podium_fail(PODIUM_EINVAL, "the graph is planned already");
    bool *read = calloc((size_t)g->num_values + 1, sizeof *read);
    if (!read)
        return podium_fail(PODIUM_ENOMEM, "no memory for planning");
    mark_live(g, read);
    free(read);
    find_lifetimes(g);
    share_in_place(g);
    size_t buffers;
    TRY(place_blocks(g, &buffers));
    TRY(place_constants(g));
    for (int32_t i = 0; i < g->num_nodes && !g->config.unbacked; i++)
        if (g->nodes[i].live && !g->nodes[i].alias)
            TRY(prepare_call(g, &g->nodes[i]));
    TRY(take_memory(g, buffers));
    if (g->config.unbacked)
        return PODIUM_OK;
    g->planned = true;
    graph_resolve(g);
    return PODIUM_OK;
}
