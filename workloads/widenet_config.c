/* WideNet's configuration: from yaml and from golden cases. */
#include <string.h>

#include "base/json.h"
#include "engine/ops.h"
#include "workloads/widenet_model.h"

static int32_t check(const widenet_config *c)
{
    if (c->width % c->heads)
        return podium_fail(PODIUM_EINVAL, "width %lld is no multiple of %lld heads",
                           (long long)c->width, (long long)c->heads);
    if (!c->text && (c->height % c->patch || c->width_pixels % c->patch))
        return podium_fail(PODIUM_EINVAL,
                           "images of %lld x %lld do not divide into patches of %lld",
                           (long long)c->height, (long long)c->width_pixels, (long long)c->patch);
    if (c->groups > c->depth)
        return podium_fail(PODIUM_EINVAL, "%lld groups of %lld blocks", (long long)c->groups,
                           (long long)c->depth);
    if (c->experts && c->top_k > c->experts)
        return podium_fail(PODIUM_EINVAL, "top_k %lld of %lld experts", (long long)c->top_k,
                           (long long)c->experts);
    if (c->groups && c->moe_every > 1)
        return podium_fail(PODIUM_EINVAL, "moe_every %lld: blocks that share weights are alike",
                           (long long)c->moe_every);
    return PODIUM_OK;
}

static int32_t read_experts(widenet_config *c, const yaml_node *model)
{
    bool noise = true, quirks = false;
    TRY(yaml_integer(model, "experts", 0, 4096, &c->experts));
    TRY(yaml_integer(model, "top_k", 1, 4096, &c->top_k));
    TRY(yaml_integer(model, "moe_every", 1, 1000, &c->moe_every));
    TRY(yaml_flag(model, "noise", &noise));
    TRY(yaml_flag(model, "renormalise", &c->renormalise));
    TRY(yaml_flag(model, "released_code", &quirks));
    TRY(yaml_number(model, "balance", 0, 1e3, &c->balance));
    c->limited = yaml_get(model, "capacity_factor") != NULL;
    TRY(yaml_number(model, "capacity_factor", 1e-3, 1e6, &c->capacity_factor));
    c->noise = noise && c->experts ? 1.0 / (double)c->experts : 0;
    c->activation_after_fc2 = c->zero_class_token = quirks;
    c->lost_slots = quirks;
    return PODIUM_OK;
}

int32_t widenet_config_read(widenet_config *c, const yaml_node *model)
{
    const int64_t most = 1 << 20;
    static const char *const required[] = {"width", "depth", "heads"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(model, required[i]));
    TRY(yaml_require(model, c->text ? "tokens" : "patch"));
    c->eps = 1e-6;
    c->groups = c->moe_every = 1;
    c->experts = 4;
    c->top_k = 2;
    c->balance = 0.01;
    c->capacity_slots = -1;
    c->act = ACT_GELU_TANH;
    c->pre_act = ACT_TANH;
    if (!c->text)
        TRY(yaml_integer(model, "patch", 1, 1024, &c->patch));
    TRY(yaml_integer(model, "width", 8, most, &c->width));
    TRY(yaml_integer(model, "depth", 1, 1000, &c->depth));
    TRY(yaml_integer(model, "heads", 1, most, &c->heads));
    TRY(yaml_integer(model, "groups", 0, 1000, &c->groups));
    c->hidden = 4 * c->width;
    c->pre_logits = c->embedding = c->width;
    if (c->text)
        TRY(yaml_integer(model, "embedding", 1, most, &c->embedding));
    TRY(yaml_integer(model, "mlp", 1, most, &c->hidden));
    TRY(yaml_integer(model, "pre_logits", 0, most, &c->pre_logits));
    TRY(yaml_flag(model, "shared_norms", &c->shared_norms));
    TRY(yaml_flag(model, "post_ln", &c->post_ln));
    TRY(yaml_flag(model, "dropout", &c->dropout));
    c->final_norm = !c->post_ln;
    TRY(read_experts(c, model));
    return check(c);
}

static const char place[] = "config";

static int32_t read_extents(widenet_config *c, const json_t *j)
{
    const struct {
        const char *key;
        int64_t least;
        int64_t *to;
    } extents[] = {
        {"image_height", 1, &c->height}, {"image_width", 1, &c->width_pixels},
        {"channels", 1, &c->channels},   {"num_classes", 1, &c->classes},
        {"patch_size", 1, &c->patch},    {"width", 1, &c->width},
        {"depth", 1, &c->depth},         {"groups", 1, &c->groups},
        {"num_heads", 1, &c->heads},     {"num_experts", 1, &c->experts},
        {"top_k", 1, &c->top_k},         {"expert_dim", 1, &c->hidden},
    };
    for (size_t i = 0; i < sizeof extents / sizeof extents[0]; i++)
        TRY(json_read_integer(j, place, extents[i].key, extents[i].least, 1 << 20, extents[i].to));
    return PODIUM_OK;
}

/* The number of config.key's text among `known` (ends with NULL). */
static int32_t read_choice(const json_t *j, const char *key, const char *const *known, int *out)
{
    const char *text;
    TRY(json_read_text(j, place, key, &text));
    for (*out = 0; known[*out]; ++*out)
        if (!strcmp(text, known[*out]))
            return PODIUM_OK;
    return podium_fail(PODIUM_EINVAL, "config.%s is '%s', which this model has no form of", key,
                       text);
}

#define CHOICE(j, key, out, ...) read_choice(j, key, (const char *const[]){__VA_ARGS__, NULL}, out)

static int32_t read_forms(widenet_config *c, const json_t *j)
{
    static const int32_t acts[] = {ACT_GELU_TANH, ACT_GELU_ERF, ACT_RELU, ACT_TANH, ACT_SILU};
    int only, norm, token, act, positions;
    TRY(CHOICE(j, "image_layout", &only, "NCHW"));
    TRY(CHOICE(j, "norm", &only, "layer_norm"));
    TRY(CHOICE(j, "pooling", &only, "gap over all tokens", "gap"));
    TRY(CHOICE(j, "norm_position", &norm, "pre", "post"));
    TRY(CHOICE(j, "class_token", &token, "none", "zero"));
    TRY(CHOICE(j, "positions", &positions, "learned", "sincos2d"));
    TRY(CHOICE(j, "activation", &act, "gelu_tanh", "gelu_erf", "relu", "tanh", "silu"));
    c->post_ln = norm == 1;
    c->zero_class_token = token == 1;
    c->sincos = positions == 1;
    c->act = acts[act];
    return PODIUM_OK;
}

static int32_t read_head(widenet_config *c, const json_t *j)
{
    bool hidden;
    int act;
    TRY(json_read_flag(j, place, "representation", &hidden));
    if (!hidden)
        return PODIUM_OK;
    TRY(CHOICE(j, "representation_activation", &act, "tanh", "none"));
    c->pre_act = act ? ACT_NONE : ACT_TANH;
    c->pre_logits = c->width;
    if (!json_object_get(j, "representation_size"))
        return PODIUM_OK;
    return json_read_integer(j, place, "representation_size", 1, 1 << 20, &c->pre_logits);
}

/* Slots are given by number; a factor alone is what they come from. */
static int32_t read_capacity(widenet_config *c, const json_t *j)
{
    const json_t *slots = json_object_get(j, "capacity_slots");
    c->capacity_slots = -1;
    if (slots && !json_is_null(slots)) {
        c->limited = true;
        return json_read_integer(j, place, "capacity_slots", 0, INT32_MAX, &c->capacity_slots);
    }
    if (slots || !json_is_number(json_object_get(j, "capacity_factor")))
        return PODIUM_OK;
    c->limited = true;
    return json_read_number(j, place, "capacity_factor", &c->capacity_factor);
}

int32_t widenet_config_read_case(widenet_config *c, const void *json)
{
    const json_t *j = json;
    bool attention_bias, router_bias;
    double noise;
    *c = (widenet_config){.moe_every = 1};
    TRY(read_extents(c, j));
    TRY(read_forms(c, j));
    TRY(read_head(c, j));
    TRY(read_capacity(c, j));
    TRY(json_read_flag(j, place, "norm_shared", &c->shared_norms));
    TRY(json_read_flag(j, place, "final_norm", &c->final_norm));
    TRY(json_read_flag(j, place, "activation_after_fc2", &c->activation_after_fc2));
    TRY(json_read_flag(j, place, "gate_renormalised", &c->renormalise));
    TRY(json_read_flag(j, place, "attention_bias", &attention_bias));
    TRY(json_read_flag(j, place, "router_bias", &router_bias));
    TRY(json_read_number(j, place, "router_noise", &noise));
    TRY(json_read_number(j, place, "balance_coefficient", &c->balance));
    TRY(json_read_number(j, place, "layer_norm_eps", &c->eps));
    c->no_attention_bias = !attention_bias;
    if (router_bias || noise != 0)
        return podium_fail(PODIUM_EINVAL, "config: expected a router without bias and noise");
    if (!(c->eps > 0))
        return podium_fail(PODIUM_EINVAL, "config.layer_norm_eps: expected a positive number");
    return check(c);
}
