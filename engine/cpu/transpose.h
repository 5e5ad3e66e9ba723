/* The transpose of a matrix of floats, by blocks in registers. */
#ifndef ENGINE_CPU_TRANSPOSE_H
#define ENGINE_CPU_TRANSPOSE_H

#include <stdint.h>
#include "engine/cpu/vmath.h"

enum { TRANSPOSE_BLOCK = 8 };
typedef float transpose_row __attribute__((vector_size(TRANSPOSE_BLOCK * sizeof(float))));
typedef float transpose_row_at
    __attribute__((vector_size(TRANSPOSE_BLOCK * sizeof(float)), aligned(4)));

#define INTERLEAVE(a, b, i, j, k, l) \
    __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4)

/* An 8 x 8 block in registers, by halves, pairs and single elements. */
VM_INLINE void transpose_block(float *to, int64_t to_step, const float *from, int64_t from_step)
{
    transpose_row r[TRANSPOSE_BLOCK], t[TRANSPOSE_BLOCK];
    for (int i = 0; i < TRANSPOSE_BLOCK; i++)
        r[i] = *(const transpose_row_at *)(from + i * from_step);
    for (int i = 0; i < TRANSPOSE_BLOCK; i += 2) {
        t[i] = INTERLEAVE(r[i], r[i + 1], 0, 8, 1, 9);
        t[i + 1] = INTERLEAVE(r[i], r[i + 1], 2, 10, 3, 11);
    }
    for (int i = 0; i < TRANSPOSE_BLOCK; i += 4)
        for (int k = 0; k < 2; k++) {
            r[i + 2 * k] = INTERLEAVE(t[i + k], t[i + k + 2], 0, 1, 8, 9);
            r[i + 2 * k + 1] = INTERLEAVE(t[i + k], t[i + k + 2], 2, 3, 10, 11);
        }
    for (int i = 0; i < TRANSPOSE_BLOCK / 2; i++) {
        *(transpose_row_at *)(to + i * to_step) = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2,
                                                                          3, 8, 9, 10, 11);
        *(transpose_row_at *)(to + (i + 4) * to_step) = __builtin_shufflevector(
            r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

#undef INTERLEAVE

/* to [columns, to_step] = the transpose of from [rows, from_step]. */
static inline void transpose(float *to, int64_t to_step, const float *from, int64_t from_step,
                             int64_t rows, int64_t columns)
{
    int64_t whole_rows = rows / TRANSPOSE_BLOCK * TRANSPOSE_BLOCK;
    int64_t whole_columns = columns / TRANSPOSE_BLOCK * TRANSPOSE_BLOCK;
    for (int64_t r = 0; r < whole_rows; r += TRANSPOSE_BLOCK)
        for (int64_t c = 0; c < whole_columns; c += TRANSPOSE_BLOCK)
            transpose_block(to + c * to_step + r, to_step, from + r * from_step + c, from_step);
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; r++)
            to[c * to_step + r] = from[r * from_step + c];
}

#endif
