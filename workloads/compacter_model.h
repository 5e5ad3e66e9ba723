/* The model of the workload `compacter`: a pretrained network (BERT's layout or T5) and how it is
 * fine-tuned. */
#ifndef WORKLOADS_COMPACTER_MODEL_H
#define WORKLOADS_COMPACTER_MODEL_H

#include "base/yaml.h"
#include "nn/pretrained.h"
#include "workloads/workload.h"

/* What is trained. */
typedef enum {
    TUNE_FULL,
    TUNE_HEAD,
    TUNE_ADAPTER, /* adapters and, if so configured, layer norms */
    TUNE_LORA,
    TUNE_BITFIT, /* biases (Ben Zaken et al. 2022) */
} tuning_mode;

typedef struct compacter_config {
    bool is_t5;
    nn_bert_config bert;
    nn_t5_config t5;
    tuning_mode mode;
    bool norms_trained;
    bool head_trained; /* the classification head is, T5's is not but with full tuning */
    nn_adaptation adaptation;
    bool adapt_encoder, adapt_decoder; /* stacks of T5 that carry adapters */
    int64_t classes;
    double head_init; /* standard deviation of the head's matrix */
    bool first_token; /* pooling: the first token instead of the mean over unmasked ones */
    bool regression;  /* mean squared error of real labels; one class */
    bool token_types; /* they are an input */
    int64_t tokens, target_tokens; /* target_tokens of T5 */
    /* The frozen parameters of a golden case by name, a json array; NULL: the mode's rule. */
    const void *frozen_names;
} compacter_config;

/* Reads a yaml `model:` map.  vocabulary and classes come from the data, and tokens too unless they
 * are 0. */
int32_t compacter_config_read(compacter_config *c, const yaml_node *model, int64_t vocabulary,
                              int64_t classes);
/* The same of `network: t5`: width, depth (of each stack), heads, head_width (64), mlp, vocabulary
 * (rows of the backbone's table, at least `vocabulary` of the data), gated, untied, dropout, and
 * the mode as above; tokens and target_tokens are set by the caller afterwards. */
int32_t compacter_t5_read(compacter_config *c, const yaml_node *model, int64_t vocabulary);
/* Sets the mode by its name: compacter, compacter_plusplus, phm_adapter, adapter, low_rank_adapter,
 * lora, bitfit, full, head; bottleneck = width / reduction.  rank 0: the mode's own. */
int32_t compacter_set_mode(compacter_config *c, const char *name, int64_t phm_dim,
                           int64_t reduction, int64_t rank);
extern const char *const compacter_modes[]; /* ends with NULL */

/* True when the parameter belongs to the task and not to the frozen backbone (params_rule). */
bool compacter_is_frozen(const param *spec, const void *config);

/* Mean over the unmasked tokens of x [B, T, C], or its first token -> [B, C]. */
value compacter_pooled(const compacter_config *c, graph *g, value x, value mask);

/* Inputs of BERT: input_ids, attention_mask I32 [B, T], labels I32 [B] (regression: real), weights
 * [B] and, if so configured, token_type_ids; of T5: input_ids, attention_mask I32 [B, S], labels
 * I32 [B, T] (negative: none), weights [B T].  Sets the rule of frozen parameters. */
int32_t compacter_build(const compacter_config *c, graph *g, int64_t batch, workload_model *out);

#endif
