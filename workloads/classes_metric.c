/* Answers of a whole split, then how they agree with the labels. */
#include "workloads/classes_metric.h"

#include <stdlib.h>

#include "data/metrics.h"

enum { ROWS = 128 };

const char *const classes_metric_names[] = {"matthews", "f1", "macro_f1", NULL};

typedef struct answers {
    graph *graph;
    workload_model model;
    double *logits; /* [ROWS, classes] */
    int32_t *got, *want;
    int64_t count;
} answers;

static int32_t answers_init(answers *a, const workload *w, workload_task *t,
                            const workload_weights *weights, int64_t classes, int64_t examples)
{
    graph_config config = {
        .backend = weights->backend, .params = weights->params, .precision = weights->precision};
    TRY(graph_create(&a->graph, &config));
    TRY(w->build(t, a->graph, ROWS, &a->model));
    TRY(graph_plan(a->graph));
    graph_bind(a->graph, weights->x, weights->frozen, NULL);
    a->logits = malloc((size_t)(ROWS * classes) * sizeof *a->logits);
    a->got = malloc((size_t)(examples + 1) * sizeof *a->got);
    a->want = malloc((size_t)(examples + 1) * sizeof *a->want);
    return a->logits && a->got && a->want
               ? PODIUM_OK
               : podium_fail(PODIUM_ENOMEM, "no memory for %lld answers", (long long)examples);
}

static void answers_release(answers *a)
{
    graph_destroy(a->graph);
    free(a->logits);
    free(a->got);
    free(a->want);
}

static int32_t feed(const answers *a, const workload_batch *b)
{
    for (int i = 0; i < a->model.num_inputs; i++) {
        value v = a->model.inputs[i];
        TRY(graph_dtype(a->graph, v) == PODIUM_I32 ? graph_set_input(a->graph, v, b->data[i])
                                                   : graph_set_input_f32(a->graph, v, b->data[i]));
    }
    return PODIUM_OK;
}

static int32_t add_batch(answers *a, const workload_batch *b, int input, int64_t classes)
{
    const int32_t *labels = b->data[input];
    const float *weights = b->data[input + 1];
    graph_settings settings = {0};
    TRY(feed(a, b));
    TRY(graph_run(a->graph, GRAPH_FORWARD, &settings));
    TRY(graph_read(a->graph, a->model.logits, a->logits, ROWS * classes));
    for (int64_t i = 0; i < ROWS; i++) {
        const double *row = a->logits + i * classes;
        int32_t best = 0;
        for (int32_t k = 1; k < classes; k++)
            best = row[k] > row[best] ? k : best;
        if (weights[i] == 0)
            continue;
        a->got[a->count] = best;
        a->want[a->count++] = labels[i];
    }
    return PODIUM_OK;
}

static int32_t agreement(const answers *a, const classes_metric_of *m, double *out)
{
    if (m->kind == CLASSES_MATTHEWS)
        return metric_matthews(a->got, a->want, a->count, (int32_t)m->classes, out);
    *out = m->kind == CLASSES_F1 ? metric_f1(a->got, a->want, a->count, m->positive)
                                 : metric_macro_f1(a->got, a->want, a->count, (int32_t)m->classes);
    return PODIUM_OK;
}

int32_t classes_metric(const workload *w, workload_task *t, const workload_weights *weights,
                       const classes_metric_of *metric, data_split split, double *out)
{
    answers a = {0};
    workload_batch b = {0};
    int64_t n = w->split_size(t, split);
    if (metric->kind == CLASSES_F1 && metric->classes != 2)
        return podium_fail(PODIUM_EINVAL, "f1 is of two classes, there are %lld: macro_f1",
                           (long long)metric->classes);
    int32_t rc = answers_init(&a, w, t, weights, metric->classes, n);
    for (int64_t start = 0; !rc && start < n; start += ROWS) {
        rc = w->eval_batch(t, split, start, ROWS, &b);
        if (!rc)
            rc = add_batch(&a, &b, metric->input, metric->classes);
    }
    if (!rc)
        rc = agreement(&a, metric, out);
    answers_release(&a);
    return rc;
}
