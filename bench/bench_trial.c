/* What a trial of vit mini costs beside the training itself: nadamw behind the runner's protocol,
 * and the records of an evaluation, as shares of a step; then its memory against the planner's.
 * usage: bench_trial SUBMISSION.so [threads]
 * A step's time is split at its two doors, evaluate() and programs; what is left is the protocol
 * with the submission's own arithmetic. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "harness/hyperparameters.h"
#include "harness/journal.h"
#include "harness/runner_host.h"
#include "harness/training.h"
#include "runner/protocol.h"

enum { STEPS = 40, WARM_UP = 4, EVALUATIONS = 15 };

typedef struct bench {
    backend timed; /* the training's, its programs timed */
    training training;
    runner *runner;
    hyperparameters *values;
    void *x, *g; /* for gradients without a runner */
    double evaluate_ms, program_ms;
    int64_t resident_before; /* the training graph */
} bench;

typedef struct samples {
    double ms[STEPS];
    int n;
} samples;

static double elapsed_ms(int64_t start)
{
    return 1e-6 * (double)(protocol_now_ns() - start);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(samples *s)
{
    qsort(s->ms, (size_t)s->n, sizeof *s->ms, by_value);
    return s->ms[s->n / 2];
}

/* This process's memory in use, bytes. */
static int64_t resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static int32_t run_program(backend *b, program *p, const program_args *args)
{
    bench *t = (bench *)b; /* `timed` is its first member */
    int64_t start = protocol_now_ns();
    int32_t rc = t->training.backend->program_run(t->training.backend, p, args);
    t->program_ms += elapsed_ms(start);
    return rc;
}

static int32_t gradient(bench *t, void *x, void *g, double *loss)
{
    graph_settings settings = {.seed = 1};
    return training_gradient(&t->training, &t->training.train, x, g, &settings, loss);
}

static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    bench *t = arg;
    (void)what;
    int64_t start = protocol_now_ns();
    int32_t rc = gradient(t, (void *)at, grad, &io->loss);
    io->num_examples = (double)t->training.batch.count;
    t->evaluate_ms += elapsed_ms(start);
    return rc;
}

static int32_t open_bench(bench *t, const char *so_path, int threads)
{
    training_options o = {
        .workload = workload_find("vit"),
        .size = "mini",
        .data_dir = "data",
        .device = "cpu",
        .threads = threads,
        .precision = PODIUM_F32,
    };
    TRY(training_open(&t->training, &o));
    t->timed = *t->training.backend;
    t->timed.program_run = run_program;
    runner_config config = {
        .so_path = so_path,
        .vector_length = params_vector_length(t->training.params),
        .dtype = PODIUM_F32,
        .backend = &t->timed,
        .step_hint = t->training.config.step_hint,
        .batch_size = t->training.config.batch,
        .threads = t->training.backend->threads,
        .evaluate = evaluate,
        .evaluate_arg = t,
    };
    TRY(runner_config_params(&config, t->training.params));
    int32_t rc = runner_start(&t->runner, &config);
    free((void *)config.params);
    TRY(rc);
    TRY(hyperparameters_create(&t->values, t->runner, 0, submission_find_base, NULL));
    TRY(hyperparameters_send(t->values));
    t->resident_before = resident();
    TRY(training_record(&t->training, t->training.config.batch, PODIUM_F32, &t->training.train));
    TRY(t->training.backend->alloc(t->training.backend, t->training.vector_bytes, &t->x));
    TRY(t->training.backend->alloc(t->training.backend, t->training.vector_bytes, &t->g));
    TRY(training_initialise(&t->training, 1, runner_x(t->runner)));
    TRY(training_initialise(&t->training, 1, t->x));
    return runner_create(t->runner);
}

/* Steps behind the runner and bare gradients, by turns. *step_ms gets the median of a step,
 * *protocol_ms that of what is neither evaluate() nor a program. */
static int32_t measure_steps(bench *t, double *step_ms, double *protocol_ms)
{
    samples step = {0}, protocol = {0}, evaluated = {0}, programs = {0}, bare = {0};
    const runner_counters *counters = runner_get_counters(t->runner);
    int64_t calls = 0;
    for (int64_t i = 0; i < STEPS; i++) {
        double loss;
        TRY(training_draw(&t->training, 1, i, t->training.config.batch));
        int64_t start = protocol_now_ns();
        TRY(gradient(t, t->x, t->g, &loss));
        double bare_ms = elapsed_ms(start);
        t->evaluate_ms = t->program_ms = 0;
        calls = counters->host_calls;
        start = protocol_now_ns();
        TRY(runner_step(t->runner, i, (uint64_t)i, NAN, NAN));
        double all = elapsed_ms(start);
        if (i < WARM_UP)
            continue;
        step.ms[step.n++] = all;
        protocol.ms[protocol.n++] = all - t->evaluate_ms - t->program_ms;
        evaluated.ms[evaluated.n++] = t->evaluate_ms;
        programs.ms[programs.n++] = t->program_ms;
        bare.ms[bare.n++] = bare_ms;
    }
    *step_ms = median(&step);
    *protocol_ms = median(&protocol);
    printf("step of nadamw on vit mini, %d threads: %.2f ms = evaluate %.2f (without a runner %.2f)"
           " + programs %.2f + protocol %.3f (%lld host calls)\n",
           t->training.backend->threads, *step_ms, median(&evaluated), median(&bare),
           median(&programs), *protocol_ms, (long long)(counters->host_calls - calls));
    return 0;
}

/* The line of an evaluation, as long as a real one. */
static json_t *line_of(const char *hash)
{
    return json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "event",
                     "evaluation", "step", 20, "examples", 20480, "wall_seconds", M_PI,
                     "calibrated", M_PI, "compile_seconds", M_PI, "loss", M_PI, "accuracy", M_PI,
                     "train_loss", M_PI, "reference_step_seconds", M_PI, "hash", hash);
}

/* What an evaluation writes: hash of the parameters, line, checkpoint; both synced. */
static int32_t measure_records(bench *t, double *record_ms)
{
    char folder[] = "build/bench_trial.XXXXXX", hash[SHA256_HEX];
    samples taken = {0};
    journal j = {.fd = -1};
    uint8_t state[512] = {0}; /* about a trial's */
    if (!mkdtemp(folder))
        return podium_fail(PODIUM_EIO, "cannot make a folder below build/");
    int32_t rc = journal_open(&j, folder, 0);
    for (int i = 0; i < EVALUATIONS && !rc; i++) {
        void *block = NULL;
        size_t size = 0;
        int64_t start = protocol_now_ns();
        sha256_of(runner_x(t->runner), t->training.vector_bytes, hash);
        rc = journal_append(&j, line_of(hash));
        if (!rc)
            rc = runner_snapshot(t->runner, &block, &size);
        if (!rc)
            rc = checkpoint_write(folder, state, sizeof state, block, size);
        free(block);
        taken.ms[taken.n++] = elapsed_ms(start);
    }
    journal_close(&j);
    checkpoint_remove(folder);
    char path[64];
    snprintf(path, sizeof path, "%s/trial.jsonl", folder);
    unlink(path);
    rmdir(folder);
    TRY(rc);
    *record_ms = median(&taken);
    return 0;
}

static int32_t measure(bench *t)
{
    double step, protocol, record;
    const workload_config *c = &t->training.config;
    TRY(measure_steps(t, &step, &protocol));
    TRY(measure_records(t, &record));
    double period = (double)c->eval_every_examples / (double)c->batch;
    double a_step = record / period;
    printf("protocol %.2f %% of a step, records %.2f %% (%.2f ms each %.0f steps), together %.2f %%"
           " (goal: under 1 %%)\n",
           100 * protocol / step, 100 * a_step / step, record, period,
           100 * (protocol + a_step) / step);
    graph_stats train = graph_get_stats(t->training.train.graph);
    size_t vectors = 4 * t->training.vector_bytes; /* x, g, and the two beside the runner */
    double planned = (double)(train.arena_bytes + train.constant_bytes + vectors) +
                     (double)runner_get_counters(t->runner)->vector_bytes;
    double now = (double)resident();
    printf("memory of training: planned %.1f MiB, resident memory grew by %.1f MiB; the process has"
           " %.1f MiB with data set, evaluation and libraries\n",
           planned / 0x1p20, (now - (double)t->resident_before) / 0x1p20, now / 0x1p20);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_trial SUBMISSION.so [threads]\n");
        return 2;
    }
    static bench t;
    int32_t rc = open_bench(&t, argv[1], argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2);
    if (!rc)
        rc = measure(&t);
    if (rc)
        fprintf(stderr, "bench_trial: %s\n", podium_error());
    hyperparameters_destroy(t.values);
    runner_stop(t.runner);
    if (t.x)
        t.training.backend->free(t.training.backend, t.x);
    if (t.g)
        t.training.backend->free(t.training.backend, t.g);
    training_close(&t.training);
    return rc ? 2 : 0;
}
