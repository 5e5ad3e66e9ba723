/* The ViT of AlgoPerf's imagenet_vit and its variants, as a recording. */
#ifndef WORKLOADS_VIT_MODEL_H
#define WORKLOADS_VIT_MODEL_H

#include "base/yaml.h"
#include "workloads/workload.h"

typedef struct vit_config {
    int64_t height, width_pixels, channels, classes; /* of the data */
    int64_t patch, width, depth, heads, mlp;
    int64_t pre_logits; /* width of the tanh layer before the head; 0: none */
    bool post_ln, glu, map;
    bool final_norm;   /* norm after the last block (pre-LN) */
    bool dropout;      /* has dropout layers (their rate is a setting) */
    bool dense_labels; /* class probabilities instead of an index */
    double eps, temperature;
} vit_config;

/* Reads a yaml `model:` map; the data's extents are set by the caller beforehand. */
int32_t vit_config_read(vit_config *c, const yaml_node *model);
/* Reads `config` of a golden case (a json_t object of jansson). */
int32_t vit_config_read_case(vit_config *c, const void *json);

/* Inputs: images [N, Ch, H, W], labels I32 [N] or real [N, V], weights real [N]. */
int32_t vit_build(const vit_config *c, graph *g, int64_t batch, workload_model *out);

#endif
