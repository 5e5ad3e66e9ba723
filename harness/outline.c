/* Records a workload's training step without data or memory, and counts. */
#include "harness/outline.h"

#include <string.h>

#include "engine/backend.h"
#include "podium/submission.h"

/* Kinds of attention are told together: which of them a model has is its layout's choice. */
static const char *kind_name(int32_t kind)
{
    switch (kind) {
    case PODIUM_WEIGHT:
        return "weight";
    case PODIUM_BIAS:
        return "bias";
    case PODIUM_CONV_WEIGHT:
        return "convolution";
    case PODIUM_BATCH_NORM_SCALE:
    case PODIUM_BATCH_NORM_BIAS:
        return "batch norm";
    case PODIUM_LAYER_NORM_SCALE:
    case PODIUM_LAYER_NORM_BIAS:
        return "layer norm";
    case PODIUM_EMBEDDING:
        return "embedding";
    case PODIUM_ATTENTION_Q:
    case PODIUM_ATTENTION_K:
    case PODIUM_ATTENTION_V:
    case PODIUM_ATTENTION_OUT:
    case PODIUM_ATTENTION_QKV:
    case PODIUM_ATTENTION_KV:
        return "attention";
    case PODIUM_ATTENTION_BIAS:
        return "attention bias";
    case PODIUM_ROUTER:
        return "router";
    case PODIUM_ADAPTER:
        return "adapter";
    default:
        return "other";
    }
}

static void add_kind(outline *o, const char *name, int64_t elements)
{
    int k = 0;
    while (k < o->num_kinds && strcmp(o->kinds[k].name, name))
        k++;
    if (k == o->num_kinds)
        o->kinds[o->num_kinds++] = (outline_kind){.name = name};
    o->kinds[k].elements += elements;
}

static void count(outline *o, const params *p)
{
    for (int32_t i = 0; i < params_count(p); i++) {
        const param *q = params_get(p, i);
        *(q->frozen ? &o->frozen : &o->trainable) += q->count;
        if (!q->frozen)
            add_kind(o, kind_name(q->kind), q->count);
    }
}

static int32_t record(outline *o, const workload_config *c, workload_task *t, backend *b, params *p)
{
    graph *g = NULL;
    workload_model m = {0};
    TRY(graph_create(
        &g, &(graph_config){.backend = b, .params = p, .training = true, .unbacked = true}));
    int32_t rc = c->entry->workload->build(t, g, c->batch, &m);
    if (!rc)
        rc = graph_backward(g, m.loss);
    if (!rc)
        rc = graph_plan(g);
    graph_stats s = graph_get_stats(g);
    o->flops = s.forward_flops + s.backward_flops;
    o->step_bytes = (double)s.buffer_bytes + (double)s.constant_bytes;
    graph_destroy(g);
    return rc;
}

int32_t outline_init(outline *o, const workload_config *c)
{
    const workload *w = c->entry->workload;
    workload_task *t = NULL;
    backend *b = NULL;
    params *p = NULL;
    *o = (outline){0};
    if (!w->outline || !c->extents)
        return podium_fail(PODIUM_EINVAL, "workloads/%s.yaml: no extents of size '%s'",
                           c->entry->name, c->size);
    int32_t rc = workload_open_outline(&t, w, c->model, c->data, c->extents);
    if (!rc)
        rc = backend_open(&b, "cpu", 1);
    if (!rc)
        rc = params_create(&p);
    if (!rc)
        rc = record(o, c, t, b, p);
    if (!rc) {
        count(o, p);
        o->step_bytes += sizeof(float) *
                         ((double)params_frozen_length(p) + 2 * (double)params_vector_length(p));
    }
    params_destroy(p);
    if (b)
        backend_close(b);
    workload_close(w, t);
    return rc;
}
