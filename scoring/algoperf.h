/* AlgoPerf's own result logs, scored: DIR/SUBMISSION/.../STUDY/WORKLOAD_FRAMEWORK/trial_N/ with
 * eval_measurements.csv and hparams.json, as its submission runner writes them.  Targets, budgets
 * and held-out variants come from a preset's section `algoperf:`
 *
 *   trial_order   numbers of trials in the order in which ties of evaluation index are broken
 *   workloads     NAME: {metric, direction: min|max, target, seconds, held_out_of} */
#ifndef SCORING_ALGOPERF_H
#define SCORING_ALGOPERF_H

#include "scoring/preset.h"
#include "scoring/score.h"

typedef struct algoperf_workload {
    const char *name;
    char column[80]; /* "validation/loss" */
    bool larger_is_better;
    double target, seconds; /* seconds: the budget, multiplier included */
    int32_t base;           /* of a held-out variant; -1: itself a base workload */
} algoperf_workload;

typedef struct algoperf_rules {
    const preset *preset;         /* borrowed */
    algoperf_workload *workloads; /* base workloads first */
    size_t num_base, num_held_out;
    const yaml_node *trial_order; /* NULL: by number */
} algoperf_rules;

/* Errors: PODIUM_EINVAL a preset without the section; file, line and field. */
int32_t algoperf_rules_init(algoperf_rules *r, const preset *p);
void algoperf_rules_release(algoperf_rules *r);
/* Its number; -1: none of that name. */
int32_t algoperf_find_workload(const algoperf_rules *r, const char *name);

/* First evaluation within the budget that meets the target (inclusive, not-a-number never does). */
typedef struct algoperf_hit {
    int64_t evaluations, index; /* index -1: none */
    double time;                /* seconds, of that evaluation */
} algoperf_hit;
/* Text of eval_measurements.csv: a line of column names, then a line an evaluation; the time is the
 * column `score`, or accumulated_submission_time where that is missing.  A field left empty is not
 * a number.  Errors: PODIUM_EINVAL "PLACE:LINE: ..." naming the column. */
int32_t algoperf_csv_hit(const char *text, size_t length, const char *place,
                         const algoperf_workload *w, algoperf_hit *out);

typedef struct algoperf_trial {
    char *folder; /* owned */
    int32_t submission, workload;
    int64_t study, number;
    char framework; /* 'j' JAX, 'p' PyTorch, 'n' none named */
    algoperf_hit hit;
} algoperf_trial;

typedef struct algoperf_logs {
    char **submissions, **studies; /* owned; a study is its folder within the submission's */
    size_t num_submissions, num_studies;
    algoperf_trial *trials;
    size_t num_trials;
    char **left_out; /* "WHAT: why", owned */
    size_t num_left_out;
} algoperf_logs;

/* Reads all trials below DIR; what cannot count is listed in left_out.
 * Errors: PODIUM_EIO; PODIUM_EINVAL a damaged file, a workload logged under two frameworks, no
 * trial at all.  Release after an error too. */
int32_t algoperf_logs_read(algoperf_logs *out, const algoperf_rules *rules, const char *dir);
void algoperf_logs_release(algoperf_logs *logs);

typedef struct algoperf_table {
    const algoperf_rules *rules;
    const algoperf_logs *logs;
    score_rule rule;
    score_trial *trials;
    int32_t *base_of;
    score_problem problem;
    score_result result;
    score_study *studies;
    size_t num_studies;
    double *low, *high; /* [submission] of the score, NaN: too few studies */
    double *speedup;    /* [submission] geometric mean of times over the baseline's; NaN: unknown */
    const char *against; /* the baseline, NULL: none */
    size_t
        order_dependent; /* studies whose time hangs on the order of the trials (SCORE_MIN_INDEX) */
} algoperf_table;

/* `baseline`: the submission that speedups are taken to, NULL: none.  Rules and logs are borrowed.
 * Errors: PODIUM_EINVAL an unknown baseline; PODIUM_ENOMEM.  Release after an error too. */
int32_t algoperf_score(algoperf_table *t, const algoperf_rules *rules, const algoperf_logs *logs,
                       score_rule rule, const char *baseline);
void algoperf_table_release(algoperf_table *t);

/* malloc'd; JSON as DESIGN section 6, with what stands for each study and its hparams.json. */
int32_t algoperf_print_text(const algoperf_table *t, char **out);
int32_t algoperf_print_json(const algoperf_table *t, char **out);
int32_t algoperf_print_csv(const algoperf_table *t, char **out);
int32_t algoperf_print_markdown(const algoperf_table *t, char **out);

#endif
