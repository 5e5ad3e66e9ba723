/* The forward pass of WideNet and its rivals: patches, positions, blocks, average, head, and the
 * loss with its balance terms. */
#include "workloads/widenet_model.h"

#include "nn/encoder.h"

static nn_moe_config experts_of(const widenet_config *c, int64_t tokens)
{
    nn_moe_config moe = {.width = c->width,
                         .hidden = c->hidden,
                         .experts = (int)c->experts,
                         .top_k = (int)c->top_k,
                         .act = (activation)c->act,
                         .act_after_fc2 = c->activation_after_fc2,
                         .renormalise = c->renormalise,
                         .dropout = c->dropout,
                         .noise = c->noise,
                         .capacity = -1};
    if (c->limited) {
        moe.capacity = c->capacity_slots >= 0
                           ? c->capacity_slots
                           : nn_moe_capacity(&moe, tokens, c->capacity_factor) - c->lost_slots;
        if (moe.capacity < 0)
            moe.capacity = 0;
    }
    return moe;
}

static value blocks(const widenet_config *c, graph *g, value x, value *balance)
{
    if (x < 0)
        return NO_VALUE;
    nn_encoder_config encoder = {
        .depth = (int)c->depth,
        .groups = (int)c->groups,
        .shared_norms = c->shared_norms,
        .post_ln = c->post_ln,
        .final_norm = c->final_norm,
        .dropout = c->dropout,
        .eps = c->eps,
        .attention = {.width = c->width,
                      .heads = (int)c->heads,
                      .bias = {.kind = INIT_ZERO},
                      .no_bias = c->no_attention_bias},
        .mlp = {.width = c->width,
                .hidden = c->hidden,
                .act = (activation)c->act,
                .dropout = c->dropout},
        .moe = experts_of(c, graph_count(g, x) / c->width),
        .moe_every = (int)c->moe_every,
    };
    return nn_encoder(g, &encoder, x, NO_VALUE, balance);
}

static value positions(const widenet_config *c, graph *g, int64_t tokens)
{
    if (c->sincos && !c->zero_class_token)
        return nn_sincos2d(g, c->height / c->patch, c->width_pixels / c->patch, c->width, 10000);
    if (c->sincos) {
        graph_fail(g, PODIUM_EINVAL, "grid positions have none for a class token");
        return NO_VALUE;
    }
    param p = {.kind = PODIUM_EMBEDDING,
               .ndim = 2,
               .shape = {tokens, c->width},
               .init = {.kind = INIT_NORMAL, .a = 0.02}};
    return nn_parameter(g, &p, "pos", "weight");
}

static value logits_of(const widenet_config *c, graph *g, value images, value *balance)
{
    int64_t tokens = c->height / c->patch * (c->width_pixels / c->patch) + c->zero_class_token;
    value x = nn_patch_embedding(g, "patch", images, (int)c->patch, c->width, INIT_XAVIER_UNIFORM);
    if (c->zero_class_token)
        x = op_pad(g, x, 1, 1, 0);
    x = op_add(g, x, positions(c, g, tokens));
    x = blocks(c, g, c->dropout ? op_dropout(g, x) : x, balance);
    nn_classifier_config head = {.width = c->width,
                                 .hidden = c->pre_logits,
                                 .classes = c->classes,
                                 .act = (activation)c->pre_act,
                                 .hidden_init = {.kind = INIT_XAVIER_UNIFORM},
                                 .head_init = {.kind = INIT_XAVIER_UNIFORM}};
    return nn_classifier(g, &head, op_reduce_mean(g, x, 2, false));
}

/* A rank's balance term counts as its examples do: their part of the global weight, 1 alone. */
static value add_balance(const widenet_config *c, graph *g, value loss, value balance,
                         value weights)
{
    if (balance < 0 || c->balance == 0)
        return loss;
    value part = op_weighted_mean(g, op_affine(g, weights, 0, 1), weights);
    return op_add(g, loss, op_mul(g, op_affine(g, balance, c->balance, 0), part));
}

int32_t widenet_build(const widenet_config *c, graph *g, int64_t batch, workload_model *out)
{
    int64_t images[] = {batch, c->channels, c->height, c->width_pixels};
    int64_t labels[] = {batch, c->classes};
    value balance = NO_VALUE;
    *out = (workload_model){.num_inputs = 3, .batch = batch};
    out->inputs[0] = graph_input(g, "images", PODIUM_F32, 4, images);
    out->inputs[1] = c->dense_labels ? graph_input(g, "label_probs", PODIUM_F32, 2, labels)
                                     : graph_input(g, "labels", PODIUM_I32, 1, labels);
    out->inputs[2] = graph_input(g, "weights", PODIUM_F32, 1, labels);
    out->logits = logits_of(c, g, out->inputs[0], &balance);
    value main_loss = op_softmax_cross_entropy(g, out->logits, out->inputs[1], out->inputs[2],
                                               &out->per_example);
    out->loss = add_balance(c, g, main_loss, balance, out->inputs[2]);
    graph_keep(g, out->logits);
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
