/* A trial's record, read back: trial.jsonl, one JSON object a line (schema podium-record/1).
 *
 *   header      {"event": "header", "schema", "submission": {name, version, authors, url, source,
 *               sha256, abi, defaults_only, hyperparameters}, "workload": {name, size, held_out,
 *               fingerprint, data_id, batch_size, step_hint, eval_every_examples, budget_steps,
 *               target: {metric, value}, ...}, "ruleset", "unranked", "study", "trial", "seed",
 *               "machine": {cpu, isa, threads, device, precision, sandbox, ...}, "build": {...}}
 *   evaluation  {"event": "evaluation", "step", "examples", "loss", "accuracy" (or the
 *               target's metric), "wall_seconds", "calibrated", "gradient_evaluations",
 *               "model_flops", "reference_step_seconds", "hash", "train_loss", "parameter_norm",
 *               "update_norm", "step_norm", "gradient_norm", "gradient_signal", "gradient_noise",
 *               ...}
 *   end         {"event": "end", "status": "VALID" | "INVALID", "reached", "reason", ...}
 *
 * Fields that are not listed are kept in the JSON and not judged. */
#ifndef SCORING_RECORD_H
#define SCORING_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef enum {
    CLOCK_CALIBRATED,
    CLOCK_WALL,
    CLOCK_STEPS,
    CLOCK_FLOPS,
    CLOCK_GRADIENTS,
    CLOCK_COUNT
} record_clock;
extern const char *const record_clock_names[]; /* ends with NULL */

typedef struct record_evaluation {
    int64_t step, examples, gradient_evaluations;
    double loss, quality;      /* quality: the target's metric that grows, else accuracy */
    double clock[CLOCK_COUNT]; /* reference steps, seconds, steps, FLOPs, gradient
                                  evaluations */
    double reference_step_seconds;
    /* NaN where the record does not say; harness/diagnosis.h tells what they are. */
    double train_loss, parameter_norm, update_norm, step_norm;
    double gradient_norm, gradient_signal, gradient_noise;
    char hash[65];
} record_evaluation;

/* What `podium verify` said of the record (scoring/verdict.h). */
typedef enum {
    RECORD_UNVERIFIED,
    RECORD_EXACT,       /* a rerun agreed bit for bit */
    RECORD_STATISTICAL, /* reruns elsewhere could not be told from it */
    RECORD_DIFFERS,
    RECORD_CHANGED, /* since it was verified */
    RECORD_VERDICTS
} record_verdict;
extern const char *const record_verdict_names[];

/* Texts are borrowed from the JSON values the record owns. */
typedef struct record {
    char *path;
    char *text, *pack; /* of a record out of a pack: its bytes and the pack's path; else NULL */
    size_t text_length;
    json_t *header, *end; /* end NULL: unfinished */
    const char *submission, *submission_sha256;
    const char *workload, *size, *held_out; /* held_out "" when it is the base workload */
    const char *fingerprint, *data_id;
    const char *ruleset;  /* "" when none */
    const char *unranked; /* why it may not be in a table, "" when it may */
    const char *isa, *device, *precision, *sandbox, *cpu;
    const char *layout; /* of ranks, "dp=2,zero=1"; "" one rank */
    int64_t threads, study, trial;
    uint64_t seed;
    char metric[16];   /* of the target: loss, accuracy, bleu or matthews */
    bool target_grows; /* larger is better */
    double target, budget_steps;
    record_evaluation *evaluations;
    size_t num_evaluations;
    bool valid, reached;      /* of the end */
    const char *reason;       /* of the end, "" when unfinished */
    double budget_multiplier; /* of the header, 1 when it says none */
    double optimizer_bytes;   /* of the end, NaN when it says none */
    char sha256[65];          /* of its bytes */
    record_verdict verdict;
    char *verdict_text; /* owned; NULL: none */
    bool truncated;     /* the last line was cut off and left out */
} record;

/* Errors: PODIUM_EIO; PODIUM_EINVAL "file:line: ..." naming the field. */
int32_t record_read(record **out, const char *path);
int32_t record_parse(record **out, const char *text, size_t length, const char *path);
void record_destroy(record *r);
/* Keeps a copy of the text and of the pack's path. Errors: PODIUM_ENOMEM. */
int32_t record_keep_text(record *r, const char *text, size_t length, const char *pack);

/* Number of the first evaluation that meets the target (inclusive; NaN never does), -1: none. */
int64_t record_hit(const record *r);

/* Records below files and folders (trial.jsonl), in the order of their paths. */
typedef struct record_list {
    record **items;
    size_t length, capacity;
} record_list;
/* Errors: those of record_read; PODIUM_EINVAL when a path holds no record. */
int32_t record_list_read(record_list *list, const char *path);
/* Takes the record over, unless it fails. Errors: PODIUM_ENOMEM. */
int32_t record_list_add(record_list *list, record *r);
void record_list_release(record_list *list);

#endif
