/* The two-sample rank test of Mann & Whitney (1947), exact, for small samples with ties. */
#ifndef SCORING_RANK_TEST_H
#define SCORING_RANK_TEST_H

#include <stddef.h>
#include "base/status.h"

#define RANK_TEST_MOST 400 /* values in both samples */

/* *p: two-sided probability, when both samples are drawn alike, of rank sums at least as far out as
 * those of a [n] and b [m]; over all ways to share out the pooled values, equal ones at their mean
 * rank, so ties (infinite values too) need no correction.  Errors: PODIUM_EINVAL an empty sample, a
 * NaN, more than RANK_TEST_MOST values; PODIUM_ENOMEM. */
int32_t rank_test(const double *a, size_t n, const double *b, size_t m, double *p);

/* The smallest p that samples of n and m values can have: that of two groups set apart. */
double rank_test_smallest(size_t n, size_t m);

#endif
