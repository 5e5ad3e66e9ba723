/* Recording of parametrised hypercomplex products, fused and as primitives. */
#include "engine/graph_internal.h"

#include <string.h>

/* n when rule, left and right fit each other and x, else 0 with the error set. */
static int64_t phm_dimension(graph *g, value x, value rule, value left, value right)
{
    const int64_t *s = graph_shape(g, rule), *l = graph_shape(g, left), *r = graph_shape(g, right);
    int ndim = graph_ndim(g, x);
    int64_t n = s[0], in = graph_shape(g, x)[ndim - 1];
    if (graph_ndim(g, rule) == 3 && graph_ndim(g, left) == 3 && graph_ndim(g, right) == 3 &&
        s[1] == n && s[2] == n && l[0] == n && r[0] == n && l[2] == r[1] && in == n * l[1])
        return n;
    graph_fail(g, PODIUM_EINVAL,
               "PHM: x has %lld columns; rule [n, n, n], left [n, columns / n, r] and right "
               "[n, r, q] do not agree",
               (long long)in);
    return 0;
}

/* t = x L for every slice of x, z = the rule over the slices, y = z R: no Kronecker product. */
value lower_phm(graph *g, value x, value rule, value left, value right)
{
    int64_t n = graph_shape(g, rule)[0], p = graph_shape(g, left)[1], r = graph_shape(g, left)[2];
    int64_t q = graph_shape(g, right)[2], M = graph_count(g, x) / (n * p), shape[TENSOR_MAX_DIMS];
    int ndim = graph_ndim(g, x);
    memcpy(shape, graph_shape(g, x), sizeof shape);
    shape[ndim - 1] = n * q;
    value l = op_permute(g, left, (int[]){1, 0, 2});
    l = op_reshape(g, l, 2, (int64_t[]){p, n * r});
    value t = op_matmul(g, op_reshape(g, x, 2, (int64_t[]){M * n, p}), l, false, false);
    t = op_reshape(g, t, 4, (int64_t[]){M, n, n, r}); /* row, slice, i, rank */
    t = op_permute(g, t, (int[]){2, 0, 3, 1});
    value z = op_matmul(g, op_reshape(g, t, 3, (int64_t[]){n, M * r, n}), rule, false, false);
    z = op_reshape(g, z, 4, (int64_t[]){n, M, r, n});
    z = op_permute(g, z, (int[]){1, 3, 0, 2});
    z = op_reshape(g, z, 2, (int64_t[]){M * n, n * r});
    value y = op_matmul(g, z, op_reshape(g, right, 2, (int64_t[]){n * r, q}), false, false);
    return op_reshape(g, y, ndim, shape);
}

value op_phm(graph *g, value x, value rule, value left, value right)
{
    if (!values_ok(g, "PHM", 4, (value[]){x, rule, left, right}))
        return NO_VALUE;
    int64_t n = phm_dimension(g, x, rule, left, right);
    if (!n)
        return NO_VALUE;
    /* a backend without the kernel gets the same product by its primitives */
    if (g->config.lowered || !g->config.backend->kernels[OP_PHM].run)
        return lower_phm(g, x, rule, left, right);
    int64_t in = n * graph_shape(g, left)[1], r = graph_shape(g, left)[2];
    int64_t out = n * graph_shape(g, right)[2], M = graph_count(g, x) / in;
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = graph_ndim(g, x);
    memcpy(shape, graph_shape(g, x), sizeof shape);
    shape[ndim - 1] = out;
    value x2 = op_reshape(g, x, 2, (int64_t[]){M, in});
    value y = value_new(g, real_type(g), 2, (int64_t[]){M, out});
    value t = value_new(g, real_type(g), 3, (int64_t[]){M, n, n * r});
    if (g->status || !node_add(g, OP_PHM, 4, (value[]){x2, rule, left, right}, 2, (value[]){y, t}))
        return NO_VALUE;
    return op_reshape(g, y, ndim, shape);
}
