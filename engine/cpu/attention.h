/* Geometry and per-thread workspace shared by attention and its adjoint. */
#ifndef ENGINE_CPU_ATTENTION_H
#define ENGINE_CPU_ATTENTION_H

#include "engine/cpu/cpu.h"
#include "engine/cpu/tile.h"

enum {
    QUERY_BLOCK = 64,  /* queries whose scores are held at once, at most */
    CAUSAL_BLOCK = 16, /* where causality hides later keys from each block */
};

typedef struct attention_shape {
    int64_t B, Tq, Tk, C, H, D; /* D = C / H columns a head */
    int64_t Dp, Tp;             /* D and Tk rounded up to whole vectors */
    int64_t K, group;           /* key heads, and the query heads of each */
    int64_t q_row, k_row;       /* elements from one token to the next of q, and of k and v */
    const float *q, *k, *v;
    const float *bias; /* [H, Tq, Tk] or NULL */
    const int32_t *mask;
    int64_t mask_batch, mask_query; /* strides of the mask, 0 where it is repeated */
    bool causal;
    float scale, inverse_scale;
    lanes last; /* added to the last vector of a row of scores: 0, -inf in the padding */
} attention_shape;

/* Queries first to first + rows - 1, the first `keys` keys, beyond which causality hides all from
 * them, and as many in whole vectors. */
typedef struct query_block {
    int64_t first, rows, keys, width;
} query_block;

/* Rows of D columns, readable and writable to Dp. */
typedef struct head_rows {
    const float *at;
    int64_t step;
} head_rows;

/* in[first ..]: q, k, v, whose data are one tensor when packed; mask, bias in[mask_at ..]. */
attention_shape attention_shape_of(const op_call *c, int first, int mask_at);
int64_t attention_blocks(const attention_shape *s);
query_block attention_block(const attention_shape *s, int64_t i);
/* rows x D of a head: where they lie if D is whole vectors, else a copy [rows, Dp], padded with 0.
 */
head_rows attention_rows(const attention_shape *s, float *copy, const float *from, int64_t stride,
                         int64_t rows);
/* [Tk, D] of a head -> [D, Tp], padded with zeros. */
void attention_transpose(const attention_shape *s, float *to, const float *from);
/* Asks for token i of q, k, v, and of x and y [B, Tq, C] or NULL, in the query head after (b, h):
 * the rows of a head lie far apart, which the processor does not foresee. */
void attention_prefetch(const attention_shape *s, int64_t b, int64_t h, int64_t i, const float *x,
                        const float *y);
/* Scores of query i of head h before the scale, row [keys]: the bias (over the scale) is added, and
 * they are -inf where the mask or causality hides the key. */
void attention_hide(const attention_shape *s, float *row, int64_t b, int64_t h, int64_t i,
                    int64_t keys);
/* What is added to the last vector of a row of scores: -inf where there is no key. */
static inline lanes attention_last(const attention_shape *s, const query_block *block)
{
    return block->width == s->Tp ? s->last : (lanes){0};
}
/* D columns of `rows` results [rows, Dp] to their place, unless they were made there. */
void attention_put(const attention_shape *s, float *to, int64_t stride, const float *from,
                   int64_t rows);

#endif
