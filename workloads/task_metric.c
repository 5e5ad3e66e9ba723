/* Answers of a whole split, then how they agree with the labels. */
#include "workloads/task_metric.h"

#include <stdlib.h>

#include "data/metrics.h"

enum { ROWS = 128 };

const char *const task_metric_names[] = {"matthews", "f1", "macro_f1", "pearson", "spearman", NULL};

typedef struct answers {
    graph *graph;
    workload_model model;
    double *logits; /* [ROWS, classes], or one a row */
    /* [count] of classes, or of scores */
    int32_t *got, *want;
    double *score, *wanted_score;
    int64_t count;
} answers;

static int32_t answers_init(answers *a, const task_metric *m, const workload *w, workload_task *t,
                            const workload_weights *weights, int64_t examples)
{
    graph_config config = {
        .backend = weights->backend, .params = weights->params, .precision = weights->precision};
    size_t n = (size_t)examples + 1;
    TRY(graph_create(&a->graph, &config));
    TRY(w->build(t, a->graph, ROWS, &a->model));
    TRY(graph_plan(a->graph));
    graph_bind(a->graph, weights->x, weights->frozen, NULL);
    a->logits = malloc((size_t)(ROWS * (m->classes ? m->classes : 1)) * sizeof *a->logits);
    a->got = malloc(n * sizeof *a->got);
    a->want = malloc(n * sizeof *a->want);
    a->score = malloc(n * sizeof *a->score);
    a->wanted_score = malloc(n * sizeof *a->wanted_score);
    return a->logits && a->got && a->want && a->score && a->wanted_score
               ? PODIUM_OK
               : podium_fail(PODIUM_ENOMEM, "no memory for %lld answers", (long long)examples);
}

static void answers_release(answers *a)
{
    graph_destroy(a->graph);
    free(a->logits);
    free(a->got);
    free(a->want);
    free(a->score);
    free(a->wanted_score);
}

static int32_t add_batch(answers *a, const task_metric *m, const workload_batch *b)
{
    const int32_t *classes = b->data[m->input];
    const float *scores = b->data[m->input], *weights = b->data[m->input + 1];
    graph_settings settings = {0};
    TRY(workload_feed(a->graph, &a->model, b));
    TRY(graph_run(a->graph, GRAPH_FORWARD, &settings));
    TRY(graph_read(a->graph, a->model.logits, a->logits, ROWS * (m->classes ? m->classes : 1)));
    for (int64_t i = 0; i < ROWS; i++) {
        if (weights[i] == 0)
            continue;
        if (m->classes) {
            a->got[a->count] = workload_answer(a->logits + i * m->classes, m->classes);
            a->want[a->count++] = classes[i];
        } else {
            a->score[a->count] = a->logits[i];
            a->wanted_score[a->count++] = (double)scores[i];
        }
    }
    return PODIUM_OK;
}

static int32_t agreement(const answers *a, const task_metric *m, double *out)
{
    int32_t classes = (int32_t)m->classes;
    switch (m->kind) {
    case TASK_MATTHEWS:
        return metric_matthews(a->got, a->want, a->count, classes, out);
    case TASK_F1:
        *out = metric_f1(a->got, a->want, a->count, m->positive);
        return PODIUM_OK;
    case TASK_MACRO_F1:
        *out = metric_macro_f1(a->got, a->want, a->count, classes);
        return PODIUM_OK;
    case TASK_PEARSON:
        *out = metric_pearson(a->score, a->wanted_score, a->count);
        return PODIUM_OK;
    case TASK_SPEARMAN:
        break;
    }
    return metric_spearman(a->score, a->wanted_score, a->count, out);
}

static int32_t check(const task_metric *m)
{
    const char *name = task_metric_names[m->kind];
    bool of_scores = m->kind == TASK_PEARSON || m->kind == TASK_SPEARMAN;
    if (of_scores != !m->classes)
        return podium_fail(PODIUM_EINVAL, "a target on %s needs %s, the data have %s", name,
                           of_scores ? "scores" : "classes", of_scores ? "classes" : "scores");
    if (m->kind == TASK_F1 && m->classes != 2)
        return podium_fail(PODIUM_EINVAL, "f1 is of two classes, the data have %lld: macro_f1",
                           (long long)m->classes);
    return PODIUM_OK;
}

int32_t task_measure(const task_metric *metric, const workload *w, workload_task *t,
                     const workload_weights *weights, data_split split, double *out)
{
    answers a = {0};
    workload_batch b = {0};
    int64_t n = w->split_size(t, split);
    TRY(check(metric));
    int32_t rc = answers_init(&a, metric, w, t, weights, n);
    for (int64_t start = 0; !rc && start < n; start += ROWS) {
        rc = w->eval_batch(t, split, start, ROWS, &b);
        if (!rc)
            rc = add_batch(&a, metric, &b);
    }
    if (!rc)
        rc = agreement(&a, metric, out);
    answers_release(&a);
    return rc;
}
