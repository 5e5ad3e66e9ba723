/* Mixture of experts: tokens go to their experts' row blocks and come back weighted. */
#include "nn/encoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t nn_moe_capacity(const nn_moe_config *c, int64_t tokens, double factor)
{
    /* 1e-9: 1.2 * 10 must not become 11 */
    return (int64_t)floor((double)tokens * factor * c->top_k / c->experts + 1e-9);
}

/* The experts' parameters "prefix.experts.E.suffix" one below the other: adjacent in the vector
 * where their size needs no padding, else joined by copying. */
static value stacked(graph *g, const char *prefix, const char *suffix, int experts,
                     const param *spec)
{
    char name[160];
    int32_t first = NO_VALUE, last = NO_VALUE;
    for (int e = 0; e < experts; e++) {
        snprintf(name, sizeof name, "%s.experts.%d", prefix, e);
        last = nn_declare(g, spec, name, suffix);
        first = e ? first : last;
    }
    if (graph_status(g))
        return NO_VALUE;
    value all = graph_parameter_span(g, first, last);
    if (all >= 0)
        return all;
    for (int e = 0; e < experts; e++) {
        snprintf(name, sizeof name, "%s.experts.%d", prefix, e);
        value one = nn_parameter(g, spec, name, suffix);
        all = e ? op_concat(g, all, one, 0) : one;
    }
    return all;
}

/* One layer of every expert on its rows of x. */
static value layer(graph *g, const char *prefix, const nn_moe_config *c, const char *name,
                   int64_t in, int64_t out, activation act, value offsets, value x)
{
    char suffix[32];
    param w = {.kind = PODIUM_WEIGHT,
               .ndim = 2,
               .shape = {out, in},
               .init = {.kind = INIT_XAVIER_UNIFORM}};
    param b = {
        .kind = PODIUM_BIAS, .ndim = 1, .shape = {out}, .init = {.kind = INIT_NORMAL, .a = 1e-6}};
    snprintf(suffix, sizeof suffix, "%s.weight", name);
    value weight = stacked(g, prefix, suffix, c->experts, &w);
    snprintf(suffix, sizeof suffix, "%s.bias", name);
    value bias = stacked(g, prefix, suffix, c->experts, &b);
    return op_grouped_linear(g, x, weight, bias, offsets, act);
}

/* p [L, E].  In f32 under bf16: a rounded score would send tokens to other experts. */
static value probabilities(graph *g, const char *prefix, const nn_moe_config *c, value x)
{
    param r = {.kind = PODIUM_ROUTER,
               .ndim = 2,
               .shape = {c->experts, c->width},
               .init = {.kind = INIT_XAVIER_UNIFORM}};
    value router = nn_parameter(g, &r, prefix, "router.weight");
    graph_full_precision(g, true);
    value scores = op_linear(g, x, router, NO_VALUE, ACT_NONE);
    value p = op_softmax(g, op_normal_noise(g, scores, c->noise));
    graph_full_precision(g, false);
    return p;
}

/* The gates of all assignments in the order of the tokens, [L K, 1]. */
static value chosen_gates(graph *g, const nn_moe_config *c, value p, value flat)
{
    int64_t places = graph_count(g, p), A = graph_count(g, flat);
    value column = op_reshape(g, p, 2, (int64_t[]){places, 1});
    value gates = op_gather_rows(g, column, op_reshape(g, flat, 1, &A));
    if (!c->renormalise)
        return gates;
    gates = op_reshape(g, gates, 2, (int64_t[]){A / c->top_k, c->top_k});
    gates = op_div(g, gates, op_reduce_sum(g, gates, 2, true));
    return op_reshape(g, gates, 2, (int64_t[]){A, 1});
}

value nn_moe(graph *g, const char *prefix, const nn_moe_config *c, value x, value *balance)
{
    *balance = NO_VALUE;
    if (x < 0)
        return NO_VALUE;
    int64_t shape[TENSOR_MAX_DIMS], L = graph_count(g, x) / c->width;
    int ndim = graph_ndim(g, x);
    memcpy(shape, graph_shape(g, x), sizeof shape);
    value tokens = op_reshape(g, x, 2, (int64_t[]){L, c->width}), flat;
    value p = probabilities(g, prefix, c, tokens);
    value ids = op_top_k(g, p, c->top_k, &flat);
    dispatch d = op_dispatch(g, ids, c->experts, graph_is_training(g) ? c->capacity : -1);
    if (graph_status(g))
        return NO_VALUE;
    value h = layer(g, prefix, c, "fc1", c->width, c->hidden, c->act, d.offsets,
                    op_gather_rows(g, tokens, d.rows));
    if (c->dropout)
        h = op_dropout(g, h);
    value y = layer(g, prefix, c, "fc2", c->hidden, c->width, c->act_after_fc2 ? c->act : ACT_NONE,
                    d.offsets, h);
    y = op_mul(g, y, op_gather_rows(g, chosen_gates(g, c, p, flat), d.slots));
    value load = op_mul(g, op_reduce_mean(g, p, 1, false), d.share);
    *balance = op_affine(g, op_reduce_sum(g, load, 1, false), c->experts, 0);
    return op_reshape(g, op_scatter_rows(g, y, d.rows, L), ndim, shape);
}
