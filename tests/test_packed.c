/* Products with a packed operand, on every processor, whichever of them uses them: against sums in
 * double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cpu/packed.h"
#include "tests/tap.h"

static float *pool[8]; /* of the case at hand */
static int pooled;

static float *filled(int64_t n, uint32_t seed)
{
    float *x = malloc(n ? (size_t)n * sizeof *x : 1); /* exactly: sanitizers see what is past it */
    if (!x || pooled == 8)
        abort();
    pool[pooled++] = x;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    return x;
}

/* The end of a case: its inputs go. */
static void finish(double error)
{
    if (!(error < 1))
        tap_diag("%g of what rounding may cost", error);
    while (pooled)
        free(pool[--pooled]);
}

/* The largest error of c [M, N] as a share of what rounding may cost; b is [K, N], or [N, K]. */
static double error_of(int64_t M, int64_t N, int64_t K, const float *a, int64_t row, int64_t col,
                       const float *b, int64_t b_row, int64_t b_col, const float *bias,
                       const float *before, const float *c)
{
    double worst = 0;
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = (bias ? bias[j] : 0) + (before ? before[i * N + j] : 0);
            for (int64_t k = 0; k < K; k++)
                sum += (double)a[i * row + k * col] * b[k * b_row + j * b_col];
            double e = fabs(sum - c[i * N + j]) / (1e-6 * (2 + sqrt((double)K)));
            worst = e > worst || isnan(e) ? e : worst;
        }
    return worst;
}

static void product(int64_t M, int64_t N, int64_t K, bool transposed, bool bias, bool add)
{
    float *a = filled(M * K, 1), *b = filled(K * N, 2), *c = filled(M * N, 3);
    float *before = filled(M * N, 3), *offset = filled(N, 4);
    float *packed = filled((int64_t)packed_floats(K, N), 5);
    packed_fill(packed, b, K, N, transposed, 2);
    packed_product(M, N, K, a, packed, bias ? offset : NULL, c, add);
    double e = error_of(M, N, K, a, K, 1, b, transposed ? 1 : N, transposed ? K : 1,
                        bias ? offset : NULL, add ? before : NULL, c);
    ok(e < 1, "[%d, %d] by [%d, %d]%s%s%s", (int)M, (int)K, (int)K, (int)N,
       transposed ? ", stored transposed" : "", bias ? ", with a bias" : "", add ? ", added" : "");
    finish(e);
}

static void gradient(int64_t M, int64_t N, int64_t K, bool add, bool chosen)
{
    int64_t lda = M + 3;
    float *a = filled(K * lda, 1), *b = filled(K * N, 2), *c = filled(M * N, 3);
    float *before = filled(M * N, 3), *own = filled((int64_t)packed_gradient_floats(), 4);
    if (chosen)
        gradient_product(M, N, K, a, lda, b, N, c, N, add, add, own);
    else
        packed_gradient(M, N, K, a, lda, b, N, c, N, add, add, own);
    double e = error_of(M, N, K, a, 1, lda, b, N, 1, NULL, add ? before : NULL, c);
    ok(e < 1, "gradient [%d, %d] of %d rows%s%s", (int)M, (int)N, (int)K, add ? ", added" : "",
       chosen ? ", as this processor does it" : "");
    finish(e);
}

int main(void)
{
    static const int64_t rows[] = {1, 5, 8, 33, 70}, columns[] = {1, 7, 8, 16, 24, 31, 62, 100};
    static const int64_t terms[] = {1, 3, 64, 256, 257, 600};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
            product(rows[i], columns[j], terms[(i + j) % 6], (i + j) % 2, i % 2, false);
    for (size_t k = 0; k < sizeof terms / sizeof *terms; k++)
        product(13, 39, terms[k], k % 2, k % 3 == 1, k % 3 == 0);
    product(4, 9, 0, false, true, false);
    product(4, 9, 0, false, false, false);
    product(4, 9, 0, false, false, true);
    product(3, 0, 5, true, false, false);
    for (int64_t M = 1; M < 20; M++)
        gradient(M, packed_vector() * (1 + M % 5), 1 + 37 * M % PACKED_TERMS, M % 2, M % 3 == 0);
    gradient(200, 3 * packed_vector(), PACKED_TERMS, true, false);
    gradient(7, 5 * packed_vector(), 1, true, false);
    gradient(392, 2 * packed_vector(), 100, true, false);
    gradient(200, 4 * packed_vector(), PACKED_TERMS, false, true);
    return tap_done();
}
