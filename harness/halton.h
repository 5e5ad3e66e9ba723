/* AlgoPerf's quasi-random points: the Halton sequence with scrambled digits and a random shift
 * (Bousquet et al. 2017, "Critical hyper-parameters: no random, no cry"), to the last bit. */
#ifndef HARNESS_HALTON_H
#define HARNESS_HALTON_H

#include <stdint.h>
#include "base/status.h"

#define HALTON_MAX_DIMS 100
#define HALTON_SKIPPED 100 /* first points of the sequence, which are thrown away */

/* One coordinate: a prime base, the permutation of its digits, the shift. */
typedef struct halton_axis {
    int32_t base;
    int32_t digits[1000]; /* [base] permutation that keeps 0 */
    double shift;         /* in [0, 1) */
} halton_axis;

/* Axis `d` of `dims`: its base is a prime just below the largest one under 1000, ascending in d.
 * Errors: PODIUM_EINVAL dims not from 1 to HALTON_MAX_DIMS, or no such axis. */
int32_t halton_axis_init(halton_axis *axis, int32_t d, int32_t dims);
/* Coordinate of point `i` (from 0, after the skipped ones), in [0, 1). */
double halton_axis_value(const halton_axis *axis, int64_t i);

/* order[n]: the points 0 .. n-1 as AlgoPerf's final shuffle with this seed lists them.  (AlgoPerf
 * never seeds it, so its own order cannot be repeated; ours can.) */
void halton_order(uint32_t seed, int32_t n, int32_t *order);

#endif
