/* The two networks that fine-tuning starts from: an encoder in BERT's layout and T5. */
#ifndef NN_PRETRAINED_H
#define NN_PRETRAINED_H

#include "nn/adapter.h"

typedef struct nn_bert_config {
    int64_t vocabulary, width, depth, heads, mlp, positions;
    int64_t types; /* token types; 0: no table */
    activation act;
    double eps;
    double init;  /* standard deviation of all matrices (BERT: 0.02) */
    bool dropout; /* after the embedding norm and each branch, before the residual */
    bool causal;  /* no token attends to later ones */
} nn_bert_config;

/* Post-LN encoder (Devlin et al. 2019).  ids I32 [B, T]; types I32 [B, T] or NO_VALUE (all 0); mask
 * I32 [B, T], 0 hides a token as key; positions count from 0 under padding too.  blocks (may be
 * NULL, else depth + 1 values) gets the embedding's norm and each block's output.
 * -> [B, T, width]. */
value nn_bert(graph *g, const nn_bert_config *c, const nn_adaptation *a, value ids, value types,
              value mask, value *blocks);

typedef struct nn_t5_config {
    int64_t vocabulary, width, head_width, heads, mlp, encoder_depth, decoder_depth;
    int64_t buckets, max_distance; /* of the relative positions */
    activation act;
    bool gated;          /* mlp.{gate,up,fc2} instead of mlp.{fc1,fc2} */
    bool untied;         /* lm_head of its own instead of the embedding / sqrt(width) */
    double logits_scale; /* 0: 1/sqrt(width) when tied, else 1 */
    double eps;
    bool biases;  /* every linear layer and the head get biases (BitFit on T5) */
    bool dropout; /* after the embedding, each branch, the activation and the final norm */
} nn_t5_config;

/* Pre-norm encoder-decoder (Raffel et al. 2020): relative positions as a bias that all layers of a
 * stack share, scores not divided by sqrt(head width).  ids I32 [B, S], mask I32 [B, S], decoder
 * ids I32 [B, T] (already shifted).  *memory (may be NULL) gets the encoder's output.
 * -> logits [B T, vocabulary]. */
value nn_t5(graph *g, const nn_t5_config *c, const nn_adaptation *encoder,
            const nn_adaptation *decoder, value ids, value mask, value decoder_ids, value *memory);

/* Bucket of the distance key - query (Raffel et al. 2020, section 2.1; the authors' code). */
int64_t t5_bucket(int64_t distance, bool bidirectional, int64_t buckets, int64_t max_distance);

#endif
