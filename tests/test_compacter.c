/* Fine-tuned models: how many parameters each mode trains, that gradients are slopes of the loss in
 * double, that what is frozen costs no backward work. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "tests/tap.h"
#include "workloads/backbone.h"
#include "workloads/compacter_model.h"

static backend *b;

static compacter_config t5_base(void)
{
    return (compacter_config){
        .is_t5 = true,
        .t5 = {.vocabulary = 32100, /* the tokenizer's; the file has 28 rows more */
               .width = 768,
               .head_width = 64,
               .heads = 12,
               .mlp = 3072,
               .encoder_depth = 12,
               .decoder_depth = 12,
               .buckets = 32,
               .max_distance = 128,
               .act = ACT_RELU,
               .eps = 1e-6},
        .tokens = 8,
        .target_tokens = 4};
}

/* Trainable and all parameters of a recorded model; nothing is planned, so nothing is allocated. */
static void count(const compacter_config *c, int64_t *trainable, int64_t *all)
{
    params *p = NULL;
    graph *g = NULL;
    workload_model m;
    *trainable = *all = 0;
    params_create(&p);
    graph_create(&g, &(graph_config){.backend = b, .params = p, .training = true});
    if (compacter_build(c, g, 1, &m) == 0)
        for (int32_t i = 0; i < params_count(p); i++)
            *all += params_get(p, i)->count;
    *trainable = params_trainable_elements(p);
    graph_destroy(g);
    params_destroy(p);
}

/* Karimi Mahabadi et al. 2021, table 1: reduction 32 of T5-base. */
static void check_counts(void)
{
    static const struct {
        const char *mode;
        int64_t n, want;
    } rows[] = {
        {"compacter", 4, 161728},        {"compacter_plusplus", 4, 104704}, {"adapter", 4, 1855104},
        {"phm_adapter", 12, 398976},     {"low_rank_adapter", 4, 161664},   {"bitfit", 4, 282496},
        {"full", 4, INT64_C(222882048)}, {"lora", 4, 72 * 16 * 768 / 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        compacter_config c = t5_base();
        /* the published count of BitFit has a bias for each row of the file */
        c.t5.vocabulary = strcmp(rows[i].mode, "bitfit") ? c.t5.vocabulary : 32128;
        int64_t trainable, all, rank = strcmp(rows[i].mode, "lora") ? 0 : 4;
        ok(compacter_set_mode(&c, rows[i].mode, rows[i].n, 32, rank) == 0, "%s is a mode",
           rows[i].mode);
        count(&c, &trainable, &all);
        ok(trainable == rows[i].want,
           "%s trains %lld parameters of T5-base (%.3f %%), expected %lld", rows[i].mode,
           (long long)trainable, 100 * (double)trainable / 222882048, (long long)rows[i].want);
        if (!strcmp(rows[i].mode, "full"))
            ok(all == trainable, "full tuning freezes nothing");
        else if (strcmp(rows[i].mode, "bitfit"))
            ok(all - trainable == 222882048 - (c.norms_trained ? 47616 : 0),
               "%s leaves the rest of the backbone frozen", rows[i].mode);
    }
    /* the formula: A, then two layers of d + b weights and their biases after each MLP */
    int64_t d = 768, h = d / 32, layers = 24, norms = 47616;
    ok(layers * (2 * (d + h) + h + d) + 4 * 4 * 4 + norms == 104704, "as the formula says");
    compacter_config c = t5_base();
    ok(compacter_set_mode(&c, "compacter", 5, 32, 0) == PODIUM_EINVAL &&
           compacter_set_mode(&c, "compacter", 4, 7, 0) == PODIUM_EINVAL,
       "what does not divide is refused");
}

static compacter_config tiny(bool t5)
{
    compacter_config c = {.is_t5 = t5,
                          .bert = {.vocabulary = 11,
                                   .width = 8,
                                   .depth = 2,
                                   .heads = 2,
                                   .mlp = 12,
                                   .positions = 7,
                                   .types = 2,
                                   .act = ACT_GELU_ERF,
                                   .eps = 1e-12,
                                   .init = 0.4},
                          .t5 = {.vocabulary = 11,
                                 .width = 8,
                                 .head_width = 3,
                                 .heads = 2,
                                 .mlp = 10,
                                 .encoder_depth = 1,
                                 .decoder_depth = 1,
                                 .buckets = 8,
                                 .max_distance = 12,
                                 .act = ACT_GELU_TANH,
                                 .gated = true,
                                 .eps = 1e-6},
                          .classes = 3,
                          .head_init = 0.5,
                          .tokens = 5,
                          .target_tokens = 4};
    return c;
}

/* A model that is recorded, planned, bound and fed, in double. */
typedef struct model_run {
    params *p;
    graph *g;
    workload_model m;
    int64_t n;
    double *x, *frozen, *gradient;
} model_run;

static void feed(model_run *r, const compacter_config *c)
{
    int32_t ids[32], mask[32], labels[16], types[32];
    double weights[16];
    int64_t rows = c->is_t5 ? 3 * c->target_tokens : 3;
    for (int i = 0; i < 32; i++) {
        ids[i] = (5 * i + 2) % 11;
        mask[i] = i % 5 < 3 || i > 9;
        types[i] = i % 2;
    }
    for (int64_t i = 0; i < rows; i++) {
        labels[i] = c->is_t5 ? (int32_t)(i % 4 == 3 ? -100 : (3 * i + 1) % 11) : (int32_t)i;
        weights[i] = labels[i] >= 0;
    }
    double real_labels[3] = {0.3, -1.2, 0.8};
    graph_set_input(r->g, r->m.inputs[0], ids);
    graph_set_input(r->g, r->m.inputs[1], mask);
    graph_set_input(r->g, r->m.inputs[2], c->regression ? (void *)real_labels : (void *)labels);
    graph_set_input(r->g, r->m.inputs[3], weights);
    if (c->token_types)
        graph_set_input(r->g, r->m.inputs[4], types);
}

static int32_t open_run(model_run *r, const compacter_config *c)
{
    *r = (model_run){0};
    TRY(params_create(&r->p));
    TRY(graph_create(&r->g, &(graph_config){.backend = b, .params = r->p, .training = true}));
    TRY(compacter_build(c, r->g, 3, &r->m));
    TRY(graph_backward(r->g, r->m.loss));
    TRY(graph_plan(r->g));
    r->n = params_vector_length(r->p);
    r->x = calloc((size_t)r->n, sizeof(double));
    r->gradient = calloc((size_t)r->n, sizeof(double));
    r->frozen = calloc((size_t)params_frozen_length(r->p) + 1, sizeof(double));
    TRY(params_initialise(r->p, 5, PODIUM_F64, r->x, r->frozen));
    /* away from zero factors, or half of the gradients would be zero */
    for (int64_t i = 0; i < r->n; i++)
        r->x[i] += 0.3 * sin(1.7 * (double)i + 0.4);
    graph_bind(r->g, r->x, r->frozen, r->gradient);
    feed(r, c);
    return PODIUM_OK;
}

static void close_run(model_run *r)
{
    graph_destroy(r->g);
    params_destroy(r->p);
    free(r->x);
    free(r->frozen);
    free(r->gradient);
}

static double loss_of(model_run *r)
{
    graph_settings settings = {.label_smoothing = 0.1};
    double loss = NAN;
    if (graph_run(r->g, GRAPH_FORWARD, &settings) < 0 || graph_read(r->g, r->m.loss, &loss, 1) < 0)
        return NAN;
    return loss;
}

/* max |gradient - slope| over every trainable element, relative to the largest slope. */
static double slope_error(model_run *r)
{
    graph_settings settings = {.label_smoothing = 0.1};
    const double h = 1e-5;
    double worst = 0, most = 1e-12;
    if (graph_run(r->g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings) < 0)
        return INFINITY;
    for (int32_t k = 0; k < params_count(r->p); k++) {
        const param *q = params_get(r->p, k);
        for (int64_t i = q->offset; !q->frozen && i < q->offset + q->count; i++) {
            double x = r->x[i];
            r->x[i] = x + h;
            double up = loss_of(r);
            r->x[i] = x - h;
            double slope = (up - loss_of(r)) / (2 * h), error = fabs(slope - r->gradient[i]);
            r->x[i] = x;
            worst = error > worst || isnan(error) ? error : worst;
            most = fabs(slope) > most ? fabs(slope) : most;
        }
    }
    return worst / most;
}

static void check_gradient(compacter_config c, const char *mode, const char *what)
{
    model_run r;
    bool opened = compacter_set_mode(&c, mode, 2, 2, !strcmp(mode, "lora") ? 2 : 0) == 0 &&
                  open_run(&r, &c) == 0;
    if (ok(opened, "%s, %s: it builds: %s", what, mode, opened ? "" : podium_error())) {
        double e = slope_error(&r);
        ok(e < 1e-6, "%s, %s: the gradient is the slope of the loss (%.1e)", what, mode, e);
        /* a wrong gradient would show */
        r.x[r.n / 2] += 0.5;
        ok(r.n < 8 || slope_error(&r) < 1e-6, "%s, %s: elsewhere too", what, mode);
        close_run(&r);
    }
}

static void check_gradients(void)
{
    for (int i = 0; compacter_modes[i]; i++) {
        check_gradient(tiny(false), compacter_modes[i], "bert");
        if (strcmp(compacter_modes[i], "head"))
            check_gradient(tiny(true), compacter_modes[i], "t5");
    }
    compacter_config c = tiny(false);
    c.regression = c.token_types = c.first_token = true;
    c.classes = 1;
    check_gradient(c, "full", "bert regression with types");
    c = tiny(true);
    c.t5.gated = false;
    c.t5.untied = true;
    c.t5.act = ACT_SILU;
    check_gradient(c, "compacter", "untied t5");
}

/* What is frozen has no gradient, and the backward pass stops where nothing trained lies below. */
static void check_pruning(void)
{
    double flops[3] = {0};
    static const char *const modes[] = {"full", "bitfit", "head"};
    for (int i = 0; i < 3; i++) {
        compacter_config c = tiny(false);
        model_run r;
        if (compacter_set_mode(&c, modes[i], 2, 2, 0) == 0 && open_run(&r, &c) == 0)
            flops[i] = graph_get_stats(r.g).backward_flops;
        close_run(&r);
    }
    compacter_config c = tiny(false);
    double head = 2.0 * 3 * (double)c.bert.width * (double)c.classes;
    ok(flops[2] == head, "a head alone costs the head's backward products and no more");
    ok(flops[1] < 0.75 * flops[0], "biases cost no product of weights: %.0f flops, full %.0f",
       flops[1], flops[0]);
}

static void check_buckets(void)
{
    /* Raffel et al. 2020: 32 buckets to 128, half of them exact */
    static const int64_t distances[] = {0, -1, 1, -7, -8, -16, 16, -127, -128, -1000, 1000};
    static const int64_t both[] = {0, 1, 17, 7, 8, 10, 26, 15, 15, 15, 31};
    static const int64_t causal[] = {0, 1, 0, 7, 8, 16, 0, 31, 31, 31, 0};
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++)
        ok(t5_bucket(distances[i], true, 32, 128) == both[i] &&
               t5_bucket(distances[i], false, 32, 128) == causal[i],
           "distance %lld is in buckets %lld and %lld", (long long)distances[i], (long long)both[i],
           (long long)causal[i]);
}

/* Names of published files (transformers). */
static void check_names(void)
{
    static const char *const pairs[][2] = {
        {"embedding.weight", "embeddings.word_embeddings.weight"},
        {"blocks.3.attn.k.bias", "encoder.layer.3.attention.self.key.bias"},
        {"blocks.0.ln1.weight", "encoder.layer.0.attention.output.LayerNorm.weight"},
        {"blocks.11.mlp.fc2.weight", "encoder.layer.11.output.dense.weight"},
        {"encoder.blocks.2.attn.out.weight", "encoder.block.2.layer.0.SelfAttention.o.weight"},
        {"encoder.blocks.2.mlp.fc1.weight", "encoder.block.2.layer.1.DenseReluDense.wi.weight"},
        {"decoder.blocks.2.mlp.gate.weight", "decoder.block.2.layer.2.DenseReluDense.wi_0.weight"},
        {"decoder.blocks.1.cross.v.weight", "decoder.block.1.layer.1.EncDecAttention.v.weight"},
        {"decoder.blocks.1.rms3.weight", "decoder.block.1.layer.2.layer_norm.weight"},
        {"encoder.relative_bias.weight",
         "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"},
        {"decoder.rms_f.weight", "decoder.final_layer_norm.weight"},
        {"blocks.0.adapter_mlp.up.bias", ""},
        {"phm_rule", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char name[192];
        backbone_published_name(pairs[i][0], name, sizeof name);
        ok(!strcmp(name, pairs[i][1]), "%s is published as '%s'", pairs[i][0], pairs[i][1]);
    }
    ok(backbone_is_new("blocks.0.attn.q.lora_a") && backbone_is_new("head.bias") &&
           !backbone_is_new("blocks.0.ln1.bias"),
       "what fine-tuning adds is told from what it starts with");
}

int main(void)
{
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    check_counts();
    check_buckets();
    check_names();
    check_gradients();
    check_pruning();
    backend_close(b);
    return tap_done();
}
