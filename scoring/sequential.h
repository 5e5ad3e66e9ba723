/* A sequential test of paired times, valid whenever one stops looking.
 *
 * Of pair i, d[i] = log(time of B / time of A); infinite where one of them missed, NaN (no
 * evidence, left out) where both did.  Were the two alike, d would be as likely as -d, since a pair
 * shares its seed and the order of its runs is drawn.  For such d, and any rate > 0 and 0 <= bet
 * <= 1, the product of 1 + bet tanh(rate d[i]) is a nonnegative martingale that starts at 1, as
 * tanh is odd (the normalised exponential of Ramdas, Ruf, Larsson & Koolen 2020, section 5, and
 * Vovk & Wang 2024, "Nonparametric e-tests of symmetry", is bet 1); a fixed mixture of them is one
 * as well.  By Ville's inequality (1939) it ever reaches 1/a with probability a at most: so looking
 * after every pair costs nothing, and no law of the times is assumed.
 *
 * The interval holds the centres c that the two one-sided tests of d - c, each at level / 2, let
 * stand; it covers the centre of a symmetric d at all times at once with probability 1 - level. */
#ifndef SCORING_SEQUENTIAL_H
#define SCORING_SEQUENTIAL_H

#include <stddef.h>
#include "base/status.h"

/* Evidence (an e-value) that d lies above `centre`; falls as the centre grows. */
double sequential_evidence(const double *d, size_t n, double centre);

typedef struct sequential_result {
    size_t pairs;     /* that say something */
    double centre;    /* Hodges & Lehmann's: median of the means of two; NaN without pairs */
    double low, high; /* of the centre; infinite as long as nothing is known */
} sequential_result;

/* low > 0: A is faster; high < 0: B is.  Errors: PODIUM_EINVAL level not inside (0, 1);
 * PODIUM_ENOMEM. */
int32_t sequential_test(const double *d, size_t n, double level, sequential_result *out);

#endif
