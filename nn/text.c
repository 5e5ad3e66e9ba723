/* What models of tokens have beside their blocks: tables, positions of a sequence, logits, weights,
 * RMS norm. */
#include "nn/nn.h"

#include <math.h>
#include <stdlib.h>

value nn_rms_norm(graph *g, const char *prefix, value x, double eps)
{
    int ndim = graph_ndim(g, x);
    int64_t C = ndim ? graph_shape(g, x)[ndim - 1] : 1;
    param s = {
        .kind = PODIUM_LAYER_NORM_SCALE, .ndim = 1, .shape = {C}, .init = {.kind = INIT_ONE}};
    return op_rms_norm(g, x, nn_parameter(g, &s, prefix, "weight"), eps);
}

value nn_embedding(graph *g, const char *prefix, int64_t rows, int64_t width, param_init init,
                   bool is_output)
{
    param p = {.kind = PODIUM_EMBEDDING,
               .ndim = 2,
               .shape = {rows, width},
               .init = init,
               .is_output = is_output};
    return nn_parameter(g, &p, prefix, "weight");
}

value nn_sinusoids(graph *g, int64_t rows, int64_t width, double temperature)
{
    int64_t half = width / 2;
    double *table = rows > 0 && width > 0 ? calloc((size_t)(rows * width), sizeof *table) : NULL;
    if (!table) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for %lld positions", (long long)rows);
        return NO_VALUE;
    }
    for (int64_t p = 0; p < rows; p++)
        for (int64_t j = 0; j < half; j++) {
            double k = half > 1 ? pow(temperature, -(double)j / (double)(half - 1)) : 1;
            table[p * width + j] = sin((double)p * k);
            table[p * width + half + j] = cos((double)p * k);
        }
    value v = graph_constant(g, 2, (int64_t[]){rows, width}, table);
    free(table);
    return v;
}

value nn_token_logits(graph *g, value x, value table, double scale)
{
    if (graph_status(g))
        return NO_VALUE;
    int64_t C = graph_shape(g, x)[graph_ndim(g, x) - 1], rows = graph_count(g, x) / C;
    x = op_reshape(g, x, 2, (int64_t[]){rows, C});
    if (scale != 1)
        x = op_affine(g, x, scale, 0);
    return op_linear(g, x, table, NO_VALUE, ACT_NONE);
}

value nn_id_weights(graph *g, value ids, int32_t ignored)
{
    value real = op_affine(g, op_cast_real(g, ids), 1, -ignored);
    value weights = op_unary(g, UNARY_ABS, op_unary(g, UNARY_SIGN, real));
    if (weights < 0)
        return NO_VALUE;
    int64_t n = graph_count(g, weights);
    return op_reshape(g, weights, 1, &n);
}
