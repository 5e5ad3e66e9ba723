#include "engine/cpu/tile.h"

#include <stddef.h>

/* Tile shapes that fill the registers: 32 of 16 lanes, or 16 of 8 (of which a tile of 4 x 3 would
 * need all). */
#if LANES == 16
enum { WIDE = 4, WIDE_ROWS = 6, PAIR_ROWS = 12, SINGLE_ROWS = 14, MAX_ROWS = 14 };
#else
enum { WIDE = 2, WIDE_ROWS = 6, PAIR_ROWS = 6, SINGLE_ROWS = 8, MAX_ROWS = 8 };
#endif

enum { AHEAD_A = 1, AHEAD_B = 2 };

/* NULL stays NULL. */
static inline const float *at(const float *from, int64_t i)
{
    return from ? from + i : NULL;
}

/* One tile of `rows` x `width` vectors, added to `from`, whose rows are `step` apart (NULL: zeros).
 * Rows and width are constants after inlining, as are a `row` of 1 and `ahead`: bit 0 fetches what
 * the next K columns of a hold, bit 1 the next K rows of b.  Rows of a are addressed from every
 * third one, as base + 0, 1, 2 row: an offset a row would not fit the integer registers. */
static inline __attribute__((always_inline)) void tile(const int rows, const int width, int64_t K,
                                                       const float *a, int64_t row, int64_t col,
                                                       const float *b, int64_t ldb, float *c,
                                                       int64_t ldc, const float *from, int64_t step,
                                                       const int ahead)
{
    lanes sum[MAX_ROWS][WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < width; j++)
            sum[i][j] = from ? *(const lanes_at *)(from + i * step + j * LANES) : (lanes){0};
    const float *third[(MAX_ROWS + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i += 3)
        third[i / 3] = a + i * row;
    for (int64_t k = 0; k < K; k++) {
        lanes x[WIDE];
        if (ahead & AHEAD_A)
            __builtin_prefetch(a + K * col, 0, 2);
        if (ahead & AHEAD_B)
#pragma GCC unroll 4
            for (int j = 0; j < width * LANES; j += 16)
                __builtin_prefetch(b + (k + K) * ldb + j, 0, 2);
#pragma GCC unroll 4
        for (int j = 0; j < width; j++)
            x[j] = *(const lanes_at *)(b + k * ldb + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            float s = row == 1 ? a[i] : third[i / 3][i % 3 * row];
#pragma GCC unroll 4
            for (int j = 0; j < width; j++)
                sum[i][j] += s * x[j];
        }
        a += col;
#pragma GCC unroll 16
        for (int i = 0; i < rows; i += 3)
            third[i / 3] += col;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < width; j++)
            *(lanes_at *)(c + i * ldc + j * LANES) = sum[i][j];
}

/* All rows of a strip `width` vectors wide: tiles of `most` rows, then of `half`, 4, 2, 1. */
static inline __attribute__((always_inline)) void
strip(const int width, const int most, const int half, int64_t M, int64_t K, const float *a,
      int64_t row, int64_t col, const float *b, int64_t ldb, float *c, int64_t ldc,
      const float *from, int64_t step, const int ahead)
{
    int64_t i = 0;
    if (ahead && most <= M) {
        tile(most, width, K, a, row, col, b, ldb, c, ldc, from, step, AHEAD_A | AHEAD_B);
        i = most;
    }
    /* Twice `half` is better than `most` and a thin rest. */
    for (; i + most <= M && !(2 * half > most && M - i == 2 * half); i += most)
        tile(most, width, K, a + i * row, row, col, b, ldb, c + i * ldc, ldc, at(from, i * step),
             step, ahead);
    for (; i + half <= M; i += half)
        tile(half, width, K, a + i * row, row, col, b, ldb, c + i * ldc, ldc, at(from, i * step),
             step, ahead);
    for (; i + 4 <= M; i += 4)
        tile(4, width, K, a + i * row, row, col, b, ldb, c + i * ldc, ldc, at(from, i * step), step,
             ahead);
    for (; i + 2 <= M; i += 2)
        tile(2, width, K, a + i * row, row, col, b, ldb, c + i * ldc, ldc, at(from, i * step), step,
             ahead);
    for (; i < M; i++)
        tile(1, width, K, a + i * row, row, col, b, ldb, c + i * ldc, ldc, at(from, i * step), step,
             ahead);
}

typedef void strip_function(int64_t M, int64_t K, const float *a, int64_t row, int64_t col,
                            const float *b, int64_t ldb, float *c, int64_t ldc, const float *from,
                            int64_t step);

/* Twice: for any row, and for a whose rows are adjacent (it is stored transposed). */
#define STRIP(name, width, most, half)                                                      \
    static void name(int64_t M, int64_t K, const float *a, int64_t row, int64_t col,        \
                     const float *b, int64_t ldb, float *c, int64_t ldc, const float *from, \
                     int64_t step)                                                          \
    {                                                                                       \
        if (row == 1)                                                                       \
            strip(width, most, half, M, K, a, 1, col, b, ldb, c, ldc, from, step, 0);       \
        else                                                                                \
            strip(width, most, half, M, K, a, row, col, b, ldb, c, ldc, from, step, 0);     \
    }

STRIP(strip_wide, WIDE, WIDE_ROWS, 4)
STRIP(strip_pair, 2, PAIR_ROWS, 4)
STRIP(strip_single, 1, SINGLE_ROWS, SINGLE_ROWS / 2)

static void strip_ahead(int64_t M, int64_t K, const float *a, int64_t row, int64_t col,
                        const float *b, int64_t ldb, float *c, int64_t ldc, const float *from,
                        int64_t step)
{
    (void)row;
    strip(WIDE, WIDE_ROWS, 4, M, K, a, 1, col, b, ldb, c, ldc, from, step, AHEAD_A);
}

static void product_by(strip_function *wide, int64_t M, int64_t N, int64_t K, const float *a,
                       int64_t row, int64_t col, const float *b, int64_t ldb, float *c, int64_t ldc,
                       const float *from, int64_t step)
{
    int64_t j = 0;
    for (; j + WIDE * LANES <= N; j += WIDE * LANES)
        wide(M, K, a, row, col, b + j, ldb, c + j, ldc, at(from, j), step);
    for (; j + 2 * LANES <= N; j += 2 * LANES)
        strip_pair(M, K, a, row, col, b + j, ldb, c + j, ldc, at(from, j), step);
    for (; j < N; j += LANES)
        strip_single(M, K, a, row, col, b + j, ldb, c + j, ldc, at(from, j), step);
}

void tile_product(int64_t M, int64_t N, int64_t K, const float *a, int64_t row, int64_t col,
                  const float *b, int64_t ldb, float *c, int64_t ldc, bool add)
{
    product_by(strip_wide, M, N, K, a, row, col, b, ldb, c, ldc, add ? c : NULL, ldc);
}

void tile_product_onto(int64_t M, int64_t N, int64_t K, const float *a, int64_t row, int64_t col,
                       const float *b, int64_t ldb, float *c, int64_t ldc, const float *bias)
{
    product_by(strip_wide, M, N, K, a, row, col, b, ldb, c, ldc, bias, 0);
}

void tile_product_streamed(int64_t M, int64_t N, int64_t K, const float *a, int64_t col,
                           const float *b, int64_t ldb, float *c, int64_t ldc, bool add)
{
    product_by(strip_ahead, M, N, K, a, 1, col, b, ldb, c, ldc, add ? c : NULL, ldc);
}

void tile_groups(int64_t groups, int64_t apart, int64_t N, int64_t K, const float *a,
                 const float *b, float *c, int64_t ldc, bool add, const float *next, int64_t stride)
{
    int64_t share = groups ? (K + groups - 1) / groups : 0, fetched = 0;
    for (int64_t g = 0; g < groups; g++, a += apart, c += TILE_GROUP * ldc) {
        for (; next && fetched < K && fetched < (g + 1) * share; fetched++)
            __builtin_prefetch(next + fetched * stride, 0, 2);
        if (N == 2 * LANES)
            tile(TILE_GROUP, 2, K, a, 1, TILE_GROUP, b, 2 * LANES, c, ldc, add ? c : NULL, ldc, 0);
        else
            tile(TILE_GROUP, 1, K, a, 1, TILE_GROUP, b, LANES, c, ldc, add ? c : NULL, ldc, 0);
    }
}
