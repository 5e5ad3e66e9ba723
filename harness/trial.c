/* The trial loop. */
#include "harness/trial_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"
#include "engine/philox.h"

#define TIMEOUT_GRACE_SECONDS 5.0 /* beyond the budget, before a silent runner is killed */
#define PROGRESS_EVERY 0.1        /* seconds */

enum {
    SEED_PARAMETERS = 1,
    SEED_DATA,
    SEED_SUBMISSION,
    SEED_REFERENCE,
    SEED_STEPS,
    SEED_DIAGNOSIS
};

/* --- what the submission asks for --------------------------------------------------------- */

static int32_t serve_evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    trial *t = arg;
    bool sampled = what & PODIUM_SAMPLED_LABELS;
    if (sampled && !t->training.train.model.label_input)
        return podium_fail(PODIUM_ENOTSUP, "this task's labels are not classes to sample from");
    if (io->precision && io->precision != t->training.precision)
        return podium_fail(PODIUM_ENOTSUP, "a trial has one precision");
    graph_settings settings = training_settings(&t->training, io->seed);
    if (sampled) /* draws are the model's own */
        settings.label_smoothing = 0;
    if (io->has_regularisation && !isnan(io->dropout))
        settings.dropout = io->dropout;
    if (io->has_regularisation && !isnan(io->label_smoothing))
        settings.label_smoothing = io->label_smoothing;
    if (grad)
        t->state.gradient_evaluations++;
    if (!grad || sampled) /* the forward pass that the labels are drawn from */
        t->state.loss_evaluations++;
    /* The graph only reads the parameters; its binding is not const because H v writes. */
    int32_t rc = (sampled ? training_sampled_gradient : training_gradient)(
        &t->training, &t->training.train, (void *)at, grad, &settings, &io->loss);
    if (rc) {
        t->referee_failure = rc;
        snprintf(t->referee_reason, sizeof t->referee_reason, "%s", podium_error());
        return rc;
    }
    io->num_examples = (double)t->training.batch.count;
    if (!sampled)
        t->train_loss = io->loss;
    return 0;
}

/* --- the clock ---------------------------------------------------------------------------- */

/* Ends a timed call that began at `start`: everything but the compiling of programs counts. */
static void book(trial *t, uint64_t start)
{
    double compiled = runner_get_counters(t->runner)->compile_seconds;
    double compiling = compiled - t->compiled_before;
    double seconds = (double)(clock_nanoseconds() - start) * 1e-9 - compiling;
    t->compiled_before = compiled;
    t->state.compile_seconds += compiling;
    seconds = seconds > 0 ? seconds : 0;
    t->state.wall_seconds += seconds;
    t->state.segment_seconds += seconds;
}

/* Reference steps used: closed segments, and the open one by the newest reference step. */
static double used(const trial *t)
{
    return t->state.calibrated + t->state.segment_seconds / t->state.reference_seconds;
}

static double seconds_left(const trial *t)
{
    double left = t->training.config.budget_steps - used(t);
    return left > 0 ? left * t->state.reference_seconds : 0;
}

/* Times the reference step; the segment that ends here is divided by the mean of the reference
 * steps on its two sides. */
static int32_t close_segment(trial *t, int warm_up, int steps)
{
    double now;
    TRY(reference_measure(&t->reference, warm_up, steps, &now));
    double before = t->state.reference_seconds > 0 ? t->state.reference_seconds : now;
    t->state.calibrated += t->state.segment_seconds / (0.5 * (before + now));
    t->state.segment_seconds = 0;
    t->state.reference_seconds = now;
    return 0;
}

static trial_progress progress_of(const trial *t, bool evaluated)
{
    const workload_config *c = &t->training.config;
    return (trial_progress){
        .step = t->state.step,
        .train_loss = t->config->parallel ? t->shown_loss : t->train_loss,
        .loss = t->state.last_loss,
        .metric = c->target_grows ? t->state.last_quality : t->state.last_loss,
        .target = c->target,
        .used = used(t),
        .budget = c->budget_steps,
        .wall_seconds = t->state.wall_seconds,
        .seconds_left = seconds_left(t),
        .evaluated = evaluated,
    };
}

static void report(const trial *t, bool evaluated)
{
    trial_progress p = progress_of(t, evaluated);
    if (t->config->progress)
        t->config->progress(t->config->progress_arg, &p);
}

/* Does whoever watches the trial end it? */
static bool is_stopped(trial *t)
{
    trial_progress p = progress_of(t, true);
    return t->config->stop && isnan(t->state.reached_wall) &&
           t->config->stop(t->config->stop_arg, &p, t->stop_reason, sizeof t->stop_reason);
}

/* --- evaluation --------------------------------------------------------------------------- */

/* Extends the chain by the parameters, padding left out; hex gets h_i. */
static void extend_chain(trial *t, char hex[SHA256_HEX])
{
    sha256 h;
    size_t element = t->training.backend->real == PODIUM_F64 ? sizeof(double) : sizeof(float);
    sha256_init(&h);
    sha256_update(&h, t->state.chain, sizeof t->state.chain);
    for (int32_t i = 0; i < params_count(t->training.params); i++) {
        const param *p = params_get(t->training.params, i);
        if (!p->frozen)
            sha256_update(&h, (char *)t->copy + (size_t)p->offset * element,
                          (size_t)p->count * element);
    }
    sha256_final(&h, t->state.chain);
    sha256_hex(t->state.chain, hex);
}

/* Everything that happens while the runner stands still. */
static int32_t evaluate_frozen(trial *t)
{
    char hex[SHA256_HEX];
    trial_state *s = &t->state;
    diagnosis_norms(&t->diagnosis, runner_x(t->runner), t->has_copy ? t->copy : NULL);
    memcpy(t->copy, runner_x(t->runner), t->training.vector_bytes);
    t->has_copy = true;
    bool finite = runner_x_is_finite(t->runner);
    int64_t growth = runner_resident_growth(t->runner);
    s->memory_growth = growth > s->memory_growth ? growth : s->memory_growth;
    extend_chain(t, hex);
    int32_t rc = parallel_same(t->config->parallel, s->chain, "the parameters");
    t->stage_failed = rc < 0;
    TRY(rc);
    if (finite)
        TRY(diagnosis_gradients(&t->diagnosis, t->copy, t->diagnosis_seed, s->evaluations,
                                t->batch));
    TRY(close_segment(t, s->evaluations ? 0 : 1, 3));
    if (!finite)
        return podium_fail(PODIUM_EDIVERGED, "a parameter is not finite after step %" PRId64,
                           s->step);
    TRY(training_validate(&t->training, t->copy, &s->last_loss, &s->last_quality));
    bool reached = workload_config_is_reached(&t->training.config, s->last_loss, s->last_quality);
    if (reached && isnan(s->reached_wall)) {
        s->reached_wall = s->wall_seconds;
        s->reached_calibrated = s->calibrated;
        s->reached_step = s->step;
    }
    s->evaluations++;
    TRY(parallel_agree(t->config->parallel, trial_append(t, trial_evaluation_line(t, hex))));
    s->record_bytes = t->journal.bytes;
    if (!isfinite(s->last_loss))
        return podium_fail(PODIUM_EDIVERGED,
                           "the validation loss is not finite after step %" PRId64, s->step);
    return 0;
}

/* The submission's block, and behind it the parameters of the newest evaluation. */
static int32_t write_checkpoint(trial *t)
{
    void *block = NULL;
    size_t size = 0;
    TRY(runner_snapshot(t->runner, &block, &size));
    int32_t rc = 0;
    if (trial_writes(t)) {
        char *grown = realloc(block, size + t->training.vector_bytes);
        rc = grown ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for a checkpoint");
        block = grown ? grown : block;
        if (!rc) {
            memcpy(grown + size, t->copy, t->training.vector_bytes);
            rc = checkpoint_write(t->folder, &t->state, sizeof t->state, block,
                                  size + t->training.vector_bytes);
        }
    }
    free(block);
    return parallel_agree(t->config->parallel, rc);
}

/* The copy that stands behind the submission's own block; *size becomes that of the latter. */
static int32_t take_copy(trial *t, const void *block, size_t *size)
{
    if (*size < t->training.vector_bytes)
        return podium_fail(PODIUM_EINVAL, "the checkpoint in '%s' is too short: %zu bytes",
                           t->folder, *size);
    *size -= t->training.vector_bytes;
    memcpy(t->copy, (const char *)block + *size, t->training.vector_bytes);
    t->has_copy = true;
    return 0;
}

static int32_t evaluate(trial *t)
{
    uint64_t start = clock_nanoseconds();
    int32_t rc = runner_before_eval(t->runner);
    book(t, start);
    TRY(trial_settle(t, rc));
    TRY(runner_gather_x(t->runner));
    TRY(parallel_agree(t->config->parallel, runner_freeze(t->runner)));
    TRY(evaluate_frozen(t));
    TRY(parallel_agree(t->config->parallel, runner_thaw(t->runner)));
    start = clock_nanoseconds();
    rc = runner_after_eval(t->runner);
    book(t, start);
    TRY(trial_settle(t, rc));
    report(t, true);
    return write_checkpoint(t);
}

/* --- the loop ----------------------------------------------------------------------------- */

/* Around the step that an evaluation follows, off the clock. */
static int32_t watch_step(trial *t, void (*watch)(diagnosis *d, const void *x))
{
    int64_t every = t->training.config.eval_every_examples, now = t->state.examples;
    if ((now + t->batch) / every == now / every)
        return 0;
    TRY(runner_gather_x(t->runner));
    watch(&t->diagnosis, runner_x(t->runner));
    return 0;
}

static int32_t step(trial *t)
{
    trial_state *s = &t->state;
    const workload_config *c = &t->training.config;
    TRY(watch_step(t, diagnosis_before_step));
    TRY(parallel_agree(t->config->parallel,
                       training_draw(&t->training, t->data_seed, s->step, t->batch)));
    runner_set_timeout(t->runner, seconds_left(t) + TIMEOUT_GRACE_SECONDS);
    uint64_t start = clock_nanoseconds();
    int32_t rc = runner_step(
        t->runner, s->step,
        philox_derive(philox_derive(t->submission_seed, SEED_STEPS), (uint64_t)s->step),
        c->target_grows ? s->last_quality : s->last_loss, s->last_loss);
    book(t, start);
    if (t->referee_failure)
        rc = podium_fail(t->referee_failure, "%s", t->referee_reason);
    TRY(trial_settle(t, rc));
    TRY(watch_step(t, diagnosis_after_step));
    s->done = rc == PODIUM_DONE;
    s->step++;
    s->examples += t->batch;
    return 0;
}

/* Trains to the end; `reason` says which. Errors: those of the submission. */
static int32_t train(trial *t, const char **reason)
{
    const workload_config *c = &t->training.config;
    uint64_t shown = clock_nanoseconds();
    if (t->state.evaluations == 0)
        TRY(evaluate(t));
    for (;;) {
        int64_t period = t->state.examples / c->eval_every_examples;
        bool reached = !isnan(t->state.reached_wall);
        *reason = reached ? "target reached" : "the submission ended training";
        if ((reached && !t->config->keep_going) || t->state.done)
            return 0;
        if (t->config->max_steps && t->state.step >= t->config->max_steps) {
            *reason = reached ? "target reached" : "the steps that were asked for are done";
            return 0;
        }
        if (used(t) >= c->budget_steps) {
            *reason = reached ? "target reached" : "budget exhausted";
            return 0;
        }
        TRY(step(t));
        /* A step that ends past the budget is too late for its evaluation. */
        bool in_budget = used(t) < c->budget_steps;
        if (in_budget && (t->state.done || t->state.examples / c->eval_every_examples > period)) {
            TRY(evaluate(t));
            shown = clock_nanoseconds();
            if (is_stopped(t)) {
                *reason = t->stop_reason;
                return 0;
            }
        } else if ((double)(clock_nanoseconds() - shown) * 1e-9 > PROGRESS_EVERY) {
            report(t, false);
            shown = clock_nanoseconds();
        }
    }
}

/* --- opening ------------------------------------------------------------------------------ */

static void derive_seeds(trial *t)
{
    uint64_t study = philox_derive(t->config->seed, (uint64_t)t->config->study);
    uint64_t seed = philox_derive(study, (uint64_t)t->config->trial);
    t->parameter_seed = philox_derive(seed, SEED_PARAMETERS);
    t->data_seed = philox_derive(seed, SEED_DATA);
    t->submission_seed = philox_derive(seed, SEED_SUBMISSION);
    t->diagnosis_seed = philox_derive(seed, SEED_DIAGNOSIS);
}

/* Key, workload and study make the relabelling: the same for all submissions of a study. */
static data_key derive_key(const trial_config *c)
{
    sha256 h;
    uint8_t digest[32];
    data_key key = {.enabled = true};
    sha256_init(&h);
    sha256_update(&h, c->key, TRIAL_KEY_BYTES);
    sha256_update(&h, c->workload->name, strlen(c->workload->name) + 1);
    for (int i = 0; i < 8; i++)
        digest[i] = (uint8_t)((uint64_t)c->study >> (8 * i));
    sha256_update(&h, digest, 8);
    sha256_final(&h, digest);
    for (int i = 0; i < 16; i++)
        key.words[i / 8] |= (uint64_t)digest[i] << (8 * (i % 8));
    return key;
}

int32_t trial_folder(const trial_config *c, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s/%s-%s%s%s/study-%" PRId64 "/trial-%" PRId64, c->results,
                     c->submission, c->workload->name, c->size, c->held_out ? "-" : "",
                     c->held_out ? c->held_out : "", c->study, c->trial);
    return n >= 0 && (size_t)n < size
               ? 0
               : podium_fail(PODIUM_EINVAL, "the path of the results is too long");
}

static int32_t open_training(trial *t)
{
    const trial_config *c = t->config;
    training_options o = {
        .workload = c->workload,
        .size = c->size,
        .held_out = c->held_out,
        .variant = c->variant,
        .variant_file = c->variant_file,
        .data_dir = c->data_dir,
        .device = c->device,
        .threads = parallel_threads(c->parallel, c->threads),
        .ranks = c->parallel,
        .precision = c->precision,
        .key = derive_key(c),
    };
    TRY(training_open(&t->training, &o));
    t->training.config.budget_steps *= c->budget_multiplier;
    TRY(diagnosis_init(&t->diagnosis, &t->training));
    t->copy = aligned_alloc(64, (t->training.vector_bytes + 63) / 64 * 64);
    if (!t->copy)
        return podium_fail(PODIUM_ENOMEM, "no memory for a copy of the parameters");
    memset(t->copy, 0, t->training.vector_bytes);
    return 0;
}

static int32_t set_values(trial *t)
{
    TRY(hyperparameters_create(&t->values, t->runner, 0, submission_find_base, NULL));
    if (t->config->settings)
        TRY(hyperparameters_set_yaml(t->values, t->config->settings));
    for (size_t i = 0; i < t->config->num_sets; i++)
        TRY(hyperparameters_set_text(t->values, t->config->sets[i]));
    TRY(hyperparameters_send(t->values));
    return runner_batch_size(t->runner, &t->batch);
}

static int32_t open_runner(trial *t)
{
    const workload_config *c = &t->training.config;
    runner_config config = {
        .so_path = t->config->so_path,
        .vector_length = params_vector_length(t->training.params),
        .dtype = t->training.backend->real,
        .backend = t->training.backend,
        .step_hint = c->step_hint,
        .batch_size = c->batch,
        .seed = t->submission_seed,
        .threads = t->training.backend->threads,
        .evaluate = serve_evaluate,
        .evaluate_arg = t,
        .parallel = t->config->parallel,
        .weight = &t->training.batch_weight,
    };
    TRY(runner_config_params(&config, t->training.params));
    int32_t rc = runner_start(&t->runner, &config);
    free((void *)config.params);
    TRY(rc);
    TRY(set_values(t));
    if (t->batch < 1 || t->batch > 1 << 24)
        return podium_fail(PODIUM_EINVAL, "submission '%s' wants a batch of %" PRId64 " examples",
                           t->config->submission, t->batch);
    runner_set_batch_size(t->runner, t->batch);
    TRY(training_record(&t->training, t->batch, t->training.precision, &t->training.train));
    return reference_init(&t->reference, &t->training, t->batch,
                          philox_derive(t->parameter_seed, SEED_REFERENCE));
}

/* Opens the record: afresh, or where the checkpoint left it; *block is the submission's state.  Its
 * folder is made here and not before: one whose data or submission cannot be opened leaves none. */
static int32_t open_record(trial *t, void **block, size_t *block_size)
{
    char hash[SHA256_HEX];
    bool found = false;
    json_t *header = trial_header_line(t);
    char *text = header ? json_dumps(header, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text) {
        json_decref(header);
        return podium_fail(PODIUM_ENOMEM, "no memory for the record's header");
    }
    sha256_of(text, strlen(text), hash);
    free(text);
    int32_t rc = directory_create(t->folder);
    if (!rc)
        rc = journal_open(&t->journal, t->folder);
    json_t *end = rc ? NULL : journal_read_end(t->folder);
    if (end)
        rc = podium_fail(PODIUM_EINVAL, "'%s' was finished by another process", t->folder);
    json_decref(end);
    if (!rc && t->config->resume)
        rc = checkpoint_read(t->folder, &t->state, sizeof t->state, block, block_size, &found);
    if (!rc && found && strcmp(hash, t->state.header))
        rc = podium_fail(PODIUM_EINVAL,
                         "'%s' was begun by another submission, setting, machine or "
                         "build; run it again without --resume in a new folder",
                         t->folder);
    if (!rc)
        rc = journal_cut(&t->journal, found ? t->state.record_bytes : 0);
    if (rc || found) {
        json_decref(header);
        return rc;
    }
    memcpy(t->state.header, hash, sizeof hash);
    return journal_append(&t->journal, header);
}

/* From here on a failure is the submission's. Errors: its own. */
static int32_t begin(trial *t, const void *block, size_t block_size)
{
    /* create() may allocate and compile at length, yet not for ever. */
    runner_set_timeout(t->runner, t->training.config.budget_steps * t->state.reference_seconds +
                                      TIMEOUT_GRACE_SECONDS);
    uint64_t start = clock_nanoseconds();
    int32_t rc = runner_create(t->runner);
    if (block) { /* its time was booked when the trial began */
        t->compiled_before = runner_get_counters(t->runner)->compile_seconds;
        if (!rc)
            rc = runner_restore(t->runner, block, block_size);
        return parallel_agree(t->config->parallel, rc);
    }
    book(t, start);
    return trial_settle(t, rc);
}

/* --- ending ------------------------------------------------------------------------------- */

static int32_t finish(trial *t, int32_t rc, const char *reason, trial_outcome *out)
{
    out->valid = rc >= 0;
    snprintf(out->reason, sizeof out->reason, "%s", rc < 0 ? podium_error() : reason);
    int64_t growth = rc < 0 ? -1 : runner_resident_growth(t->runner);
    if (growth > t->state.memory_growth)
        t->state.memory_growth = growth;
    t->state.calibrated = used(t);
    t->state.segment_seconds = 0;
    out->reached = !isnan(t->state.reached_wall);
    out->steps = t->state.step;
    out->loss = t->state.last_loss;
    out->accuracy = t->state.last_quality;
    out->wall_seconds = out->reached ? t->state.reached_wall : t->state.wall_seconds;
    out->calibrated = out->reached ? t->state.reached_calibrated : t->state.calibrated;
    TRY(trial_append(t, trial_end_line(t, out->valid, out->reason)));
    if (trial_writes(t))
        checkpoint_remove(t->folder);
    return 0;
}

/* True when the record is complete: the outcome is read from its end. */
static bool already_finished(const trial *t, trial_outcome *out)
{
    json_t *end = journal_read_end(t->folder);
    int64_t step_number = 0;
    const char *status = NULL, *reason = NULL;
    bool good = end && !json_read_text(end, "record", "status", &status) &&
                !json_read_text(end, "record", "reason", &reason) &&
                !json_read_flag(end, "record", "reached", &out->reached) &&
                !json_read_integer(end, "record", "step", 0, INT64_MAX, &step_number) &&
                !json_read_number(end, "record", "wall_seconds", &out->wall_seconds) &&
                !json_read_number(end, "record", "calibrated", &out->calibrated);
    if (good) {
        out->was_finished = true;
        out->valid = !strcmp(status, "VALID");
        out->steps = step_number;
        snprintf(out->reason, sizeof out->reason, "%s", reason);
    }
    json_decref(end);
    return good;
}

static int32_t run(trial *t, trial_outcome *out)
{
    void *block = NULL;
    size_t block_size = 0;
    const char *reason = "";
    parallel *p = t->config->parallel;
    TRY(parallel_agree(p, open_training(t)));
    TRY(parallel_agree(p, open_runner(t)));
    int32_t rc = parallel_agree(p, trial_writes(t) ? open_record(t, &block, &block_size) : 0);
    if (!rc)
        rc = trial_share_checkpoint(t, &block, &block_size);
    if (!rc && block)
        rc = take_copy(t, block, &block_size);
    if (!rc && !block)
        rc = reference_measure(&t->reference, 2, 5, &t->state.reference_seconds);
    if (!rc)
        rc = training_initialise(&t->training, t->parameter_seed, runner_x(t->runner));
    if (rc) {
        free(block);
        return rc;
    }
    rc = begin(t, block, block_size);
    free(block);
    if (!rc)
        rc = train(t, &reason);
    /* A full disk is not the submission's failure: the trial can be resumed. */
    if (t->referee_failure)
        return rc;
    if (rc < 0 && rc != PODIUM_EDIVERGED && runner_ended(t->runner) == RUNNER_ALIVE &&
        !t->stage_failed)
        return rc;
    return finish(t, rc, reason, out);
}

int32_t trial_run(const trial_config *config, trial_outcome *out)
{
    char record[4200];
    trial *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for a trial");
    *out = (trial_outcome){.loss = NAN, .accuracy = NAN};
    t->config = config;
    t->journal.fd = -1;
    t->train_loss = NAN;
    t->state.last_loss = t->state.last_quality = NAN;
    t->state.reached_wall = t->state.reached_calibrated = NAN;
    t->state.memory_growth = -1;
    derive_seeds(t);
    int32_t rc = trial_folder(config, t->folder, sizeof t->folder);
    snprintf(out->folder, sizeof out->folder, "%s", t->folder);
    snprintf(record, sizeof record, "%s/trial.jsonl", t->folder);
    bool finished = !rc && trial_writes(t) && config->resume && already_finished(t, out);
    if (!rc && trial_writes(t) && !config->resume && file_exists(record))
        rc = podium_fail(PODIUM_EINVAL,
                         "'%s' is there already; --resume continues it, or choose "
                         "another results folder",
                         record);
    rc = parallel_agree(config->parallel, rc);
    if (!rc)
        rc = trial_share_outcome(t, &finished, out);
    if (!rc && !finished)
        rc = run(t, out);
    /* A failure inside the trial was the same on all ranks: the next one begins afresh. */
    if (config->parallel) {
        config->parallel->failed = false;
        rc = parallel_agree(config->parallel, rc);
    }
    journal_close(&t->journal);
    hyperparameters_destroy(t->values);
    runner_stop(t->runner);
    reference_release(&t->reference);
    diagnosis_release(&t->diagnosis);
    training_close(&t->training);
    free(t->copy);
    free(t);
    return rc;
}
