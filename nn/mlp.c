/* The feed-forward block. */
#include "nn/nn.h"

#include <stdio.h>

static value layer(graph *g, const char *prefix, const char *suffix, int64_t in, int64_t out,
                   activation act, value x)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    nn_linear_config c = {.in = in,
                          .out = out,
                          .act = act,
                          .weight_kind = PODIUM_WEIGHT,
                          .bias_kind = PODIUM_BIAS,
                          .weight = {.kind = INIT_XAVIER_UNIFORM},
                          .bias = {.kind = INIT_NORMAL, .a = 1e-6}};
    return nn_linear(g, name, &c, x);
}

value nn_mlp(graph *g, const char *prefix, const nn_mlp_config *c, value x)
{
    value h = layer(g, prefix, "fc1", c->width, c->hidden, c->act, x);
    if (c->glu)
        h = op_mul(g, h, layer(g, prefix, "glu", c->hidden, c->hidden, ACT_NONE, h));
    if (c->dropout)
        h = op_dropout(g, h);
    return layer(g, prefix, "fc2", c->hidden, c->width, ACT_NONE, h);
}
