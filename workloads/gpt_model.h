/* A decoder-only language model: Llama's layout (RMS norm, rotary positions, SwiGLU, grouped keys),
 * or GPT-2's (layer norm, learned positions, GELU, biases). */
#ifndef WORKLOADS_GPT_MODEL_H
#define WORKLOADS_GPT_MODEL_H

#include <jansson.h>
#include "base/yaml.h"
#include "nn/nn.h"
#include "workloads/workload.h"

#define GPT_IGNORED (-100) /* a label that does not count */

typedef struct gpt_config {
    int64_t vocab, length; /* of the data */
    int64_t width, depth, heads, key_heads, head_width, mlp;
    int64_t max_length; /* of learned positions */
    bool gpt2;          /* GPT-2's layout */
    bool tied;          /* the embedding makes the logits */
    bool final_norm, attention_bias, mlp_bias;
    bool dropout;
    double rope_theta, eps;
} gpt_config;

/* Reads a yaml `model:` map but for `weights`; vocab and length are set by the caller beforehand.
 *   width, depth, heads (required); key_heads (heads), head_width (width / heads), mlp (4 width),
 *   layout: llama or gpt2, tied (true), dropout (false), max_length (the data's), rope_theta
 *   (10000), norm_eps (1e-5; config.json's rms_norm_eps), attention_bias (gpt2's) */
int32_t gpt_config_read(gpt_config *c, const yaml_node *model);
/* Reads `config` of a golden case; length comes from its inputs. */
int32_t gpt_config_read_case(gpt_config *c, const json_t *config);

/* Inputs: input_ids and labels, I32 [N, T]; the logits at t predict the label at t + 1, GPT_IGNORED
 * does not count.  Logits [N T, V], a loss per token. */
int32_t gpt_build(const gpt_config *c, graph *g, int64_t batch, workload_model *out);

#endif
