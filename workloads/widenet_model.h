/* WideNet (Xue et al. 2022, "Go Wider Instead of Deeper") and its rivals as one recording: a vision
 * transformer whose blocks share attention and experts, or share nothing, or have a plain MLP. */
#ifndef WORKLOADS_WIDENET_MODEL_H
#define WORKLOADS_WIDENET_MODEL_H

#include "base/yaml.h"
#include "workloads/workload.h"

typedef struct widenet_config {
    int64_t height, width_pixels, channels, classes; /* of the data */
    bool text;                                       /* sentences instead of images: */
    int64_t vocabulary, tokens;
    int64_t
        embedding; /* width of the token table; other than `width`: factorised, projected to it */
    int64_t patch, width, depth, heads;
    int64_t hidden;    /* of an expert or of the MLP */
    int64_t groups;    /* of blocks that share; 0: nothing is shared */
    int64_t experts;   /* 0: a plain MLP */
    int64_t moe_every; /* unshared: every how many blocks have experts */
    int64_t top_k;
    int64_t pre_logits; /* width of the tanh layer before the head; 0: none */
    bool shared_norms, renormalise, post_ln, final_norm, dropout, dense_labels;
    bool no_attention_bias, sincos;
    /* The released code departs from the paper in three ways: */
    bool activation_after_fc2, zero_class_token;
    int64_t lost_slots;
    bool limited;           /* experts have a capacity in training: */
    int64_t capacity_slots; /* this many, or when < 0: */
    double capacity_factor; /* of an even share of all assignments of the batch */
    double noise;           /* deviation of the router's noise */
    double balance;         /* weight of the balance term in the loss */
    double eps;
    int32_t act, pre_act; /* activation */
} widenet_config;

/* Reads a yaml `model:` map; the data's extents are set by the caller beforehand.
 *     patch, or of text: tokens, embedding (default width)
 *     width, depth, heads, mlp (default 4 width), pre_logits (default width)
 *     groups (default 1; 0 shares nothing), experts (default 4; 0: plain MLP), top_k (2),
 *     moe_every (1), noise (default true: deviation 1 / experts), balance (0.01), capacity_factor
 *     (default: no limit), renormalise, shared_norms, post_ln, dropout, released_code (flags) */
int32_t widenet_config_read(widenet_config *c, const yaml_node *model);
/* Reads `config` of a golden case (a json_t object of jansson). */
int32_t widenet_config_read_case(widenet_config *c, const void *json);

/* Inputs: images [N, Ch, H, W], or ids and mask I32 [N, T]; labels I32 [N] or real [N, V], weights
 * real [N].  The loss is the
 * cross-entropy plus the weighted balance terms, whose tokens are those of the whole batch, padding
 * too. */
int32_t widenet_build(const widenet_config *c, graph *g, int64_t batch, workload_model *out);

#endif
