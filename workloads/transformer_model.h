/* The encoder-decoder of AlgoPerf's wmt and its variants, as recordings: the training pass, and the
 * two parts of decoding (source once, then a token at a time on cached keys and values). */
#ifndef WORKLOADS_TRANSFORMER_MODEL_H
#define WORKLOADS_TRANSFORMER_MODEL_H

#include <jansson.h>
#include "base/yaml.h"
#include "nn/nn.h"
#include "workloads/workload.h"

#define TRANSFORMER_MAX_LAYERS 64

typedef struct transformer_config {
    int64_t vocab;             /* of the data */
    int64_t source, target;    /* positions of a source and of a target */
    int64_t width, heads, mlp; /* width C */
    int64_t encoder_layers, decoder_layers;
    int64_t max_length; /* rows of the position table at least */
    activation act;     /* of the hidden layer */
    bool post_ln, final_norm;
    bool glu;     /* act(fc1 x) * glu x */
    bool dropout; /* has dropout layers (their rate is a setting) */
    bool packed;  /* several pairs a row, told apart by segments */
    bool attention_bias;
    double temperature; /* attention: queries are multiplied by it */
    double embedding_scale, eps;
} transformer_config;

/* Reads a yaml `model:` map; vocab, source and target are set by the caller beforehand. */
int32_t transformer_config_read(transformer_config *c, const yaml_node *model);
/* Reads `config` of a golden case; source and target come from its inputs. */
int32_t transformer_config_read_case(transformer_config *c, const json_t *config);

/* Inputs: inputs [N, S] and targets [N, T] I32, weights [N, T]; packed: also inputs_position,
 * targets_position, inputs_segmentation, targets_segmentation.  Id 0 pads a source and starts a
 * target.  Logits [N T, V]; a loss per token. */
int32_t transformer_build(const transformer_config *c, graph *g, int64_t batch,
                          workload_model *out);

/* What decoding keeps of the sources, a row each: keys and values of every layer's cross-attention.
 */
typedef struct transformer_source {
    value inputs;                         /* I32 [N, S] */
    value keys[TRANSFORMER_MAX_LAYERS];   /* [N, S, C], kept */
    value values[TRANSFORMER_MAX_LAYERS]; /* [N, S, C], kept */
} transformer_source;
int32_t transformer_build_source(const transformer_config *c, graph *g, int64_t rows,
                                 transformer_source *out);

/* One decoding step of `rows` sequences: the newest token at any position below `length`. */
typedef struct transformer_step {
    value token;    /* I32 [R, 1] */
    value position; /* I32 [R, 1] */
    value seen;     /* I32 [1, 1, length + 1]: which cached keys count, 1 last */
    value source;   /* I32 [R, S]: ids, 0 hides */
    value cross_keys[TRANSFORMER_MAX_LAYERS], cross_values[TRANSFORMER_MAX_LAYERS]; /* [R, S, C] */
    value past_keys[TRANSFORMER_MAX_LAYERS],
        past_values[TRANSFORMER_MAX_LAYERS]; /* [R, length, C] */
    value new_keys[TRANSFORMER_MAX_LAYERS],
        new_values[TRANSFORMER_MAX_LAYERS]; /* [R, 1, C], kept */
    value logits;                           /* [R, V], kept */
} transformer_step;
int32_t transformer_build_step(const transformer_config *c, graph *g, int64_t rows, int64_t length,
                               transformer_step *out);

#endif
