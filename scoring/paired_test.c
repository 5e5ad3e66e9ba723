/* Sign flips, counted. */
#include "scoring/paired_test.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* SplitMix64, as the bootstrap of scores. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double exact(const double *d, size_t n, double bound)
{
    size_t far = 0, all = (size_t)1 << n;
    for (size_t signs = 0; signs < all; signs++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += signs >> i & 1 ? -d[i] : d[i];
        far += fabs(sum) >= bound;
    }
    return (double)far / (double)all;
}

static double drawn(const double *d, size_t n, double bound)
{
    uint64_t state = 1, bits = 0;
    size_t far = 1; /* the observed signs themselves */
    for (int k = 0; k < PAIRED_TEST_DRAWS; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            if (i % 64 == 0)
                bits = next_random(&state);
            sum += bits >> (i % 64) & 1 ? -d[i] : d[i];
        }
        far += fabs(sum) >= bound;
    }
    return (double)far / (PAIRED_TEST_DRAWS + 1.0);
}

int32_t paired_test(const double *d, size_t n, double *p)
{
    double sum = 0, size = 0;
    if (!n || n > PAIRED_TEST_MOST)
        return podium_fail(PODIUM_EINVAL, "a paired test of %zu pairs: expected 1 to %d", n,
                           PAIRED_TEST_MOST);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(d[i]))
            return podium_fail(PODIUM_EINVAL, "a paired test of differences that are not finite");
        sum += d[i];
        size += fabs(d[i]);
    }
    /* Sums that differ by rounding alone are equal: a tie counts as far. */
    double bound = fabs(sum) - 1e-12 * size;
    *p = n <= PAIRED_TEST_EXACT ? exact(d, n, bound) : drawn(d, n, bound);
    return 0;
}

typedef struct ranked {
    double p;
    size_t at;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int32_t holm_adjust(double *p, size_t n)
{
    ranked *order = malloc((n + 1) * sizeof *order);
    size_t tested = 0;
    double largest = 0;
    if (!order)
        return podium_fail(PODIUM_ENOMEM, "no memory to correct p-values");
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            order[tested++] = (ranked){p[i], i};
    qsort(order, tested, sizeof *order, compare_ranked);
    for (size_t k = 0; k < tested; k++) {
        largest = fmax(largest, fmin(1, (double)(tested - k) * order[k].p));
        p[order[k].at] = largest;
    }
    free(order);
    return 0;
}
