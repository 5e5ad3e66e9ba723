/* What a step of each optimizer costs: the .so runs through the host on a synthetic model whose
 * gradient costs nothing (matrix methods on a smaller one).  Counts state, passes, sums and bytes;
 * times steps between runs of a loop over memory of the same size.  Prints a table in Markdown.
 * usage: bench_optimizers FOLDER_OF_SO [NAME...] */
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/philox.h"
#include "harness/hyperparameters.h"
#include "harness/runner_host.h"
#include "runner/protocol.h"

enum { LAYERS = 16, WARM_UP = 10, STEPS = 20, THREADS = 2 };

typedef struct model {
    runner_param params[2 * LAYERS];
    int64_t n;
    float *x, *gradient, *copy;
} model;

typedef struct figures {
    double state, gradients, passes, waits, sums, per_tensor, bytes;
    double loops; /* time of a step in runs of the loop beside it: other loads weigh on both */
    int64_t kept;
} figures;

static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    (void)arg, (void)at, (void)grad, (void)what;
    io->loss = 1;
    io->num_examples = 1;
    return 0;
}

/* LAYERS matrices [rows, columns], each with a bias. */
static bool model_init(model *m, int64_t rows, int64_t columns)
{
    for (int i = 0; i < LAYERS; i++) {
        m->params[2 * i] = (runner_param){.kind = PODIUM_WEIGHT,
                                          .ndim = 2,
                                          .shape = {rows, columns},
                                          .count = rows * columns,
                                          .offset = m->n};
        m->n += rows * columns;
        m->params[2 * i + 1] = (runner_param){
            .kind = PODIUM_BIAS, .ndim = 1, .shape = {rows}, .count = rows, .offset = m->n};
        m->n += rows;
    }
    size_t bytes = (size_t)m->n * sizeof(float);
    m->x = malloc(bytes);
    m->gradient = malloc(bytes);
    m->copy = malloc(bytes);
    philox p = philox_make(1, 1);
    for (int64_t i = 0; m->x && m->gradient && m->copy && i < m->n; i++) {
        m->x[i] = (float)philox_normal(&p, (uint64_t)(2 * i));
        m->gradient[i] = (float)philox_normal(&p, (uint64_t)(2 * i + 1));
        m->copy[i] = 0;
    }
    return m->x && m->gradient && m->copy;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of a hand-written loop that reads two vectors and writes one of them: no line is fetched
 * only to be overwritten, as a plain copy does. */
static double time_loop(const model *m)
{
    const float *restrict x = m->x;
    float *restrict out = m->copy;
    int64_t start = protocol_now_ns();
#pragma omp parallel for simd num_threads(THREADS) schedule(static)
    for (int64_t i = 0; i < m->n; i++)
        out[i] = out[i] + 1e-3F * x[i];
    return (double)(protocol_now_ns() - start) * 1e-9;
}

static int32_t start(runner **r, const char *so, const model *m, backend *b)
{
    hyperparameters *h;
    runner_config config = {
        .so_path = so,
        .params = m->params,
        .num_params = 2 * LAYERS,
        .vector_length = m->n,
        .dtype = PODIUM_F32,
        .backend = b,
        .step_hint = 1000,
        .batch_size = 1,
        .seed = 1,
        .evaluate = evaluate,
    };
    TRY(runner_start(r, &config));
    TRY(hyperparameters_create(&h, *r, 0, submission_find_base, NULL));
    int32_t rc = hyperparameters_send(h);
    hyperparameters_destroy(h);
    TRY(rc);
    memcpy(runner_x(*r), m->x, (size_t)m->n * sizeof(float));
    memcpy(runner_g(*r), m->gradient, (size_t)m->n * sizeof(float));
    return runner_create(*r);
}

static bool is_matrix_method(const runner *r)
{
    return runner_get_counters(r)->matrix_calls > 0;
}

static int32_t measure(runner *r, const model *m, figures *f)
{
    double step[STEPS], loop[STEPS];
    for (int64_t i = 0; i < WARM_UP; i++)
        TRY(runner_step(r, i, 1, NAN, NAN));
    runner_counters a = *runner_get_counters(r);
    for (int i = 0; i < STEPS; i++) {
        loop[i] = time_loop(m);
        int64_t begin = protocol_now_ns();
        TRY(runner_step(r, WARM_UP + i, 1, NAN, NAN));
        step[i] = (double)(protocol_now_ns() - begin) * 1e-9;
    }
    const runner_counters *z = runner_get_counters(r);
    qsort(step, STEPS, sizeof *step, by_value);
    qsort(loop, STEPS, sizeof *loop, by_value);
    /* The middle step, but the mean where few steps do most of the work (Shampoo's roots). */
    double middle = step[STEPS / 2], sum = 0;
    for (int i = 0; i < STEPS; i++)
        sum += step[i] / STEPS;
    if (is_matrix_method(r))
        middle = sum;
    double bytes = (double)m->n * sizeof(float);
    *f = (figures){
        .state = (double)z->vector_bytes / bytes,
        .kept = z->keep_bytes,
        .gradients = (double)(z->gradient_evaluations - a.gradient_evaluations) / STEPS,
        .passes = (double)(z->passes - a.passes) / STEPS,
        .waits = (double)(z->reductions - a.reductions) / STEPS,
        .sums = (double)(z->sums - a.sums) / STEPS,
        .per_tensor = (double)(z->per_param_sums - a.per_param_sums) / STEPS,
        .bytes = (double)(z->bytes_moved - a.bytes_moved) / STEPS / (double)m->n,
        .loops = middle / loop[STEPS / 2],
    };
    return 0;
}

/* Whose code the golden trajectories come from. */
static void print_source(const char *name)
{
    char pattern[512];
    glob_t g;
    json_t *json = NULL;
    snprintf(pattern, sizeof pattern, "tests/golden/optimizers/%.200s-*.json", name);
    if (!glob(pattern, 0, NULL, &g)) {
        json = json_load_file(g.gl_pathv[0], 0, NULL);
        globfree(&g);
    }
    const char *source = json_string_value(json_object_get(json, "source"));
    printf("%s |\n", source ? source : "nothing yet");
    json_decref(json);
}

/* Its own hyperparameters: those before the schedule's and clipping. */
static void print_defaults(const runner_submission *s)
{
    for (int32_t i = 0; i < s->num_hyperparameters; i++) {
        const podium_hyperparameter *h = s->hyperparameters[i];
        if (!strcmp(h->name, "schedule") || !strcmp(h->name, "grad_clip"))
            break;
        printf("%s%s ", i ? ", " : "", h->name);
        if (h->type == PODIUM_BASE)
            printf("%s", h->base ? h->base : "(must be given)");
        else if (h->type == PODIUM_CHOICE)
            printf("%s", h->choices[(int)h->value]);
        else if (h->type == PODIUM_LIST)
            printf("(%zu numbers)", h->list_length);
        else if (isnan(h->value))
            printf("none");
        else
            printf("%g", h->value);
    }
    printf(" | ");
}

static void print_row(const runner *r, const figures *f, double adamw)
{
    const runner_submission *s = runner_get_submission(r, 0);
    printf("| [%s](%s) | %.3g", s->name, s->url, f->state);
    if (f->kept)
        printf(" + %lld B", (long long)f->kept);
    printf(" | %.3g | %.3g | %.3g | %.3g", f->gradients, f->passes, f->waits, f->sums);
    if (f->per_tensor > 0)
        printf(" + %.3g/tensor", f->per_tensor);
    if (is_matrix_method(r))
        printf(" | %.3g | %.0f (small) | - | ", f->bytes, f->loops / adamw);
    else
        printf(" | %.3g | %.2f | %.2f | ", f->bytes, f->loops / adamw, f->loops * 12 / f->bytes);
    print_defaults(s);
    print_source(s->name);
}

/* Runs the .so; prints its row beside `adamw` loops, or only sets *loops when that is NaN. */
static int32_t row(const char *so, const model *m, backend *b, double adamw, double *loops)
{
    runner *r = NULL;
    figures f = {0};
    int32_t rc = start(&r, so, m, b);
    if (!rc)
        rc = measure(r, m, &f);
    *loops = f.loops;
    if (!rc && !isnan(adamw))
        print_row(r, &f, adamw);
    runner_stop(r);
    return rc;
}

/* On the model that suits it: the small one for methods whose cost grows faster than the model.
 * AdamW is measured again beside each optimizer. */
static int32_t pair(const char *so, const char *adamw, const model *large, const model *small,
                    backend *b)
{
    runner *r = NULL;
    double beside, loops;
    int32_t rc = start(&r, so, small, b);
    for (int64_t i = 0; !rc && i < 2; i++)
        rc = runner_step(r, i, 1, NAN, NAN);
    const model *m = !rc && is_matrix_method(r) ? small : large;
    runner_stop(r);
    TRY(rc);
    TRY(row(adamw, m, b, NAN, &beside));
    return row(so, m, b, beside, &loops);
}

static bool is_wanted(const char *path, char **names, int n)
{
    const char *base = strrchr(path, '/') + 1;
    for (int i = 0; i < n; i++)
        if (strlen(base) == strlen(names[i]) + 3 && !strncmp(base, names[i], strlen(names[i])))
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    static model large, small;
    char pattern[1024];
    backend *b;
    glob_t g;
    char adamw[1024];
    if (argc < 2) {
        fprintf(stderr, "usage: bench_optimizers FOLDER_OF_SO [NAME...]\n");
        return 2;
    }
    snprintf(adamw, sizeof adamw, "%.900s/adamw.so", argv[1]);
    if (!model_init(&large, 512, 1024) || !model_init(&small, 128, 256) ||
        backend_open(&b, "cpu", THREADS) < 0) {
        fprintf(stderr, "bench_optimizers: %s\n", podium_error());
        return 1;
    }
    snprintf(pattern, sizeof pattern, "%.900s/*.so", argv[1]);
    if (glob(pattern, 0, NULL, &g))
        return 1;
    printf("| optimizer | state | gradients | passes | waits | numbers | bytes | cost | floor | "
           "defaults | proven against |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    int failed = 0;
    for (size_t i = 0; i < g.gl_pathc; i++)
        if (is_wanted(g.gl_pathv[i], argv + 2, argc - 2) &&
            pair(g.gl_pathv[i], adamw, &large, &small, b) < 0) {
            fprintf(stderr, "bench_optimizers: %s: %s\n", g.gl_pathv[i], podium_error());
            failed = 1;
        }
    globfree(&g);
    backend_close(b);
    return failed;
}
