/* A register-tiled product for small matrices that lie in cache: c [M, n] (+)= a b with any strides
 * of a (its elements are broadcast), b and c row-major with n a multiple of LANES. */
#ifndef ENGINE_CPU_TILE_H
#define ENGINE_CPU_TILE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/cpu/lanes.h"

/* c [M, N] = sum over k of a[i row + k col] b[k ldb + j], or added to it. */
void tile_product(int64_t M, int64_t N, int64_t K, const float *a, int64_t row, int64_t col,
                  const float *b, int64_t ldb, float *c, int64_t ldc, bool add);

/* The same added to `bias`, of one row; NULL: zeros. */
void tile_product_onto(int64_t M, int64_t N, int64_t K, const float *a, int64_t row, int64_t col,
                       const float *b, int64_t ldb, float *c, int64_t ldc, const float *bias);

/* tile_product with row 1 for a product continued at a + K col, b + K ldb: those operands, which
 * need not be in cache yet, are fetched meanwhile. */
void tile_product_streamed(int64_t M, int64_t N, int64_t K, const float *a, int64_t col,
                           const float *b, int64_t ldb, float *c, int64_t ldc, bool add);

static inline int64_t tile_padded(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* Rows of a as groups of TILE_GROUP, each [K, TILE_GROUP] and `apart` floats from the one before;
 * b [K, N] of one or two vectors, each row after row; c [groups TILE_GROUP, N], row stride ldc.
 * Meanwhile a line of each of K rows is fetched, from `next` on, `stride` apart (NULL: none). */
enum { TILE_GROUP = 6 };
void tile_groups(int64_t groups, int64_t apart, int64_t N, int64_t K, const float *a,
                 const float *b, float *c, int64_t ldc, bool add, const float *next,
                 int64_t stride);

#endif
