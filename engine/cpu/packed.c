/* Strips of b, groups of a, and tiles (tile.h) that take both as they lie: at 8 lanes a tile of 6
 * rows by 2 vectors keeps the multipliers busy as long as a strip comes from L1. */
#include "engine/cpu/packed.h"

#include <string.h>

#include "engine/cpu/cpu.h"
#include "engine/cpu/tile.h"
#include "engine/cpu/transpose.h"

enum {
    STRIP = 2 * LANES, /* columns of a strip; the last may be a single vector */
    GROUP = TILE_GROUP,
    GROUPED = 192,  /* rows of a that are packed at a time, a multiple of GROUP */
    APART = 16,     /* floats between two groups */
    EDGE_ROWS = 32, /* of a result that is copied out of whole vectors */
};

static int64_t strip_width(int64_t N, int64_t first)
{
    return N - first > LANES ? STRIP : LANES;
}

/* Rows of a block; the last may have fewer. */
static int64_t block_rows(int64_t K)
{
    return cpu_even(K, PACKED_TERMS);
}

int64_t packed_vector(void)
{
    return LANES;
}

size_t packed_floats(int64_t K, int64_t N)
{
    return (size_t)(K * tile_padded(N));
}

/* A strip from `terms` rows of b, of which `real` columns exist. */
static void fill_strip(float *to, const float *b, int64_t stride, bool transposed, int64_t terms,
                       int64_t width, int64_t real)
{
    if (real < width)
        memset(to, 0, (size_t)(terms * width) * sizeof *to);
    if (!transposed && real == STRIP) /* the compiler knows the size */
        for (int64_t k = 0; k < terms; k++)
            memcpy(to + k * STRIP, b + k * stride, STRIP * sizeof *to);
    else if (!transposed)
        for (int64_t k = 0; k < terms; k++)
            memcpy(to + k * width, b + k * stride, (size_t)real * sizeof *to);
    else
        transpose(to, width, b, stride, real, terms);
}

void packed_fill(float *to, const float *b, int64_t K, int64_t N, bool transposed, int threads)
{
    if (!K || !N)
        return;
    int64_t step = block_rows(K), stride = transposed ? K : N;
#pragma omp parallel for schedule(static) num_threads(K *N < 16384 ? 1 : threads)
    for (int64_t j = 0; j < N; j += STRIP) {
        int64_t width = strip_width(N, j), real = N - j < width ? N - j : width;
        for (int64_t k = 0; k < K; k += step) {
            int64_t terms = K - k < step ? K - k : step;
            fill_strip(to + k * tile_padded(N) + j * terms,
                       b + (transposed ? j * K + k : k * N + j), stride, transposed, terms, width,
                       real);
        }
    }
}

/* The last strip when it is wider than what is left of c: by way of whole vectors.  `bias` or what
 * is there, with `add`, is added to; neither: the product alone. */
static void edge_product(int64_t M, int64_t terms, const float *a, int64_t lda, const float *b,
                         int64_t width, int64_t real, float *c, int64_t ldc, const float *bias,
                         bool add)
{
    float whole[EDGE_ROWS * STRIP];
    for (int64_t i = 0; i < M; i += EDGE_ROWS) {
        int64_t rows = M - i < EDGE_ROWS ? M - i : EDGE_ROWS;
        tile_product(rows, width, terms, a + i * lda, lda, 1, b, width, whole, width, false);
        for (int64_t r = 0; r < rows; r++) {
            float *to = c + (i + r) * ldc;
            const float *before = add ? to : bias;
            for (int64_t j = 0; j < real; j++)
                to[j] = (before ? before[j] : 0) + whole[r * width + j];
        }
    }
}

/* No terms: the bias, or zeros. */
static void no_product(int64_t M, int64_t N, const float *bias, float *c)
{
    for (int64_t i = 0; i < M * N; i++)
        c[i] = bias ? bias[i % N] : 0;
}

void packed_product(int64_t M, int64_t N, int64_t K, const float *a, const float *packed,
                    const float *bias, float *c, bool add)
{
    if (!K) {
        if (!add)
            no_product(M, N, bias, c);
        return;
    }
    int64_t step = block_rows(K);
    for (int64_t k = 0; k < K; k += step, add = true) {
        int64_t terms = K - k < step ? K - k : step;
        for (int64_t j = 0; j < N; j += STRIP) {
            int64_t width = strip_width(N, j), real = N - j < width ? N - j : width;
            const float *b = packed + k * tile_padded(N) + j * terms;
            const float *from = bias ? bias + j : NULL;
            if (real < width)
                edge_product(M, terms, a + k, K, b, width, real, c + j, N, from, add);
            else if (add)
                tile_product(M, width, terms, a + k, K, 1, b, width, c + j, N, true);
            else
                tile_product_onto(M, width, terms, a + k, K, 1, b, width, c + j, N, from);
        }
    }
}

/* Rows of the next group when `left` remain: two of four rather than six and two, as in tile.c. */
static int64_t group_rows(int64_t left)
{
    return left == 8 ? 4 : left < GROUP ? left : GROUP;
}

/* Where the group of row i begins.  Right behind each other the groups of 256 terms would be 6 KiB
 * apart, and what is written for one row of a would fall into two sets of L1. */
static int64_t group_at(int64_t i, int64_t terms)
{
    return i * terms + i / GROUP * APART;
}

/* How many groups have GROUP rows; the rows left then are in smaller ones. */
static int64_t whole_groups(int64_t rows)
{
    return rows / GROUP - (rows % GROUP == 2 && rows > GROUP);
}

/* `rows` columns of a as groups: what a tile takes of a row of a is adjacent. */
static void fill_groups(float *to, const float *a, int64_t lda, int64_t rows, int64_t terms)
{
    int64_t whole = whole_groups(rows);
    int64_t apart = group_at(GROUP, terms);
    /* Eight floats at once, of which the next row overwrites two: not so for the last. */
    for (int64_t k = 0; k + 1 < terms; k++)
        for (int64_t i = 0; i < whole; i++)
            memcpy(to + i * apart + k * GROUP, a + k * lda + i * GROUP, 8 * sizeof *to);
    for (int64_t i = 0; i < whole; i++)
        memcpy(to + i * apart + (terms - 1) * GROUP, a + (terms - 1) * lda + i * GROUP,
               GROUP * sizeof *to);
    for (int64_t i = whole * GROUP, n; i < rows; i += n) {
        n = group_rows(rows - i);
        float *group = to + group_at(i, terms);
        for (int64_t k = 0; k < terms; k++)
            for (int64_t r = 0; r < n; r++)
                group[k * n + r] = a[k * lda + i + r];
    }
}

size_t packed_gradient_floats(void)
{
    return PACKED_TERMS * (STRIP + GROUPED) + GROUPED / GROUP * APART;
}

void packed_gradient(int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b,
                     int64_t ldb, float *c, int64_t ldc, bool add, bool streamed, float *own)
{
    float *groups = own + PACKED_TERMS * STRIP;
    for (int64_t first = 0; first < M; first += GROUPED) {
        int64_t rows = M - first < GROUPED ? M - first : GROUPED, whole = whole_groups(rows);
        fill_groups(groups, a + first, lda, rows, K);
        for (int64_t j = 0; j < N; j += STRIP) {
            int64_t width = strip_width(N, j);
            float *to = c + first * ldc + j;
            const float *next = j + STRIP < N         ? b + j + STRIP
                                : first + GROUPED < M ? b
                                : streamed            ? b + K * ldb
                                                      : NULL;
            fill_strip(own, b + j, ldb, false, K, width, width);
            tile_groups(whole, group_at(GROUP, K), width, K, groups, own, to, ldc, add, next, ldb);
            for (int64_t i = whole * GROUP, n; i < rows; i += n) {
                n = group_rows(rows - i);
                tile_product(n, width, K, groups + group_at(i, K), 1, n, own, width, to + i * ldc,
                             ldc, add);
            }
        }
    }
}

enum { PACKS = LANES < 16 };

bool gradient_packs(void)
{
    return PACKS;
}

size_t gradient_floats(void)
{
    return PACKS ? packed_gradient_floats() : 0;
}

void gradient_product(int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc, bool add, bool streamed, float *own)
{
    if (PACKS)
        packed_gradient(M, N, K, a, lda, b, ldb, c, ldc, add, streamed, own);
    else if (streamed)
        tile_product_streamed(M, N, K, a, lda, b, ldb, c, ldc, add);
    else
        tile_product(M, N, K, a, 1, lda, b, ldb, c, ldc, add);
}
