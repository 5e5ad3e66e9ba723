/* Candidates of a search: which setting is best on one workload, or on all at once, and which are
 * hopeless before they end.  Pure arithmetic. */
#ifndef SCORING_CANDIDATES_H
#define SCORING_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct candidate_trial {
    size_t candidate, workload;
    double time;   /* to the target; infinite: missed */
    double metric; /* best one, smaller is better; NaN: none */
} candidate_trial;

typedef enum { CANDIDATE_WORST, CANDIDATE_MEAN } candidate_rule;

typedef struct candidate {
    size_t trials, missed;
    double worst, mean; /* of its ratios to the best candidate over the workloads it reached; NaN */
    double metric;      /* mean over its trials; NaN: one has none */
    double *time;       /* [num_workloads] geometric mean of the trials that reached; NaN: none */
} candidate;

/* Summarises and ranks; candidates without a trial come last.  Fewer missed trials win, then the
 * smaller worst ratio (or mean ratio) of times to the best over workloads, then the other of the
 * two, then the metric, then the number.  A workload that nobody reached tells nothing apart but by
 * its metric.
 *   out [num_candidates], order [num_candidates] best first
 * Errors: PODIUM_EINVAL a number out of range; PODIUM_ENOMEM. */
int32_t candidates_rank(const candidate_trial *trials, size_t num_trials, size_t num_candidates,
                        size_t num_workloads, candidate_rule rule, candidate *out, size_t *order);
void candidates_release(candidate *c, size_t num_candidates);

/* Asynchronous successive halving, stopping form (Li et al. 2020, "A system for massively parallel
 * hyperparameter tuning", whose promotions need trials that pause): at a rung a trial goes on when
 * it is among the best 1/eta, rounded up, of those that came so far, itself included.
 *   metrics [n] of the others at the rung, smaller is better; NaN is worst */
bool candidate_goes_on(const double *metrics, size_t n, double mine, int eta);

#endif
