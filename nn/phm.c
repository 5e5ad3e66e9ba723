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

/* x H with full W_i: H [in, out] costs no more than the weights of one dense layer and is built
 * once a step, while the structured product would cost the dense one's work and n times y's memory.
 */
static value full_product(graph *g, const nn_phm_config *c, value rule, value w, value x)
{
    int64_t n = c->n, p = c->in / n, q = c->out / n;
    value a = op_reshape(g, rule, 2, (int64_t[]){n, n * n});
    value h = op_matmul(g, a, op_reshape(g, w, 2, (int64_t[]){n, p * q}), true, false);
    h = op_reshape(g, h, 4, (int64_t[]){n, n, p, q});
    h = op_permute(g, h, (int[]){0, 2, 1, 3});
    return op_matmul(g, x, op_reshape(g, h, 2, (int64_t[]){c->in, c->out}), false, false);
}

value nn_phm(graph *g, const char *prefix, const nn_phm_config *c, value x)
{
    if (c->n < 1 || c->in % c->n || c->out % c->n) {
        graph_fail(g, PODIUM_EINVAL, "a PHM layer from %lld to %lld does not divide by n = %lld",
                   (long long)c->in, (long long)c->out, (long long)c->n);
        return NO_VALUE;
    }
    int64_t n = c->n, p = c->in / n, q = c->out / n;
    value rule = rule_of_layer(g, prefix, c), y;
    if (c->rank) {
        value left = cube(g, prefix, "W_left", weight_init(p, c->rank), n, p, c->rank);
        value right = cube(g, prefix, "W_right", weight_init(c->rank, q), n, c->rank, q);
        y = op_phm(g, x, rule, left, right);
    } else {
        y = full_product(g, c, rule, cube(g, prefix, "W", weight_init(p, q), n, p, q), x);
    }
    if (c->no_bias)
        return y;
    param b = {.kind = PODIUM_BIAS, .ndim = 1, .shape = {c->out}, .init = {.kind = INIT_ZERO}};
    return op_add(g, y, nn_parameter(g, &b, prefix, "bias"));
}
