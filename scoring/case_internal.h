/* A scoring-case/1 file as read: private to scoring/. */
#ifndef SCORING_CASE_INTERNAL_H
#define SCORING_CASE_INTERNAL_H

#include "base/json.h"
#include "scoring/score.h"

typedef struct scoring_case {
    json_t *json;
    const char *path;
    const char **submissions, **workloads; /* borrowed from the JSON; base workloads first */
    int32_t *base_of;
    score_trial *trials;
    size_t capacity;
    score_problem problem;
} scoring_case;

/* Errors: PODIUM_EINVAL naming file and field.  Close it after an error too. */
int32_t scoring_case_open(scoring_case *c, const char *path);
void scoring_case_close(scoring_case *c);

/* Relative error of a number against a golden value (relative to at least 1); null stands for NaN.
 * Infinite where only one side is a finite number. */
double scoring_case_error(double got, const json_t *want);

#endif
