/* Golden files of what is no trajectory: learning-rate schedules (schedule-case/1) and gradient
 * clipping (clip-case/1), checked against the helpers of include/podium. */
#ifndef HARNESS_REPLAY_RULES_H
#define HARNESS_REPLAY_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include "engine/backend.h"

/* True when the file's schema is one of the two. */
bool replay_is_rules(const json_t *json);
/* Largest error of the file's cases relative to the largest number of each; *tolerance: what it may
 * be.  Clipping runs on the backend.  Errors: PODIUM_EINVAL naming place and field. */
int32_t replay_rules(const json_t *json, const char *place, backend *b, double *error,
                     double *tolerance);

#endif
