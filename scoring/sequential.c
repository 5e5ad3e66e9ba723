/* The sequential test of paired log ratios. */
#include "scoring/sequential.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Rates cover log ratios from 1 down to 1/256.  The bold bet decides early when all pairs agree,
 * the careful one survives pairs that do not. */
static const double rates[] = {1, 4, 16, 64, 256};
static const struct {
    double bet, weight;
} bets[] = {{0.98, 0.7}, {0.5, 0.3}};
enum { RATES = sizeof rates / sizeof *rates, BETS = sizeof bets / sizeof *bets };

static double log_product(const double *d, size_t n, double centre, double rate, double bet)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(d[i]))
            sum += log1p(bet * tanh(rate * (d[i] - centre)));
    return sum;
}

double sequential_evidence(const double *d, size_t n, double centre)
{
    double sum = 0;
    for (int r = 0; r < RATES; r++)
        for (int b = 0; b < BETS; b++)
            sum += bets[b].weight / RATES * exp(log_product(d, n, centre, rates[r], bets[b].bet));
    return sum;
}

/* The largest centre at which the evidence is at least `threshold`: it falls with the centre, so
 * bisection finds it, within a range outside of which tanh is 1 to the last bit. */
static double lower_bound(const double *d, size_t n, double threshold)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (isfinite(d[i])) {
            low = fmin(low, d[i]);
            high = fmax(high, d[i]);
        }
    if (low > high)
        low = high = 0;
    low -= 40;
    high += 40;
    if (sequential_evidence(d, n, low) < threshold)
        return -INFINITY;
    if (sequential_evidence(d, n, high) >= threshold)
        return INFINITY;
    for (int i = 0; i < 200 && high - low > 1e-12; i++) {
        double middle = 0.5 * (low + high);
        if (sequential_evidence(d, n, middle) >= threshold)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the means of all pairs of values, each with itself too.  d holds no NaN. */
static int32_t centre_of(const double *d, size_t n, double *out)
{
    size_t count = n * (n + 1) / 2, k = 0;
    *out = NAN;
    if (!n)
        return 0;
    double *means = malloc(count * sizeof *means);
    if (!means)
        return podium_fail(PODIUM_ENOMEM, "no memory for the centre of %zu pairs", n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            double mean = i == j ? d[i] : 0.5 * (d[i] + d[j]);
            means[k++] = isnan(mean) ? 0 : mean; /* a miss on either side */
        }
    qsort(means, count, sizeof *means, ascending);
    double a = means[(count - 1) / 2], b = means[count / 2];
    *out = a == b ? a : 0.5 * (a + b);
    free(means);
    return 0;
}

int32_t sequential_test(const double *d, size_t n, double level, sequential_result *out)
{
    if (!(level > 0 && level < 1))
        return podium_fail(PODIUM_EINVAL, "level %g of a test: expected inside 0 to 1", level);
    double *known = calloc(2 * (n + 1), sizeof *known), *turned = known + n + 1;
    if (!known)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu pairs", n);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(d[i])) {
            turned[m] = -d[i];
            known[m++] = d[i];
        }
    *out = (sequential_result){
        .pairs = m,
        .low = lower_bound(known, m, 2 / level),
        .high = -lower_bound(turned, m, 2 / level),
    };
    int32_t rc = centre_of(known, m, &out->centre);
    free(known);
    return rc;
}
