/* Recording of primitives: elementwise, reductions, products, rows by id. */
#include "engine/graph_internal.h"

#include <string.h>

static int32_t broadcast_shape(graph *g, const char *op, value a, value b, int64_t *shape)
{
    const value_info *x = value_at(g, a), *y = value_at(g, b);
    int ndim = x->ndim > y->ndim ? x->ndim : y->ndim;
    for (int d = 0; d < ndim; d++) {
        int dx = d - (ndim - x->ndim), dy = d - (ndim - y->ndim);
        int64_t ex = dx < 0 ? 1 : x->shape[dx], ey = dy < 0 ? 1 : y->shape[dy];
        if (ex != ey && ex != 1 && ey != 1)
            return graph_fail(g, PODIUM_EINVAL, "%s: extents %lld and %lld do not agree", op,
                              (long long)ex, (long long)ey);
        shape[d] = ex == 1 ? ey : ex;
    }
    return ndim;
}

/* The same value with extents of 1 put in front. */
static value with_ndim(graph *g, value a, int ndim)
{
    int64_t shape[TENSOR_MAX_DIMS];
    int have = graph_ndim(g, a);
    if (a < 0 || have == ndim)
        return a;
    for (int d = 0; d < ndim; d++)
        shape[d] = d < ndim - have ? 1 : graph_shape(g, a)[d - (ndim - have)];
    return op_reshape(g, a, ndim, shape);
}

static bool real_operands(graph *g, const char *op, int n, const value *v)
{
    if (!values_ok(g, op, n, v))
        return false;
    for (int i = 0; i < n; i++)
        if (graph_dtype(g, v[i]) != real_type(g)) {
            graph_fail(g, PODIUM_EINVAL, "%s: operand %d is not real", op, i);
            return false;
        }
    return true;
}

static value binary(graph *g, int32_t kind, value a, value b)
{
    const char *op = op_kind_name(kind);
    int64_t shape[TENSOR_MAX_DIMS];
    if (!real_operands(g, op, 2, (value[]){a, b}))
        return NO_VALUE;
    int32_t ndim = broadcast_shape(g, op, a, b, shape);
    if (ndim < 0)
        return NO_VALUE;
    a = with_ndim(g, a, ndim);
    b = with_ndim(g, b, ndim);
    value out = value_new(g, real_type(g), ndim, shape);
    return node_add(g, kind, 2, (value[]){a, b}, 1, &out) ? out : NO_VALUE;
}

value op_add(graph *g, value a, value b)
{
    return binary(g, OP_ADD, a, b);
}

value op_sub(graph *g, value a, value b)
{
    return binary(g, OP_SUB, a, b);
}

value op_mul(graph *g, value a, value b)
{
    return binary(g, OP_MUL, a, b);
}

value op_div(graph *g, value a, value b)
{
    return binary(g, OP_DIV, a, b);
}

/* A node of one real operand and one result of the given shape. */
static node *single(graph *g, int32_t kind, value a, int ndim, const int64_t *shape, value *out)
{
    *out = value_new(g, real_type(g), ndim, shape);
    node *n = *out < 0 ? NULL : node_add(g, kind, 1, &a, 1, out);
    if (!n)
        *out = NO_VALUE;
    return n;
}

value op_unary(graph *g, unary_kind kind, value a)
{
    if (!real_operands(g, "UNARY", 1, &a))
        return NO_VALUE;
    if (kind >= UNARY_COUNT) {
        graph_fail(g, PODIUM_EINVAL, "UNARY: no function of number %d", (int)kind);
        return NO_VALUE;
    }
    if (g->config.lowered && kind >= UNARY_GELU_TANH)
        return lower_unary(g, kind, a);
    value out;
    node *n = single(g, OP_UNARY, a, graph_ndim(g, a), graph_shape(g, a), &out);
    if (n)
        n->i[0] = (int64_t)kind;
    if (n && (kind == UNARY_STEP || kind == UNARY_SIGN))
        value_at(g, out)->needs_gradient = false;
    return out;
}

value op_affine(graph *g, value a, double scale, double shift)
{
    if (!real_operands(g, "AFFINE", 1, &a))
        return NO_VALUE;
    value out;
    node *n = single(g, OP_AFFINE, a, graph_ndim(g, a), graph_shape(g, a), &out);
    if (n) {
        n->f[0] = scale;
        n->f[1] = shift;
    }
    return out;
}

static value reduce(graph *g, value a, uint32_t axes, bool keep, bool mean)
{
    if (!real_operands(g, "REDUCE_SUM", 1, &a))
        return NO_VALUE;
    int ndim = graph_ndim(g, a), left = 0;
    int64_t kept[TENSOR_MAX_DIMS], dropped[TENSOR_MAX_DIMS], n_reduced = 1;
    if (!axes || axes >> ndim) {
        graph_fail(g, PODIUM_EINVAL, "REDUCE_SUM: axes mask %#x of a value of %d axes", axes, ndim);
        return NO_VALUE;
    }
    for (int d = 0; d < ndim; d++) {
        int64_t extent = graph_shape(g, a)[d];
        bool gone = axes >> d & 1;
        kept[d] = gone ? 1 : extent;
        if (gone)
            n_reduced *= extent;
        else
            dropped[left++] = extent;
    }
    value out;
    node *n = single(g, OP_REDUCE_SUM, a, ndim, kept, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = axes;
    n->f[0] = mean ? 1.0 / (double)n_reduced : 1.0;
    if (keep)
        return out;
    if (!left)
        dropped[left++] = 1;
    return op_reshape(g, out, left, dropped);
}

value op_reduce_sum(graph *g, value a, uint32_t axes, bool keep)
{
    return reduce(g, a, axes, keep, false);
}

value op_reduce_mean(graph *g, value a, uint32_t axes, bool keep)
{
    return reduce(g, a, axes, keep, true);
}

value op_reduce_max_last(graph *g, value a)
{
    if (!real_operands(g, "REDUCE_MAX_LAST", 1, &a))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = graph_ndim(g, a);
    memcpy(shape, graph_shape(g, a), sizeof shape);
    shape[ndim - 1] = 1;
    value out;
    if (single(g, OP_REDUCE_MAX_LAST, a, ndim, shape, &out))
        value_at(g, out)->needs_gradient = false;
    return out;
}

value op_broadcast(graph *g, value a, int ndim, const int64_t *shape)
{
    if (!real_operands(g, "BROADCAST", 1, &a))
        return NO_VALUE;
    if (ndim < graph_ndim(g, a) || ndim > TENSOR_MAX_DIMS) {
        graph_fail(g, PODIUM_EINVAL, "BROADCAST: from %d to %d axes", graph_ndim(g, a), ndim);
        return NO_VALUE;
    }
    int64_t wanted[TENSOR_MAX_DIMS]; /* a copy: `shape` may belong to a value */
    memcpy(wanted, shape, (size_t)ndim * sizeof *shape);
    a = with_ndim(g, a, ndim);
    for (int d = 0; a >= 0 && d < ndim; d++) {
        int64_t extent = graph_shape(g, a)[d];
        if (extent != 1 && extent != wanted[d]) {
            graph_fail(g, PODIUM_EINVAL, "BROADCAST: extent %lld cannot become %lld",
                       (long long)extent, (long long)wanted[d]);
            return NO_VALUE;
        }
    }
    value out;
    single(g, OP_BROADCAST, a, ndim, wanted, &out);
    return out;
}

/* An alias: a node for the reverse sweep only, nothing runs. */
static value alias(graph *g, value a, int ndim, const int64_t *shape)
{
    value out = value_new(g, graph_dtype(g, a), ndim, shape);
    node *n = out < 0 ? NULL : node_add(g, OP_COPY, 1, &a, 1, &out);
    if (!n)
        return NO_VALUE;
    n->alias = true;
    value_at(g, out)->root = value_at(g, a)->root;
    return out;
}

value op_reshape(graph *g, value a, int ndim, const int64_t *shape)
{
    if (!values_ok(g, "reshape", 1, &a))
        return NO_VALUE;
    int64_t count = 1;
    bool same = ndim == graph_ndim(g, a);
    for (int d = 0; d < ndim; d++) {
        count *= shape[d];
        same = same && shape[d] == graph_shape(g, a)[d];
    }
    if (count != graph_count(g, a)) {
        graph_fail(g, PODIUM_EINVAL, "reshape: %lld elements into %lld",
                   (long long)graph_count(g, a), (long long)count);
        return NO_VALUE;
    }
    return same ? a : alias(g, a, ndim, shape);
}

value reshape_as(graph *g, value a, value like)
{
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, like), sizeof shape);
    return op_reshape(g, a, graph_ndim(g, like), shape);
}

value op_stop_gradient(graph *g, value a)
{
    if (!values_ok(g, "stop_gradient", 1, &a))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    value out = alias(g, a, graph_ndim(g, a), shape);
    if (out >= 0)
        value_at(g, out)->needs_gradient = false;
    return out;
}

/* Leading extents of a product: equal, or none on one side. */
static int product_shape(graph *g, value a, value b, bool ta, bool tb, int64_t *shape)
{
    const value_info *x = value_at(g, a), *y = value_at(g, b);
    if (x->ndim < 2 || y->ndim < 2)
        return graph_fail(g, PODIUM_EINVAL, "MATMUL: operands need 2 axes or more");
    int64_t m = x->shape[x->ndim - (ta ? 1 : 2)], k = x->shape[x->ndim - (ta ? 2 : 1)];
    int64_t k2 = y->shape[y->ndim - (tb ? 1 : 2)], n = y->shape[y->ndim - (tb ? 2 : 1)];
    const value_info *lead = x->ndim > 2 ? x : y;
    bool agree = k == k2 && (x->ndim == 2 || y->ndim == 2 || x->ndim == y->ndim);
    for (int d = 0; agree && x->ndim > 2 && y->ndim > 2 && d < x->ndim - 2; d++)
        agree = x->shape[d] == y->shape[d];
    if (!agree)
        return graph_fail(g, PODIUM_EINVAL,
                          "MATMUL: [%lld, %lld] times [%lld, %lld] or their leading extents do not "
                          "agree",
                          (long long)m, (long long)k, (long long)k2, (long long)n);
    memcpy(shape, lead->shape, sizeof lead->shape);
    shape[lead->ndim - 2] = m;
    shape[lead->ndim - 1] = n;
    return lead->ndim;
}

value op_matmul(graph *g, value a, value b, bool ta, bool tb)
{
    int64_t shape[TENSOR_MAX_DIMS];
    if (!real_operands(g, "MATMUL", 2, (value[]){a, b}))
        return NO_VALUE;
    int ndim = product_shape(g, a, b, ta, tb, shape);
    if (ndim < 0)
        return NO_VALUE;
    if (graph_ndim(g, a) > 2 && graph_ndim(g, b) == 2 && !ta) {
        /* One tall product instead of many small ones, and a gradient of b without a sum. */
        int64_t k = graph_shape(g, a)[graph_ndim(g, a) - 1];
        value tall = op_reshape(g, a, 2, (int64_t[]){graph_count(g, a) / k, k});
        return op_reshape(g, op_matmul(g, tall, b, false, tb), ndim, shape);
    }
    value out = value_new(g, real_type(g), ndim, shape);
    node *n = out < 0 ? NULL : node_add(g, OP_MATMUL, 2, (value[]){a, b}, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = ta;
    n->i[1] = tb;
    return out;
}

static bool is_ids(graph *g, const char *op, value ids)
{
    if (!values_ok(g, op, 1, &ids))
        return false;
    if (graph_dtype(g, ids) == PODIUM_I32)
        return true;
    graph_fail(g, PODIUM_EINVAL, "%s: ids must be i32", op);
    return false;
}

/* [ids..., last]; the number of axes, or 0 after an error. */
static int append_axis(graph *g, const char *op, value ids, int64_t last, int64_t *shape)
{
    int ndim = graph_ndim(g, ids);
    if (ndim >= TENSOR_MAX_DIMS) {
        graph_fail(g, PODIUM_EINVAL, "%s: too many axes", op);
        return 0;
    }
    memcpy(shape, graph_shape(g, ids), (size_t)ndim * sizeof *shape);
    shape[ndim] = last;
    return ndim + 1;
}

value op_gather_rows(graph *g, value table, value ids)
{
    int64_t shape[TENSOR_MAX_DIMS];
    if (!real_operands(g, "GATHER_ROWS", 1, &table) || !is_ids(g, "GATHER_ROWS", ids))
        return NO_VALUE;
    if (graph_ndim(g, table) != 2) {
        graph_fail(g, PODIUM_EINVAL, "GATHER_ROWS: the table needs 2 axes");
        return NO_VALUE;
    }
    int ndim = append_axis(g, "GATHER_ROWS", ids, graph_shape(g, table)[1], shape);
    value out = ndim ? value_new(g, real_type(g), ndim, shape) : NO_VALUE;
    return out >= 0 && node_add(g, OP_GATHER_ROWS, 2, (value[]){table, ids}, 1, &out) ? out
                                                                                      : NO_VALUE;
}

value op_scatter_rows(graph *g, value rows, value ids, int64_t V)
{
    if (!real_operands(g, "SCATTER_ROWS", 1, &rows) || !is_ids(g, "SCATTER_ROWS", ids))
        return NO_VALUE;
    int64_t C = graph_shape(g, rows)[graph_ndim(g, rows) - 1];
    if (graph_count(g, rows) != graph_count(g, ids) * C) {
        graph_fail(g, PODIUM_EINVAL, "SCATTER_ROWS: one row per id expected");
        return NO_VALUE;
    }
    value out = value_new(g, real_type(g), 2, (int64_t[]){V, C});
    return out >= 0 && node_add(g, OP_SCATTER_ROWS, 2, (value[]){rows, ids}, 1, &out) ? out
                                                                                      : NO_VALUE;
}

value op_one_hot(graph *g, value ids, int64_t classes)
{
    int64_t shape[TENSOR_MAX_DIMS];
    if (!is_ids(g, "ONE_HOT", ids))
        return NO_VALUE;
    int ndim = append_axis(g, "ONE_HOT", ids, classes, shape);
    value out = NO_VALUE;
    if (ndim)
        single(g, OP_ONE_HOT, ids, ndim, shape, &out);
    return out;
}

value op_cast_real(graph *g, value ids)
{
    value out = NO_VALUE;
    if (is_ids(g, "CAST_REAL", ids))
        single(g, OP_CAST_REAL, ids, graph_ndim(g, ids), graph_shape(g, ids), &out);
    return out;
}
