/* The paired permutation test against counts made by hand, and Holm's own example of steps. */
#include "scoring/paired_test.h"

#include <math.h>

#include "tests/tap.h"

static double p_of(const double *d, size_t n)
{
    double p = NAN;
    return paired_test(d, n, &p) ? NAN : p;
}

int main(void)
{
    double p = 0, same[10], mixed[] = {1, 2, -3}, far[] = {1, 2, 4}, nothing[4] = {0};
    for (int i = 0; i < 10; i++)
        same[i] = 0.1 * (i + 1);
    ok(p_of(same, 10) == 2.0 / 1024, "ten differences of one sign: 2 of 1024");
    ok(p_of(same, 5) == 2.0 / 32, "five: 2 of 32, which no test at 5 percent rejects");
    ok(p_of(mixed, 3) == 1, "1 + 2 - 3: every sum is as far from 0");
    ok(p_of(far, 3) == 0.25, "1 + 2 + 4: 2 of 8");
    far[0] = -1; /* |5|: +-(1 + 2 + 4) and +-(-1 + 2 + 4) */
    ok(p_of(far, 3) == 0.5, "-1 + 2 + 4: 4 of 8");
    ok(p_of(nothing, 4) == 1, "no difference at all: 1");
    double many[40];
    for (int i = 0; i < 40; i++)
        many[i] = i % 2 ? 1 : -1.01;
    ok(p_of(many, 40) > 0.8, "40 differences of alternating sign are not told from none");
    for (int i = 0; i < 40; i++)
        many[i] = i % 4 ? 1 : -1; /* 30 of 40: binomial, two-sided, 0.00222 */
    ok(fabs(p_of(many, 40) - 0.00222) < 6e-4, "30 of 40 alike: the binomial's 0.0022");
    many[3] = NAN;
    ok(paired_test(many, 40, &p) == PODIUM_EINVAL && paired_test(many, 0, &p) == PODIUM_EINVAL,
       "not a number, or no pair, is an error");

    double h[] = {0.01, NAN, 0.04, 0.03, 0.005};
    ok(!holm_adjust(h, 5), "four p-values are corrected");
    ok(fabs(h[4] - 0.02) < 1e-15 && fabs(h[0] - 0.03) < 1e-15 && fabs(h[3] - 0.06) < 1e-15 &&
           fabs(h[2] - 0.06) < 1e-15,
       "times 4, 3, 2, and the last not below the one before it");
    ok(isnan(h[1]), "what was not tested stays so");
    double all[] = {0.6, 0.9};
    ok(!holm_adjust(all, 2) && all[0] == 1 && all[1] == 1, "never more than 1");
    return tap_done();
}
