/* Layer norm, alone and fused with the sum of the residual stream. */
#include "nn/nn.h"

static void scale_and_bias(graph *g, const char *prefix, value x, value *scale, value *bias)
{
    int ndim = graph_ndim(g, x);
    int64_t C = ndim ? graph_shape(g, x)[ndim - 1] : 1;
    param s = {
        .kind = PODIUM_LAYER_NORM_SCALE, .ndim = 1, .shape = {C}, .init = {.kind = INIT_ONE}};
    param b = {
        .kind = PODIUM_LAYER_NORM_BIAS, .ndim = 1, .shape = {C}, .init = {.kind = INIT_ZERO}};
    *scale = nn_parameter(g, &s, prefix, "weight");
    *bias = nn_parameter(g, &b, prefix, "bias");
}

value nn_layer_norm(graph *g, const char *prefix, value x, double eps)
{
    value scale, bias;
    scale_and_bias(g, prefix, x, &scale, &bias);
    return op_layer_norm(g, x, scale, bias, eps);
}

value nn_add_layer_norm(graph *g, const char *prefix, value a, value b, double eps, value *sum)
{
    value scale, bias;
    scale_and_bias(g, prefix, a, &scale, &bias);
    return op_add_layer_norm(g, a, b, scale, bias, eps, sum);
}
