/* Mixture of experts, encoders whose blocks may share weights, classification heads.  Errors are
 * the graph's sticky ones. */
#ifndef NN_ENCODER_H
#define NN_ENCODER_H

#include "nn/nn.h"

typedef struct nn_moe_config {
    int64_t width, hidden;
    int experts, top_k;
    activation act;
    bool act_after_fc2; /* the activation follows the experts' second layer too */
    bool renormalise;   /* gates over the sum of a token's top_k gates, before any drop */
    bool dropout;       /* a dropout layer before fc2 */
    double noise;       /* deviation of the router's noise in training; 0: none */
    int64_t capacity;   /* assignments an expert takes in training; < 0: all */
} nn_moe_config;

/* floor(tokens factor top_k / experts). */
int64_t nn_moe_capacity(const nn_moe_config *c, int64_t tokens, double factor);

/* Sum over the top_k experts of p_e expert_e(x), p = softmax(x R^T + noise) over all experts (Xue
 * et al. 2022, eq. 2): prefix.router.weight [E, C], prefix.experts.E.{fc1,fc2}.  x [..., C].
 * Outside training there is neither noise nor capacity.  The router multiplies in f32. *balance
 * gets E sum_e m_e P_e [1]: m_e the share of all assignments, before any drop and without gradient;
 * P_e the mean probability (eq. 5). */
value nn_moe(graph *g, const char *prefix, const nn_moe_config *c, value x, value *balance);

typedef struct nn_encoder_config {
    int depth;
    int groups;        /* depth / groups blocks in a row share attention and feed-forward, which are
                          named shared.G; 0: each block has its own, blocks.I */
    bool shared_norms; /* with groups: they share the two norms also */
    bool post_ln;
    bool final_norm; /* ln_f after the last block */
    bool dropout;    /* dropout layers on each branch */
    double eps;
    nn_attention_config attention;
    nn_mlp_config mlp;
    nn_moe_config moe; /* experts 0: none */
    int moe_every;     /* blocks moe_every - 1, 2 moe_every - 1, ... have experts (no groups) */
} nn_encoder_config;

/* All blocks on the tokens x [N, T, C]; mask as op_attention, or NO_VALUE.  *balance gets the
 * balance terms' sum [1], NO_VALUE without experts. */
value nn_encoder(graph *g, const nn_encoder_config *c, value x, value mask, value *balance);

typedef struct nn_classifier_config {
    int64_t width, hidden, classes; /* hidden 0: no hidden layer */
    activation act;
    param_init hidden_init, head_init; /* of the matrices; biases start at 0 */
} nn_classifier_config;

/* head(act(pre_logits(x))): x [N, C] -> [N, classes]. */
value nn_classifier(graph *g, const nn_classifier_config *c, value x);

#endif
