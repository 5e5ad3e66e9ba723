/* The paired permutation test, and Holm's correction for many of them. */
#ifndef SCORING_PAIRED_TEST_H
#define SCORING_PAIRED_TEST_H

#include <stddef.h>
#include "base/status.h"

#define PAIRED_TEST_EXACT 16 /* pairs up to which all 2^n signs are tried */
#define PAIRED_TEST_DRAWS 65535
#define PAIRED_TEST_MOST 4096

/* *p: two-sided probability of a sum of the differences d [n] at least as far from 0, when each
 * pair's two sides might as well be exchanged, so that each difference has either sign (Fisher
 * 1935, section 21; Pitman 1937).  All signs are tried up to PAIRED_TEST_EXACT pairs, beyond it
 * PAIRED_TEST_DRAWS of a fixed stream, the observed ones counted in (Phipson and Smyth 2010).
 * Errors: PODIUM_EINVAL no pair, more than PAIRED_TEST_MOST, a difference that is not finite. */
int32_t paired_test(const double *d, size_t n, double *p);

/* Adjusts p [n] in place so that the chance of any false rejection stays below the level compared
 * with (Holm 1979): times n - i for the i-th smallest, never less than those before it, at most 1.
 * NaN marks what was not tested and is left alone.  Errors: PODIUM_ENOMEM. */
int32_t holm_adjust(double *p, size_t n);

#endif
