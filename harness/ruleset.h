/* Which settings a study tries: AlgoPerf's rulesets (Dahl et al. 2023, section 4.4).
 *
 *   external   each study draws its own quasi-random points of the submission's search space, over
 *              the values its `hyperparameters` fix; the best trial of a study counts
 *   self       nothing is given: defaults only
 *   free       the submission's one setting, on every workload */
#ifndef HARNESS_RULESET_H
#define HARNESS_RULESET_H

#include "harness/search_space.h"
#include "harness/submission_folder.h"

typedef struct ruleset {
    const submission_folder *submission;
    const char *name; /* borrowed; NULL: none, treated as free */
    search_space space;
    uint64_t seed; /* of the order of the points */
    int64_t studies, trials;
} ruleset;

/* Errors: PODIUM_EINVAL a submission without the search space that external needs, a space that
 * cannot be read, a list with fewer points than a study has trials. */
int32_t ruleset_init(ruleset *r, const char *name, const submission_folder *s, uint64_t seed,
                     int64_t studies, int64_t trials);
void ruleset_release(ruleset *r);

/* Settings of a trial: *out is NULL (defaults), the submission's own, or owned by *document, which
 * the caller destroys. *point gets the number of the point, -1: none. */
int32_t ruleset_settings(const ruleset *r, int64_t study, int64_t trial, yaml_document **document,
                         const yaml_node **out, int64_t *point);

/* The same of point `point` of the search space, for a search of one's own. */
int32_t ruleset_point_settings(const ruleset *r, int64_t point, yaml_document **document,
                               const yaml_node **out);

#endif
