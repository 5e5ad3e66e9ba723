/* Time-to-target scoring by AlgoPerf's rules: best trial of a study, median over studies, ratio to
 * the fastest, performance profile, score.  Pure arithmetic: knows no file.
 *
 * Every step is that of the reference implementation (Dahl et al. 2023, section 4.5 and its code),
 * the order of operations included; see score_compute. */
#ifndef SCORING_SCORE_H
#define SCORING_SCORE_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define SCORE_POINTS 100 /* of the profile, tau from 1 to 4 */
#define SCORE_TAU_MAX 4.0

/* One trial: when it first met the target. */
typedef struct score_trial {
    int32_t submission, workload; /* numbers */
    int64_t study;
    int64_t hit_index; /* number of the evaluation that met the target, -1: none did */
    double hit_time;   /* its time; ignored when none did */
} score_trial;

/* Which trial stands for a study: the smallest time (the published rule), or the smallest
 * evaluation index and the first listed on a tie (what AlgoPerf's code does). */
typedef enum { SCORE_MIN_TIME, SCORE_MIN_INDEX } score_rule;

typedef struct score_problem {
    size_t num_submissions;
    const char *const *names;  /* [num_submissions]: ties rank by name */
    size_t num_base;           /* workloads 0 .. num_base - 1: the denominator of every score */
    size_t num_held_out;       /* the workloads behind them */
    const int32_t *base_of;    /* [num_held_out] base workload of each */
    const score_trial *trials; /* in listing order: it matters to SCORE_MIN_INDEX */
    size_t num_trials;
    const double *weight;    /* [num_base] adding up to 1; NULL: all alike */
    const double *reference; /* [num_base + num_held_out] times that stand for the fastest, frozen;
                                NaN where it is unknown; NULL: the fastest of the submissions */
} score_problem;

/* What stands for a study of one (submission, workload). */
typedef struct score_study {
    size_t cell; /* submission * number of workloads + workload */
    int64_t study;
    size_t trial; /* number of the trial that stands for it: the first when none reached */
    double time;  /* inf: none reached the target */
} score_study;

typedef struct score_result {
    double *time;  /* [submission][base and held-out workload] median over studies; inf missed, NaN
                      no trials */
    double *ratio; /* [submission][base workload] after voiding; inf missed or voided, NaN none */
    double *rho;   /* [submission][SCORE_POINTS] */
    double *score; /* [submission] trapezoid over the 100 points */
    double *exact; /* [submission] the integral itself */
    size_t *rank;  /* [submission] from 1 */
    size_t *order; /* submissions by rank */
} score_result;

double score_tau(int i); /* point i of the profile */

/* Errors: PODIUM_ENOMEM; PODIUM_EINVAL when a number of a trial is out of range. */
int32_t score_compute(const score_problem *p, score_rule rule, score_result *out);
void score_release(score_result *r);

/* Geometric mean over the base workloads of times of submission `s` over those of `base`, an
 * infinite time replaced by missed[w]; ratio (or NULL) gets the [num_base] ratios.  NaN where one
 * of them has no trials (AlgoPerf's headline "28 % faster": 100 (1 - mean) percent less time). */
double score_speedup(const score_problem *p, const score_result *r, size_t base, size_t s,
                     const double *missed, double *ratio);

/* Studies by cell, then by number; malloc'd.  Errors: PODIUM_ENOMEM. */
int32_t score_studies(const score_problem *p, score_rule rule, score_study **out, size_t *count);

#define SCORE_LEAST_STUDIES 10 /* for an interval */

/* 95 % interval of each score by resampling studies with replacement (percentile bootstrap: Efron
 * and Tibshirani 1993, section 13.3; fixed stream, `rounds` rounds); low and high
 * [num_submissions].  A draw is of study numbers and the same for every submission and workload
 * that has all of them, so that paired seeds stay paired.  NaN for a submission that has fewer than
 * SCORE_LEAST_STUDIES studies on a workload. */
int32_t score_interval(const score_problem *p, score_rule rule, int rounds, double *low,
                       double *high);

#endif
