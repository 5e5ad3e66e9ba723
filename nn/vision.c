/* What a vision transformer has beside its blocks: patches, grid positions, attention pooling. */
#include "nn/nn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

value nn_patch_embedding(graph *g, const char *prefix, value images, int patch, int64_t width,
                         param_init_kind init)
{
    value patches = op_patches(g, images, patch);
    if (patches < 0)
        return NO_VALUE;
    int64_t channels = graph_shape(g, images)[1], in = channels * patch * patch;
    param w = {.kind = PODIUM_CONV_WEIGHT,
               .ndim = 4,
               .shape = {width, channels, patch, patch},
               .init = {.kind = init, .fan_in = in}};
    param b = {.kind = PODIUM_BIAS, .ndim = 1, .shape = {width}, .init = {.kind = INIT_ZERO}};
    value weight = nn_parameter(g, &w, prefix, "weight");
    value matrix = op_reshape(g, weight, 2, (int64_t[]){width, in});
    return op_linear(g, patches, matrix, nn_parameter(g, &b, prefix, "bias"), ACT_NONE);
}

value nn_sincos2d(graph *g, int64_t rows, int64_t columns, int64_t width, double temperature)
{
    if (width % 4 || width <= 4) {
        graph_fail(g, PODIUM_EINVAL,
                   "positions need a width that is a multiple of 4 above 4, not "
                   "%lld",
                   (long long)width);
        return NO_VALUE;
    }
    int64_t quarter = width / 4;
    double *table = malloc((size_t)(rows * columns * width) * sizeof *table);
    if (!table) {
        graph_fail(g, PODIUM_ENOMEM, "no memory for the position table");
        return NO_VALUE;
    }
    for (int64_t t = 0; t < rows * columns; t++)
        for (int64_t j = 0; j < quarter; j++) {
            double omega = pow(temperature, -(double)j / (double)(quarter - 1));
            double x = (double)(t % columns) * omega, y = (double)(t / columns) * omega;
            double *row = table + t * width + j;
            row[0] = sin(x);
            row[quarter] = cos(x);
            row[2 * quarter] = sin(y);
            row[3 * quarter] = cos(y);
        }
    value v = graph_constant(g, 3, (int64_t[]){1, rows * columns, width}, table);
    free(table);
    return v;
}

value nn_map_pool(graph *g, const char *prefix, value x, int heads, const nn_mlp_config *mlp,
                  double eps)
{
    if (x < 0)
        return NO_VALUE;
    int64_t B = graph_shape(g, x)[0], C = mlp->width;
    char name[160];
    /* Xavier's fans of [1, 1, C] as PyTorch counts them: C on both sides */
    param p = {.kind = PODIUM_WEIGHT,
               .ndim = 3,
               .shape = {1, 1, C},
               .init = {.kind = INIT_XAVIER_UNIFORM, .fan_in = C, .fan_out = C}};
    value probe = nn_parameter(g, &p, prefix, "probe");
    value queries = op_broadcast(g, probe, 3, (int64_t[]){B, 1, C});
    nn_attention_config a = {.width = C, .heads = heads, .bias = {.kind = INIT_NORMAL, .a = 1e-6}};
    snprintf(name, sizeof name, "%s.attn", prefix);
    value y = nn_attention(g, name, &a, queries, x, NO_VALUE);
    snprintf(name, sizeof name, "%s.ln", prefix);
    value normed = nn_layer_norm(g, name, y, eps);
    snprintf(name, sizeof name, "%s.mlp", prefix);
    y = op_add(g, y, nn_mlp(g, name, mlp, normed));
    return op_reshape(g, y, 2, (int64_t[]){B, C});
}
