/* The training pass of the encoder-decoder. */
#include "workloads/transformer_model.h"

#include <math.h>
#include <stdio.h>

#include "workloads/transformer_blocks.h"

value transformer_table(const transformer_config *c, graph *g)
{
    return nn_embedding(g, "embedding", c->vocab, c->width,
                        (param_init){.kind = INIT_NORMAL, .a = 1}, true);
}

value transformer_dropout(const transformer_config *c, graph *g, value x)
{
    return c->dropout ? op_dropout(g, x) : x;
}

/* Rows of ids [N, T], with the sinusoids of their positions (0, 1, ... without). */
value transformer_embed(const transformer_config *c, graph *g, value ids, value positions)
{
    value x = op_gather_rows(g, transformer_table(c, g), ids);
    if (x < 0)
        return NO_VALUE;
    if (c->embedding_scale != 1)
        x = op_affine(g, x, c->embedding_scale, 0);
    int64_t T = graph_shape(g, x)[1], rows = c->max_length > T ? c->max_length : T;
    value place = positions >= 0
                      ? op_gather_rows(g, nn_sinusoids(g, rows, c->width, 10000), positions)
                      : op_reshape(g, nn_sinusoids(g, T, c->width, 10000), 3,
                                   (int64_t[]){1, T, c->width});
    return op_add(g, x, place);
}

value transformer_enter(const transformer_config *c, graph *g, stream *s, const char *name)
{
    if (c->post_ln)
        return s->x;
    value in = s->branch < 0 ? nn_layer_norm(g, name, s->x, c->eps)
                             : nn_add_layer_norm(g, name, s->x, s->branch, c->eps, &s->x);
    s->branch = NO_VALUE;
    return in;
}

void transformer_leave(const transformer_config *c, graph *g, stream *s, const char *name,
                       value branch)
{
    value sum;
    branch = transformer_dropout(c, g, branch);
    if (c->post_ln)
        s->x = nn_add_layer_norm(g, name, s->x, branch, c->eps, &sum);
    else
        s->branch = branch;
}

value transformer_finish(const transformer_config *c, graph *g, stream *s, const char *name)
{
    value sum;
    if (!c->final_norm)
        return s->branch < 0 ? s->x : op_add(g, s->x, s->branch);
    return s->branch < 0 ? nn_layer_norm(g, name, s->x, c->eps)
                         : nn_add_layer_norm(g, name, s->x, s->branch, c->eps, &sum);
}

nn_attention_config transformer_attention(const transformer_config *c, bool causal)
{
    return (nn_attention_config){
        .width = c->width,
        .heads = (int)c->heads,
        .bias = {.kind = INIT_ZERO},
        .no_bias = !c->attention_bias,
        .causal = causal,
        .scale = c->temperature / sqrt((double)(c->width / c->heads)),
        .fused_fans = true,
    };
}

value transformer_mlp(const transformer_config *c, graph *g, const char *name, value x)
{
    nn_mlp_config mlp = {.width = c->width,
                         .hidden = c->mlp,
                         .act = c->act,
                         .glu_input = c->glu,
                         .dropout = c->dropout};
    return nn_mlp(g, name, &mlp, x);
}

value transformer_encode(const transformer_config *c, graph *g, value ids, value positions,
                         value mask)
{
    char name[64];
    nn_attention_config attention = transformer_attention(c, false);
    stream s = {.x = transformer_dropout(c, g, transformer_embed(c, g, ids, positions)),
                .branch = NO_VALUE};
    for (int i = 0; i < (int)c->encoder_layers; i++) {
        snprintf(name, sizeof name, "encoder.blocks.%d.ln1", i);
        value in = transformer_enter(c, g, &s, name);
        char part[64];
        snprintf(part, sizeof part, "encoder.blocks.%d.attn", i);
        transformer_leave(c, g, &s, name, nn_attention(g, part, &attention, in, in, mask));
        snprintf(name, sizeof name, "encoder.blocks.%d.ln2", i);
        in = transformer_enter(c, g, &s, name);
        snprintf(part, sizeof part, "encoder.blocks.%d.mlp", i);
        transformer_leave(c, g, &s, name, transformer_mlp(c, g, part, in));
    }
    return transformer_finish(c, g, &s, "encoder.ln_f");
}

static value decode(const transformer_config *c, graph *g, value x, value self_mask, value memory,
                    value cross_mask)
{
    char name[64], part[64];
    nn_attention_config self = transformer_attention(c, true);
    nn_attention_config cross = transformer_attention(c, false);
    stream s = {.x = x, .branch = NO_VALUE};
    for (int i = 0; i < (int)c->decoder_layers; i++) {
        snprintf(name, sizeof name, "decoder.blocks.%d.ln1", i);
        snprintf(part, sizeof part, "decoder.blocks.%d.attn", i);
        value in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, nn_attention(g, part, &self, in, in, self_mask));
        snprintf(name, sizeof name, "decoder.blocks.%d.ln2", i);
        snprintf(part, sizeof part, "decoder.blocks.%d.cross", i);
        in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, nn_attention(g, part, &cross, in, memory, cross_mask));
        snprintf(name, sizeof name, "decoder.blocks.%d.ln3", i);
        snprintf(part, sizeof part, "decoder.blocks.%d.mlp", i);
        in = transformer_enter(c, g, &s, name);
        transformer_leave(c, g, &s, name, transformer_mlp(c, g, part, in));
    }
    return transformer_finish(c, g, &s, "decoder.ln_f");
}

/* Ids [N, T] as a mask of keys: 0 hides. */
value transformer_key_mask(graph *g, value ids)
{
    if (ids < 0)
        return NO_VALUE;
    int64_t shape[3] = {graph_shape(g, ids)[0], 1, graph_shape(g, ids)[1]};
    return op_reshape(g, ids, 3, shape);
}

enum {
    INPUTS,
    TARGETS,
    WEIGHTS,
    LABELS, /* the targets again: what the loss alone reads, so that they can be drawn */
    INPUTS_POSITION,
    TARGETS_POSITION,
    INPUTS_SEGMENT,
    TARGETS_SEGMENT
};

static void declare_inputs(const transformer_config *c, graph *g, int64_t batch,
                           workload_model *out)
{
    static const char *const names[] = {"inputs",
                                        "targets",
                                        "weights",
                                        "labels",
                                        "inputs_position",
                                        "targets_position",
                                        "inputs_segmentation",
                                        "targets_segmentation"};
    int64_t source[2] = {batch, c->source}, target[2] = {batch, c->target};
    *out = (workload_model){
        .num_inputs = c->packed ? 8 : 4, .batch = batch, .label_input = LABELS + 1};
    for (int i = 0; i < out->num_inputs; i++) {
        bool of_source = i == INPUTS || i == INPUTS_POSITION || i == INPUTS_SEGMENT;
        out->inputs[i] = graph_input(g, names[i], i == WEIGHTS ? PODIUM_F32 : PODIUM_I32, 2,
                                     of_source ? source : target);
    }
}

int32_t transformer_build(const transformer_config *c, graph *g, int64_t batch, workload_model *out)
{
    declare_inputs(c, g, batch, out);
    const value *in = out->inputs;
    value self = transformer_key_mask(g, in[TARGETS]), source = transformer_key_mask(g, in[INPUTS]);
    value cross = source, source_place = NO_VALUE, target_place = NO_VALUE;
    if (c->packed) {
        const value *segment = in + INPUTS_SEGMENT;
        source = op_segment_mask(g, segment[0], segment[0], in[INPUTS]);
        self = op_segment_mask(g, segment[1], segment[1], in[TARGETS]);
        cross = op_segment_mask(g, segment[1], segment[0], in[INPUTS]);
        source_place = in[INPUTS_POSITION];
        target_place = in[TARGETS_POSITION];
    }
    value memory = transformer_encode(c, g, in[INPUTS], source_place, source);
    value x = transformer_embed(c, g, op_shift_ids(g, in[TARGETS], 1, 0), target_place);
    x = decode(c, g, transformer_dropout(c, g, x), self, memory, cross);
    out->logits = nn_token_logits(g, x, transformer_table(c, g), 1 / sqrt((double)c->width));
    int64_t n = batch * c->target;
    out->loss = op_softmax_cross_entropy(g, out->logits, op_reshape(g, in[LABELS], 1, &n),
                                         op_reshape(g, in[WEIGHTS], 1, &n), &out->per_example);
    graph_keep(g, out->logits); /* labels are sampled from them */
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
