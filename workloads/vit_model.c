/* The forward pass of a ViT: patches, positions, blocks, pooling, tanh layer, head. */
#include "workloads/vit_model.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "nn/encoder.h"

static int32_t check(const vit_config *c)
{
    if (c->width % c->heads)
        return podium_fail(PODIUM_EINVAL, "width %lld is no multiple of %lld heads",
                           (long long)c->width, (long long)c->heads);
    if (c->height % c->patch || c->width_pixels % c->patch)
        return podium_fail(PODIUM_EINVAL,
                           "images of %lld x %lld do not divide into patches of %lld",
                           (long long)c->height, (long long)c->width_pixels, (long long)c->patch);
    return PODIUM_OK;
}

int32_t vit_config_read(vit_config *c, const yaml_node *model)
{
    const int64_t most = 1 << 20;
    bool norm_given = yaml_get(model, "final_norm") != NULL;
    static const char *const required[] = {"patch", "width", "depth", "heads"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(model, required[i]));
    c->eps = 1e-6;
    c->temperature = 10000;
    TRY(yaml_integer(model, "patch", 1, 1024, &c->patch));
    TRY(yaml_integer(model, "width", 8, most, &c->width));
    TRY(yaml_integer(model, "depth", 1, 1000, &c->depth));
    TRY(yaml_integer(model, "heads", 1, most, &c->heads));
    c->mlp = 4 * c->width;
    c->pre_logits = c->width;
    TRY(yaml_integer(model, "mlp", 1, most, &c->mlp));
    TRY(yaml_integer(model, "pre_logits", 0, most, &c->pre_logits));
    TRY(yaml_flag(model, "post_ln", &c->post_ln));
    TRY(yaml_flag(model, "glu", &c->glu));
    TRY(yaml_flag(model, "map", &c->map));
    TRY(yaml_flag(model, "dropout", &c->dropout));
    c->final_norm = !c->post_ln;
    if (norm_given)
        TRY(yaml_flag(model, "final_norm", &c->final_norm));
    return check(c);
}

/* An integer of the case's config. */
static int32_t case_integer(const json_t *config, const char *key, int64_t *out)
{
    const json_t *j = json_object_get(config, key);
    if (!json_is_integer(j) || json_integer_value(j) < 1 || json_integer_value(j) > 1 << 20)
        return podium_fail(PODIUM_EINVAL, "config.%s: expected a positive integer", key);
    *out = json_integer_value(j);
    return PODIUM_OK;
}

/* The text of config.key is one of two; *out says whether it is `yes`. */
static int32_t case_choice(const json_t *config, const char *key, const char *no, const char *yes,
                           bool *out)
{
    const char *text = json_string_value(json_object_get(config, key));
    if (!text || (strcmp(text, no) && strcmp(text, yes)))
        return podium_fail(PODIUM_EINVAL, "config.%s is '%s', expected '%s' or '%s'", key,
                           text ? text : "(absent)", no, yes);
    *out = !strcmp(text, yes);
    return PODIUM_OK;
}

/* A text that this model has only one form of. */
static int32_t case_only(const json_t *config, const char *key, const char *form)
{
    bool same;
    return case_choice(config, key, form, form, &same);
}

/* config.glu: the formula of the gate, or a plain flag. */
static int32_t case_glu(const json_t *config, bool *out)
{
    const json_t *j = json_object_get(config, "glu");
    const char *text = json_string_value(j);
    *out = json_is_true(j) || (text && strcmp(text, "none"));
    if (text ? *out && strcmp(text, "gelu(fc1 x) * glu(gelu(fc1 x))") : j && !json_is_boolean(j))
        return podium_fail(PODIUM_EINVAL,
                           "config.glu is '%s', expected 'none', a flag or "
                           "'gelu(fc1 x) * glu(gelu(fc1 x))'",
                           text ? text : "(no text)");
    return PODIUM_OK;
}

/* config.patch_size: pixels, or a list of the same number twice. */
static int32_t case_patch(const json_t *config, int64_t *out)
{
    const json_t *j = json_object_get(config, "patch_size");
    if (!json_is_array(j))
        return case_integer(config, "patch_size", out);
    const json_t *h = json_array_get(j, 0), *w = json_array_get(j, 1);
    if (json_array_size(j) != 2 || !json_is_integer(h) || !json_equal(h, w) ||
        json_integer_value(h) < 1 || json_integer_value(h) > 1024)
        return podium_fail(PODIUM_EINVAL, "config.patch_size: expected a positive integer or the "
                                          "same one twice");
    *out = json_integer_value(h);
    return PODIUM_OK;
}

/* config.representation_size: null, false or 0 is no such layer. */
static int32_t case_representation(vit_config *c, const json_t *config)
{
    const json_t *j = json_object_get(config, "representation_size");
    c->pre_logits = 0;
    if (json_is_null(j) || json_is_false(j) || (json_is_integer(j) && !json_integer_value(j)))
        return PODIUM_OK;
    TRY(case_only(config, "representation_activation", "tanh"));
    return case_integer(config, "representation_size", &c->pre_logits);
}

static int32_t read_flags(vit_config *c, const json_t *j)
{
    TRY(case_glu(j, &c->glu));
    TRY(case_choice(j, "norm_position", "pre", "post", &c->post_ln));
    TRY(case_choice(j, "pooling", "gap", "map", &c->map));
    TRY(case_choice(j, "labels", "index", "dense", &c->dense_labels));
    TRY(case_only(j, "image_layout", "NCHW"));
    TRY(case_only(j, "activation", "gelu_tanh"));
    TRY(case_only(j, "norm", "layer_norm"));
    TRY(case_only(j, "positions", "sincos2d"));
    if (!json_is_true(json_object_get(j, "attention_bias")))
        return podium_fail(PODIUM_EINVAL, "config.attention_bias: expected true");
    c->final_norm = json_is_true(json_object_get(j, "final_norm"));
    return PODIUM_OK;
}

int32_t vit_config_read_case(vit_config *c, const void *json)
{
    const json_t *j = json;
    *c = (vit_config){0};
    TRY(case_integer(j, "image_height", &c->height));
    TRY(case_integer(j, "image_width", &c->width_pixels));
    TRY(case_integer(j, "channels", &c->channels));
    TRY(case_integer(j, "num_classes", &c->classes));
    TRY(case_patch(j, &c->patch));
    TRY(case_integer(j, "width", &c->width));
    TRY(case_integer(j, "depth", &c->depth));
    TRY(case_integer(j, "num_heads", &c->heads));
    TRY(case_integer(j, "mlp_dim", &c->mlp));
    TRY(case_representation(c, j));
    TRY(read_flags(c, j));
    c->eps = json_number_value(json_object_get(j, "layer_norm_eps"));
    c->temperature = json_number_value(json_object_get(j, "position_temperature"));
    if (!(c->eps > 0) || !(c->temperature > 0))
        return podium_fail(PODIUM_EINVAL, "config.layer_norm_eps and config.position_temperature: "
                                          "expected positive numbers");
    return check(c);
}

/* All blocks on the tokens x [N, T, C]. */
static value blocks(const vit_config *c, graph *g, value x)
{
    value balance;
    nn_encoder_config encoder = {
        .depth = (int)c->depth,
        .post_ln = c->post_ln,
        .final_norm = c->final_norm,
        .dropout = c->dropout,
        .eps = c->eps,
        .attention = {.width = c->width, .heads = (int)c->heads, .bias = {.kind = INIT_ZERO}},
        .mlp = {.width = c->width,
                .hidden = c->mlp,
                .act = ACT_GELU_TANH,
                .glu = c->glu,
                .dropout = c->dropout},
    };
    return nn_encoder(g, &encoder, c->dropout ? op_dropout(g, x) : x, NO_VALUE, &balance);
}

static value logits_of(const vit_config *c, graph *g, value images)
{
    value x = nn_patch_embedding(g, "patch", images, (int)c->patch, c->width, INIT_LECUN_TRUNCATED);
    x = op_add(
        g, x,
        nn_sincos2d(g, c->height / c->patch, c->width_pixels / c->patch, c->width, c->temperature));
    x = blocks(c, g, x);
    nn_mlp_config pool = {.width = c->width, .hidden = c->mlp, .act = ACT_GELU_TANH};
    x = c->map ? nn_map_pool(g, "map", x, (int)c->heads, &pool, c->eps)
               : op_reduce_mean(g, x, 2, false);
    nn_classifier_config head = {.width = c->width,
                                 .hidden = c->pre_logits,
                                 .classes = c->classes,
                                 .act = ACT_TANH,
                                 .hidden_init = {.kind = INIT_LECUN_TRUNCATED},
                                 .head_init = {.kind = INIT_ZERO}};
    return nn_classifier(g, &head, x);
}

int32_t vit_build(const vit_config *c, graph *g, int64_t batch, workload_model *out)
{
    int64_t images[] = {batch, c->channels, c->height, c->width_pixels};
    int64_t labels[] = {batch, c->classes};
    *out = (workload_model){
        .num_inputs = 3, .batch = batch, .label_input = c->dense_labels ? 0 : 2};
    out->inputs[0] = graph_input(g, "images", PODIUM_F32, 4, images);
    out->inputs[1] = c->dense_labels ? graph_input(g, "label_probs", PODIUM_F32, 2, labels)
                                     : graph_input(g, "labels", PODIUM_I32, 1, labels);
    out->inputs[2] = graph_input(g, "weights", PODIUM_F32, 1, labels);
    out->logits = logits_of(c, g, out->inputs[0]);
    out->loss = op_softmax_cross_entropy(g, out->logits, out->inputs[1], out->inputs[2],
                                         &out->per_example);
    graph_keep(g, out->logits);
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
