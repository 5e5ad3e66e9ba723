/* The transformer's configuration: from yaml and from golden cases. */
#include <string.h>

#include "base/json.h"
#include "workloads/transformer_model.h"

static const char place[] = "config";

static int32_t check(const transformer_config *c)
{
    if (c->width % c->heads)
        return podium_fail(PODIUM_EINVAL, "width %lld is no multiple of %lld heads",
                           (long long)c->width, (long long)c->heads);
    return PODIUM_OK;
}

int32_t transformer_config_read(transformer_config *c, const yaml_node *model)
{
    static const char *const activations[] = {"relu", "tanh", "gelu_tanh", NULL};
    static const activation kinds[] = {ACT_RELU, ACT_TANH, ACT_GELU_TANH};
    static const char *const required[] = {"width", "heads", "encoder_layers", "decoder_layers"};
    const int64_t most = 1 << 20;
    int act = 0;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(model, required[i]));
    c->eps = 1e-6;
    c->temperature = c->embedding_scale = 1;
    c->max_length = 256;
    TRY(yaml_integer(model, "width", 2, most, &c->width));
    TRY(yaml_integer(model, "heads", 1, most, &c->heads));
    TRY(yaml_integer(model, "encoder_layers", 1, TRANSFORMER_MAX_LAYERS, &c->encoder_layers));
    TRY(yaml_integer(model, "decoder_layers", 1, TRANSFORMER_MAX_LAYERS, &c->decoder_layers));
    c->mlp = c->width;
    TRY(yaml_integer(model, "mlp", 1, most, &c->mlp));
    TRY(yaml_choice(model, "activation", activations, &act));
    c->act = kinds[act];
    TRY(yaml_flag(model, "glu", &c->glu));
    TRY(yaml_flag(model, "post_ln", &c->post_ln));
    TRY(yaml_flag(model, "dropout", &c->dropout));
    TRY(yaml_number(model, "attention_temperature", 1e-3, 1e3, &c->temperature));
    c->final_norm = !c->post_ln;
    return check(c);
}

static int32_t read_extents(transformer_config *c, const json_t *j)
{
    const int64_t most = 1 << 20;
    const struct {
        const char *key;
        int64_t most;
        int64_t *to;
    } extents[] = {
        {"vocab", most, &c->vocab},
        {"d_model", most, &c->width},
        {"num_heads", most, &c->heads},
        {"mlp_dim", most, &c->mlp},
        {"encoder_layers", TRANSFORMER_MAX_LAYERS, &c->encoder_layers},
        {"decoder_layers", TRANSFORMER_MAX_LAYERS, &c->decoder_layers},
        {"max_length", most, &c->max_length},
    };
    for (size_t i = 0; i < sizeof extents / sizeof extents[0]; i++)
        TRY(json_read_integer(j, place, extents[i].key, 1, extents[i].most, extents[i].to));
    return PODIUM_OK;
}

static int32_t unknown(const char *key, const char *text, const char *expected)
{
    return podium_fail(PODIUM_EINVAL, "config.%s is '%s', expected %s", key, text, expected);
}

/* The hidden layer's activation by name. */
static int32_t read_activation(transformer_config *c, const json_t *j)
{
    static const struct {
        const char *name;
        activation act;
    } known[] = {{"relu", ACT_RELU},         {"tanh", ACT_TANH}, {"gelu_tanh", ACT_GELU_TANH},
                 {"gelu_erf", ACT_GELU_ERF}, {"silu", ACT_SILU}, {"gelu_new", ACT_GELU_TANH}};
    const char *text;
    TRY(json_read_text(j, place, "activation", &text));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(text, known[i].name)) {
            c->act = known[i].act;
            return PODIUM_OK;
        }
    return unknown("activation", text, "relu, tanh, silu or a gelu");
}

/* "none", or a formula whose gate acts on the input: "tanh(fc1 x) * (glu x)". */
static int32_t read_gate(transformer_config *c, const json_t *j)
{
    const char *text;
    TRY(json_read_text(j, place, "glu", &text));
    c->glu = strcmp(text, "none") != 0;
    const char *gate = strstr(text, "glu");
    if (c->glu && (!gate || strstr(gate, "fc1")))
        return unknown("glu", text, "'none' or a gate on the input, 'act(fc1 x) * (glu x)'");
    return PODIUM_OK;
}

static int32_t only(const json_t *j, const char *key, const char *form)
{
    const char *text;
    TRY(json_read_text(j, place, key, &text));
    return strcmp(text, form) ? unknown(key, text, form) : PODIUM_OK;
}

int32_t transformer_config_read_case(transformer_config *c, const json_t *j)
{
    const char *norm;
    bool mlp_bias;
    int64_t pad;
    *c = (transformer_config){0};
    TRY(read_extents(c, j));
    TRY(read_activation(c, j));
    TRY(read_gate(c, j));
    TRY(json_read_text(j, place, "norm_position", &norm));
    if (strcmp(norm, "pre") && strcmp(norm, "post"))
        return unknown("norm_position", norm, "pre or post");
    c->post_ln = !strcmp(norm, "post");
    TRY(json_read_flag(j, place, "final_norm", &c->final_norm));
    TRY(json_read_flag(j, place, "packed", &c->packed));
    TRY(json_read_flag(j, place, "attention_bias", &c->attention_bias));
    TRY(json_read_flag(j, place, "mlp_bias", &mlp_bias));
    TRY(json_read_number(j, place, "layer_norm_eps", &c->eps));
    TRY(json_read_number(j, place, "attention_temperature", &c->temperature));
    TRY(json_read_number(j, place, "embedding_scale", &c->embedding_scale));
    TRY(json_read_integer(j, place, "pad_id", 0, 0, &pad));
    TRY(only(j, "norm", "layer_norm"));
    TRY(only(j, "positions", "sinusoidal halves"));
    TRY(only(j, "tied_embeddings", "source, target, output"));
    TRY(only(j, "logits_scale", "1/sqrt(d_model)"));
    if (!mlp_bias || !(c->eps > 0) || !(c->temperature > 0))
        return podium_fail(PODIUM_EINVAL, "config.mlp_bias: expected true; config.layer_norm_eps "
                                          "and config.attention_temperature: positive numbers");
    return check(c);
}
