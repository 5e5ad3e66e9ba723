/* Adapters and low-rank updates, and the layers that carry them. */
#include "nn/adapter.h"

#include <math.h>
#include <stdio.h>

/* prefix.name, or the graph's error when it is too long. */
static const char *join(graph *g, char *out, size_t size, const char *prefix, const char *name)
{
    int n = snprintf(out, size, "%s.%s", prefix, name);
    if (n < 0 || (size_t)n >= size)
        graph_fail(g, PODIUM_EINVAL, "parameter name '%s.%s' is too long", prefix, name);
    return out;
}

/* y = x W_left W_right + b: two thin products. */
static value low_rank(graph *g, const char *prefix, int64_t in, int64_t out, int64_t rank, value x)
{
    param_init init = {.kind = INIT_XAVIER_UNIFORM, .a = sqrt(2)};
    param l = {.kind = PODIUM_ADAPTER, .ndim = 2, .shape = {in, rank}, .init = init};
    param r = {.kind = PODIUM_ADAPTER, .ndim = 2, .shape = {rank, out}, .init = init};
    param b = {.kind = PODIUM_BIAS, .ndim = 1, .shape = {out}, .init = {.kind = INIT_ZERO}};
    value left = nn_parameter(g, &l, prefix, "W_left");
    value right = nn_parameter(g, &r, prefix, "W_right");
    value y = op_matmul(g, op_matmul(g, x, left, false, false), right, false, false);
    return op_add(g, y, nn_parameter(g, &b, prefix, "bias"));
}

static value layer(graph *g, const char *prefix, const nn_adapter_config *c, int64_t in,
                   int64_t out, activation act, value x)
{
    nn_phm_config phm = {.in = in,
                         .out = out,
                         .act = act,
                         .n = c->n,
                         .rank = c->rank,
                         .factorized_rule = c->factorized_rule,
                         .shared_rule = c->shared_rule};
    nn_linear_config linear = {.in = in,
                               .out = out,
                               .act = act,
                               .weight_kind = PODIUM_ADAPTER,
                               .bias_kind = PODIUM_BIAS,
                               /* Houlsby et al. 2019, section 3: near the identity */
                               .weight = {.kind = INIT_NORMAL, .a = 1e-2},
                               .bias = {.kind = INIT_ZERO}};
    switch (c->kind) {
    case ADAPTER_PHM:
        return nn_phm(g, prefix, &phm, x);
    case ADAPTER_LOW_RANK:
        return nn_activation(g, act, low_rank(g, prefix, in, out, c->rank, x));
    default:
        return nn_linear(g, prefix, &linear, x);
    }
}

value nn_adapter(graph *g, const char *prefix, const nn_adapter_config *c, value x)
{
    char name[160];
    if (c->kind == ADAPTER_NONE)
        return x;
    value h = layer(g, join(g, name, sizeof name, prefix, "down"), c, c->width, c->bottleneck,
                    c->act, x);
    h = layer(g, join(g, name, sizeof name, prefix, "up"), c, c->bottleneck, c->width, ACT_NONE, h);
    return op_add(g, x, h);
}

value nn_lora(graph *g, const char *prefix, const nn_lora_config *c, value x, value y)
{
    if (x < 0 || y < 0)
        return NO_VALUE;
    int64_t in = graph_shape(g, x)[graph_ndim(g, x) - 1];
    int64_t out = graph_shape(g, y)[graph_ndim(g, y) - 1];
    /* the authors' Kaiming uniform with slope sqrt 5: +- 1 / sqrt(in) */
    param a = {.kind = PODIUM_ADAPTER,
               .ndim = 2,
               .shape = {c->rank, in},
               .init = {.kind = INIT_UNIFORM, .a = 1 / sqrt((double)in)}};
    param b = {
        .kind = PODIUM_ADAPTER, .ndim = 2, .shape = {out, c->rank}, .init = {.kind = INIT_ZERO}};
    value h = op_linear(g, x, nn_parameter(g, &a, prefix, "lora_a"), NO_VALUE, ACT_NONE);
    h = op_linear(g, h, nn_parameter(g, &b, prefix, "lora_b"), NO_VALUE, ACT_NONE);
    return op_add(g, y, op_affine(g, h, c->alpha / (double)c->rank, 0));
}

value nn_adapted_linear(graph *g, const char *prefix, const nn_linear_config *c,
                        const nn_adaptation *a, uint32_t place, value x)
{
    if (!(a->lora.targets & place))
        return nn_linear(g, prefix, c, x);
    nn_linear_config plain = *c;
    plain.act = ACT_NONE; /* the update comes before it */
    return nn_activation(g, c->act,
                         nn_lora(g, prefix, &a->lora, x, nn_linear(g, prefix, &plain, x)));
}

/* One of the four projections. */
static value project(graph *g, const char *prefix, const nn_adapted_attention_config *c,
                     const nn_adaptation *a, int i, value x)
{
    static const char *const names[] = {"q", "k", "v", "out"};
    static const int32_t kinds[] = {PODIUM_ATTENTION_Q, PODIUM_ATTENTION_K, PODIUM_ATTENTION_V,
                                    PODIUM_ATTENTION_OUT};
    char name[160];
    int64_t inner = c->heads * c->head_width;
    nn_linear_config l = {.in = i < 3 ? c->width : inner,
                          .out = i < 3 ? inner : c->width,
                          .weight_kind = kinds[i],
                          .bias_kind = PODIUM_ATTENTION_BIAS,
                          .weight = i == 0  ? c->q
                                    : i < 3 ? c->kv
                                            : c->out,
                          .bias = {.kind = INIT_ZERO},
                          .no_bias = !c->has_bias};
    return nn_adapted_linear(g, join(g, name, sizeof name, prefix, names[i]), &l, a,
                             (uint32_t)LORA_Q << i, x);
}

/* Declares q, k and v side by side, so that one product makes them; NO_VALUE if it cannot. */
static value packed_projection(graph *g, const char *prefix, const nn_adapted_attention_config *c,
                               value x)
{
    static const char *const names[2][3] = {{"q.weight", "k.weight", "v.weight"},
                                            {"q.bias", "k.bias", "v.bias"}};
    static const int32_t kinds[] = {PODIUM_ATTENTION_Q, PODIUM_ATTENTION_K, PODIUM_ATTENTION_V};
    int64_t inner = c->heads * c->head_width;
    int32_t w[3], b[3] = {-1, -1, -1};
    for (int i = 0; i < 3; i++) {
        param p = {
            .kind = kinds[i], .ndim = 2, .shape = {inner, c->width}, .init = i == 0 ? c->q : c->kv};
        w[i] = nn_declare(g, &p, prefix, names[0][i]);
    }
    for (int i = 0; c->has_bias && i < 3; i++) {
        param p = {.kind = PODIUM_ATTENTION_BIAS, .ndim = 1, .shape = {inner}};
        b[i] = nn_declare(g, &p, prefix, names[1][i]);
    }
    if (graph_status(g))
        return NO_VALUE;
    value weight = graph_parameter_span(g, w[0], w[2]);
    value bias = c->has_bias ? graph_parameter_span(g, b[0], b[2]) : NO_VALUE;
    if (weight < 0 || (c->has_bias && bias < 0))
        return NO_VALUE;
    return op_linear(g, x, weight, bias, ACT_NONE);
}

value nn_adapted_attention(graph *g, const char *prefix, const nn_adapted_attention_config *c,
                           const nn_adaptation *a, value queries, value keys, value mask,
                           value score_bias)
{
    attention_options o = {.heads = c->heads,
                           .scale = c->scale,
                           .causal = c->causal,
                           .mask = mask,
                           .bias = score_bias};
    bool plain = queries == keys && !(a->lora.targets & (LORA_Q | LORA_K | LORA_V));
    value packed = plain ? packed_projection(g, prefix, c, queries) : NO_VALUE, out;
    if (graph_status(g))
        return NO_VALUE;
    if (packed >= 0) {
        out = op_attention_general(g, packed, NO_VALUE, NO_VALUE, &o);
    } else {
        value q = project(g, prefix, c, a, 0, queries), k = project(g, prefix, c, a, 1, keys);
        value v = project(g, prefix, c, a, 2, keys);
        out = graph_status(g) ? NO_VALUE : op_attention_general(g, q, k, v, &o);
    }
    return project(g, prefix, c, a, 3, out);
}
