/* The forward pass of WideNet and its rivals: patches or tokens, positions, blocks, average, head,
 * and the loss with its balance terms. */
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

static value blocks(const widenet_config *c, graph *g, value x, value mask, value *balance)
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
    return nn_encoder(g, &encoder, c->dropout ? op_dropout(g, x) : x, mask, balance);
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

/* The blocks' average over the tokens of images [N, Ch, H, W]. */
static value see(const widenet_config *c, graph *g, value images, value *balance)
{
    int64_t tokens = c->height / c->patch * (c->width_pixels / c->patch) + c->zero_class_token;
    value x = nn_patch_embedding(g, "patch", images, (int)c->patch, c->width, INIT_XAVIER_UNIFORM);
    if (c->zero_class_token)
        x = op_pad(g, x, 1, 1, 0);
    x = op_add(g, x, positions(c, g, tokens));
    return op_reduce_mean(g, blocks(c, g, x, NO_VALUE, balance), 2, false);
}

/* The same over the tokens of ids [N, T] whose mask is not 0.  All of them are routed. */
static value read(const widenet_config *c, graph *g, value ids, value mask, value *balance)
{
    if (graph_status(g))
        return NO_VALUE;
    int64_t N = graph_shape(g, ids)[0], T = c->tokens;
    param_init init = {.kind = INIT_NORMAL, .a = 0.02};
    value table = nn_embedding(g, "embedding", c->vocabulary, c->embedding, init, false);
    value x = op_gather_rows(g, table, ids);
    nn_linear_config widen = {.in = c->embedding,
                              .out = c->width,
                              .weight_kind = PODIUM_WEIGHT,
                              .bias_kind = PODIUM_BIAS,
                              .weight = {.kind = INIT_XAVIER_UNIFORM},
                              .bias = {.kind = INIT_ZERO}};
    if (c->embedding != c->width)
        x = nn_linear(g, "embedding_projection", &widen, x);
    x = op_add(g, x, positions(c, g, T));
    x = blocks(c, g, x, op_reshape(g, mask, 3, (int64_t[]){N, 1, T}), balance);
    value seen = op_reshape(g, op_cast_real(g, mask), 3, (int64_t[]){N, T, 1});
    x = op_reduce_sum(g, op_mul(g, x, seen), 2, true);
    x = op_div(g, x, op_reduce_sum(g, seen, 2, true));
    return op_reshape(g, x, 2, (int64_t[]){N, c->width});
}

static value classify(const widenet_config *c, graph *g, value x)
{
    nn_classifier_config head = {.width = c->width,
                                 .hidden = c->pre_logits,
                                 .classes = c->classes,
                                 .act = (activation)c->pre_act,
                                 .hidden_init = {.kind = INIT_XAVIER_UNIFORM},
                                 .head_init = {.kind = INIT_XAVIER_UNIFORM}};
    return nn_classifier(g, &head, x);
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
    int64_t ids[] = {batch, c->tokens}, labels[] = {batch, c->classes};
    value balance = NO_VALUE, *in = out->inputs, x;
    *out = (workload_model){.batch = batch};
    if (c->text) {
        *in++ = graph_input(g, "ids", PODIUM_I32, 2, ids);
        *in++ = graph_input(g, "mask", PODIUM_I32, 2, ids);
        x = read(c, g, out->inputs[0], out->inputs[1], &balance);
    } else {
        *in++ = graph_input(g, "images", PODIUM_F32, 4, images);
        x = see(c, g, out->inputs[0], &balance);
    }
    in[0] = c->dense_labels ? graph_input(g, "label_probs", PODIUM_F32, 2, labels)
                            : graph_input(g, "labels", PODIUM_I32, 1, labels);
    in[1] = graph_input(g, "weights", PODIUM_F32, 1, labels);
    out->num_inputs = (int)(in + 2 - out->inputs);
    out->label_input = c->dense_labels ? 0 : (int)(in - out->inputs) + 1;
    out->logits = classify(c, g, x);
    value main_loss = op_softmax_cross_entropy(g, out->logits, in[0], in[1], &out->per_example);
    out->loss = add_balance(c, g, main_loss, balance, in[1]);
    graph_keep(g, out->logits);
    graph_keep(g, out->loss);
    graph_keep(g, out->per_example);
    return graph_status(g);
}
