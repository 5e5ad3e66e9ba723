/* Checks of linear algebra calls, working memory, and the two element types (linalg_real.h). */
#include "engine/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lapack.h"
#include "podium/submission.h"

#define MAX_WORK ((double)(1ll << 43)) /* multiplications of one call: minutes at most */

static const int32_t num_blocks[LINALG_OPS] = {
    [LINALG_PRODUCT] = 3,
    [LINALG_GRAM] = 2,
    [LINALG_CONTRACT] = 3,
    [LINALG_EIGEN] = 2,
    [LINALG_QR] = 2,
    [LINALG_INVERSE_ROOT] = 2,
    [LINALG_NEWTON_SCHULZ] = 1,
    [LINALG_DOT] = 2,
    [LINALG_COLUMN_DOTS] = 2,
    [LINALG_TAKE] = 2,
    [LINALG_ADD] = 2,
    [LINALG_AXIS_SQUARES] = 3,
    [LINALG_AXIS_SCALE] = 3,
    [LINALG_AXIS_NORMALISE] = 3,
    [LINALG_GRAM_EIGEN] = 2,
};

int32_t linalg_num_blocks(int32_t op)
{
    return op > 0 && op < LINALG_OPS ? num_blocks[op] : 0;
}

int64_t linalg_num_values(const linalg_call *c)
{
    switch (c->op) {
    case LINALG_DOT:
    case LINALG_AXIS_SCALE:
    case LINALG_AXIS_NORMALISE:
        return 1;
    case LINALG_EIGEN:
        return c->block[0].shape[0];
    case LINALG_COLUMN_DOTS:
        return c->block[0].shape[1];
    default:
        return 0;
    }
}

static int64_t count_of(const linalg_block *b)
{
    int64_t n = 1;
    for (int32_t d = 0; d < b->ndim; d++)
        n *= b->shape[d];
    return n;
}

int64_t linalg_moved(const linalg_call *c)
{
    int64_t times = c->op == LINALG_AXIS_SQUARES     ? 1
                    : c->op == LINALG_AXIS_SCALE     ? 2
                    : c->op == LINALG_AXIS_NORMALISE ? 3
                                                     : 0;
    return times ? times * count_of(&c->block[0]) : 0;
}

static bool same_shape(const linalg_block *a, const linalg_block *b, int32_t but)
{
    bool same = a->ndim == b->ndim;
    for (int32_t d = 0; same && d < a->ndim; d++)
        same = d == but || a->shape[d] == b->shape[d];
    return same;
}

static bool is_matrix(const linalg_block *b, int64_t rows, int64_t columns)
{
    return b->ndim == 2 && b->shape[0] == rows && b->shape[1] == columns;
}

static int32_t wrong(const char *what)
{
    return podium_fail(PODIUM_EINVAL, "linear algebra: %s", what);
}

static int32_t check_product(const linalg_call *c)
{
    const linalg_block *a = &c->block[0], *b = &c->block[1], *out = &c->block[2];
    if (a->ndim != b->ndim || a->ndim != out->ndim || (a->ndim != 2 && a->ndim != 3))
        return wrong("a product takes three matrices, or three batches of them");
    int r = a->ndim - 2, ta = c->flags & 1, tb = (c->flags & 2) != 0;
    if (r && (a->shape[0] != b->shape[0] || a->shape[0] != out->shape[0]))
        return wrong("batches of different lengths");
    int64_t m = a->shape[r + ta], k = a->shape[r + !ta], n = b->shape[r + !tb];
    if (b->shape[r + tb] != k || out->shape[r] != m || out->shape[r + 1] != n)
        return wrong("the extents of a product do not fit");
    return (double)count_of(out) * (double)k > MAX_WORK ? wrong("a product too large") : 0;
}

static int32_t check_square(const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    int64_t n = a->ndim == 2 ? a->shape[0] : -1;
    if (n < 1 || n > LINALG_MAX_ORDER || !is_matrix(a, n, n) || !is_matrix(&c->block[1], n, n))
        return wrong("expected two square matrices of one order, at most 16384");
    return 0;
}

/* Operations along an axis. */
static int32_t check_mode(const linalg_call *c)
{
    const linalg_block *a = &c->block[0], *b = &c->block[1];
    if (c->mode < 0 || c->mode >= a->ndim)
        return wrong("no such axis");
    int64_t d = a->shape[c->mode];
    bool gram = c->op == LINALG_GRAM || c->op == LINALG_GRAM_EIGEN;
    if (gram && !is_matrix(b, d, d))
        return wrong("a Gram matrix has the axis's extent");
    if (c->op == LINALG_GRAM_EIGEN && (d > LINALG_MAX_ORDER || count_of(a) > INT32_MAX))
        return wrong("eigenvectors of order 16384 at most, of 2^31 elements");
    if (c->op == LINALG_CONTRACT) {
        int64_t e = c->block[2].shape[c->mode];
        if (!same_shape(a, &c->block[2], c->mode) ||
            !(c->flags & 1 ? is_matrix(b, e, d) : is_matrix(b, d, e)))
            return wrong("a contraction changes the extent of its axis only, by the matrix");
    }
    if (c->op == LINALG_TAKE) {
        if (!same_shape(a, b, -1) || d > LINALG_MAX_ORDER)
            return wrong("an axis in another order keeps its shape, at most 16384");
        for (int64_t i = 0; i < d; i++)
            if (c->order[i] < 0 || c->order[i] >= d)
                return wrong("an index outside the axis");
    }
    int64_t wide = c->op == LINALG_CONTRACT ? c->block[2].shape[c->mode] : d;
    return (double)count_of(a) * (double)wide > MAX_WORK ? wrong("a contraction too large") : 0;
}

static int32_t check_newton_schulz(const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    if ((a->ndim != 2 && a->ndim != 3) || c->mode < 0 || c->mode > 100)
        return wrong("Newton-Schulz takes a matrix or a batch, and 0 to 100 steps");
    double least = fmin((double)a->shape[a->ndim - 2], (double)a->shape[a->ndim - 1]);
    return (double)count_of(a) * least * 2 * c->mode > MAX_WORK ? wrong("a matrix too large") : 0;
}

/* Axis `axis` of a left out gives b. */
static bool is_without(const linalg_block *a, int32_t axis, const linalg_block *b)
{
    bool same = b->ndim == a->ndim - 1;
    for (int32_t d = 0; same && d < b->ndim; d++)
        same = b->shape[d] == a->shape[d + (d >= axis)];
    return same;
}

static int32_t check_axes(const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    if ((a->ndim != 2 && a->ndim != 3) || !is_without(a, a->ndim - 1, &c->block[1]) ||
        !is_without(a, a->ndim - 2, &c->block[2]))
        return wrong("expected a matrix or a batch, with a number for each row and each column");
    return 0;
}

int32_t linalg_check(const linalg_call *c)
{
    int32_t blocks = linalg_num_blocks(c->op);
    if (!blocks)
        return wrong("an unknown operation");
    for (int32_t i = 0; i < blocks; i++) {
        const linalg_block *b = &c->block[i];
        if (b->ndim < 1 || b->ndim > LINALG_MAX_DIMS)
            return wrong("a block of 1 to 8 axes");
        for (int32_t d = 0; d < b->ndim; d++)
            if (b->shape[d] < 1 || b->stride[d] < 0)
                return wrong("extents from 1, strides from 0");
    }
    const linalg_block *a = &c->block[0], *b = &c->block[1];
    switch (c->op) {
    case LINALG_PRODUCT:
        return check_product(c);
    case LINALG_GRAM:
    case LINALG_CONTRACT:
    case LINALG_TAKE:
    case LINALG_GRAM_EIGEN:
        return check_mode(c);
    case LINALG_EIGEN:
    case LINALG_INVERSE_ROOT:
        return check_square(c);
    case LINALG_QR:
        return a->ndim == 2 && a->shape[0] >= a->shape[1] && a->shape[0] <= LINALG_MAX_ORDER &&
                       same_shape(a, b, -1)
                   ? 0
                   : wrong("QR takes a matrix of at most 16384 rows, not wider than high");
    case LINALG_NEWTON_SCHULZ:
        return check_newton_schulz(c);
    case LINALG_COLUMN_DOTS:
        return a->ndim == 2 && a->shape[1] <= LINALG_MAX_ORDER && same_shape(a, b, -1)
                   ? 0
                   : wrong("column products take two matrices of one shape");
    case LINALG_AXIS_SQUARES:
    case LINALG_AXIS_SCALE:
    case LINALG_AXIS_NORMALISE:
        return check_axes(c);
    default:
        return same_shape(a, b, -1) ? 0 : wrong("expected two blocks of one shape");
    }
}

/* Buffer `number` of at least `bytes`, NULL: no memory. */
static void *space_take_bytes(linalg_space *s, int number, size_t bytes)
{
    if (s->bytes[number] < bytes) {
        size_t rounded = (bytes + 4095) / 4096 * 4096;
        free(s->buffer[number]);
        s->buffer[number] = aligned_alloc(64, rounded);
        s->bytes[number] = s->buffer[number] ? rounded : 0;
    }
    return s->buffer[number];
}

static void *space_take(linalg_space *s, int number, int64_t count)
{
    size_t real = s->real == PODIUM_F64 ? sizeof(double) : sizeof(float);
    return space_take_bytes(s, number, (size_t)count * real);
}

static bool is_contiguous(const linalg_block *b)
{
    int64_t n = 1;
    for (int32_t d = b->ndim; d-- > 0; n *= b->shape[d])
        if (b->shape[d] > 1 && b->stride[d] != n)
            return false;
    return true;
}

/* Extents before, of and after the axis. */
static void unfold(const linalg_block *b, int32_t mode, int64_t *before, int64_t *d, int64_t *after)
{
    *before = *after = 1;
    *d = b->shape[mode];
    for (int32_t i = 0; i < mode; i++)
        *before *= b->shape[i];
    for (int32_t i = mode + 1; i < b->ndim; i++)
        *after *= b->shape[i];
}

/* Passes along axes go tile by tile, whatever the threads: each sums its part of rows and columns,
 * up to RUN_ROWS x TILE_COLUMNS elements in the element type and those in double, and the parts are
 * added in order.  A tile is some 64 thousand elements, so that what is written besides is little.
 */
enum { TILE_COLUMNS = 1024, TILE_ELEMENTS = 65536, RUN_ROWS = 64 };

typedef struct tiling {
    int64_t rows, columns;           /* of a matrix */
    int64_t high, wide, down, right; /* of a tile, and how many there are each way */
} tiling;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static tiling tiling_of(const linalg_block *a)
{
    tiling t = {.rows = a->shape[a->ndim - 2], .columns = a->shape[a->ndim - 1]};
    t.wide = t.columns < TILE_COLUMNS ? t.columns : TILE_COLUMNS;
    t.high = TILE_ELEMENTS / t.wide;
    t.high = t.high < t.rows ? t.high : t.rows;
    t.down = ceil_div(t.rows, t.high);
    t.right = ceil_div(t.columns, t.wide);
    return t;
}

/* Threads for a matrix of these tiles: none meet for little. */
static int team_of(const linalg_space *s, const tiling *t)
{
    int64_t tiles = t->down * t->right;
    int most = t->rows * t->columns < TILE_ELEMENTS / 2 ? 1 : s->threads;
    return most < 1 ? 1 : tiles < most ? (int)tiles : most;
}

/* The upper triangle of the Gram matrix a [d, d] of x [before, d, after], column-major. */
static void gram_upper(const lapack *l, const double *x, int64_t before, int64_t d, int64_t after,
                       double *a)
{
    const int n = (int)d, all = (int)before, k = (int)after;
    const double one = 1;
    memset(a, 0, (size_t)(d * d) * sizeof *a);
    if (after == 1)
        l->dsyrk("U", "N", &n, &all, &one, x, &n, &one, a, &n, 1, 1);
    for (int64_t p = 0; after > 1 && p < before; p++)
        l->dsyrk("U", "T", &n, &k, &one, x + p * d * after, &k, &one, a, &n, 1, 1);
}

#define REAL double
#define NAME(x) double_##x
#define SYEVD(...) s->lapack->dsyevd(__VA_ARGS__)
#define GEQRF(...) s->lapack->dgeqrf(__VA_ARGS__)
#define ORGQR(...) s->lapack->dorgqr(__VA_ARGS__)
#include "engine/linalg_real.h"
#include "engine/linalg_axes.h"
#undef REAL
#undef NAME
#undef SYEVD
#undef GEQRF
#undef ORGQR

#define REAL float
#define NAME(x) float_##x
#define SYEVD(...) s->lapack->ssyevd(__VA_ARGS__)
#define GEQRF(...) s->lapack->sgeqrf(__VA_ARGS__)
#define ORGQR(...) s->lapack->sorgqr(__VA_ARGS__)
#include "engine/linalg_real.h"
#include "engine/linalg_axes.h"

static bool needs_lapack(int32_t op)
{
    return op == LINALG_EIGEN || op == LINALG_QR || op == LINALG_INVERSE_ROOT ||
           op == LINALG_GRAM_EIGEN;
}

int32_t linalg_run_host(linalg_space *s, const linalg_call *c)
{
    TRY(linalg_check(c));
    bool is_double = s->real == PODIUM_F64;
    if (needs_lapack(c->op) && !s->lapack)
        TRY(lapack_open(&s->lapack));
    if (c->op == LINALG_AXIS_SQUARES)
        return is_double ? double_axis_squares(s, c) : float_axis_squares(s, c);
    if (c->op == LINALG_AXIS_SCALE)
        return is_double ? double_axis_scale(s, c) : float_axis_scale(s, c);
    if (c->op == LINALG_AXIS_NORMALISE)
        return is_double ? double_axis_normalise(s, c) : float_axis_normalise(s, c);
    return is_double ? double_run(s, c) : float_run(s, c);
}

void linalg_release(linalg_space *s)
{
    for (int i = 0; i < LINALG_MAX_BUFFERS; i++)
        free(s->buffer[i]);
    memset(s->buffer, 0, sizeof s->buffer);
    memset(s->bytes, 0, sizeof s->bytes);
}
