/* Fine-tuning as a recording: which parameters are trained, the network, the pooled head, the loss.
 */
#include "workloads/compacter_model.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const compacter_modes[] = {"compacter",
                                       "compacter_plusplus",
                                       "phm_adapter",
                                       "adapter",
                                       "low_rank_adapter",
                                       "lora",
                                       "bitfit",
                                       "full",
                                       "head",
                                       NULL};

/* reduction: of the bottleneck, for the modes that have one */
static int32_t set_adapter(compacter_config *c, const char *name, int64_t n, int64_t reduction,
                           int64_t rank)
{
    int64_t width = c->is_t5 ? c->t5.width : c->bert.width;
    nn_adapter_config *a = &c->adaptation.adapter;
    bool compacter = !strncmp(name, "compacter", 9), phm = !strcmp(name, "phm_adapter");
    if (reduction < 1 || width % reduction)
        return podium_fail(PODIUM_EINVAL, "reduction %lld does not divide the width %lld",
                           (long long)reduction, (long long)width);
    *a = (nn_adapter_config){.kind = compacter || phm           ? ADAPTER_PHM
                                     : !strcmp(name, "adapter") ? ADAPTER_PLAIN
                                                                : ADAPTER_LOW_RANK,
                             .width = width,
                             .bottleneck = width / reduction,
                             .act = ACT_GELU_TANH,
                             .n = n,
                             .rank = phm    ? rank
                                     : rank ? rank
                                            : 1,
                             .shared_rule = compacter,
                             .after_attention = strcmp(name, "compacter_plusplus") != 0,
                             .after_mlp = true};
    if (a->kind == ADAPTER_PHM && (n < 1 || width % n || a->bottleneck % n))
        return podium_fail(PODIUM_EINVAL,
                           "phm_dim %lld does not divide the width %lld and the bottleneck %lld",
                           (long long)n, (long long)width, (long long)a->bottleneck);
    return PODIUM_OK;
}

int32_t compacter_set_mode(compacter_config *c, const char *name, int64_t phm_dim,
                           int64_t reduction, int64_t rank)
{
    c->adaptation = (nn_adaptation){0};
    c->adapt_encoder = c->adapt_decoder = true;
    c->norms_trained = false;
    c->head_trained = !c->is_t5;
    if (!strcmp(name, "full")) {
        c->mode = TUNE_FULL;
    } else if (!strcmp(name, "head")) {
        c->mode = TUNE_HEAD;
    } else if (!strcmp(name, "bitfit")) {
        c->mode = TUNE_BITFIT;
        /* T5 has no biases of its own: the authors of Compacter gave it some, and train its norms
         */
        c->t5.biases = c->is_t5;
        c->norms_trained = c->is_t5;
    } else if (!strcmp(name, "lora")) {
        c->mode = TUNE_LORA;
        int64_t r = rank ? rank : 8;
        c->adaptation.lora = (nn_lora_config){
            .rank = r, .alpha = 2.0 * (double)r, .targets = LORA_Q | LORA_V};
    } else {
        c->mode = TUNE_ADAPTER;
        c->norms_trained = true;
        return set_adapter(c, name, phm_dim, reduction, rank);
    }
    return PODIUM_OK;
}

static int32_t read_sizes(nn_bert_config *b, const yaml_node *model)
{
    static const char *const required[] = {"width", "depth", "heads"};
    const int64_t most = 1 << 20;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        TRY(yaml_require(model, required[i]));
    TRY(yaml_integer(model, "width", 4, most, &b->width));
    TRY(yaml_integer(model, "depth", 1, 1000, &b->depth));
    TRY(yaml_integer(model, "heads", 1, most, &b->heads));
    b->mlp = 4 * b->width;
    b->positions = 512;
    b->init = 0.02;
    b->eps = 1e-12;
    b->act = ACT_GELU_ERF;
    TRY(yaml_integer(model, "mlp", 1, most, &b->mlp));
    TRY(yaml_integer(model, "positions", 1, most, &b->positions));
    TRY(yaml_integer(model, "types", 0, 1024, &b->types));
    TRY(yaml_number(model, "init", 1e-6, 10, &b->init));
    TRY(yaml_flag(model, "dropout", &b->dropout));
    TRY(yaml_flag(model, "causal", &b->causal));
    if (b->width % b->heads)
        return podium_fail(PODIUM_EINVAL, "width %lld is no multiple of %lld heads",
                           (long long)b->width, (long long)b->heads);
    return PODIUM_OK;
}

/* mode, phm_dim, reduction, rank */
static int32_t read_mode(compacter_config *c, const yaml_node *model)
{
    int mode = 0;
    int64_t n = 4, reduction = 8, rank = 0;
    TRY(yaml_choice(model, "mode", compacter_modes, &mode));
    TRY(yaml_integer(model, "phm_dim", 1, 1024, &n));
    TRY(yaml_integer(model, "reduction", 1, 1 << 20, &reduction));
    TRY(yaml_integer(model, "rank", 0, 1024, &rank));
    return compacter_set_mode(c, compacter_modes[mode], n, reduction, rank);
}

int32_t compacter_t5_read(compacter_config *c, const yaml_node *model, int64_t vocabulary)
{
    static const char *const required[] = {"width", "depth", "heads", "vocabulary"};
    const int64_t most = 1 << 20;
    *c = (compacter_config){.is_t5 = true};
    nn_t5_config *t = &c->t5;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        TRY(yaml_require(model, required[i]));
    TRY(yaml_integer(model, "width", 4, most, &t->width));
    TRY(yaml_integer(model, "depth", 1, 1000, &t->encoder_depth));
    TRY(yaml_integer(model, "heads", 1, most, &t->heads));
    TRY(yaml_integer(model, "vocabulary", 1, most, &t->vocabulary));
    t->decoder_depth = t->encoder_depth;
    t->head_width = 64;
    t->mlp = 4 * t->width;
    t->buckets = 32;
    t->max_distance = 128;
    t->eps = 1e-6;
    TRY(yaml_integer(model, "head_width", 1, most, &t->head_width));
    TRY(yaml_integer(model, "mlp", 1, most, &t->mlp));
    TRY(yaml_flag(model, "gated", &t->gated));
    TRY(yaml_flag(model, "untied", &t->untied));
    TRY(yaml_flag(model, "dropout", &t->dropout));
    t->act = t->gated ? ACT_GELU_TANH : ACT_RELU;
    if (vocabulary > t->vocabulary)
        return podium_fail(PODIUM_EINVAL, "the data has %lld pieces, the network %lld rows",
                           (long long)vocabulary, (long long)t->vocabulary);
    return read_mode(c, model);
}

int32_t compacter_config_read(compacter_config *c, const yaml_node *model, int64_t vocabulary,
                              int64_t classes)
{
    *c = (compacter_config){.classes = classes, .head_init = 0.02};
    TRY(read_sizes(&c->bert, model));
    c->bert.vocabulary = vocabulary;
    TRY(yaml_require(model, "tokens"));
    TRY(yaml_integer(model, "tokens", 1, c->bert.positions, &c->tokens));
    TRY(yaml_flag(model, "first_token", &c->first_token));
    return read_mode(c, model);
}

static bool is_norm(const param *p)
{
    return p->kind == PODIUM_LAYER_NORM_SCALE || p->kind == PODIUM_LAYER_NORM_BIAS;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

bool compacter_is_frozen(const param *p, const void *config)
{
    const compacter_config *c = config;
    const char *name = p->name;
    if (c->frozen_names) {
        size_t i;
        json_t *item;
        json_array_foreach((const json_t *)c->frozen_names, i, item)
        {
            if (json_is_string(item) && !strcmp(json_string_value(item), name))
                return true;
        }
        return false;
    }
    if (c->mode == TUNE_FULL || (c->head_trained && !strncmp(name, "head.", 5)))
        return false;
    if (c->norms_trained && is_norm(p))
        return false;
    switch (c->mode) {
    case TUNE_ADAPTER:
        return !strstr(name, ".adapter_") && strncmp(name, "phm_rule", 8) != 0;
    case TUNE_LORA:
        return !strstr(name, ".lora_");
    case TUNE_BITFIT:
        return !ends_with(name, ".bias");
    default:
        return true;
    }
}

value compacter_pooled(const compacter_config *c, graph *g, value x, value mask)
{
    if (x < 0)
        return NO_VALUE;
    int64_t B = graph_shape(g, x)[0], T = graph_shape(g, x)[1], C = graph_shape(g, x)[2];
    if (c->first_token)
        return op_reshape(g, op_slice(g, x, 1, 0, 1), 2, (int64_t[]){B, C});
    value weights = op_reshape(g, op_cast_real(g, mask), 3, (int64_t[]){B, 1, T});
    value sums = op_reshape(g, op_matmul(g, weights, x, false, false), 2, (int64_t[]){B, C});
    value counts = op_reduce_sum(g, op_reshape(g, weights, 2, (int64_t[]){B, T}), 2, true);
    return op_div(g, sums, counts);
}

static value classify(const compacter_config *c, graph *g, value x)
{
    nn_linear_config head = {.in = c->bert.width,
                             .out = c->classes,
                             .is_output = true,
                             .weight_kind = PODIUM_WEIGHT,
                             .bias_kind = PODIUM_BIAS,
                             .weight = {.kind = INIT_NORMAL, .a = c->head_init},
                             .bias = {.kind = INIT_ZERO}};
    return nn_linear(g, "head", &head, x);
}

/* Squared error of the one logit of each example. */
static value squared_error(graph *g, value logits, value labels, value weights, value *each)
{
    int64_t n = graph_count(g, labels);
    value difference = op_sub(g, op_reshape(g, logits, 1, &n), labels);
    *each = op_unary(g, UNARY_SQUARE, difference);
    return op_weighted_mean(g, *each, weights);
}

static void build_bert(const compacter_config *c, graph *g, int64_t batch, workload_model *m)
{
    int64_t ids[2] = {batch, c->tokens};
    m->inputs[0] = graph_input(g, "input_ids", PODIUM_I32, 2, ids);
    m->inputs[1] = graph_input(g, "attention_mask", PODIUM_I32, 2, ids);
    m->inputs[2] = graph_input(g, "labels", c->regression ? PODIUM_F32 : PODIUM_I32, 1, &batch);
    m->inputs[3] = graph_input(g, "weights", PODIUM_F32, 1, &batch);
    m->num_inputs = 4;
    m->label_input = c->regression ? 0 : 3;
    value types = NO_VALUE;
    if (c->token_types) {
        types = graph_input(g, "token_type_ids", PODIUM_I32, 2, ids);
        m->inputs[m->num_inputs++] = types;
    }
    value x = nn_bert(g, &c->bert, &c->adaptation, m->inputs[0], types, m->inputs[1], NULL);
    x = compacter_pooled(c, g, x, m->inputs[1]);
    m->logits = classify(c, g, c->bert.dropout ? op_dropout(g, x) : x);
    if (c->regression)
        m->loss = squared_error(g, m->logits, m->inputs[2], m->inputs[3], &m->per_example);
    else
        m->loss = op_softmax_cross_entropy(g, m->logits, m->inputs[2], m->inputs[3],
                                           &m->per_example);
}

static void build_t5(const compacter_config *c, graph *g, int64_t batch, workload_model *m)
{
    int64_t ids[2] = {batch, c->tokens}, labels[2] = {batch, c->target_tokens};
    int64_t rows = batch * c->target_tokens;
    nn_adaptation none = {0};
    m->inputs[0] = graph_input(g, "input_ids", PODIUM_I32, 2, ids);
    m->inputs[1] = graph_input(g, "attention_mask", PODIUM_I32, 2, ids);
    m->inputs[2] = graph_input(g, "labels", PODIUM_I32, 2, labels);
    m->inputs[3] = graph_input(g, "weights", PODIUM_F32, 1, &rows);
    m->num_inputs = 4;
    value shifted = op_shift_ids(g, m->inputs[2], 1, 0);
    m->logits = nn_t5(g, &c->t5, c->adapt_encoder ? &c->adaptation : &none,
                      c->adapt_decoder ? &c->adaptation : &none, m->inputs[0], m->inputs[1],
                      shifted, NULL);
    value flat = op_reshape(g, m->inputs[2], 1, &rows);
    m->loss = op_softmax_cross_entropy(g, m->logits, flat, m->inputs[3], &m->per_example);
}

int32_t compacter_build(const compacter_config *c, graph *g, int64_t batch, workload_model *out)
{
    *out = (workload_model){.batch = batch};
    params_freeze(graph_params(g), compacter_is_frozen, c);
    if (c->is_t5)
        build_t5(c, g, batch, out);
    else
        build_bert(c, g, batch, out);
    graph_keep(g, out->logits);
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
