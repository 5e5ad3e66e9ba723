/* Geometry and per-thread workspace shared by attention and its adjoint. */
#ifndef ENGINE_CPU_ATTENTION_H
#define ENGINE_CPU_ATTENTION_H

#include "engine/cpu/cpu.h"
#include "engine/cpu/tile.h"

enum { QUERY_BLOCK = 64 }; /* queries whose scores are held at once */

typedef struct attention_shape {
    int64_t B, Tq, Tk, C, H, D; /* D = C / H columns a head */
    int64_t Dp, Tp;             /* D and Tk rounded up to whole vectors */
    int64_t row;                /* elements from one token to the next of q, k, v */
    const float *q, *k, *v;
    const int32_t *mask;
    int64_t mask_batch, mask_query; /* strides of the mask, 0 where it is repeated */
    bool causal;
    float scale;
} attention_shape;

/* in[first ..]: q, k, v, whose data are one tensor when packed; mask in[mask_at]. */
attention_shape attention_shape_of(const op_call *c, int first, int mask_at);
/* rows x D of a head -> [rows, Dp], padded with zeros. */
void attention_copy(const attention_shape *s, float *to, const float *from, int64_t stride,
                    int64_t rows);
/* [Tk, D] of a head -> [D, Tp], padded with zeros. */
void attention_transpose(const attention_shape *s, float *to, const float *from);
/* Scaled scores of one query, hidden keys -inf; row [Tk]. */
void attention_scale(const attention_shape *s, float *row, int64_t b, int64_t i);

#endif
