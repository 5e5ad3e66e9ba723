/* The exact rank test against enumeration and tables. */
#include "scoring/rank_test.h"

#include <math.h>
#include <string.h>
#include "tests/tap.h"

/* By going through every subset of the pooled values: the definition. */
static double enumerate(const double *a, int n, const double *b, int m)
{
    double pooled[16], rank[16], sum = 0, low = 0, high = 0, all = 0;
    int count = n + m;
    for (int i = 0; i < count; i++)
        pooled[i] = i < n ? a[i] : b[i - n];
    for (int i = 0; i < count; i++) {
        rank[i] = 0.5;
        for (int j = 0; j < count; j++)
            rank[i] += pooled[j] < pooled[i] ? 1 : pooled[j] == pooled[i] ? 0.5 : 0;
        sum += i < n ? rank[i] : 0;
    }
    for (int subset = 0; subset < 1 << count; subset++) {
        double s = 0;
        int taken = 0;
        for (int i = 0; i < count; i++)
            if (subset >> i & 1) {
                s += rank[i];
                taken++;
            }
        all += taken == n;
        low += taken == n && s <= sum;
        high += taken == n && s >= sum;
    }
    return fmin(1, 2 * fmin(low, high) / all);
}

static void agrees(const double *a, int n, const double *b, int m, const char *what)
{
    double p = NAN, q = NAN;
    ok(rank_test(a, (size_t)n, b, (size_t)m, &p) == 0 &&
           rank_test(b, (size_t)m, a, (size_t)n, &q) == 0,
       "%s is tested", what);
    close_to(p, enumerate(a, n, b, m), 1e-12, "%s: p as by enumeration", what);
    close_to(q, p, 1e-12, "%s: either way round", what);
}

int main(void)
{
    const double low[] = {1, 2, 3}, high[] = {11, 12, 13, 14, 15};
    const double mixed[] = {30, 35, 35, 40}, other[] = {35, 45, INFINITY, 30, INFINITY};
    const double never[] = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
    double p = NAN, many[RANK_TEST_MOST + 1] = {0};
    agrees(low, 3, high, 5, "groups set apart");
    agrees(mixed, 4, other, 5, "ties and values that are infinite");
    agrees(mixed, 1, high, 5, "one value");
    agrees(low, 3, low, 3, "the same values");
    rank_test(low, 3, high, 5, &p);
    close_to(p, 2.0 / 56, 1e-12, "3 below 5: 2 / C(8, 3)");
    close_to(rank_test_smallest(3, 5), 2.0 / 56, 1e-12, "which is the smallest");
    close_to(rank_test_smallest(1, 39), 0.05, 1e-12, "1 and 39: 0.05");
    rank_test(never, 5, never, 4, &p);
    close_to(p, 1, 0, "none reached anywhere: p = 1");
    /* the table of critical values: 5 and 5, U = 2 at 5 % two-sided, p = 0.0317; U = 3: 0.0556 */
    rank_test((double[]){1, 2, 3, 4, 7}, 5, (double[]){5, 6, 8, 9, 10}, 5, &p);
    close_to(p, 8.0 / 252, 1e-12, "5 and 5, U = 2");
    ok(rank_test(low, 0, high, 5, &p) == PODIUM_EINVAL, "refused: an empty sample");
    ok(rank_test((double[]){NAN}, 1, high, 5, &p) == PODIUM_EINVAL, "refused: NaN");
    ok(rank_test(many, 1, many, RANK_TEST_MOST, &p) == PODIUM_EINVAL, "refused: too many");
    ok(rank_test(many, 5, many, RANK_TEST_MOST - 5, &p) == 0 && p == 1, "as many as can be");
    return tap_done();
}
