/* Pieces that the transformer's training pass and its decoding share. */
#ifndef WORKLOADS_TRANSFORMER_BLOCKS_H
#define WORKLOADS_TRANSFORMER_BLOCKS_H

#include "workloads/transformer_model.h"

/* The residual stream: x, and a branch that the next norm adds to it (pre-LN). */
typedef struct stream {
    value x, branch;
} stream;

value transformer_table(const transformer_config *c, graph *g);
value transformer_dropout(const transformer_config *c, graph *g, value x);
value transformer_embed(const transformer_config *c, graph *g, value ids, value positions);
/* What a sublayer reads: the norm `name` of the stream (pre-LN), or the stream. */
value transformer_enter(const transformer_config *c, graph *g, stream *s, const char *name);
/* Adds a sublayer's output; post-LN, the norm `name` follows. */
void transformer_leave(const transformer_config *c, graph *g, stream *s, const char *name,
                       value branch);
/* The stream at the end, through the final norm `name` if there is one. */
value transformer_finish(const transformer_config *c, graph *g, stream *s, const char *name);
nn_attention_config transformer_attention(const transformer_config *c, bool causal);
value transformer_mlp(const transformer_config *c, graph *g, const char *name, value x);
/* mask as op_attention's.  -> [N, S, C] */
value transformer_encode(const transformer_config *c, graph *g, value ids, value positions,
                         value mask);
value transformer_key_mask(graph *g, value ids);

#endif
