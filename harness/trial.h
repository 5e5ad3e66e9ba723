/* One trial: a submission trains a workload until the target, the budget or its own end, and the
 * record says what happened.  The referee (this process) owns everything but the submission. */
#ifndef HARNESS_TRIAL_H
#define HARNESS_TRIAL_H

#include "base/yaml.h"
#include "harness/parallel.h"
#include "harness/training.h"

#define TRIAL_KEY_BYTES 16

typedef struct trial_progress {
    int64_t step;
    double train_loss;   /* of the last evaluate() */
    double loss, metric; /* newest validation values; metric is what the target is on */
    double target;
    double used, budget; /* reference steps */
    double wall_seconds;
    double seconds_left; /* of the budget, at the present reference step */
    bool evaluated;      /* this call follows an evaluation */
} trial_progress;

typedef struct trial_config {
    const char *revision; /* of this program's source, for the record; NULL: unknown */
    const workload_entry *workload;
    const char *size, *held_out, *data_dir; /* held_out NULL: none */
    const char *variant; /* text of the user's variant, whose name held_out then is; NULL: none */
    const char *variant_file;
    const char *submission; /* name in the record and the results folder */
    const char *so_path;
    const char *source;        /* where it says its source is, for the record; NULL: it does not */
    const yaml_node *settings; /* hyperparameters, or NULL */
    const char *const *sets;   /* "NAME=VALUE", num_sets of them, override settings */
    size_t num_sets;
    const char *device;
    int threads; /* 0: all */
    int32_t precision;
    const char *ruleset, *preset; /* NULL: none */
    int64_t point;                /* of the search, -1: none */
    double budget_multiplier;     /* of the workload's budget */
    uint64_t seed;                /* of all studies and trials */
    int64_t study, trial;
    uint8_t key[TRIAL_KEY_BYTES]; /* of the results folder */
    const char *results;
    bool resume;
    int64_t max_steps;  /* ends VALID after so many, 0: never */
    parallel *parallel; /* ranks that work on this trial together, NULL: one.  Collective then */
    bool keep_going;    /* run on after the target until the budget: for tuning */
    void (*progress)(void *arg, const trial_progress *p); /* NULL: none */
    void *progress_arg;
    const char *search; /* what the trial is a part of, for the record; NULL: a race */
    /* Asked after each evaluation that missed the target, NULL: nobody.  True ends the trial VALID,
     * with the reason it writes. */
    bool (*stop)(void *arg, const trial_progress *p, char *reason, size_t size);
    void *stop_arg;
} trial_config;

typedef struct trial_outcome {
    bool valid, reached;
    bool was_finished; /* --resume found the end in the record */
    char reason[512];
    char folder[4096];
    int64_t steps;
    double loss, accuracy; /* of the last evaluation */
    double wall_seconds, calibrated;
} trial_outcome;

/* Runs the trial and writes RESULTS/SUBMISSION/WORKLOAD-SIZE/study-N/trial-M/trial.jsonl.  A
 * failing submission is an outcome (valid false, with the reason). Errors: what keeps a trial from
 * starting (files, yaml, hyperparameters, a .so that is no submission, a record that is already
 * there) or from being written down. */
int32_t trial_run(const trial_config *config, trial_outcome *out);

/* RESULTS/SUBMISSION/WORKLOAD-SIZE[-VARIANT]/study-N/trial-M into `out`.  Errors: PODIUM_EINVAL the
 * path is too long. */
int32_t trial_folder(const trial_config *config, char *out, size_t size);

/* Key of a results folder: reads RESULTS/key, or makes one (mode 0600) from `given` (32 hexadecimal
 * digits) or from the system's random numbers.  Errors: PODIUM_EINVAL `given` is no key, or the
 * folder has another. */
int32_t trial_key(const char *results, const char *given, uint8_t key[TRIAL_KEY_BYTES]);

#endif
