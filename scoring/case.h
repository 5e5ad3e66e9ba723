/* Golden scoring cases (schema scoring-case/1): a table of trials and what the reference
 * implementation made of it. */
#ifndef SCORING_CASE_H
#define SCORING_CASE_H

#include <stdint.h>
#include "base/status.h"

/* Scores the case by both rules and compares times, ratios, profiles and scores; *worst gets the
 * largest relative error, infinite where one side is infinite or missing and the other is not.
 * Errors: PODIUM_EINVAL naming the field; PODIUM_ENOTSUP another schema. */
int32_t score_case_check(const char *path, double *worst);

#endif
