/* Parameters by prefix, and the linear layer. */
#include "nn/nn.h"

#include <stdio.h>

int32_t nn_declare(graph *g, const param *spec, const char *prefix, const char *suffix)
{
    char name[160];
    if (graph_status(g))
        return NO_VALUE;
    int n = snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "." : "", suffix);
    if (n < 0 || (size_t)n >= sizeof name) {
        graph_fail(g, PODIUM_EINVAL, "parameter name '%s.%s' is too long", prefix, suffix);
        return NO_VALUE;
    }
    param made = *spec;
    made.name = name;
    int32_t i = params_declare(graph_params(g), &made);
    if (i < 0)
        graph_fail(g, i, "%s", podium_error());
    return i < 0 ? NO_VALUE : i;
}

value nn_parameter(graph *g, const param *spec, const char *prefix, const char *suffix)
{
    int32_t i = nn_declare(g, spec, prefix, suffix);
    return i < 0 ? NO_VALUE : graph_parameter(g, i);
}

value nn_linear(graph *g, const char *prefix, const nn_linear_config *c, value x)
{
    param w = {.kind = c->weight_kind,
               .ndim = 2,
               .shape = {c->out, c->in},
               .init = c->weight,
               .is_output = c->is_output};
    param b = {.kind = c->bias_kind,
               .ndim = 1,
               .shape = {c->out},
               .init = c->bias,
               .is_output = c->is_output};
    value weight = nn_parameter(g, &w, prefix, "weight");
    value bias = c->no_bias ? NO_VALUE : nn_parameter(g, &b, prefix, "bias");
    return op_linear(g, x, weight, bias, c->act);
}

value nn_activation(graph *g, activation act, value x)
{
    switch (act) {
    case ACT_GELU_TANH:
        return op_unary(g, UNARY_GELU_TANH, x);
    case ACT_GELU_ERF:
        return op_unary(g, UNARY_GELU_ERF, x);
    case ACT_RELU:
        return op_unary(g, UNARY_RELU, x);
    case ACT_TANH:
        return op_unary(g, UNARY_TANH, x);
    case ACT_SILU:
        return op_unary(g, UNARY_SILU, x);
    case ACT_NONE:
        break;
    }
    return x;
}
