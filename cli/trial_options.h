/* Options that the commands which run trials of their own (tune, calibrate, compare) share, and
 * the folder of records that is their state. */
#ifndef CLI_TRIAL_OPTIONS_H
#define CLI_TRIAL_OPTIONS_H

#include <jansson.h>
#include "base/sha256.h"
#include "harness/trial.h"
#include "scoring/record.h"

#define TRIAL_OPTIONS_MOST 64

typedef struct trial_options {
    const workload_entry *workloads[TRIAL_OPTIONS_MOST];
    size_t num_workloads;
    const char *suite, *held_out, *device, *precision, *key, *data, *clock_name;
    const char *results; /* NULL: the command chooses */
    int64_t threads, seed, max_steps;
    record_clock clock;
    bool quiet;
    char data_dir[4096];
} trial_options;

#define TRIAL_OPTIONS_USAGE                                                    \
    "  --suite mini|base|full   size of the workloads (mini); test: seconds\n" \
    "  --held-out VARIANT       a held-out variant of the workload\n"          \
    "  --seed S                 of all trials (0)\n"                           \
    "  --key HEX                relabelling key (random per folder)\n"         \
    "  --threads N              (all)\n"                                       \
    "  --device ref|cpu         (cpu)\n"                                       \
    "  --precision f32|bf16     (f32)\n"                                       \
    "  --max-steps N            no trial is longer\n"                          \
    "  --data DIR               prepared data sets ($PODIUM_DATA, or data/)\n" \
    "  --quiet                  the result only\n"

void trial_options_init(trial_options *o, const char *clock);
/* Takes argv[*i] if it is one of these, with its value: *i stands at the last argument taken.
 * Errors: PODIUM_EINVAL, an option that is nobody's included. */
int32_t trial_options_take(trial_options *o, int argc, char **argv, int *i);
/* The value of the option at argv[*i]; steps over it.  Errors: PODIUM_EINVAL there is none. */
int32_t option_value(int argc, char **argv, int *i, const char **out);
int32_t option_count(int argc, char **argv, int *i, int64_t min, int64_t max, int64_t *out);
/* After the last one: names checked. */
int32_t trial_options_finish(trial_options *o);
/* What all trials share; submission, workload, study and results are left to the caller. */
void trial_options_configure(const trial_options *o, trial_config *c);

/* The records below `dir` go on with what began there: writes DIR/search.json the first time, then
 * compares.  Steals `identity`.  Errors: PODIUM_EINVAL naming the first field that differs. */
int32_t results_claim(const char *dir, json_t *identity);
/* Fields of identity that all of these commands have; a new reference. */
json_t *trial_options_identity(const trial_options *o, const char *command);

/* Of the .so, or of the file that holds the Python class.  Errors: PODIUM_EIO. */
int32_t submission_hash(const char *so_path, char hash[SHA256_HEX]);

/* Runs the trial, or goes on with it, or finds it finished; reads its record.  Errors:
 * those of trial_run. */
int32_t trial_record(trial_config *c, record **out);

/* When the record met its target on the clock; infinite: never. */
double record_time(const record *r, record_clock clock);

#endif
