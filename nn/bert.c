/* The encoder in BERT's layout. */
#include "nn/pretrained.h"

#include <stdio.h>

static value table(graph *g, const char *prefix, int64_t rows, int64_t width, double init)
{
    param p = {.kind = PODIUM_EMBEDDING,
               .ndim = 2,
               .shape = {rows, width},
               .init = {.kind = INIT_NORMAL, .a = init}};
    return nn_parameter(g, &p, prefix, "weight");
}

static value embed(graph *g, const nn_bert_config *c, value ids, value types)
{
    int64_t T = graph_shape(g, ids)[1];
    if (T > c->positions) {
        graph_fail(g, PODIUM_EINVAL, "%lld tokens, but the model has %lld positions", (long long)T,
                   (long long)c->positions);
        return NO_VALUE;
    }
    value x = op_gather_rows(g, table(g, "embedding", c->vocabulary, c->width, c->init), ids);
    value rows = op_slice(g, table(g, "pos", c->positions, c->width, c->init), 0, 0, T);
    if (c->types && types < 0)
        rows = op_add(g, rows, op_slice(g, table(g, "type", c->types, c->width, c->init), 0, 0, 1));
    x = op_add(g, x, rows);
    if (c->types && types >= 0)
        x = op_add(g, x, op_gather_rows(g, table(g, "type", c->types, c->width, c->init), types));
    return nn_layer_norm(g, "ln_embed", x, c->eps);
}

static value linear(graph *g, const nn_bert_config *c, const nn_adaptation *a, const char *prefix,
                    int64_t in, int64_t out, activation act, uint32_t place, value x)
{
    nn_linear_config l = {.in = in,
                          .out = out,
                          .act = act,
                          .weight_kind = PODIUM_WEIGHT,
                          .bias_kind = PODIUM_BIAS,
                          .weight = {.kind = INIT_NORMAL, .a = c->init},
                          .bias = {.kind = INIT_ZERO}};
    return nn_adapted_linear(g, prefix, &l, a, place, x);
}

static value block(graph *g, const nn_bert_config *c, const nn_adaptation *a, int i, value x,
                   value mask)
{
    char name[64];
    value sum;
    param_init init = {.kind = INIT_NORMAL, .a = c->init};
    nn_adapted_attention_config attention = {.width = c->width,
                                             .head_width = c->width / c->heads,
                                             .heads = (int)c->heads,
                                             .has_bias = true,
                                             .causal = c->causal,
                                             .q = init,
                                             .kv = init,
                                             .out = init};
    snprintf(name, sizeof name, "blocks.%d.attn", i);
    value h = nn_adapted_attention(g, name, &attention, a, x, x, mask, NO_VALUE);
    snprintf(name, sizeof name, "blocks.%d.adapter_attn", i);
    if (a->adapter.after_attention)
        h = nn_adapter(g, name, &a->adapter, h);
    h = c->dropout ? op_dropout(g, h) : h;
    snprintf(name, sizeof name, "blocks.%d.ln1", i);
    x = nn_add_layer_norm(g, name, x, h, c->eps, &sum);
    snprintf(name, sizeof name, "blocks.%d.mlp.fc1", i);
    h = linear(g, c, a, name, c->width, c->mlp, c->act, LORA_FC1, x);
    snprintf(name, sizeof name, "blocks.%d.mlp.fc2", i);
    h = linear(g, c, a, name, c->mlp, c->width, ACT_NONE, LORA_FC2, h);
    snprintf(name, sizeof name, "blocks.%d.adapter_mlp", i);
    if (a->adapter.after_mlp)
        h = nn_adapter(g, name, &a->adapter, h);
    h = c->dropout ? op_dropout(g, h) : h;
    snprintf(name, sizeof name, "blocks.%d.ln2", i);
    return nn_add_layer_norm(g, name, x, h, c->eps, &sum);
}

value nn_bert(graph *g, const nn_bert_config *c, const nn_adaptation *a, value ids, value types,
              value mask, value *blocks)
{
    if (graph_status(g) || ids < 0 || mask < 0)
        return NO_VALUE;
    int64_t B = graph_shape(g, ids)[0], T = graph_shape(g, ids)[1];
    value keys = op_reshape(g, mask, 3, (int64_t[]){B, 1, T});
    value x = embed(g, c, ids, types);
    if (blocks)
        blocks[0] = x;
    x = c->dropout ? op_dropout(g, x) : x;
    for (int i = 0; i < (int)c->depth; i++) {
        x = block(g, c, a, i, x, keys);
        if (blocks)
            blocks[i + 1] = x;
    }
    return x;
}
