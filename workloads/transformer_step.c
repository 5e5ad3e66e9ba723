/* Decoding in two recordings: the sources once, then one token a run on cached keys and values. */
#include <math.h>
#include <stdio.h>

#include "workloads/transformer_blocks.h"

/* A projection PREFIX.LAYER.part of the decoder; training has declared it. */
static value project(const transformer_config *c, graph *g, int layer, const char *part, value x)
{
    char name[64];
    snprintf(name, sizeof name, "decoder.blocks.%d.%s", layer, part);
    nn_linear_config l = {.in = c->width, .out = c->width, .no_bias = !c->attention_bias};
    return nn_linear(g, name, &l, x);
}

int32_t transformer_build_source(const transformer_config *c, graph *g, int64_t rows,
                                 transformer_source *out)
{
    out->inputs = graph_input(g, "inputs", PODIUM_I32, 2, (int64_t[]){rows, c->source});
    value mask = transformer_key_mask(g, out->inputs);
    value memory = transformer_encode(c, g, out->inputs, NO_VALUE, mask);
    for (int i = 0; i < (int)c->decoder_layers; i++) {
        out->keys[i] = project(c, g, i, "cross.k", memory);
        out->values[i] = project(c, g, i, "cross.v", memory);
        graph_keep(g, out->keys[i]);
        graph_keep(g, out->values[i]);
    }
    return graph_status(g);
}

static value real_input(graph *g, const char *what, int layer, const int64_t shape[3])
{
    char name[32];
    snprintf(name, sizeof name, "%s.%d", what, layer);
    return graph_input(g, name, PODIUM_F32, 3, shape);
}

/* Self-attention of the newest token over the cache and itself. */
static value attend_self(const transformer_config *c, graph *g, int i, int64_t rows, int64_t length,
                         value in, transformer_step *out)
{
    int64_t past[3] = {rows, length, c->width};
    nn_attention_config a = transformer_attention(c, false);
    value q = project(c, g, i, "attn.q", in);
    out->new_keys[i] = project(c, g, i, "attn.k", in);
    out->new_values[i] = project(c, g, i, "attn.v", in);
    out->past_keys[i] = real_input(g, "past_keys", i, past);
    out->past_values[i] = real_input(g, "past_values", i, past);
    graph_keep(g, out->new_keys[i]);
    graph_keep(g, out->new_values[i]);
    value k = op_concat(g, out->past_keys[i], out->new_keys[i], 1);
    value v = op_concat(g, out->past_values[i], out->new_values[i], 1);
    value mixed = op_attention(g, q, k, v, a.heads, a.scale, out->seen, false);
    return project(c, g, i, "attn.out", mixed);
}

static value attend_source(const transformer_config *c, graph *g, int i, int64_t rows, value in,
                           transformer_step *out)
{
    int64_t shape[3] = {rows, c->source, c->width};
    nn_attention_config a = transformer_attention(c, false);
    out->cross_keys[i] = real_input(g, "cross_keys", i, shape);
    out->cross_values[i] = real_input(g, "cross_values", i, shape);
    value q = project(c, g, i, "cross.q", in);
    value mixed = op_attention(g, q, out->cross_keys[i], out->cross_values[i], a.heads, a.scale,
                               transformer_key_mask(g, out->source), false);
    return project(c, g, i, "cross.out", mixed);
}

int32_t transformer_build_step(const transformer_config *c, graph *g, int64_t rows, int64_t length,
                               transformer_step *out)
{
    char name[64], part[64];
    int64_t one[2] = {rows, 1};
    out->token = graph_input(g, "token", PODIUM_I32, 2, one);
    out->position = graph_input(g, "position", PODIUM_I32, 2, one);
    out->seen = graph_input(g, "seen", PODIUM_I32, 3, (int64_t[]){1, 1, length + 1});
    out->source = graph_input(g, "source", PODIUM_I32, 2, (int64_t[]){rows, c->source});
    transformer_config wide = *c; /* the position table must reach as far as decoding */
    wide.max_length = c->max_length > length + 1 ? c->max_length : length + 1;
    stream s = {.x = transformer_embed(&wide, g, out->token, out->position), .branch = NO_VALUE};
    for (int i = 0; i < (int)c->decoder_layers; i++) {
        snprintf(name, sizeof name, "decoder.blocks.%d.ln1", i);
        value in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, attend_self(c, g, i, rows, length, in, out));
        snprintf(name, sizeof name, "decoder.blocks.%d.ln2", i);
        in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, attend_source(c, g, i, rows, in, out));
        snprintf(name, sizeof name, "decoder.blocks.%d.ln3", i);
        snprintf(part, sizeof part, "decoder.blocks.%d.mlp", i);
        in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, transformer_mlp(c, g, part, in));
    }
    value x = transformer_finish(c, g, &s, "decoder.ln_f");
    out->logits = nn_token_logits(g, x, transformer_table(c, g), 1 / sqrt((double)c->width));
    graph_keep(g, out->logits);
    return graph_status(g);
}
