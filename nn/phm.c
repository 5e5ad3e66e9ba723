/* The layer of parametrised hypercomplex multiplications. */
#include "nn/adapter.h"

#include <math.h>

/* Inits of the authors' code: a shared rule N(0, 1e-4^2), an own one N(0, 0.01^2). */
static param_init rule_init(const nn_phm_config *c)
{
    return (param_init){.kind = INIT_NORMAL, .a = c->shared_rule ? 1e-4 : 0.01};
}

static value cube(graph *g, const char *prefix, const char *suffix, param_init init, int64_t a,
                  int64_t b, int64_t d)
{
    param p = {.kind = PODIUM_ADAPTER, .ndim = 3, .shape = {a, b, d}, .init = init};
    return nn_parameter(g, &p, prefix, suffix);
}

/* Xavier uniform, gain sqrt 2, each of the n matrices by itself. */
static param_init weight_init(int64_t rows, int64_t columns)
{
    return (param_init){
        .kind = INIT_XAVIER_UNIFORM, .a = sqrt(2), .fan_in = columns, .fan_out = rows};
}

/* A [n, n, n] */
static value rule_of_layer(graph *g, const char *prefix, const nn_phm_config *c)
{
    const char *where = c->shared_rule ? "" : prefix;
    if (!c->factorized_rule)
        return cube(g, where, "phm_rule", rule_init(c), c->n, c->n, c->n);
    value left = cube(g, where, "phm_rule_left", rule_init(c), c->n, c->n, 1);
    value right = cube(g, where, "phm_rule_right", rule_init(c), c->n, 1, c->n);
    return op_matmul(g, left, right, false, false);
}

/* H^T [out, in], of W [n, in/n, out/n].  It is made once a step and costs no more than the weights
 * of one dense layer. */
static value matrix_of(graph *g, const nn_phm_config *c, value rule, value w)
{
    int64_t n = c->n, p = c->in / n, q = c->out / n;
    value a = op_reshape(g, rule, 2, (int64_t[]){n, n * n});
    value h = op_matmul(g, a, op_reshape(g, w, 2, (int64_t[]){n, p * q}), true, false);
    h = op_reshape(g, h, 4, (int64_t[]){n, n, p, q});
    h = op_permute(g, h, (int[]){1, 3, 0, 2});
    return op_reshape(g, h, 2, (int64_t[]){c->out, c->in});
}

/* A row through the factors takes n r (in + out) + n^3 r multiplications, in out with H: but these
 * are one dense product, whose rate is some ten times that of many thin ones. */
static bool is_factored(const nn_phm_config *c)
{
    int64_t factored = c->n * c->rank * (c->in + c->out + c->n * c->n);
    return c->rank && c->in * c->out > 8 * factored;
}

value nn_phm(graph *g, const char *prefix, const nn_phm_config *c, value x)
{
    if (c->n < 1 || c->in % c->n || c->out % c->n) {
        graph_fail(g, PODIUM_EINVAL, "a PHM layer from %lld to %lld does not divide by n = %lld",
                   (long long)c->in, (long long)c->out, (long long)c->n);
        return NO_VALUE;
    }
    int64_t n = c->n, p = c->in / n, q = c->out / n;
    value rule = rule_of_layer(g, prefix, c), left = NO_VALUE, right = NO_VALUE, w = NO_VALUE;
    if (c->rank) {
        left = cube(g, prefix, "W_left", weight_init(p, c->rank), n, p, c->rank);
        right = cube(g, prefix, "W_right", weight_init(c->rank, q), n, c->rank, q);
    } else {
        w = cube(g, prefix, "W", weight_init(p, q), n, p, q);
    }
    param b = {.kind = PODIUM_BIAS, .ndim = 1, .shape = {c->out}, .init = {.kind = INIT_ZERO}};
    value bias = c->no_bias ? NO_VALUE : nn_parameter(g, &b, prefix, "bias");
    if (!is_factored(c)) {
        if (c->rank)
            w = op_matmul(g, left, right, false, false);
        return op_linear(g, x, matrix_of(g, c, rule, w), bias, c->act);
    }
    value y = op_phm(g, x, rule, left, right);
    return nn_activation(g, c->act, bias < 0 ? y : op_add(g, y, bias));
}
