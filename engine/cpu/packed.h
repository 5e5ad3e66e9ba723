/* Products with a packed right operand, by the register tiles of tile.h: for processors on which
 * oneDNN has no layout of its own for weights and packs them again in every product (x86 without
 * AVX-512).
 *
 * The packed form of b [K, N]: blocks of at most PACKED_TERMS rows, as even as can be; in a block
 * strips of one or two vectors of columns, each row after row; the last strip is filled up with
 * zeros.  A strip of a block stays in L1 while the rows of a pass by. */
#ifndef ENGINE_CPU_PACKED_H
#define ENGINE_CPU_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACKED_TERMS = 256,
    PACKED_PANEL = 48, /* a good number of rows in a product: whole tiles, which L1 nearly holds */
};

int64_t packed_vector(void); /* floats of a vector */
size_t packed_floats(int64_t K, int64_t N);
/* Packs b [K, N], stored [N, K] when `transposed`; `threads` of OpenMP share it. */
void packed_fill(float *to, const float *b, int64_t K, int64_t N, bool transposed, int threads);
/* c [M, N] = a b + bias [N] (NULL: none), a [M, K] and c row-major; with `add`, c + a b and no
 * bias. */
void packed_product(int64_t M, int64_t N, int64_t K, const float *a, const float *packed,
                    const float *bias, float *c, bool add);

/* c [M, N], row stride ldc, = a^T b (+ c when `add`): a [K, M] and b [K, N] with row strides lda,
 * ldb, K from 1 to PACKED_TERMS, N a multiple of a vector.  Both are packed, into `own` of a
 * thread: some hundred rows of a as groups, and for each such part one strip of b after another,
 * just before it is used and while the next is fetched.  `streamed`: the next K rows of b follow in
 * another call. */
size_t packed_gradient_floats(void);
void packed_gradient(int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b,
                     int64_t ldb, float *c, int64_t ldc, bool add, bool streamed, float *own);

/* The same where gradient_packs(): tiles have 8 lanes, which take little of a cache line at a time.
 * Those of 16 read a and b as they lie, need no `own`, and when `streamed` fetch a, too. */
bool gradient_packs(void);
size_t gradient_floats(void);
void gradient_product(int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc, bool add, bool streamed, float *own);

#endif
