/* The models of bench_step, on made-up inputs of the shapes that the data would give. */
#include "bench/step_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/philox.h"

enum { FIRST_ID = 3 }; /* below it: padding, start, end */

const char *const step_case_names[] = {
    "vit-A",        "vit-B",          "transformer-mini", "transformer-base", "widenet-mini",
    "widenet-base", "compacter-mini", "compacter-base",   "gpt-mini",         "gpt-base",
    NULL,
};

/* A number of the data that decides the model's shape, as the yaml tells it of the case's size. */
static int32_t read_extent(const step_case *c, const char *key, int64_t *out)
{
    TRY(yaml_require(c->config.extents, key));
    return yaml_integer(c->config.extents, key, 1, INT32_MAX, out);
}

/* --- inputs -------------------------------------------------------------------------------- */

static void *room(int64_t count)
{
    void *p = malloc((size_t)count * sizeof(int32_t));
    if (!p)
        abort();
    return p;
}

static int32_t set_reals(graph *g, value v, bool ones)
{
    int64_t n = graph_count(g, v);
    float *x = room(n);
    philox stream = philox_make(3, 1);
    for (int64_t i = 0; i < n; i++)
        x[i] = ones ? 1 : (float)philox_uniform(&stream, (uint64_t)i);
    int32_t rc = graph_set_input(g, v, x);
    free(x);
    return rc;
}

static int32_t set_labels(graph *g, value v, int64_t classes)
{
    int64_t n = graph_count(g, v);
    int32_t *ids = room(n);
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i % classes);
    int32_t rc = graph_set_input(g, v, ids);
    free(ids);
    return rc;
}

/* Rows of random ids, each of a length drawn from shortest .. T, then zeros.  mask and weights (or
 * NO_VALUE) get 1 where there is an id. */
static int32_t set_rows(graph *g, value v, int64_t vocabulary, int64_t shortest, value mask,
                        value weights)
{
    int64_t n = graph_count(g, v), T = graph_shape(g, v)[1];
    int32_t *ids = room(n), *seen = room(n);
    float *ones = room(n);
    philox stream = philox_make(5, (uint64_t)v);
    for (int64_t i = 0; i < n; i++) {
        double u = philox_uniform(&stream, (uint64_t)(n + i / T));
        int64_t length = shortest + (int64_t)(u * (double)(T - shortest + 1));
        seen[i] = i % T < length;
        u = philox_uniform(&stream, (uint64_t)i);
        ids[i] = seen[i] ? FIRST_ID + (int32_t)(u * (double)(vocabulary - FIRST_ID)) : 0;
        ones[i] = (float)seen[i];
    }
    int32_t rc = graph_set_input(g, v, ids);
    if (!rc && mask >= 0)
        rc = graph_set_input(g, mask, seen);
    if (!rc && weights >= 0)
        rc = graph_set_input(g, weights, ones);
    free(ids);
    free(seen);
    free(ones);
    return rc;
}

static int32_t fill_images(const step_case *c, graph *g, const workload_model *m)
{
    TRY(set_reals(g, m->inputs[0], false));
    TRY(set_labels(g, m->inputs[1], graph_count(g, m->logits) / c->batch));
    return set_reals(g, m->inputs[2], true);
}

/* --- vit ----------------------------------------------------------------------------------- */

/* A: d 64, 4 layers, 4 heads, batch 64; B: d 192, 6 layers, 3 heads, batch 128. */
static int32_t read_vit(step_case *c, bool base)
{
    c->batch = base ? 128 : 64;
    c->model.vit = (vit_config){.height = 28,
                                .width_pixels = 28,
                                .channels = 1,
                                .classes = 62,
                                .patch = 4,
                                .width = base ? 192 : 64,
                                .depth = base ? 6 : 4,
                                .heads = base ? 3 : 4,
                                .mlp = base ? 768 : 256,
                                .pre_logits = base ? 192 : 64,
                                .final_norm = true,
                                .eps = 1e-6,
                                .temperature = 10000};
    return 0;
}

static int32_t build_vit(const step_case *c, graph *g, workload_model *out)
{
    return vit_build(&c->model.vit, g, c->batch, out);
}

static json_t *describe_vit(const step_case *c)
{
    const vit_config *m = &c->model.vit;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "batch", c->batch, "width",
                     m->width, "depth", m->depth, "heads", m->heads, "mlp", m->mlp, "pre_logits",
                     m->pre_logits, "patch", m->patch, "classes", m->classes);
}

/* --- widenet ------------------------------------------------------------------------------- */

static int32_t read_widenet(step_case *c, const yaml_node *model)
{
    widenet_config *m = &c->model.widenet;
    *m = (widenet_config){0};
    TRY(read_extent(c, "height", &m->height));
    TRY(read_extent(c, "width", &m->width_pixels));
    TRY(read_extent(c, "channels", &m->channels));
    TRY(read_extent(c, "classes", &m->classes));
    return widenet_config_read(m, model);
}

static int32_t build_widenet(const step_case *c, graph *g, workload_model *out)
{
    return widenet_build(&c->model.widenet, g, c->batch, out);
}

static json_t *describe_widenet(const step_case *c)
{
    const widenet_config *m = &c->model.widenet;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "batch",
                     c->batch, "width", m->width, "depth", m->depth, "heads", m->heads, "mlp",
                     m->hidden, "pre_logits", m->pre_logits, "patch", m->patch, "classes",
                     m->classes, "experts", m->experts, "top_k", m->top_k, "noise", m->noise,
                     "balance", m->balance);
}

/* --- transformer --------------------------------------------------------------------------- */

static int32_t read_transformer(step_case *c, const yaml_node *model)
{
    transformer_config *m = &c->model.transformer;
    int64_t length = 0;
    TRY(yaml_integer(c->config.data, "source_length", 1, 1 << 20, &length));
    *m = (transformer_config){.source = length, .target = length};
    TRY(read_extent(c, "vocabulary", &m->vocab));
    TRY(yaml_integer(c->config.data, "target_length", 1, 1 << 20, &m->target));
    return transformer_config_read(m, model);
}

static int32_t build_transformer(const step_case *c, graph *g, workload_model *out)
{
    return transformer_build(&c->model.transformer, g, c->batch, out);
}

static int32_t fill_transformer(const step_case *c, graph *g, const workload_model *m)
{
    const transformer_config *t = &c->model.transformer;
    TRY(set_rows(g, m->inputs[0], t->vocab, t->source / 2, NO_VALUE, NO_VALUE));
    TRY(set_rows(g, m->inputs[1], t->vocab, t->target / 2, NO_VALUE, m->inputs[2]));
    return set_labels(g, m->inputs[3], t->vocab);
}

static json_t *describe_transformer(const step_case *c)
{
    const transformer_config *m = &c->model.transformer;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "batch", c->batch, "width",
                     m->width, "heads", m->heads, "mlp", m->mlp, "encoder_layers",
                     m->encoder_layers, "decoder_layers", m->decoder_layers, "vocabulary", m->vocab,
                     "source", m->source, "target", m->target);
}

/* --- compacter ----------------------------------------------------------------------------- */

static int32_t read_compacter(step_case *c, const yaml_node *model)
{
    const char *ignored; /* the network's weights are random here */
    int64_t vocabulary, classes;
    TRY(read_extent(c, "vocabulary", &vocabulary));
    TRY(read_extent(c, "classes", &classes));
    TRY(yaml_string(model, "backbone", &ignored));
    return compacter_config_read(&c->model.compacter, model, vocabulary, classes);
}

static int32_t build_compacter(const step_case *c, graph *g, workload_model *out)
{
    return compacter_build(&c->model.compacter, g, c->batch, out);
}

static int32_t fill_compacter(const step_case *c, graph *g, const workload_model *m)
{
    const compacter_config *t = &c->model.compacter;
    TRY(set_rows(g, m->inputs[0], t->bert.vocabulary, t->tokens / 4, m->inputs[1], NO_VALUE));
    TRY(set_labels(g, m->inputs[2], t->classes));
    return set_reals(g, m->inputs[3], true);
}

static json_t *describe_compacter(const step_case *c)
{
    const compacter_config *m = &c->model.compacter;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "batch", c->batch, "width", m->bert.width, "depth", m->bert.depth, "heads",
                     m->bert.heads, "mlp", m->bert.mlp, "positions", m->bert.positions, "types",
                     m->bert.types, "causal", m->bert.causal, "vocabulary", m->bert.vocabulary,
                     "tokens", m->tokens, "classes", m->classes, "phm_dim", m->adaptation.adapter.n,
                     "rank", m->adaptation.adapter.rank, "bottleneck",
                     m->adaptation.adapter.bottleneck);
}

/* --- gpt ----------------------------------------------------------------------------------- */

static int32_t read_gpt(step_case *c, const yaml_node *model)
{
    gpt_config *m = &c->model.gpt;
    *m = (gpt_config){0};
    TRY(read_extent(c, "vocabulary", &m->vocab));
    TRY(yaml_require(c->config.data, "length"));
    TRY(yaml_integer(c->config.data, "length", 1, 1 << 20, &m->length));
    return gpt_config_read(m, model);
}

static int32_t build_gpt(const step_case *c, graph *g, workload_model *out)
{
    return gpt_build(&c->model.gpt, g, c->batch, out);
}

static int32_t fill_gpt(const step_case *c, graph *g, const workload_model *m)
{
    int64_t vocabulary = c->model.gpt.vocab, length = c->model.gpt.length;
    TRY(set_rows(g, m->inputs[0], vocabulary, length, NO_VALUE, NO_VALUE));
    return set_rows(g, m->inputs[1], vocabulary, length, NO_VALUE, NO_VALUE);
}

static json_t *describe_gpt(const step_case *c)
{
    const gpt_config *m = &c->model.gpt;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "batch", c->batch, "width",
                     m->width, "depth", m->depth, "heads", m->heads, "key_heads", m->key_heads,
                     "mlp", m->mlp, "vocabulary", m->vocab, "length", m->length, "tied", m->tied);
}

/* --- the list ------------------------------------------------------------------------------ */

static const step_kind kinds[] = {
    {"vit", NULL, build_vit, fill_images, describe_vit},
    {"widenet", read_widenet, build_widenet, fill_images, describe_widenet},
    {"transformer", read_transformer, build_transformer, fill_transformer, describe_transformer},
    {"compacter", read_compacter, build_compacter, fill_compacter, describe_compacter},
    {"gpt", read_gpt, build_gpt, fill_gpt, describe_gpt},
};

static bool is_listed(const char *name)
{
    for (int i = 0; step_case_names[i]; i++)
        if (!strcmp(step_case_names[i], name))
            return true;
    return false;
}

int32_t step_case_open(step_case *c, const char *name)
{
    *c = (step_case){0};
    if (!is_listed(name))
        return podium_fail(PODIUM_EINVAL, "no case '%s': bench_step list prints them", name);
    const char *size = strchr(name, '-') + 1;
    char owner[32];
    snprintf(owner, sizeof owner, "%.*s", (int)(size - 1 - name), name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(kinds[i].workload, owner))
            c->kind = &kinds[i];
    if (!c->kind->read)
        return read_vit(c, *size == 'B');
    TRY(workload_config_init(&c->config, workload_find(owner), size, NULL));
    c->batch = c->config.batch;
    return c->kind->read(c, c->config.model);
}

void step_case_close(step_case *c)
{
    if (c->config.document)
        workload_config_release(&c->config);
}
