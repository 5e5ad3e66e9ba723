/* The feed-forward block, plain and gated. */
#include "nn/nn.h"

#include <stdio.h>

static value layer(graph *g, const char *prefix, const char *suffix, const nn_mlp_config *c,
                   int64_t in, int64_t out, const param_init *init, activation act, bool no_bias,
                   value x)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    nn_linear_config l = {.in = in,
                          .out = out,
                          .act = act,
                          .weight_kind = PODIUM_WEIGHT,
                          .bias_kind = PODIUM_BIAS,
                          .weight = init ? *init : (param_init){.kind = INIT_XAVIER_UNIFORM},
                          .bias = {.kind = c->zero_bias ? INIT_ZERO : INIT_NORMAL, .a = 1e-6},
                          .no_bias = no_bias};
    return nn_linear(g, name, &l, x);
}

value nn_mlp(graph *g, const char *prefix, const nn_mlp_config *c, value x)
{
    const param_init *last = c->out_init ? c->out_init : c->init;
    value h = layer(g, prefix, "fc1", c, c->width, c->hidden, c->init, c->act, false, x);
    if (c->glu || c->glu_input) {
        int64_t in = c->glu_input ? c->width : c->hidden;
        value gate = layer(g, prefix, "glu", c, in, c->hidden, c->init, ACT_NONE, false,
                           c->glu_input ? x : h);
        h = op_mul(g, h, gate);
    }
    if (c->dropout)
        h = op_dropout(g, h);
    return layer(g, prefix, "fc2", c, c->hidden, c->width, last, ACT_NONE, false, h);
}

value nn_swiglu(graph *g, const char *prefix, const nn_mlp_config *c, value x)
{
    const param_init *last = c->out_init ? c->out_init : c->init;
    value gate = layer(g, prefix, "gate", c, c->width, c->hidden, c->init, ACT_SILU,
                       !c->swiglu_bias, x);
    value up = layer(g, prefix, "up", c, c->width, c->hidden, c->init, ACT_NONE, !c->swiglu_bias,
                     x);
    value h = op_mul(g, gate, up);
    return layer(g, prefix, "down", c, c->hidden, c->width, last, ACT_NONE, !c->swiglu_bias, h);
}
