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

static projections declare(graph *g, const char *prefix, const nn_attention_config *c)
{
    projections p;
    for (int i = 0; i < 3; i++) {
        param w = {.kind = weight_kinds[i],
                   .ndim = 2,
                   .shape = {c->width, c->width},
                   .init = {.kind = INIT_XAVIER_UNIFORM}};
        p.weight[i] = nn_declare(g, &w, prefix, weight_names[i]);
    }
    for (int i = 0; i < 3; i++) {
        param b = {.kind = PODIUM_ATTENTION_BIAS, .ndim = 1, .shape = {c->width}, .init = c->bias};
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

value nn_attention(graph *g, const char *prefix, const nn_attention_config *c, value queries,
                   value keys, value mask)
{
    projections p = declare(g, prefix, c);
    if (graph_status(g))
        return NO_VALUE;
    value packed = queries == keys ? packed_projection(g, &p, !c->no_bias, queries) : NO_VALUE;
    value out;
    if (packed >= 0) {
        out = op_attention_packed(g, packed, c->heads, c->scale, mask, c->causal);
    } else {
        value q = project(g, &p, 0, queries), k = project(g, &p, 1, keys);
        value v = project(g, &p, 2, keys);
        out = op_attention(g, q, k, v, c->heads, c->scale, mask, c->causal);
    }
    char name[160];
    snprintf(name, sizeof name, "%s.out", prefix);
    nn_linear_config last = {.in = c->width,
                             .out = c->width,
                             .weight_kind = PODIUM_ATTENTION_OUT,
                             .bias_kind = PODIUM_ATTENTION_BIAS,
                             .weight = {.kind = INIT_XAVIER_UNIFORM},
                             .bias = c->bias,
                             .no_bias = c->no_bias};
    return nn_linear(g, name, &last, out);
}
