/* `podium tune` and `podium calibrate`: quasi-random points of a submission's search space on one
 * workload or on several, then the best of them again on fresh seeds.  The records are the state:
 * what is finished is not run again.
 *
 *   RESULTS/point-NNNN/SUBMISSION/WORKLOAD-SIZE/study-S/trial-0/trial.jsonl
 *
 * Study 0 is the search, the same seed for all points; studies 1, 2, ... are the fresh seeds. */
#ifndef CLI_SEARCH_H
#define CLI_SEARCH_H

#include "cli/trial_options.h"
#include "harness/forecast.h"
#include "harness/ruleset.h"
#include "scoring/candidates.h"

#define SEARCH_ETA 3 /* halving keeps the best third at each rung */
#define SEARCH_RUNGS 2

typedef struct search_run {
    size_t point, workload; /* numbers into order and workloads */
    int64_t study;
    record *record; /* owned */
} search_run;

typedef struct search {
    const char *command, *what;
    trial_options common;
    int64_t points, seeds, best; /* points 0: as many as the space lists, or 20 */
    bool halving, dry_run, write;
    candidate_rule rule;
    submission_folder submission;
    ruleset rules;
    int32_t *order; /* [points] numbers into the sequence of points */
    forecast forecast[TRIAL_OPTIONS_MOST];
    search_run *runs; /* room for all that are planned */
    size_t num_runs, planned;
    candidate *ranked; /* [points] of the newest search_rank */
    size_t *ranking;   /* [points] best first */
    trial_config config;
    char results[4096];
    size_t point, workload; /* of the trial that runs */
    int64_t last_step;      /* of its last evaluation, -1: none here */
    bool terminal, shown;
} search;

/* The whole command: returns its exit status, or an error. */
int search_command(search *s, int argc, char **argv);

/* Ranks by the fresh seeds, or by the search alone. */
int32_t search_rank(search *s, bool fresh, candidate_rule rule);
/* "name=value ..." of a point, for tables; and its JSON, a new reference. */
int32_t search_point_json(const search *s, size_t point, json_t **out);
int32_t search_print_values(const search *s, size_t point);
void search_print_forecast(const search *s, size_t left[], size_t trials);
/* The newest ranking as a table. */
int32_t search_print_table(const search *s, bool fresh);

/* Puts the point into the hyperparameters of submission.yaml, whose comments stay; the file is
 * replaced at once.  Errors: PODIUM_EINVAL no such file, a form that cannot be edited. */
int32_t search_write(const search *s, size_t point);

#endif
