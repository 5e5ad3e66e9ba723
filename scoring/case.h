/* Golden scoring cases (schema scoring-case/1): a table of trials and what the reference
 * implementation made of it. */
#ifndef SCORING_CASE_H
#define SCORING_CASE_H

#include <stdint.h>
#include "base/status.h"

/* Scores the case by both rules and compares times, ratios, profiles and scores; *worst gets the
 * largest relative error, infinite where one side is infinite or missing and the other is not.
 * Errors: PODIUM_EINVAL naming the field or another schema. */
int32_t score_case_check(const char *path, double *worst);

/* Speedup cases (schema speedup/1): geometric means over the base workloads of one submission's
 * times over another's, a missed target standing for its budget plus a second, from the
 * scoring cases named beside the file.  Errors and *worst as above. */
int32_t speedup_case_check(const char *path, double *worst);

#endif
