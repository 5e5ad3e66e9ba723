/* A stack of blocks, each with its own weights or sharing them in groups, and the head. */
#include "nn/encoder.h"

#include <stdio.h>

enum { NAME = 96 };

/* "blocks.I" or "shared.G". */
static void owner_name(const nn_encoder_config *c, int block, bool shared, char *name)
{
    if (shared && c->groups)
        snprintf(name, NAME, "shared.%d", (int)((int64_t)block * c->groups / c->depth));
    else
        snprintf(name, NAME, "blocks.%d", block);
}

static void norm_name(const nn_encoder_config *c, int block, int which, char *name)
{
    char owner[NAME];
    owner_name(c, block, c->shared_norms, owner);
    snprintf(name, NAME + 8, "%s.ln%d", owner, which);
}

static value dropout(const nn_encoder_config *c, graph *g, value x)
{
    return c->dropout ? op_dropout(g, x) : x;
}

static value attend(const nn_encoder_config *c, graph *g, int block, value x, value mask)
{
    char owner[NAME], name[NAME + 8];
    owner_name(c, block, true, owner);
    snprintf(name, sizeof name, "%s.attn", owner);
    return dropout(c, g, nn_attention(g, name, &c->attention, x, x, mask));
}

static value feed_forward(const nn_encoder_config *c, graph *g, int block, value x, value *balance)
{
    char owner[NAME], name[NAME + 8];
    owner_name(c, block, true, owner);
    bool experts = c->moe.experts && (c->moe_every < 2 || (block + 1) % c->moe_every == 0);
    if (!experts) {
        snprintf(name, sizeof name, "%s.mlp", owner);
        return dropout(c, g, nn_mlp(g, name, &c->mlp, x));
    }
    value one, y = nn_moe(g, owner, &c->moe, x, &one);
    *balance = *balance < 0 ? one : op_add(g, *balance, one);
    return dropout(c, g, y);
}

/* A branch's output is added to the stream together with the norm that follows it, whichever block
 * that norm belongs to. */
value nn_encoder(graph *g, const nn_encoder_config *c, value x, value mask, value *balance)
{
    char name[NAME + 8];
    value branch = NO_VALUE, sum;
    *balance = NO_VALUE;
    for (int i = 0; i < c->depth; i++) {
        value in = x;
        if (!c->post_ln) {
            norm_name(c, i, 1, name);
            in = branch < 0 ? nn_layer_norm(g, name, x, c->eps)
                            : nn_add_layer_norm(g, name, x, branch, c->eps, &x);
        }
        branch = attend(c, g, i, in, mask);
        norm_name(c, i, c->post_ln ? 1 : 2, name);
        in = nn_add_layer_norm(g, name, x, branch, c->eps, &sum);
        x = c->post_ln ? in : sum;
        branch = feed_forward(c, g, i, in, balance);
        if (!c->post_ln)
            continue;
        norm_name(c, i, 2, name);
        x = nn_add_layer_norm(g, name, x, branch, c->eps, &sum);
    }
    if (c->final_norm)
        return c->post_ln ? nn_layer_norm(g, "ln_f", x, c->eps)
                          : nn_add_layer_norm(g, "ln_f", x, branch, c->eps, &sum);
    return c->post_ln ? x : op_add(g, x, branch);
}

value nn_classifier(graph *g, const nn_classifier_config *c, value x)
{
    nn_linear_config hidden = {.in = c->width,
                               .out = c->hidden,
                               .act = c->act,
                               .weight_kind = PODIUM_WEIGHT,
                               .bias_kind = PODIUM_BIAS,
                               .weight = c->hidden_init,
                               .bias = {.kind = INIT_ZERO}};
    nn_linear_config head = {.in = c->hidden ? c->hidden : c->width,
                             .out = c->classes,
                             .is_output = true,
                             .weight_kind = PODIUM_WEIGHT,
                             .bias_kind = PODIUM_BIAS,
                             .weight = c->head_init,
                             .bias = {.kind = INIT_ZERO}};
    if (c->hidden)
        x = nn_linear(g, "pre_logits", &hidden, x);
    return nn_linear(g, "head", &head, x);
}
