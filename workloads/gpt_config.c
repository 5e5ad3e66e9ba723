/* The language model's configuration: from yaml and from golden cases. */
#include <string.h>

#include "base/json.h"
#include "workloads/gpt_model.h"

static const char place[] = "config";

static int32_t check(const gpt_config *c)
{
    if (c->heads % c->key_heads)
        return podium_fail(PODIUM_EINVAL, "%lld query heads do not share %lld key heads evenly",
                           (long long)c->heads, (long long)c->key_heads);
    if (!c->gpt2 && c->head_width % 2)
        return podium_fail(PODIUM_EINVAL, "rotary positions need an even head width, not %lld",
                           (long long)c->head_width);
    return PODIUM_OK;
}

int32_t gpt_config_read(gpt_config *c, const yaml_node *model)
{
    static const char *const layouts[] = {"llama", "gpt2", NULL};
    static const char *const required[] = {"width", "depth", "heads"};
    const int64_t most = 1 << 20;
    int layout = 0;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(model, required[i]));
    TRY(yaml_choice(model, "layout", layouts, &layout));
    c->gpt2 = layout == 1;
    c->rope_theta = 10000;
    c->eps = 1e-5;
    c->final_norm = c->tied = true;
    c->attention_bias = c->mlp_bias = c->gpt2;
    TRY(yaml_integer(model, "width", 2, most, &c->width));
    TRY(yaml_integer(model, "depth", 1, 1000, &c->depth));
    TRY(yaml_integer(model, "heads", 1, most, &c->heads));
    c->key_heads = c->heads;
    TRY(yaml_integer(model, "key_heads", 1, most, &c->key_heads));
    if (c->width % c->heads)
        return podium_fail(PODIUM_EINVAL, "width %lld is no multiple of %lld heads",
                           (long long)c->width, (long long)c->heads);
    c->head_width = c->width / c->heads;
    TRY(yaml_integer(model, "head_width", 1, most, &c->head_width));
    c->mlp = 4 * c->width;
    TRY(yaml_integer(model, "mlp", 1, most, &c->mlp));
    c->max_length = c->length;
    TRY(yaml_integer(model, "max_length", 1, most, &c->max_length));
    TRY(yaml_flag(model, "tied", &c->tied));
    TRY(yaml_flag(model, "dropout", &c->dropout));
    TRY(yaml_number(model, "rope_theta", 1, 1e12, &c->rope_theta));
    TRY(yaml_number(model, "norm_eps", 1e-12, 1, &c->eps));
    TRY(yaml_flag(model, "attention_bias", &c->attention_bias));
    return check(c);
}

static int32_t read_extents(gpt_config *c, const json_t *j)
{
    const struct {
        const char *key;
        int64_t *to;
    } extents[] = {
        {"vocab", &c->vocab},
        {"width", &c->width},
        {"depth", &c->depth},
        {"num_heads", &c->heads},
        {"num_kv_heads", &c->key_heads},
        {"mlp_dim", &c->mlp},
        {"head_dim", &c->head_width},
    };
    for (size_t i = 0; i < sizeof extents / sizeof extents[0]; i++)
        TRY(json_read_integer(j, place, extents[i].key, 1, 1 << 20, extents[i].to));
    return PODIUM_OK;
}

/* The text of `key` is `llama` in Llama's layout and `gpt2` in GPT-2's; it may go on. */
static int32_t agrees(const gpt_config *c, const json_t *j, const char *key, const char *llama,
                      const char *gpt2)
{
    const char *text, *expected = c->gpt2 ? gpt2 : llama;
    TRY(json_read_text(j, place, key, &text));
    if (!strncmp(text, expected, strlen(expected)))
        return PODIUM_OK;
    return podium_fail(PODIUM_EINVAL, "config.%s is '%s', expected '%s'", key, text, expected);
}

int32_t gpt_config_read_case(gpt_config *c, const json_t *j)
{
    const char *norm;
    int64_t ignored;
    *c = (gpt_config){0};
    TRY(read_extents(c, j));
    TRY(json_read_text(j, place, "norm", &norm));
    c->gpt2 = !strcmp(norm, "layer_norm");
    TRY(agrees(c, j, "norm", "rms", "layer_norm"));
    TRY(agrees(c, j, "norm_position", "pre", "pre"));
    TRY(agrees(c, j, "positions", "rope", "learned"));
    TRY(agrees(c, j, "activation", "swiglu", "gelu_"));
    TRY(agrees(c, j, "mask", "causal", "causal"));
    if (c->gpt2)
        TRY(json_read_integer(j, place, "max_length", 1, 1 << 20, &c->max_length));
    else
        TRY(agrees(c, j, "rope_layout", "half", "half"));
    if (!c->gpt2)
        TRY(json_read_number(j, place, "rope_theta", &c->rope_theta));
    TRY(json_read_number(j, place, c->gpt2 ? "layer_norm_eps" : "rms_eps", &c->eps));
    TRY(json_read_flag(j, place, "final_norm", &c->final_norm));
    TRY(json_read_flag(j, place, "tied_embeddings", &c->tied));
    TRY(json_read_flag(j, place, "attention_bias", &c->attention_bias));
    TRY(json_read_flag(j, place, "mlp_bias", &c->mlp_bias));
    TRY(json_read_integer(j, place, "label_ignore", GPT_IGNORED, GPT_IGNORED, &ignored));
    if (!(c->eps > 0) || (!c->gpt2 && !(c->rope_theta > 0)) || (c->gpt2 && !c->mlp_bias))
        return podium_fail(PODIUM_EINVAL, "config: the norm's epsilon and rope_theta: expected "
                                          "positive numbers; mlp_bias with layer norms: true");
    return check(c);
}
