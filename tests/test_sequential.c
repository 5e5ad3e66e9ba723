/* The sequential test of pairs: how often it errs when one looks after every pair. */
#include "scoring/sequential.h"

#include <math.h>
#include "engine/philox.h"
#include "tests/tap.h"

enum { RUNS = 300, PAIRS = 30 };

typedef double (*draw)(philox *p, uint64_t i);

static double uniform(philox *p, uint64_t i)
{
    uint32_t w[4];
    philox_block(p, i, w);
    return (w[0] + 0.5) / 4294967296.0;
}

static double normal(philox *p, uint64_t i)
{
    uint32_t w[4];
    philox_block(p, i, w);
    return 0.1 * sqrt(-2 * log((w[0] + 0.5) / 4294967296.0)) *
           cos(6.283185307179586 * (w[1] / 4294967296.0));
}

/* Cauchy: no mean at all. */
static double heavy(philox *p, uint64_t i)
{
    return 0.02 * tan(3.141592653589793 * (uniform(p, i) - 0.5));
}

/* Evaluations come in steps: many ties, some pairs in which one missed. */
static double coarse(philox *p, uint64_t i)
{
    double u = uniform(p, i);
    return u < 0.1 ? -INFINITY : u > 0.9 ? INFINITY : u < 0.3 ? -0.05 : u > 0.7 ? 0.05 : 0;
}

/* Shares of runs of which the test, asked after each pair, says something about 0, and of which the
 * interval once lost the true centre; mean pairs to the answer. */
static void simulate(draw one, double centre, double *said, double *lost, double *pairs)
{
    int decided = 0, missed = 0;
    double sum = 0;
    for (int run = 0; run < RUNS; run++) {
        double d[PAIRS];
        bool out = false, done = false;
        philox p = philox_make(1, (uint64_t)run);
        for (size_t n = 1; n <= PAIRS; n++) {
            d[n - 1] = one(&p, n) + centre;
            double above = sequential_evidence(d, n, 0), below, shifted[PAIRS], turned[PAIRS];
            for (size_t i = 0; i < n; i++) {
                turned[i] = -d[i];
                shifted[i] = centre - d[i];
            }
            below = sequential_evidence(turned, n, 0);
            out = out || sequential_evidence(d, n, centre) >= 40 ||
                  sequential_evidence(shifted, n, 0) >= 40;
            if (!done && (above >= 40 || below >= 40)) {
                done = true;
                sum += (double)n;
            }
        }
        decided += done;
        missed += out;
    }
    *said = (double)decided / RUNS;
    *lost = (double)missed / RUNS;
    *pairs = sum / decided;
}

static void errs_seldom(draw one, const char *what)
{
    double said, lost, pairs;
    simulate(one, 0, &said, &lost, &pairs);
    ok(said <= 0.05, "%s, no difference: %.3f of the tests find one (5 %% allowed)", what, said);
    ok(said > 0, "%s: and the test can err, so it was put to the test", what);
    simulate(one, 0.12, &said, &lost, &pairs);
    ok(lost <= 0.05, "%s, a difference: %.3f of the intervals ever lose it", what, lost);
}

int main(void)
{
    sequential_result r;
    double same[20] = {0}, mixed[] = {0.17, 0.12, 0.22, 0.15, 0.2, 0.1, 0.19, 0.16, 0.14, 0.18};
    errs_seldom(normal, "normal");
    errs_seldom(heavy, "Cauchy");
    errs_seldom(coarse, "ties and misses");
    double said, lost, pairs;
    simulate(normal, 0.17, &said, &lost, &pairs);
    ok(said > 0.99 && pairs < 15, "1.18x with 10 %% noise: found in %.3f, after %.1f pairs", said,
       pairs);

    int32_t rc = sequential_test(mixed, 10, 0.05, &r);
    ok(!rc && r.low > 0.05 && r.high < 0.3, "10 pairs: %.3f to %.3f", r.low, r.high);
    close_to(r.centre, 0.1625, 0.02, "the centre");
    close_to(sequential_evidence(mixed, 10, r.low), 40, 1e-6,
             "evidence at the lower end is 2 / level");
    rc = sequential_test(same, 20, 0.05, &r);
    ok(!rc && r.low < 0 && r.high > 0 && r.centre == 0, "ties say nothing: %.3f to %.3f", r.low,
       r.high);
    close_to(sequential_evidence(same, 20, 0), 1, 1e-15, "and are no evidence");
    ok(!sequential_test(mixed, 3, 0.05, &r) && isinf(r.low) && isinf(r.high),
       "3 pairs bound nothing");
    for (int i = 0; i < 20; i++)
        same[i] = i < 10 ? INFINITY : NAN;
    ok(!sequential_test(same, 20, 0.05, &r) && r.low > 0 && r.pairs == 10 && isinf(r.centre),
       "B misses in 10 pairs, both in 10: A is faster, 10 pairs count");
    ok(!sequential_test(same, 0, 0.05, &r) && isnan(r.centre) && isinf(r.low), "no pairs");
    ok(sequential_test(mixed, 10, 1.5, &r) == PODIUM_EINVAL, "refused: a level of 1.5");
    return tap_done();
}
