/* Multi-head attention.  The three input projections are declared side by side (matrices, then
 * biases), so that for self-attention one product makes q, k and v. */
#include "nn/nn.h"

#include <stdio.h>

static const char *const weight_names[] = {"q.weight", "k.weight", "v.weight"};
static const char *const bias_names[] = {"q.bias", "k.bias", "v.bias"};
static const int32_t weight_kinds[] = {PODIUM_ATTENTION_Q, PODIUM_ATTENTION_K, PODIUM_ATTENTION_V};

typedef struct projections {
    int32_t weight[3], bias[3]; /* parameter numbers; bias -1 without */
} projections;

/* The config with its defaults filled in. */
static nn_attention_config completed(const nn_attention_config *config)
{
    nn_attention_config c = *config;
    c.head_width = c.head_width ? c.head_width : c.heads ? c.width / c.heads : 0;
    c.key_heads = c.key_heads ? c.key_heads : c.heads;
    return c;
}

/* Rows of projection i. */
static int64_t rows_of(const nn_attention_config *c, int i)
{
    return (i ? c->key_heads : c->heads) * c->head_width;
}

/* The init of projection i.  The authors' code draws q, k, v of self-attention as one matrix and k,
 * v of cross-attention as another, so Xavier's fan_out is that of all its rows. */
static param_init init_of(const nn_attention_config *c, int i, bool is_self)
{
    if (c->init)
        return *c->init;
    param_init init = {.kind = INIT_XAVIER_UNIFORM};
    if (c->fused_fans && (is_self || i > 0))
        init.fan_out = (is_self ? rows_of(c, 0) : 0) + 2 * rows_of(c, 1);
    return init;
}

static projections declare(graph *g, const char *prefix, const nn_attention_config *c, bool is_self)
{
    projections p;
    for (int i = 0; i < 3; i++) {
        param w = {.kind = weight_kinds[i],
                   .ndim = 2,
                   .shape = {rows_of(c, i), c->width},
                   .init = init_of(c, i, is_self)};
        p.weight[i] = nn_declare(g, &w, prefix, weight_names[i]);
    }
    for (int i = 0; i < 3; i++) {
        param b = {
            .kind = PODIUM_ATTENTION_BIAS, .ndim = 1, .shape = {rows_of(c, i)}, .init = c->bias};
        p.bias[i] = c->no_bias ? -1 : nn_declare(g, &b, prefix, bias_names[i]);
    }
    return p;
}

/* q, k and v of self-attention by one product; NO_VALUE when the parameters are not adjacent. */
static value packed_projection(graph *g, const projections *p, bool bias, value x)
{
    value w = graph_parameter_span(g, p->weight[0], p->weight[2]);
    value b = bias ? graph_parameter_span(g, p->bias[0], p->bias[2]) : NO_VALUE;
    if (w < 0 || (bias && b < 0))
        return NO_VALUE;
    return op_linear(g, x, w, b, ACT_NONE);
}

static value project(graph *g, const projections *p, int i, value x)
{
    value b = p->bias[i] < 0 ? NO_VALUE : graph_parameter(g, p->bias[i]);
    return op_linear(g, x, graph_parameter(g, p->weight[i]), b, ACT_NONE);
}

static value turned(graph *g, const nn_attention_config *c, value x, int heads, value positions)
{
    if (c->rope_theta == 0)
        return x;
    return op_rope(g, x, c->head_width, heads, c->rope_theta, positions, 0);
}

value nn_attention_general(graph *g, const char *prefix, const nn_attention_config *config,
                           const nn_attention_inputs *in)
{
    nn_attention_config c = completed(config);
    bool is_self = in->queries == in->keys;
    projections p = declare(g, prefix, &c, is_self);
    if (graph_status(g))
        return NO_VALUE;
    attention_options o = {.heads = c.heads,
                           .key_heads = c.key_heads,
                           .scale = c.scale,
                           .causal = c.causal,
                           .mask = in->mask,
                           .bias = in->bias};
    value packed = is_self ? packed_projection(g, &p, !c.no_bias, in->queries) : NO_VALUE;
    value out;
    if (packed >= 0) { /* q's heads and k's are neighbours: one rotation turns both */
        packed = turned(g, &c, packed, c.heads + c.key_heads, in->positions);
        out = op_attention_general(g, packed, NO_VALUE, NO_VALUE, &o);
    } else {
        value q = turned(g, &c, project(g, &p, 0, in->queries), c.heads, in->positions);
        value k = turned(g, &c, project(g, &p, 1, in->keys), c.key_heads, in->positions);
        value v = project(g, &p, 2, in->keys);
        out = graph_status(g) ? NO_VALUE : op_attention_general(g, q, k, v, &o);
    }
    char name[160];
    snprintf(name, sizeof name, "%s.out", prefix);
    const param_init *init = c.out_init ? c.out_init : c.init;
    nn_linear_config last = {.in = c.heads * c.head_width,
                             .out = c.width,
                             .weight_kind = PODIUM_ATTENTION_OUT,
                             .bias_kind = PODIUM_ATTENTION_BIAS,
                             .weight = init ? *init : (param_init){.kind = INIT_XAVIER_UNIFORM},
                             .bias = c.bias,
                             .no_bias = c.no_bias};
    return nn_linear(g, name, &last, out);
}

value nn_attention(graph *g, const char *prefix, const nn_attention_config *c, value queries,
                   value keys, value mask)
{
    nn_attention_inputs in = {
        .queries = queries, .keys = keys, .mask = mask, .bias = NO_VALUE, .positions = NO_VALUE};
    return nn_attention_general(g, prefix, c, &in);
}
