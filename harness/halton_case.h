/* Golden cases of the quasi-random search (schema halton/1). */
#ifndef HARNESS_HALTON_CASE_H
#define HARNESS_HALTON_CASE_H

#include <stdint.h>
#include "base/status.h"

/* Compares bases, permutations, shifts, points, their shuffled order and the mapped points of each
 * search space; *worst gets the largest error relative to max(1, |expected|), infinite where
 * something is missing or not a number.  Errors: PODIUM_EINVAL naming the field. */
int32_t halton_case_check(const char *path, double *worst);

#endif
