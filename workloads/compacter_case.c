/* Reads the config of a golden case.  Texts that describe a formula are matched by their first
 * words, since the words after them are for people. */
#include "workloads/compacter_case.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int32_t integer(const json_t *config, const char *key, int64_t *out)
{
    const json_t *j = json_object_get(config, key);
    if (!json_is_integer(j) || json_integer_value(j) < 1 || json_integer_value(j) > 1 << 24)
        return podium_fail(PODIUM_EINVAL, "config.%s: expected a positive integer", key);
    *out = json_integer_value(j);
    return PODIUM_OK;
}

/* The same where null and absence mean `otherwise`. */
static int32_t integer_or(const json_t *config, const char *key, int64_t otherwise, int64_t *out)
{
    const json_t *j = json_object_get(config, key);
    *out = otherwise;
    return !j || json_is_null(j) ? PODIUM_OK : integer(config, key, out);
}

static bool flag_or(const json_t *config, const char *key, bool otherwise)
{
    const json_t *j = json_object_get(config, key);
    return json_is_boolean(j) ? json_is_true(j) : otherwise;
}

static const char *text_of(const json_t *config, const char *key)
{
    const char *text = json_string_value(json_object_get(config, key));
    return text ? text : "";
}

static bool begins(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

static int32_t activation_of(const char *key, const char *text, activation *out)
{
    static const struct {
        const char *name;
        activation act;
    } names[] = {{"gelu_erf", ACT_GELU_ERF},  {"gelu_tanh", ACT_GELU_TANH},
                 {"gelu_new", ACT_GELU_TANH}, {"gelu", ACT_GELU_ERF},
                 {"relu", ACT_RELU},          {"tanh", ACT_TANH},
                 {"silu", ACT_SILU},          {"swish", ACT_SILU},
                 {"none", ACT_NONE},          {"identity", ACT_NONE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins(text, names[i].name)) {
            *out = names[i].act;
            return PODIUM_OK;
        }
    return podium_fail(PODIUM_EINVAL,
                       "config.%s is '%s', expected gelu_erf, gelu_tanh, relu, tanh or silu", key,
                       text);
}

static int32_t positive(const json_t *config, const char *key, double *out)
{
    *out = json_number_value(json_object_get(config, key));
    return *out > 0 ? PODIUM_OK
                    : podium_fail(PODIUM_EINVAL, "config.%s: expected a positive number", key);
}

/* True when the array (absent: everything) names the text. */
static bool listed(const json_t *array, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item) && !strcmp(json_string_value(item), text))
            return true;
    }
    return !array;
}

static int32_t read_bert(compacter_config *c, const json_t *j)
{
    nn_bert_config *b = &c->bert;
    TRY(integer(j, "vocab", &b->vocabulary));
    TRY(integer(j, "width", &b->width));
    TRY(integer(j, "depth", &b->depth));
    TRY(integer(j, "num_heads", &b->heads));
    TRY(integer(j, "mlp_dim", &b->mlp));
    TRY(integer(j, "max_positions", &b->positions));
    TRY(integer_or(j, "type_vocab", 0, &b->types));
    TRY(integer_or(j, "num_classes", 1, &c->classes));
    TRY(positive(j, "layer_norm_eps", &b->eps));
    TRY(activation_of("activation", text_of(j, "activation"), &b->act));
    b->init = c->head_init = 0.02;
    b->dropout = json_number_value(json_object_get(j, "dropout")) > 0;
    if (b->width % b->heads)
        return podium_fail(PODIUM_EINVAL, "config.width is no multiple of config.num_heads");
    if (!begins(text_of(j, "norm_position"), "post"))
        return podium_fail(PODIUM_EINVAL, "config.norm_position is '%s', expected 'post'",
                           text_of(j, "norm_position"));
    const char *pooling = text_of(j, "pooling"), *loss = text_of(j, "loss");
    c->first_token = begins(pooling, "first") || begins(pooling, "cls");
    if (!c->first_token && !begins(pooling, "mean"))
        return podium_fail(PODIUM_EINVAL,
                           "config.pooling is '%s', expected 'mean' or 'first token'", pooling);
    c->regression = begins(loss, "mean") || begins(loss, "mse") || strstr(loss, "squared");
    if (!c->regression && *loss && !begins(loss, "softmax_cross_entropy"))
        return podium_fail(PODIUM_EINVAL,
                           "config.loss is '%s', expected 'softmax_cross_entropy' or "
                           "'mean squared error'",
                           loss);
    c->token_types = *text_of(j, "token_types") && !begins(text_of(j, "token_types"), "all 0");
    return PODIUM_OK;
}

/* "relu", or gated with the activation named in the text. */
static int32_t read_t5_mlp(nn_t5_config *t, const json_t *j)
{
    const char *mlp = text_of(j, "mlp");
    t->gated = strstr(mlp, "gate") || strstr(mlp, "glu");
    if (!t->gated)
        return activation_of("mlp", mlp, &t->act);
    t->act = strstr(mlp, "silu") || strstr(mlp, "swi") ? ACT_SILU
             : strstr(mlp, "relu")                     ? ACT_RELU
             : strstr(mlp, "gelu_erf")                 ? ACT_GELU_ERF
                                                       : ACT_GELU_TANH;
    return PODIUM_OK;
}

static int32_t read_t5(compacter_config *c, const json_t *j)
{
    nn_t5_config *t = &c->t5;
    c->is_t5 = true;
    TRY(integer(j, "vocab", &t->vocabulary));
    TRY(integer(j, "width", &t->width));
    TRY(integer(j, "num_heads", &t->heads));
    TRY(integer_or(j, "head_dim", t->width / t->heads, &t->head_width));
    TRY(integer(j, "mlp_dim", &t->mlp));
    TRY(integer(j, "depth", &t->encoder_depth));
    TRY(integer_or(j, "decoder_layers", t->encoder_depth, &t->decoder_depth));
    TRY(integer(j, "relative_buckets", &t->buckets));
    TRY(integer(j, "relative_max_distance", &t->max_distance));
    TRY(positive(j, "rms_eps", &t->eps));
    TRY(read_t5_mlp(t, j));
    t->untied = !flag_or(j, "tied_embeddings", true);
    t->logits_scale = json_number_value(json_object_get(j, "logits_scale_value"));
    t->biases = flag_or(j, "attention_bias", false);
    t->dropout = json_number_value(json_object_get(j, "dropout")) > 0;
    return PODIUM_OK;
}

/* Kinds: compacter, phm..., low_rank_adapter, adapter. */
static int32_t read_adapter(nn_adapter_config *a, const json_t *j, int64_t width)
{
    const char *kind = text_of(j, "kind");
    const json_t *places = json_object_get(j, "places");
    a->kind = begins(kind, "low_rank")                             ? ADAPTER_LOW_RANK
              : begins(kind, "compacter") || strstr(kind, "phm")   ? ADAPTER_PHM
              : strstr(kind, "adapter") || begins(kind, "houlsby") ? ADAPTER_PLAIN
                                                                   : ADAPTER_NONE;
    if (a->kind == ADAPTER_NONE)
        return podium_fail(
            PODIUM_EINVAL,
            "config.adapter.kind is '%s', expected compacter, phm_adapter, adapter or "
            "low_rank_adapter",
            kind);
    a->width = width;
    TRY(integer(j, "bottleneck", &a->bottleneck));
    TRY(integer_or(j, "phm_dim", 1, &a->n));
    TRY(integer_or(j, "rank", 0, &a->rank));
    TRY(activation_of("adapter.activation", text_of(j, "activation"), &a->act));
    bool factorized = flag_or(j, "factorized_W", a->rank > 0 || begins(kind, "compacter"));
    a->rank = !factorized ? 0 : a->rank ? a->rank : 1;
    if (a->kind == ADAPTER_LOW_RANK && !a->rank)
        a->rank = 1;
    a->shared_rule = flag_or(j, "shared_rule", begins(kind, "compacter"));
    a->factorized_rule = flag_or(j, "factorized_rule", false);
    a->after_attention = listed(places, "attn");
    a->after_mlp = listed(places, "mlp");
    return PODIUM_OK;
}

static int32_t read_lora(nn_lora_config *l, const json_t *j)
{
    static const struct {
        const char *name;
        uint32_t place;
    } places[] = {{"attn.q", LORA_Q},      {"attn.k", LORA_K},    {"attn.v", LORA_V},
                  {"attn.out", LORA_OUT},  {"mlp.fc1", LORA_FC1}, {"mlp.fc2", LORA_FC2},
                  {"mlp.gate", LORA_GATE}, {"mlp.up", LORA_UP}};
    size_t i;
    json_t *item;
    TRY(integer(j, "rank", &l->rank));
    TRY(positive(j, "alpha", &l->alpha));
    json_array_foreach(json_object_get(j, "targets"), i, item)
    {
        const char *text = json_string_value(item);
        uint32_t place = 0;
        for (size_t k = 0; text && k < sizeof places / sizeof places[0]; k++)
            if (!strcmp(text, places[k].name) || !strcmp(text, strchr(places[k].name, '.') + 1))
                place = places[k].place;
        if (!place)
            return podium_fail(PODIUM_EINVAL, "config.lora.targets: no place '%s'",
                               text ? text : "(not a text)");
        l->targets |= place;
    }
    return l->targets
               ? PODIUM_OK
               : podium_fail(PODIUM_EINVAL, "config.lora.targets: expected a list of places");
}

static int32_t read_phm(phm_case *c, const json_t *j)
{
    if (json_object_get(j, "adapters")) {
        int64_t width;
        TRY(integer(j, "width", &width));
        json_t *copy = json_copy((json_t *)(uintptr_t)j);
        if (!copy || json_object_set_new(copy, "kind", json_string("phm_adapter")))
            return podium_fail(PODIUM_ENOMEM, "no memory for the case");
        int32_t rc = read_adapter(&c->adapter, copy, width);
        json_decref(copy);
        TRY(rc);
        return integer(j, "adapters", &c->adapters);
    }
    nn_phm_config *l = &c->layer;
    TRY(integer(j, "in_features", &l->in));
    TRY(integer(j, "out_features", &l->out));
    TRY(integer(j, "phm_dim", &l->n));
    TRY(integer_or(j, "rank", 0, &l->rank));
    bool factorized = flag_or(j, "factorized_W", l->rank > 0);
    l->rank = !factorized ? 0 : l->rank ? l->rank : 1;
    l->factorized_rule = flag_or(j, "factorized_rule", false);
    l->no_bias = !flag_or(j, "bias", true);
    return PODIUM_OK;
}

/* What is trained, from the model's name and the parts the config has. */
static int32_t read_tuning(compacter_config *c, const char *model, const json_t *j)
{
    const json_t *adapter = json_object_get(j, "adapter"), *lora = json_object_get(j, "lora");
    const json_t *stacks = json_object_get(adapter, "stacks");
    c->adapt_encoder = listed(stacks, "encoder");
    c->adapt_decoder = listed(stacks, "decoder");
    c->head_trained = !c->is_t5;
    c->mode = !strcmp(model, "bitfit") ? TUNE_BITFIT
              : adapter                ? TUNE_ADAPTER
              : lora                   ? TUNE_LORA
                                       : TUNE_FULL;
    if (adapter) {
        TRY(read_adapter(&c->adaptation.adapter, adapter, c->is_t5 ? c->t5.width : c->bert.width));
        c->norms_trained = flag_or(adapter, "layer_norm_trained", true);
    }
    if (lora) {
        TRY(read_lora(&c->adaptation.lora, lora));
        c->norms_trained = c->norms_trained || flag_or(lora, "layer_norm_trained", false);
    }
    return PODIUM_OK;
}

int32_t compacter_case_read(compacter_case *c, const void *json)
{
    const json_t *j = json;
    const char *model = text_of(j, "model");
    *c = (compacter_case){.is_phm = !strcmp(model, "phm")};
    if (c->is_phm)
        return read_phm(&c->phm, j);
    if (begins(text_of(j, "encoder"), "t5"))
        TRY(read_t5(&c->model, j));
    else
        TRY(read_bert(&c->model, j));
    TRY(read_tuning(&c->model, model, j));
    const json_t *frozen = json_object_get(j, "frozen");
    c->model.frozen_names = json_is_array(frozen) ? frozen : NULL;
    return PODIUM_OK;
}

int32_t compacter_case_input(compacter_case *c, int i, int ndim, const int64_t *shape)
{
    if (c->is_phm) {
        if (i == 0) {
            if (ndim < 1 || ndim > TENSOR_MAX_DIMS)
                return podium_fail(PODIUM_EINVAL, "x has %d axes", ndim);
            c->phm.ndim = ndim;
            memcpy(c->phm.shape, shape, (size_t)ndim * sizeof *shape);
        }
        return PODIUM_OK;
    }
    if (i == 0 || (i == 2 && c->model.is_t5)) {
        if (ndim != 2)
            return podium_fail(PODIUM_EINVAL, "expected [examples, tokens], got %d axes", ndim);
        *(i ? &c->model.target_tokens : &c->model.tokens) = shape[1];
    }
    return PODIUM_OK;
}

int32_t phm_case_build(const phm_case *c, graph *g, workload_model *out)
{
    char name[32];
    int64_t shape[TENSOR_MAX_DIMS];
    *out = (workload_model){.batch = c->shape[0], .num_inputs = 2, .per_example = NO_VALUE};
    memcpy(shape, c->shape, sizeof shape);
    value x = graph_input(g, "x", PODIUM_F32, c->ndim, shape), y = x;
    out->inputs[0] = x;
    for (int i = 0; i < (int)c->adapters; i++) {
        snprintf(name, sizeof name, "adapters.%d", i);
        y = nn_adapter(g, name, &c->adapter, y);
    }
    if (!c->adapters) {
        y = nn_phm(g, "", &c->layer, x);
        shape[c->ndim - 1] = c->layer.out;
    }
    out->inputs[1] = graph_input(g, "r", PODIUM_F32, c->ndim, shape);
    out->logits = y;
    out->loss = op_reduce_sum(g, op_mul(g, y, out->inputs[1]), (1u << c->ndim) - 1, false);
    graph_keep(g, out->logits);
    graph_keep(g, out->loss);
    return graph_status(g);
}
