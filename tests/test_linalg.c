/* Linear algebra of the backends: each operation against its definition, on blocks with and without
 * gaps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "podium/submission.h"
#include "tests/tap.h"

enum { ROOM = 4096 };

typedef struct bed {
    backend *b;
    double tolerance;
    uint64_t seed;
} bed;

static double get(const bed *t, const void *v, int64_t i)
{
    return t->b->real == PODIUM_F64 ? ((const double *)v)[i] : (double)((const float *)v)[i];
}

static void put(const bed *t, void *v, int64_t i, double x)
{
    if (t->b->real == PODIUM_F64)
        ((double *)v)[i] = x;
    else
        ((float *)v)[i] = (float)x;
}

/* ROOM random numbers in (-1, 1). */
static void *numbers(bed *t)
{
    void *v = calloc(ROOM, sizeof(double));
    for (int64_t i = 0; v && i < ROOM; i++) {
        t->seed = t->seed * 6364136223846793005u + 1442695040888963407u;
        put(t, v, i, (double)(t->seed >> 11) / (double)(1ull << 52) - 1);
    }
    return v;
}

/* Extents d0, d1, d2 (0: absent); gap: elements left out behind each row. */
static linalg_block block(void *data, int64_t d0, int64_t d1, int64_t d2, int64_t gap)
{
    linalg_block b = {.data = data, .ndim = d2 ? 3 : d1 ? 2 : 1, .shape = {d0, d1, d2}};
    int64_t stride = 1;
    for (int32_t d = b.ndim - 1; d >= 0; d--) {
        b.stride[d] = stride;
        stride = stride * b.shape[d] + (d == b.ndim - 1 ? gap : 0);
    }
    return b;
}

static double at(const bed *t, const linalg_block *b, int64_t i, int64_t j, int64_t k)
{
    int64_t index[3] = {i, j, k}, offset = 0;
    for (int32_t d = 0; d < b->ndim; d++)
        offset += index[d] * b->stride[d];
    return get(t, b->data, offset);
}

static double worst(double so_far, double got, double want)
{
    double e = fabs(got - want);
    return isnan(e) ? INFINITY : fmax(so_far, e);
}

static int32_t run(const bed *t, linalg_call c)
{
    int32_t rc = t->b->linalg(t->b, &c);
    if (rc)
        tap_diag("%s", podium_error());
    return rc;
}

static void test_product(bed *t)
{
    enum { B = 2, M = 5, N = 7, K = 4 };
    void *a = numbers(t), *b = numbers(t), *c = numbers(t), *old = malloc(ROOM * sizeof(double));
    double error = 0;
    for (int flags = 0; flags < 4; flags++) {
        bool ta = flags & 1, tb = flags & 2;
        linalg_block x = block(a, B, ta ? K : M, ta ? M : K, 3);
        linalg_block y = block(b, B, tb ? N : K, tb ? K : N, 0), z = block(c, B, M, N, 2);
        linalg_block was = z;
        was.data = memcpy(old, c, ROOM * sizeof(double));
        run(t,
            (linalg_call){.op = LINALG_PRODUCT, .flags = flags, .f = {0.5, 2}, .block = {x, y, z}});
        for (int i = 0; i < B * M * N; i++) {
            int64_t p = i / (M * N), r = i / N % M, q = i % N;
            double want = 2 * at(t, &was, p, r, q);
            for (int64_t k = 0; k < K; k++)
                want += 0.5 * (ta ? at(t, &x, p, k, r) : at(t, &x, p, r, k)) *
                        (tb ? at(t, &y, p, q, k) : at(t, &y, p, k, q));
            error = worst(error, at(t, &z, p, r, q), want);
        }
        error = worst(error, get(t, c, N), get(t, old, N)); /* in the gap */
    }
    ok(error < t->tolerance, "%s: batches of products, transposed or not, error %.1e", t->b->name,
       error);
    free(a);
    free(b);
    free(c);
    free(old);
}

/* Element `i` along the mode, the others by number. */
static double unfolded(const bed *t, const linalg_block *b, int mode, int64_t i, int64_t rest)
{
    int64_t index[3] = {0};
    for (int d = 2; d >= 0; d--)
        if (d != mode) {
            index[d] = rest % b->shape[d];
            rest /= b->shape[d];
        }
    index[mode] = i;
    return at(t, b, index[0], index[1], index[2]);
}

static void test_modes(bed *t)
{
    void *a = numbers(t), *m = numbers(t), *c = numbers(t), *y = numbers(t);
    double gram = 0, contract = 0, take = 0;
    for (int i = 0; i < 12; i++) {
        int mode = i % 3, transposed = i / 3 % 2;
        linalg_block x = block(a, 3, 4, 5, i / 6 ? 2 : 0), out = x;
        int64_t d = x.shape[mode], rest = 60 / d, e = d + 2;
        linalg_block square = block(c, d, d, 0, 1);
        double was = at(t, &square, 1, 2, 0);
        run(t, (linalg_call){.op = LINALG_GRAM, .mode = mode, .f = {2, 0.5}, .block = {x, square}});
        double want = 0.5 * was;
        for (int64_t r = 0; r < rest; r++)
            want += 2 * unfolded(t, &x, mode, 1, r) * unfolded(t, &x, mode, 2, r);
        gram = worst(gram, at(t, &square, 1, 2, 0), want);
        linalg_block matrix = transposed ? block(m, e, d, 0, 0) : block(m, d, e, 0, 3);
        int64_t shape[3] = {3, 4, 5};
        shape[mode] = e;
        out = block(y, shape[0], shape[1], shape[2], 1);
        run(t, (linalg_call){.op = LINALG_CONTRACT,
                             .mode = mode,
                             .flags = transposed,
                             .block = {x, matrix, out}});
        for (int64_t r = 0; r < rest; r++)
            for (int64_t k = 0; k < e; k++) {
                want = 0;
                for (int64_t j = 0; j < d; j++)
                    want += unfolded(t, &x, mode, j, r) *
                            (transposed ? at(t, &matrix, k, j, 0) : at(t, &matrix, j, k, 0));
                contract = worst(contract, unfolded(t, &out, mode, k, r), want);
            }
        int32_t order[5] = {2, 0, 1};
        for (int k = 3; k < 5; k++)
            order[k] = k;
        double second = unfolded(t, &x, mode, 2, 1), zeroth = unfolded(t, &x, mode, 0, 1);
        run(t, (linalg_call){.op = LINALG_TAKE, .mode = mode, .block = {x, x}, .order = order});
        take = worst(worst(take, unfolded(t, &x, mode, 0, 1), second), unfolded(t, &x, mode, 1, 1),
                     zeroth);
    }
    ok(gram < t->tolerance, "%s: Gram matrices along each axis, error %.1e", t->b->name, gram);
    ok(contract < t->tolerance, "%s: contractions along each axis, error %.1e", t->b->name,
       contract);
    ok(take == 0, "%s: an axis in another order, in place", t->b->name);
    free(a);
    free(m);
    free(c);
    free(y);
}

/* Largest deviation of x'x from the identity. */
static double not_orthonormal(const bed *t, const linalg_block *x)
{
    double error = 0;
    for (int64_t i = 0; i < x->shape[1]; i++)
        for (int64_t j = 0; j < x->shape[1]; j++) {
            double sum = 0;
            for (int64_t k = 0; k < x->shape[0]; k++)
                sum += at(t, x, k, i, 0) * at(t, x, k, j, 0);
            error = worst(error, sum, i == j);
        }
    return error;
}

static void test_eigen(bed *t)
{
    enum { N = 17 };
    void *a = numbers(t), *v = numbers(t);
    double values[N];
    for (int down = 0; down < 2; down++) {
        double error = 0;
        bool sorted = true;
        linalg_block x = block(a, N, N, 0, 2), q = block(v, N, N, 0, down);
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < i; j++)
                put(t, a, j * x.stride[0] + i, at(t, &x, i, j, 0));
        run(t, (linalg_call){.op = LINALG_EIGEN, .flags = down, .block = {x, q}, .values = values});
        for (int64_t e = 0; e < N; e++) {
            sorted = sorted &&
                     (!e || (down ? values[e] <= values[e - 1] : values[e] >= values[e - 1]));
            for (int64_t i = 0; i < N; i++) {
                double sum = 0;
                for (int64_t j = 0; j < N; j++)
                    sum += at(t, &x, i, j, 0) * at(t, &q, j, e, 0);
                error = worst(error, sum, values[e] * at(t, &q, i, e, 0));
            }
        }
        ok(sorted && error < t->tolerance && not_orthonormal(t, &q) < t->tolerance,
           "%s: eigenvectors, %s, error %.1e", t->b->name, down ? "descending" : "ascending",
           error);
    }
    put(t, a, 3, NAN);
    linalg_call c = {.op = LINALG_EIGEN,
                     .block = {block(a, N, N, 0, 0), block(v, N, N, 0, 0)},
                     .values = values};
    ok(t->b->linalg(t->b, &c) == PODIUM_EDIVERGED, "%s: none of a matrix with NaN", t->b->name);
    free(a);
    free(v);
}

/* A matrix x of rank 3 in four rows, its third singular value some thousandth of the others: q'x
 * has a last row of nothing against the one above, although x x' hardly tells the two apart. */
static void test_gram_eigen(bed *t, int mode)
{
    enum { M = 4, N = 6 };
    void *a = numbers(t), *v = numbers(t);
    linalg_block x = mode ? block(a, N, M, 0, 2) : block(a, M, N, 0, 2), q = block(v, M, M, 0, 1);
    double length[M] = {0};
    int64_t down = x.stride[mode], right = x.stride[!mode];
    for (int64_t j = 0; j < N; j++) {
        double first = get(t, a, j * right), second = get(t, a, down + j * right);
        put(t, a, 2 * down + j * right, first + second + (j % 2 ? 1e-3 : -1e-3));
        put(t, a, 3 * down + j * right, first - second);
    }
    run(t, (linalg_call){.op = LINALG_GRAM_EIGEN, .mode = mode, .flags = 1, .block = {x, q}});
    for (int64_t e = 0; e < M; e++) {
        for (int64_t j = 0; j < N; j++) {
            double y = 0;
            for (int64_t i = 0; i < M; i++)
                y += at(t, &q, i, e, 0) * get(t, a, i * down + j * right);
            length[e] += y * y;
        }
        length[e] = sqrt(length[e]);
    }
    bool falls = length[0] > length[1] && length[1] > 100 * length[2] && length[2] > 1e-4;
    ok(falls && length[3] / length[2] < fmax(50 * t->tolerance, 1e-8) &&
           not_orthonormal(t, &q) < t->tolerance,
       "%s: a null space along axis %d is told from a thousandth: %.1e of it", t->b->name, mode,
       length[3] / length[2]);
    free(a);
    free(v);
}

static void test_qr(bed *t)
{
    enum { M = 9, N = 5 };
    void *a = numbers(t), *v = numbers(t);
    linalg_block x = block(a, M, N, 0, 1), q = block(v, M, N, 0, 3);
    double error = 0;
    run(t, (linalg_call){.op = LINALG_QR, .block = {x, q}});
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) { /* q q' a = a, and q' a is upper triangular */
            double sum = 0;
            for (int64_t k = 0; k < N; k++) {
                double r = 0;
                for (int64_t l = 0; l < M; l++)
                    r += at(t, &q, l, k, 0) * at(t, &x, l, j, 0);
                error = k > j ? worst(error, r, 0) : error;
                sum += at(t, &q, i, k, 0) * r;
            }
            error = worst(error, sum, at(t, &x, i, j, 0));
        }
    ok(error < t->tolerance && not_orthonormal(t, &q) < t->tolerance, "%s: QR, error %.1e",
       t->b->name, error);
    free(a);
    free(v);
}

static void test_inverse_root(bed *t)
{
    enum { N = 6 };
    void *a = numbers(t), *r = numbers(t), *p = numbers(t);
    linalg_block x = block(a, N, N, 0, 0), root = block(r, N, N, 0, 1), gram = block(p, N, N, 0, 0);
    double error = 0;
    run(t, (linalg_call){.op = LINALG_GRAM, .f = {1, 0}, .block = {x, gram}});
    run(t, (linalg_call){.op = LINALG_INVERSE_ROOT, .f = {3, 0.5, 0.5}, .block = {gram, root}});
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < N; j++) { /* root^2 (3 gram + I/2) = I */
            double sum = 0;
            for (int64_t k = 0; k < N; k++)
                for (int64_t l = 0; l < N; l++)
                    sum += at(t, &root, i, k, 0) * at(t, &root, k, l, 0) *
                           (3 * at(t, &gram, l, j, 0) + (l == j) * 0.5);
            error = worst(error, sum, i == j);
        }
    ok(error < 10 * t->tolerance, "%s: inverse square root, error %.1e", t->b->name, error);
    static const double diagonal[3] = {1, 0, -0.001}, want[3] = {1.011, 0.011, 0.01};
    x = block(a, 3, 3, 0, 0);
    for (int i = 0; i < 9; i++)
        put(t, a, i, i % 4 ? 0 : diagonal[i / 4]);
    run(t, (linalg_call){.op = LINALG_INVERSE_ROOT, .f = {1, 0.01, 1}, .block = {x, x}});
    for (int i = 0; i < 3; i++)
        error = worst(i ? error : 0, get(t, a, 4 * i) * want[i], 1);
    ok(error < 100 * t->tolerance, "%s: a spectrum below eps is lifted to it, error %.1e",
       t->b->name, error);
    free(a);
    free(r);
    free(p);
}

/* One step of the iteration in double, on x [rows, columns]. */
static void schulz(double *x, int rows, int columns, const double *f)
{
    double a[64], b[64], y[64];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            a[i * rows + j] = 0;
            for (int k = 0; k < columns; k++)
                a[i * rows + j] += x[i * columns + k] * x[j * columns + k];
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            b[i * rows + j] = f[1] * a[i * rows + j];
            for (int k = 0; k < rows; k++)
                b[i * rows + j] += f[2] * a[i * rows + k] * a[k * rows + j];
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            y[i * columns + j] = f[0] * x[i * columns + j];
            for (int k = 0; k < rows; k++)
                y[i * columns + j] += b[i * rows + k] * x[k * columns + j];
        }
    memcpy(x, y, (size_t)(rows * columns) * sizeof *x);
}

static void test_newton_schulz(bed *t)
{
    static const double f[4] = {3.4445, -4.7750, 2.0315, 1e-3};
    for (int high = 0; high < 2; high++) {
        int rows = high ? 7 : 3, columns = high ? 3 : 7;
        void *a = numbers(t);
        linalg_block x = block(a, 2, rows, columns, high);
        double want[2][21], error = 0;
        for (int p = 0; p < 2; p++) {
            double square = 0;
            for (int i = 0; i < 21; i++) {
                want[p][i] = at(t, &x, p, i / columns, i % columns);
                square += want[p][i] * want[p][i];
            }
            for (int i = 0; i < 21; i++)
                want[p][i] /= sqrt(square) + f[3];
            for (int step = 0; step < 3; step++)
                schulz(want[p], rows, columns, f);
        }
        linalg_call c = {.op = LINALG_NEWTON_SCHULZ, .mode = 3, .block = {x}};
        memcpy(c.f, f, sizeof f);
        run(t, c);
        for (int p = 0; p < 2; p++)
            for (int i = 0; i < 21; i++)
                error = worst(error, at(t, &x, p, i / columns, i % columns), want[p][i]);
        ok(error < 10 * t->tolerance, "%s: Newton-Schulz on %s matrices, error %.1e", t->b->name,
           high ? "high" : "wide", error);
        free(a);
    }
}

static void test_sums(bed *t)
{
    void *a = numbers(t), *b = numbers(t);
    linalg_block x = block(a, 6, 4, 0, 3), y = block(b, 6, 4, 0, 0);
    double whole, columns[4], want = 0, error = 0;
    run(t, (linalg_call){.op = LINALG_DOT, .block = {x, y}, .values = &whole});
    run(t, (linalg_call){.op = LINALG_COLUMN_DOTS, .block = {x, y}, .values = columns});
    for (int64_t j = 0; j < 4; j++) {
        double sum = 0;
        for (int64_t i = 0; i < 6; i++)
            sum += at(t, &x, i, j, 0) * at(t, &y, i, j, 0);
        error = worst(error, columns[j], sum);
        want += sum;
    }
    ok(worst(error, whole, want) < t->tolerance, "%s: inner products, of columns too", t->b->name);
    double old = at(t, &y, 5, 3, 0);
    run(t, (linalg_call){.op = LINALG_ADD, .f = {2, -1}, .block = {x, y}});
    error = worst(0, at(t, &y, 5, 3, 0), 2 * at(t, &x, 5, 3, 0) - old);
    put(t, a, 0, NAN);
    run(t, (linalg_call){.op = LINALG_ADD, .f = {0, 1}, .block = {x, y}});
    ok(error < t->tolerance && isfinite(at(t, &y, 0, 0, 0)),
       "%s: sums of blocks; a factor 0 reads nothing", t->b->name);
    free(a);
    free(b);
}

/* Sums along both axes and scaling, of `batch` matrices with a gap behind each row. */
static void test_axes_of(bed *t, int64_t batch, int64_t rows, int64_t columns, int64_t gap)
{
    void *a = numbers(t), *r = numbers(t), *c = numbers(t);
    linalg_block x = block(a, batch, rows, columns, gap), high = block(r, batch, rows, 0, 1);
    linalg_block wide = block(c, batch, columns, 0, 2);
    double error = 0, want = 0, squares, old = at(t, &high, 1, 2, 0), other = at(t, &wide, 1, 0, 0);
    for (int64_t j = 0; j < columns; j++)
        want += pow(at(t, &x, 1, 2, j), 2);
    run(t, (linalg_call){.op = LINALG_AXIS_SQUARES, .f = {0.5, 2}, .block = {x, high, wide}});
    error = worst(error, at(t, &high, 1, 2, 0), 0.5 * want + 2 * old);
    want = 0;
    for (int64_t i = 0; i < rows; i++)
        want += pow(at(t, &x, 1, i, 0), 2);
    error = worst(error, at(t, &wide, 1, 0, 0), 0.5 * want + 2 * other);
    double before = at(t, &x, 1, 2, 3), behind = gap ? get(t, a, columns) : 0;
    want = 0;
    for (int64_t i = 0; i < batch * rows * columns; i++) {
        int64_t b = i / (rows * columns), k = i / columns % rows, j = i % columns;
        want += pow(at(t, &x, b, k, j) * at(t, &high, b, k, 0) * at(t, &wide, b, j, 0), 2);
    }
    run(t, (linalg_call){.op = LINALG_AXIS_SCALE, .block = {x, high, wide}, .values = &squares});
    error = worst(error, at(t, &x, 1, 2, 3),
                  before * at(t, &high, 1, 2, 0) * at(t, &wide, 1, 3, 0));
    ok(worst(error, squares / want, 1) < t->tolerance && (!gap || behind == get(t, a, columns)),
       "%s: squares along axes and scaling of %lld [%lld, %lld], error %.1e", t->b->name,
       (long long)batch, (long long)rows, (long long)columns, worst(error, squares / want, 1));
    put(t, r, 0, NAN);
    run(t, (linalg_call){.op = LINALG_AXIS_SQUARES, .f = {1, 0}, .block = {x, high, wide}});
    ok(isfinite(at(t, &high, 0, 0, 0)), "%s: a factor 0 reads nothing", t->b->name);
    free(a);
    free(r);
    free(c);
}

/* Many tiles: the same bits with one thread and with two, and the sum over all of both axes. */
static void test_axes_of_many(bed *t)
{
    enum { R = 301, C = 1100 };
    size_t real = t->b->real == PODIUM_F64 ? sizeof(double) : sizeof(float);
    void *x = malloc(R * C * real), *sums[2];
    double squares[2], want = 0, error = 0;
    for (int64_t i = 0; i < R * C; i++)
        put(t, x, i, sin((double)i));
    for (int64_t i = 0; i < R * C; i++)
        want += get(t, x, i) * get(t, x, i);
    int threads = t->b->linalg_space.threads;
    for (int k = 0; k < 2; k++) {
        sums[k] = calloc(R + C, real);
        linalg_block rows = block(sums[k], R, 0, 0, 0);
        linalg_block columns = block((char *)sums[k] + R * real, C, 0, 0, 0);
        t->b->linalg_space.threads = k ? threads : 1;
        linalg_call c = {.op = LINALG_AXIS_SQUARES,
                         .f = {1, 0},
                         .block = {block(x, R, C, 0, 0), rows, columns},
                         .values = &squares[k]};
        run(t, c);
        double total[2] = {0};
        for (int64_t i = 0; i < R + C; i++)
            total[i < R] += get(t, sums[k], i);
        error = worst(worst(error, total[0] / want, 1), total[1] / want, 1);
        for (int64_t i = 0; i < R + C; i++)
            put(t, sums[k], i, 1);
        c.op = LINALG_AXIS_SCALE;
        run(t, c);
        error = worst(error, squares[k] / want, 1);
        run(t, (linalg_call){
                   .op = LINALG_AXIS_SQUARES, .f = {1, 0}, .block = {c.block[0], rows, columns}});
    }
    ok(error < t->tolerance, "%s: many tiles, error %.1e", t->b->name, error);
    ok(!memcmp(sums[0], sums[1], (R + C) * real) && squares[0] == squares[1],
       "%s: the same bits with any number of threads", t->b->name);
    free(sums[0]);
    free(sums[1]);
    free(x);
}

/* The two operations with the factors made by hand between them. */
static void test_axis_normalise(bed *t, int64_t gap)
{
    enum { B = 2, R = 6, C = 5 };
    void *a = numbers(t), *r = numbers(t), *c = numbers(t);
    linalg_block x = block(a, B, R, C, gap), high = block(r, B, R, 0, 1),
                 wide = block(c, B, C, 0, 0);
    double want[B][R][C], error = 0, total = 0, squares, eps = 0.25;
    for (int b = 0; b < B; b++) {
        double rows[R], columns[C] = {0}, mean = 0;
        for (int64_t j = 0; j < C; j++)
            columns[j] = 0.5 * fabs(at(t, &wide, b, j, 0)) / R + eps;
        for (int64_t i = 0; i < R; i++) {
            rows[i] = 0.5 * fabs(at(t, &high, b, i, 0)) / C + eps;
            for (int64_t j = 0; j < C; j++) {
                rows[i] += 3 * pow(at(t, &x, b, i, j), 2) / C;
                columns[j] += 3 * pow(at(t, &x, b, i, j), 2) / R;
            }
            mean += rows[i] / R;
        }
        for (int64_t i = 0; i < R; i++)
            for (int64_t j = 0; j < C; j++) {
                want[b][i][j] = at(t, &x, b, i, j) / sqrt(rows[i] / mean * columns[j]);
                total += want[b][i][j] * want[b][i][j];
            }
    }
    for (int64_t i = 0; i < ROOM; i++) { /* sums of squares are not negative */
        put(t, r, i, fabs(get(t, r, i)));
        put(t, c, i, fabs(get(t, c, i)));
    }
    run(t, (linalg_call){.op = LINALG_AXIS_NORMALISE,
                         .f = {3, 0.5, eps},
                         .block = {x, high, wide},
                         .values = &squares});
    for (int64_t i = 0; i < B * R * C; i++)
        error = worst(error, at(t, &x, i / (R * C), i / C % R, i % C),
                      want[i / (R * C)][i / C % R][i % C]);
    ok(error < t->tolerance && worst(0, squares / total, 1) < t->tolerance,
       "%s: matrices by the root of their row and column means, error %.1e", t->b->name, error);
    free(a);
    free(r);
    free(c);
}

static void test_axes(bed *t)
{
    test_axis_normalise(t, 0);
    test_axis_normalise(t, 1);
    test_axes_of(t, 3, 9, 7, 2);
    test_axes_of(t, 2, 3, 4, 0);
    test_axes_of(t, 2, 70, 5, 1);
    test_axes_of_many(t);
}

static void test_errors(bed *t)
{
    void *a = numbers(t);
    int32_t order[3] = {0, 1, 3};
    linalg_block wide = block(a, 3, 4, 0, 0), square = block(a, 3, 3, 0, 0);
    linalg_block line = block(a, 12, 0, 0, 0);
    const linalg_call wrong[] = {
        {.op = LINALG_PRODUCT, .block = {wide, wide, square}},
        {.op = LINALG_GRAM, .mode = 1, .block = {wide, square}},
        {.op = LINALG_GRAM, .mode = 2, .block = {wide, square}},
        {.op = LINALG_CONTRACT, .block = {wide, wide, wide}},
        {.op = LINALG_EIGEN, .block = {wide, wide}},
        {.op = LINALG_GRAM_EIGEN, .mode = 1, .block = {wide, square}},
        {.op = LINALG_GRAM_EIGEN, .mode = 2, .block = {wide, square}},
        {.op = LINALG_QR, .block = {wide, wide}},
        {.op = LINALG_INVERSE_ROOT, .block = {square, wide}},
        {.op = LINALG_NEWTON_SCHULZ, .mode = 5, .block = {line}},
        {.op = LINALG_DOT, .block = {square, wide}},
        {.op = LINALG_TAKE, .block = {square, square}, .order = order},
        {.op = LINALG_AXIS_SQUARES, .block = {wide, block(a, 4, 0, 0, 0), block(a, 3, 0, 0, 0)}},
        {.op = LINALG_AXIS_SCALE, .block = {line, line, line}},
        {.op = LINALG_AXIS_NORMALISE, .block = {wide, square, square}},
        {.op = LINALG_OPS},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ok(t->b->linalg(t->b, &wrong[i]) == PODIUM_EINVAL, "%s: refused: %s", t->b->name,
           podium_error());
    free(a);
}

/* The same call twice, on matrices large enough for threads. */
static void test_repeats(bed *t)
{
    enum { N = 60 };
    void *a = numbers(t), *v[2];
    double values[N];
    for (int i = 0; i < 2; i++) {
        v[i] = numbers(t);
        linalg_block gram = block(v[i], N, N, 0, 0);
        run(t,
            (linalg_call){.op = LINALG_GRAM, .f = {1, 0}, .block = {block(a, N, N, 0, 0), gram}});
        run(t, (linalg_call){.op = LINALG_EIGEN, .block = {gram, gram}, .values = values});
    }
    size_t bytes = (size_t)(N * N) * (t->b->real == PODIUM_F64 ? sizeof(double) : sizeof(float));
    ok(!memcmp(v[0], v[1], bytes), "%s: the same call gives the same bits", t->b->name);
    free(a);
    free(v[0]);
    free(v[1]);
}

int main(void)
{
    static const char *const names[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        bed t = {.tolerance = i ? 2e-5 : 1e-12, .seed = 1};
        if (backend_open(&t.b, names[i], i ? 2 : 1) < 0)
            return tap_skip_all(podium_error());
        test_product(&t);
        test_modes(&t);
        test_eigen(&t);
        test_gram_eigen(&t, 0);
        test_gram_eigen(&t, 1);
        test_qr(&t);
        test_inverse_root(&t);
        test_newton_schulz(&t);
        test_sums(&t);
        test_axes(&t);
        test_errors(&t);
        test_repeats(&t);
        backend_close(t.b);
    }
    return tap_done();
}
