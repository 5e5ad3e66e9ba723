/* `podium check`: runs a submission on a toy problem (least squares with a weight matrix, a bias
 * and a parameter of one element) and watches for what would spoil a trial: wrong tables, crashes,
 * hangs, numbers that are not finite, allocation in a step, results that change between two equal
 * runs, and state that a checkpoint does not hold. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/philox.h"

#define STEPS 24
#define ELEMENTS 160 /* padded: 96 + 16, 12, 1 */

static const runner_param toy_params[] = {
    {.kind = PODIUM_WEIGHT, .ndim = 2, .shape = {12, 8}, .count = 96},
    {.kind = PODIUM_BIAS, .ndim = 1, .shape = {12}, .count = 12, .offset = 96, .is_output = true},
    {.kind = PODIUM_LAYER_NORM_SCALE, .ndim = 1, .shape = {1}, .count = 1, .offset = 112},
};
#define NUM_PARAMS 3

typedef struct toy {
    const check_options *options;
    const char *so_path;
    runner *r;
    bool single;
    int64_t step;
    bool poison;                                     /* the next loss is NaN */
    int64_t allocations;                             /* largest count of a step after the third */
    uint8_t trace[STEPS][ELEMENTS * sizeof(double)]; /* x after each step */
} toy;

static double get(const toy *t, const void *vector, int64_t i)
{
    return t->single ? ((const float *)vector)[i] : ((const double *)vector)[i];
}

static void put(const toy *t, void *vector, int64_t i, double x)
{
    if (t->single)
        ((float *)vector)[i] = (float)x;
    else
        ((double *)vector)[i] = x;
}

/* Loss sum_i a_i (x_i - y_i)^2 / 2 with noise on y that changes from step to step. */
static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    toy *t = arg;
    philox target = philox_make(5, 0), noise = philox_make(6, (uint64_t)t->step);
    double loss = 0;
    (void)what;
    for (int32_t p = 0; p < NUM_PARAMS; p++)
        for (int64_t k = 0; k < toy_params[p].count; k++) {
            int64_t i = toy_params[p].offset + k;
            double a = 0.1 + philox_uniform(&target, (uint64_t)(2 * i));
            double y = philox_normal(&target, (uint64_t)(1000 + i)) +
                       0.1 * philox_normal(&noise, (uint64_t)i);
            double e = get(t, at, i) - y;
            loss += 0.5 * a * e * e / 109;
            if (grad)
                put(t, grad, i, a * e / 109);
        }
    io->loss = t->poison ? NAN : loss;
    io->num_examples = 16;
    return 0;
}

static size_t vector_bytes(const toy *t)
{
    return ELEMENTS * (t->single ? sizeof(float) : sizeof(double));
}

static int32_t start(toy *t)
{
    const check_options *o = t->options;
    runner_config config = {
        .so_path = t->so_path,
        .params = toy_params,
        .num_params = NUM_PARAMS,
        .vector_length = ELEMENTS,
        .dtype = o->backend->real,
        .backend = o->backend,
        .step_hint = STEPS,
        .batch_size = 16,
        .seed = 77,
        .timeout_seconds = o->timeout_seconds > 0 ? o->timeout_seconds : 10,
        .evaluate = evaluate,
        .evaluate_arg = t,
    };
    hyperparameters *h;
    t->single = o->backend->real == PODIUM_F32;
    t->poison = false;
    TRY(runner_start(&t->r, &config));
    TRY(hyperparameters_create(&h, t->r, 0, submission_find_base, NULL));
    int32_t rc = o->configure ? o->configure(o->configure_arg, h) : 0;
    if (!rc)
        rc = hyperparameters_send(h);
    hyperparameters_destroy(h);
    TRY(rc);
    int64_t batch;
    TRY(runner_batch_size(t->r, &batch));
    runner_set_batch_size(t->r, batch);
    philox initial = philox_make(7, 0);
    for (int32_t p = 0; p < NUM_PARAMS; p++)
        for (int64_t k = 0; k < toy_params[p].count; k++)
            put(t, runner_x(t->r), toy_params[p].offset + k,
                0.2 * philox_normal(&initial, (uint64_t)(toy_params[p].offset + k)));
    return runner_create(t->r);
}

/* Steps [first, last) with an evaluation pair after every sixth. */
static int32_t run(toy *t, int64_t first, int64_t last)
{
    for (t->step = first; t->step < last; t->step++) {
        int32_t rc = runner_step(t->r, t->step, philox_derive(11, (uint64_t)t->step), NAN, NAN);
        if (rc < 0)
            return rc;
        int64_t count = runner_get_counters(t->r)->allocations;
        if (t->step >= 3 && count > t->allocations)
            t->allocations = count;
        memcpy(t->trace[t->step], runner_x(t->r), vector_bytes(t));
        if (!runner_x_is_finite(t->r))
            return podium_fail(PODIUM_EDIVERGED,
                               "the parameters are not finite after step %lld, though loss and "
                               "gradient were: look for a division by zero or a root of a "
                               "negative number",
                               (long long)t->step);
        if (rc == PODIUM_DONE)
            return podium_fail(PODIUM_EINVAL, "step %lld says PODIUM_DONE far from the minimum",
                               (long long)t->step);
        if (t->step % 6 == 5) {
            TRY(runner_before_eval(t->r));
            TRY(runner_after_eval(t->r));
        }
    }
    return 0;
}

static void end(toy *t)
{
    runner_stop(t->r);
    t->r = NULL;
}

static void say(const toy *t, bool *passed, bool good, const char *question, const char *finding)
{
    *passed = *passed && good;
    t->options->report(t->options->report_arg, good, question, good ? "" : finding);
}

/* A whole run. True when it came through; else the reason was reported. */
static bool first_run(toy *t, bool *passed)
{
    char why[2048];
    int32_t rc = start(t);
    snprintf(why, sizeof why, "%s", podium_error());
    bool loaded = t->r && runner_get_submission(t->r, 0);
    say(t, passed, loaded, "the .so loads, its symbol, ABI, sizes and table are right", why);
    if (loaded)
        say(t, passed, !rc, "create works", why);
    if (rc)
        return false;
    rc = run(t, 0, STEPS);
    snprintf(why, sizeof why, "%s", podium_error());
    say(t, passed, !rc, "24 steps on a toy problem return, and leave finite parameters", why);
    return !rc;
}

static void check_moves(toy *t, bool *passed)
{
    bool moved = memcmp(t->trace[0], t->trace[STEPS - 1], vector_bytes(t)) != 0;
    say(t, passed, moved, "steps move the parameters",
        "24 steps changed no parameter: step() must write task->x (vec_run or vec_view)");
}

static void check_allocations(toy *t, bool *passed)
{
    char text[256];
    snprintf(text, sizeof text,
             "%lld allocations (malloc, calloc, realloc) in one step: make buffers once, in "
             "create()",
             (long long)t->allocations);
    say(t, passed, t->allocations <= 0, "a step allocates nothing", text);
}

/* First step at which two traces differ, or -1. */
static int64_t first_difference(const toy *a, const toy *b)
{
    for (int64_t i = 0; i < STEPS; i++)
        if (memcmp(a->trace[i], b->trace[i], vector_bytes(a)))
            return i;
    return -1;
}

static void check_rerun(toy *t, toy *other, bool *passed)
{
    char text[512];
    int32_t rc = start(other);
    if (!rc)
        rc = run(other, 0, STEPS);
    int64_t at = rc ? 0 : first_difference(t, other);
    if (rc)
        snprintf(text, sizeof text, "the second run fails: %.400s", podium_error());
    else
        snprintf(text, sizeof text,
                 "two runs with one seed differ from step %lld on: take all randomness from "
                 "task->seed and step->seed, never from time, addresses or rand(), and leave no "
                 "memory uninitialised",
                 (long long)at);
    say(t, passed, !rc && at < 0, "two runs with the same seed are equal, bit by bit", text);
    end(other);
}

/* Runs to `kill_at`, takes a snapshot, kills the process, and goes on in a fresh one. */
static int32_t interrupted(toy *other, int64_t kill_at)
{
    void *bytes = NULL;
    size_t size;
    TRY(start(other));
    TRY(run(other, 0, kill_at));
    TRY(runner_snapshot(other->r, &bytes, &size));
    runner_kill(other->r);
    end(other);
    int32_t rc = start(other);
    if (!rc)
        rc = runner_restore(other->r, bytes, size);
    free(bytes);
    return rc ? rc : run(other, kill_at, STEPS);
}

static void check_resume(toy *t, toy *other, bool *passed)
{
    char text[600] = "";
    philox where = philox_make(t->options->seed, 0);
    bool good = true;
    for (uint64_t k = 0; good && k < 3; k++) {
        int64_t kill_at = 1 + philox_below(&where, k, STEPS - 2);
        int32_t rc = interrupted(other, kill_at);
        int64_t at = rc ? 0 : first_difference(t, other);
        good = !rc && at < 0;
        if (rc)
            snprintf(text, sizeof text, "resuming after step %lld fails: %.400s",
                     (long long)kill_at, podium_error());
        else if (!good)
            snprintf(text, sizeof text,
                     "killed after step %lld and resumed, the run differs from step %lld on: some "
                     "state is hidden in a static, a global or malloc'd memory. Keep it in vectors "
                     "(vec_create) or name it with keep(), or derive it from step->index",
                     (long long)kill_at, (long long)at);
        end(other);
    }
    say(t, passed, good, "killed and resumed, the run goes on bit by bit", text);
}

/* A loss that is not finite must end the trial cleanly, not hang or crash it. */
static void check_poison(toy *other, bool *passed)
{
    char text[600];
    int32_t rc = start(other);
    if (!rc)
        rc = run(other, 0, 2);
    other->poison = true;
    if (!rc)
        rc = runner_step(other->r, 2, 1, NAN, NAN);
    runner_end how = other->r ? runner_ended(other->r) : RUNNER_REFUSED;
    bool good = how == RUNNER_DIVERGED || how == RUNNER_FAILED;
    snprintf(text, sizeof text,
             "evaluate() failed because the loss was NaN, and step() %s%.300s: return the status "
             "that evaluate() gives",
             rc >= 0 ? "returned success" : "ended otherwise: ", rc >= 0 ? "" : podium_error());
    say(other, passed, good, "a loss that is not finite ends the trial cleanly", text);
    end(other);
}

static void check_destroy(toy *t, bool *passed)
{
    char log[512];
    runner_log(t->r, log, sizeof log);
    for (char *p = log; *p; p++)
        if (*p == '\n')
            *p = ' ';
    char text[700];
    snprintf(text, sizeof text, "it prints: '%.400s': say nothing, or use host->fail", log);
    say(t, passed, !*log, "it prints nothing", text);
    end(t);
}

int32_t check_submission(const char *so_path, const check_options *options, bool *passed)
{
    toy *t = calloc(2, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the check");
    toy *other = t + 1;
    *t = (toy){.options = options, .so_path = so_path};
    *other = (toy){.options = options, .so_path = so_path};
    *passed = true;
    if (first_run(t, passed)) {
        check_moves(t, passed);
        check_allocations(t, passed);
        check_destroy(t, passed);
        check_rerun(t, other, passed);
        check_resume(t, other, passed);
        check_poison(other, passed);
    }
    end(t);
    end(other);
    free(t);
    return 0;
}
