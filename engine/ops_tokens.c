/* Recording of what language models add: RMS norm, rotary positions, shifted ids, segment masks. */
#include "engine/graph_internal.h"

#include <string.h>

value op_rms_norm(graph *g, value x, value scale, double eps)
{
    if (!values_ok(g, "RMS_NORM", 2, (value[]){x, scale}))
        return NO_VALUE;
    int ndim = graph_ndim(g, x);
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, x), sizeof shape);
    if (graph_ndim(g, scale) != 1 || graph_count(g, scale) != shape[ndim - 1]) {
        graph_fail(g, PODIUM_EINVAL, "RMS_NORM: scale must have %lld elements",
                   (long long)shape[ndim - 1]);
        return NO_VALUE;
    }
    if (g->config.lowered)
        return lower_rms_norm(g, x, scale, eps);
    int64_t rows = graph_count(g, x) / shape[ndim - 1];
    value y = value_new(g, real_type(g), ndim, shape), rstd = value_new(g, real_type(g), 1, &rows);
    node *n = node_add(g, OP_RMS_NORM, 2, (value[]){x, scale}, 2, (value[]){y, rstd});
    if (!n)
        return NO_VALUE;
    n->f[0] = eps;
    return y;
}

value op_rope(graph *g, value a, int64_t head_width, int heads, double theta, value positions,
              int64_t first)
{
    if (!values_ok(g, "ROPE", 1, &a))
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS];
    memcpy(shape, graph_shape(g, a), sizeof shape);
    bool fits = graph_ndim(g, a) == 3 && head_width > 0 && head_width % 2 == 0 && heads > 0 &&
                heads * head_width <= shape[2] && theta > 0;
    if (positions >= 0) {
        const int64_t *p = graph_shape(g, positions);
        fits = fits && graph_ndim(g, positions) == 2 && graph_dtype(g, positions) == PODIUM_I32 &&
               p[0] == shape[0] && p[1] == shape[1];
    }
    if (!fits) {
        graph_fail(g, PODIUM_EINVAL,
                   "ROPE: %d heads of an even width %lld in [B, T, C], or positions I32 [B, T], "
                   "do not fit",
                   heads, (long long)head_width);
        return NO_VALUE;
    }
    value out = value_new(g, real_type(g), 3, shape);
    node *n = out < 0 ? NULL : node_add(g, OP_ROPE, 2, (value[]){a, positions}, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = head_width;
    n->i[1] = heads;
    n->i[2] = 1;
    n->i[3] = first;
    n->f[0] = theta;
    return out;
}

/* I32 [B, T]? */
static bool is_id_matrix(graph *g, const char *op, value ids)
{
    if (!values_ok(g, op, 1, &ids))
        return false;
    if (graph_dtype(g, ids) == PODIUM_I32 && graph_ndim(g, ids) == 2)
        return true;
    graph_fail(g, PODIUM_EINVAL, "%s: expected i32 ids of two axes", op);
    return false;
}

value op_shift_ids(graph *g, value ids, int64_t by, int32_t fill)
{
    if (!is_id_matrix(g, "SHIFT_IDS", ids))
        return NO_VALUE;
    int64_t shape[2] = {graph_shape(g, ids)[0], graph_shape(g, ids)[1]};
    value out = value_new(g, PODIUM_I32, 2, shape);
    node *n = out < 0 ? NULL : node_add(g, OP_SHIFT_IDS, 1, &ids, 1, &out);
    if (!n)
        return NO_VALUE;
    n->i[0] = by;
    n->i[1] = fill;
    return out;
}

value op_segment_mask(graph *g, value query_segments, value key_segments, value key_ids)
{
    const char *op = "SEGMENT_MASK";
    if (!is_id_matrix(g, op, query_segments) || !is_id_matrix(g, op, key_segments) ||
        (key_ids >= 0 && !is_id_matrix(g, op, key_ids)))
        return NO_VALUE;
    const int64_t *q = graph_shape(g, query_segments), *k = graph_shape(g, key_segments);
    if (q[0] != k[0] || (key_ids >= 0 && memcmp(k, graph_shape(g, key_ids), 2 * sizeof *k))) {
        graph_fail(g, PODIUM_EINVAL, "%s: segments [B, Tq] and [B, Tk], ids [B, Tk] do not agree",
                   op);
        return NO_VALUE;
    }
    value out = value_new(g, PODIUM_I32, 3, (int64_t[]){q[0], q[1], k[1]});
    value in[3] = {query_segments, key_segments, key_ids};
    return out >= 0 && node_add(g, OP_SEGMENT_MASK, 3, in, 1, &out) ? out : NO_VALUE;
}
