/* The forward pass of the language model: embedding, blocks, final norm, logits. */
#include "workloads/gpt_model.h"

#include <math.h>
#include <stdio.h>

static const param_init init = {.kind = INIT_NORMAL, .a = 0.02};

/* The norm `where`rms1 (ln1), ...; number 0 is the final one. */
static value norm(const gpt_config *c, graph *g, const char *where, int number, value x)
{
    char name[64];
    const char *kind = c->gpt2 ? "ln" : "rms";
    if (number)
        snprintf(name, sizeof name, "%s%s%d", where, kind, number);
    else
        snprintf(name, sizeof name, "%s%s_f", where, kind);
    return c->gpt2 ? nn_layer_norm(g, name, x, c->eps) : nn_rms_norm(g, name, x, c->eps);
}

static value dropout(const gpt_config *c, graph *g, value x)
{
    return c->dropout ? op_dropout(g, x) : x;
}

/* x [N, T, C] through one block.  GPT-2 shrinks what is added to the stream by sqrt(2 depth). */
static value block(const gpt_config *c, graph *g, int i, value x)
{
    char name[64], where[32];
    param_init shrunk = {.kind = INIT_NORMAL, .a = 0.02 / sqrt(2 * (double)c->depth)};
    const param_init *last = c->gpt2 ? &shrunk : NULL;
    nn_attention_config a = {.width = c->width,
                             .heads = (int)c->heads,
                             .key_heads = (int)c->key_heads,
                             .head_width = c->head_width,
                             .no_bias = !c->attention_bias,
                             .causal = true,
                             .rope_theta = c->gpt2 ? 0 : c->rope_theta,
                             .init = &init,
                             .out_init = last};
    nn_mlp_config m = {.width = c->width,
                       .hidden = c->mlp,
                       .act = ACT_GELU_TANH,
                       .init = &init,
                       .out_init = last,
                       .swiglu_bias = c->mlp_bias,
                       .zero_bias = true};
    snprintf(where, sizeof where, "blocks.%d.", i);
    value in = norm(c, g, where, 1, x);
    snprintf(name, sizeof name, "blocks.%d.attn", i);
    x = op_add(g, x, dropout(c, g, nn_attention(g, name, &a, in, in, NO_VALUE)));
    in = norm(c, g, where, 2, x);
    snprintf(name, sizeof name, "blocks.%d.mlp", i);
    value h = c->gpt2 ? nn_mlp(g, name, &m, in) : nn_swiglu(g, name, &m, in);
    return op_add(g, x, dropout(c, g, h));
}

static value embed(const gpt_config *c, graph *g, value table, value ids)
{
    value x = op_gather_rows(g, table, ids);
    if (!c->gpt2 || x < 0)
        return x;
    value positions = nn_embedding(g, "pos", c->max_length, c->width, init, false);
    positions = op_slice(g, positions, 0, 0, c->length);
    return op_add(g, x, op_reshape(g, positions, 3, (int64_t[]){1, c->length, c->width}));
}

int32_t gpt_build(const gpt_config *c, graph *g, int64_t batch, workload_model *out)
{
    int64_t shape[2] = {batch, c->length}, n = batch * c->length;
    if (c->gpt2 && c->length > c->max_length)
        return graph_fail(g, PODIUM_EINVAL, "a text of %lld tokens with %lld learned positions",
                          (long long)c->length, (long long)c->max_length);
    *out = (workload_model){.num_inputs = 2, .batch = batch};
    out->inputs[0] = graph_input(g, "input_ids", PODIUM_I32, 2, shape);
    out->inputs[1] = graph_input(g, "labels", PODIUM_I32, 2, shape);
    value table = nn_embedding(g, "embedding", c->vocab, c->width, init, c->tied);
    value x = dropout(c, g, embed(c, g, table, out->inputs[0]));
    for (int i = 0; i < (int)c->depth; i++)
        x = block(c, g, i, x);
    if (c->final_norm)
        x = norm(c, g, "", 0, x);
    value head = c->tied ? table : NO_VALUE;
    if (!c->tied) {
        param p = {.kind = PODIUM_WEIGHT,
                   .ndim = 2,
                   .shape = {c->vocab, c->width},
                   .init = init,
                   .is_output = true};
        head = nn_parameter(g, &p, "head", "weight");
    }
    out->logits = nn_token_logits(g, x, head, 1);
    value labels = op_shift_ids(g, out->inputs[1], -1, GPT_IGNORED);
    value weights = nn_id_weights(g, labels, GPT_IGNORED);
    out->loss = op_softmax_cross_entropy(g, out->logits, op_reshape(g, labels, 1, &n), weights,
                                         &out->per_example);
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
