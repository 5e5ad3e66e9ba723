/* Exact rank test: counts, for every rank sum, the subsets of the pooled ranks that have it. */
#include "scoring/rank_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Twice the mean rank of x among the sorted values: an integer. */
static size_t doubled_rank(const double *sorted, size_t count, double x)
{
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < count; i++) {
        below += sorted[i] < x;
        equal += sorted[i] == x;
    }
    return 2 * below + equal + 1;
}

/* ways[k * width + s]: subsets of k values whose doubled ranks add up to s. */
static void count_subsets(double *ways, size_t width, size_t k, const double *sorted, size_t count)
{
    memset(ways, 0, (k + 1) * width * sizeof *ways);
    ways[0] = 1;
    for (size_t i = 0; i < count; i++) {
        size_t rank = doubled_rank(sorted, count, sorted[i]);
        for (size_t taken = k; taken > 0; taken--) {
            double *to = ways + taken * width;
            const double *from = to - width;
            for (size_t s = width - 1; s >= rank; s--)
                to[s] += from[s - rank];
        }
    }
}

/* Both tails of the rank sum of `a`, the smaller sample. */
static double two_sided(const double *ways, size_t width, size_t sum)
{
    double low = 0, high = 0, all = 0;
    for (size_t s = 0; s < width; s++) {
        all += ways[s];
        low += s <= sum ? ways[s] : 0;
        high += s >= sum ? ways[s] : 0;
    }
    return fmin(1, 2 * fmin(low, high) / all);
}

int32_t rank_test(const double *a, size_t n, const double *b, size_t m, double *p)
{
    if (n > m)
        return rank_test(b, m, a, n, p);
    size_t count = n + m, width = count * (count + 1) + 1, sum = 0;
    if (!n || count > RANK_TEST_MOST)
        return podium_fail(PODIUM_EINVAL, "a rank test of %zu and %zu values: expected 1 to %d", n,
                           m, RANK_TEST_MOST);
    for (size_t i = 0; i < count; i++)
        if (isnan(i < n ? a[i] : b[i - n]))
            return podium_fail(PODIUM_EINVAL, "a rank test of values that are not numbers");
    double *sorted = malloc(count * sizeof *sorted);
    double *ways = malloc((n + 1) * width * sizeof *ways);
    int32_t rc = sorted && ways ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory to rank");
    if (!rc) {
        memcpy(sorted, a, n * sizeof *a);
        memcpy(sorted + n, b, m * sizeof *b);
        qsort(sorted, count, sizeof *sorted, compare_doubles);
        for (size_t i = 0; i < n; i++)
            sum += doubled_rank(sorted, count, a[i]);
        count_subsets(ways, width, n, sorted, count);
        *p = two_sided(ways + n * width, width, sum);
    }
    free(ways);
    free(sorted);
    return rc;
}

double rank_test_smallest(size_t n, size_t m)
{
    double p = 2; /* 2 / C(n + m, n) */
    for (size_t i = 1; i <= n; i++)
        p *= (double)i / (double)(m + i);
    return fmin(1, p);
}
