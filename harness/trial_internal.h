/* What the files of a trial share. */
#ifndef HARNESS_TRIAL_INTERNAL_H
#define HARNESS_TRIAL_INTERNAL_H

#include <jansson.h>
#include "harness/diagnosis.h"
#include "harness/hyperparameters.h"
#include "harness/journal.h"
#include "harness/reference.h"
#include "harness/runner_host.h"
#include "harness/trial.h"

/* All that a checkpoint holds besides the submission's own state. */
typedef struct trial_state {
    char header[SHA256_HEX]; /* of the header line: the same trial on the same machine */
    uint8_t chain[32];       /* h_i = sha256(h_{i-1} || parameters) */
    int64_t record_bytes;
    int64_t step, examples, evaluations;
    int64_t gradient_evaluations, loss_evaluations;
    int64_t memory_growth;    /* largest growth of the runner's resident memory, bytes */
    double wall_seconds;      /* on the clock */
    double calibrated;        /* of the segments that are closed, reference steps */
    double segment_seconds;   /* on the clock since the last evaluation */
    double reference_seconds; /* newest reference step */
    double compile_seconds;
    double last_loss, last_quality;
    double reached_wall, reached_calibrated; /* clocks when the target was first met, else NaN */
    int64_t reached_step;
    bool done; /* the submission said so */
} trial_state;

typedef struct trial {
    const trial_config *config;
    training training;
    reference reference;
    runner *runner;
    hyperparameters *values;
    journal journal;
    trial_state state;
    int64_t batch;
    uint64_t parameter_seed, data_seed, submission_seed, diagnosis_seed;
    void *copy; /* parameters under evaluation: the referee's own memory */
    double compiled_before, train_loss;
    double shown_loss; /* train_loss, of all ranks */
    /* The referee's own failure inside an evaluate(): not the submission's, whatever it answers. */
    int32_t referee_failure;
    char referee_reason[512];
    bool stage_failed; /* on several ranks: a call of the submission, or their parameters differ */
    char stop_reason[256];
    bool has_copy; /* `copy` holds the parameters of the evaluation before */
    diagnosis diagnosis;
    char folder[4096];
} trial;

/* trial_ranks.c: on one rank each of them does the plain thing.
 *
 * The end of a stage of which this rank's result is rc: the common result, and the first rank's
 * clocks.  [collective] */
int32_t trial_settle(trial *t, int32_t rc);
bool trial_writes(const trial *t); /* this rank keeps the files */
/* journal_append by the rank that writes.  Steals the reference. */
int32_t trial_append(trial *t, json_t *line);
/* What the writing rank found, to all.  [collective] */
int32_t trial_share_outcome(const trial *t, bool *finished, trial_outcome *out);
/* The writing rank's checkpoint, t->state and block, to all; *block NULL: none.  [collective] */
int32_t trial_share_checkpoint(trial *t, void **block, size_t *size);

/* Lines of the record, new references (NULL: no memory). */
json_t *trial_header_line(const trial *t);
json_t *trial_evaluation_line(const trial *t, const char *hash);
json_t *trial_end_line(const trial *t, bool valid, const char *reason);
double trial_flops(const trial *t); /* of all evaluate() calls so far */

#endif
