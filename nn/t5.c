/* T5: encoder and decoder with relative positions.  Inits are those of the authors' code (Mesh
 * TensorFlow), so that scores need no 1/sqrt(head width). */
#include "nn/pretrained.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t t5_bucket(int64_t distance, bool bidirectional, int64_t buckets, int64_t max_distance)
{
    int64_t base = 0, n = distance < 0 ? -distance : 0;
    if (bidirectional) {
        buckets /= 2;
        base = distance > 0 ? buckets : 0;
        n = distance < 0 ? -distance : distance;
    }
    int64_t exact = buckets / 2;
    if (n < exact)
        return base + n;
    double octave = log((double)n / (double)exact) / log((double)max_distance / (double)exact);
    /* whole steps must not be missed by a rounding error of the logarithms */
    int64_t step = exact + (int64_t)(octave * (double)(buckets - exact) + 1e-9);
    return base + (step < buckets ? step : buckets - 1);
}

static value parameter(graph *g, const char *prefix, int32_t kind, int64_t rows, int64_t columns,
                       double deviation)
{
    param p = {.kind = kind,
               .ndim = 2,
               .shape = {rows, columns},
               .init = {.kind = INIT_NORMAL, .a = deviation}};
    return nn_parameter(g, &p, prefix, "weight");
}

static value rms_norm(graph *g, const nn_t5_config *c, const char *prefix, value x)
{
    param p = {.kind = PODIUM_LAYER_NORM_SCALE,
               .ndim = 1,
               .shape = {c->width},
               .init = {.kind = INIT_ONE}};
    return op_rms_norm(g, x, nn_parameter(g, &p, prefix, "weight"), c->eps);
}

/* The score bias [heads, T, T] of one stack. */
static value relative_bias(graph *g, const nn_t5_config *c, const char *stack, int64_t T,
                           bool bidirectional)
{
    char name[64];
    snprintf(name, sizeof name, "%s.relative_bias", stack);
    value rows = parameter(g, name, PODIUM_EMBEDDING, c->buckets, c->heads,
                           1 / sqrt((double)c->width));
    int32_t *ids = malloc((size_t)(T * T) * sizeof *ids);
    if (!ids) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for relative positions");
        return NO_VALUE;
    }
    for (int64_t q = 0; q < T; q++)
        for (int64_t k = 0; k < T; k++)
            ids[q * T + k] = (int32_t)t5_bucket(k - q, bidirectional, c->buckets, c->max_distance);
    value bias = op_gather_rows(g, rows, graph_constant_ids(g, 2, (int64_t[]){T, T}, ids));
    free(ids);
    return op_permute(g, bias, (int[]){2, 0, 1});
}

static value dropout(graph *g, const nn_t5_config *c, value x)
{
    return c->dropout ? op_dropout(g, x) : x;
}

static value attention(graph *g, const nn_t5_config *c, const nn_adaptation *a, const char *prefix,
                       value queries, value keys, value mask, value bias, bool causal)
{
    double d = (double)c->width, h = (double)c->head_width;
    nn_adapted_attention_config attn = {
        .width = c->width,
        .head_width = c->head_width,
        .heads = (int)c->heads,
        .scale = 1,
        .has_bias = c->biases,
        .causal = causal,
        .q = {.kind = INIT_NORMAL, .a = 1 / sqrt(d * h)},
        .kv = {.kind = INIT_NORMAL, .a = 1 / sqrt(d)},
        .out = {.kind = INIT_NORMAL, .a = 1 / sqrt((double)c->heads * h)},
    };
    return nn_adapted_attention(g, prefix, &attn, a, queries, keys, mask, bias);
}

static value linear(graph *g, const nn_t5_config *c, const nn_adaptation *a, const char *prefix,
                    const char *suffix, int64_t in, int64_t out, activation act, uint32_t place,
                    value x)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    nn_linear_config l = {.in = in,
                          .out = out,
                          .act = act,
                          .weight_kind = PODIUM_WEIGHT,
                          .bias_kind = PODIUM_BIAS,
                          .weight = {.kind = INIT_NORMAL, .a = 1 / sqrt((double)in)},
                          .bias = {.kind = INIT_ZERO},
                          .no_bias = !c->biases};
    return nn_adapted_linear(g, name, &l, a, place, x);
}

static value feed_forward(graph *g, const nn_t5_config *c, const nn_adaptation *a,
                          const char *prefix, value x)
{
    value h;
    if (c->gated) {
        h = linear(g, c, a, prefix, "gate", c->width, c->mlp, c->act, LORA_GATE, x);
        h = op_mul(g, h, linear(g, c, a, prefix, "up", c->width, c->mlp, ACT_NONE, LORA_UP, x));
    } else {
        h = linear(g, c, a, prefix, "fc1", c->width, c->mlp, c->act, LORA_FC1, x);
    }
    h = dropout(g, c, h);
    return linear(g, c, a, prefix, "fc2", c->mlp, c->width, ACT_NONE, LORA_FC2, h);
}

/* One stack, "encoder" or "decoder" (with a memory to attend to); x is the embedded input. */
static value stack(graph *g, const nn_t5_config *c, const nn_adaptation *a, const char *which,
                   value x, value mask, value memory, value memory_mask)
{
    char name[96];
    bool decoder = memory >= 0;
    int64_t T = x >= 0 ? graph_shape(g, x)[1] : 1;
    int depth = (int)(decoder ? c->decoder_depth : c->encoder_depth);
    value bias = relative_bias(g, c, which, T, !decoder);
#define NAME(...) (snprintf(name, sizeof name, __VA_ARGS__), name)
    x = dropout(g, c, x);
    for (int i = 0; i < depth && !graph_status(g); i++) {
        value in = rms_norm(g, c, NAME("%s.blocks.%d.rms1", which, i), x);
        value h = attention(g, c, a, NAME("%s.blocks.%d.attn", which, i), in, in, mask, bias,
                            decoder);
        if (a->adapter.after_attention)
            h = nn_adapter(g, NAME("%s.blocks.%d.adapter_attn", which, i), &a->adapter, h);
        x = op_add(g, x, dropout(g, c, h));
        if (decoder) {
            in = rms_norm(g, c, NAME("%s.blocks.%d.rms2", which, i), x);
            h = attention(g, c, a, NAME("%s.blocks.%d.cross", which, i), in, memory, memory_mask,
                          NO_VALUE, false);
            x = op_add(g, x, dropout(g, c, h));
        }
        in = rms_norm(g, c, NAME("%s.blocks.%d.rms%d", which, i, decoder ? 3 : 2), x);
        h = feed_forward(g, c, a, NAME("%s.blocks.%d.mlp", which, i), in);
        if (a->adapter.after_mlp)
            h = nn_adapter(g, NAME("%s.blocks.%d.adapter_mlp", which, i), &a->adapter, h);
        x = op_add(g, x, dropout(g, c, h));
    }
    return dropout(g, c, rms_norm(g, c, NAME("%s.rms_f", which), x));
#undef NAME
}

value nn_t5(graph *g, const nn_t5_config *c, const nn_adaptation *encoder,
            const nn_adaptation *decoder, value ids, value mask, value decoder_ids,
            value *memory_out)
{
    if (graph_status(g) || ids < 0 || mask < 0 || decoder_ids < 0)
        return NO_VALUE;
    int64_t B = graph_shape(g, ids)[0], S = graph_shape(g, ids)[1];
    value table = parameter(g, "embedding", PODIUM_EMBEDDING, c->vocabulary, c->width, 1);
    value keys = op_reshape(g, mask, 3, (int64_t[]){B, 1, S});
    value memory = stack(g, c, encoder, "encoder", op_gather_rows(g, table, ids), keys, NO_VALUE,
                         NO_VALUE);
    if (memory_out)
        *memory_out = memory;
    if (memory < 0)
        return NO_VALUE;
    value x = stack(g, c, decoder, "decoder", op_gather_rows(g, table, decoder_ids), NO_VALUE,
                    memory, keys);
    if (x < 0)
        return NO_VALUE;
    x = op_reshape(g, x, 2, (int64_t[]){graph_count(g, x) / c->width, c->width});
    double scale = c->logits_scale != 0 ? c->logits_scale
                   : c->untied          ? 1
                                        : 1 / sqrt((double)c->width);
    x = scale == 1 ? x : op_affine(g, x, scale, 0);
    value head = c->untied ? parameter(g, "lm_head", PODIUM_WEIGHT, c->vocabulary, c->width, 1)
                           : table;
    param b = {.kind = PODIUM_BIAS,
               .ndim = 1,
               .shape = {c->vocabulary},
               .init = {.kind = INIT_ZERO},
               .is_output = true};
    value bias = c->biases ? nn_parameter(g, &b, "lm_head", "bias") : NO_VALUE;
    return op_linear(g, x, head, bias, ACT_NONE);
}
