/* Opens workloads and drives their graphs. */
#include "harness/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sample.h"

#define EVAL_BATCH 256 /* examples at once: fixed, so that sums run in one order everywhere */

static int32_t record_graph(training *t, int64_t batch, int32_t precision, bool backward,
                            training_graph *g)
{
    graph_config config = {
        .backend = t->backend,
        .params = t->params,
        .precision = precision,
        .training = backward,
    };
    TRY(graph_create(&g->graph, &config));
    TRY(t->config.entry->workload->build(t->task, g->graph, batch, &g->model));
    graph_keep(g->graph, g->model.loss);
    if (!backward && !t->config.entry->workload->scores_losses)
        graph_keep(g->graph, g->model.logits);
    if (backward)
        TRY(graph_backward(g->graph, g->model.loss));
    return graph_plan(g->graph);
}

int32_t training_record(training *t, int64_t batch, int32_t precision, training_graph *g)
{
    training_graph_release(g);
    int64_t count = parallel_share(t->ranks, batch).count;
    if (count < 1)
        return podium_fail(PODIUM_EINVAL, "a batch of %lld examples leaves a rank without any",
                           (long long)batch);
    return record_graph(t, count, precision, true, g);
}

void training_graph_release(training_graph *g)
{
    graph_destroy(g->graph);
    *g = (training_graph){0};
}

static int32_t open_device(training *t, const training_options *o)
{
    TRY(backend_open(&t->backend, o->device, o->threads));
    if (!t->backend->host_memory)
        return podium_fail(PODIUM_ENOTSUP, "trials on device '%s' are not available yet",
                           o->device);
    TRY(backend_check_precision(t->backend, o->precision));
    t->precision = o->precision;
    return 0;
}

static int32_t open_evaluation(training *t)
{
    const workload *w = t->config.entry->workload;
    int64_t batch = w->split_size(t->task, SPLIT_VALID);
    if (batch < 1)
        return podium_fail(PODIUM_EINVAL, "workload '%s' has no validation data", w->name);
    batch = batch < EVAL_BATCH ? batch : EVAL_BATCH;
    TRY(record_graph(t, batch, t->precision, false, &t->eval));
    params_close(t->params);
    int64_t logits = w->scores_losses ? 0 : graph_count(t->eval.graph, t->eval.model.logits);
    int64_t rows = graph_count(t->eval.graph, t->eval.model.per_example);
    t->logits = logits ? malloc((size_t)logits * sizeof *t->logits) : NULL;
    t->per_example = malloc((size_t)rows * sizeof *t->per_example);
    size_t element = t->backend->real == PODIUM_F64 ? sizeof(double) : sizeof(float);
    t->vector_bytes = (size_t)params_vector_length(t->params) * element;
    size_t frozen = (size_t)params_frozen_length(t->params) * element;
    if ((logits && !t->logits) || !t->per_example)
        return podium_fail(PODIUM_ENOMEM, "no memory for the evaluation");
    return frozen ? t->backend->alloc(t->backend, frozen, &t->frozen) : 0;
}

int32_t training_open(training *t, const training_options *o)
{
    *t = (training){.ranks = o->ranks};
    const workload *w = o->workload->workload;
    if (!w->open)
        return podium_fail(PODIUM_ENOTSUP, "workload '%s' has no data to train on", w->name);
    int32_t rc = o->variant ? workload_config_init_own(&t->config, o->workload, o->size, o->variant,
                                                       o->variant_file)
                            : workload_config_init(&t->config, o->workload, o->size, o->held_out);
    if (!rc)
        rc = open_device(t, o);
    if (!rc)
        rc = workload_open(&t->task, w, t->config.model, t->config.data, o->data_dir, &o->key);
    if (!rc)
        rc = workload_config_finish(&t->config);
    if (!rc)
        rc = params_create(&t->params);
    if (!rc)
        rc = open_evaluation(t);
    if (rc)
        training_close(t);
    return rc;
}

void training_close(training *t)
{
    training_graph_release(&t->train);
    training_graph_release(&t->eval);
    if (t->frozen)
        t->backend->free(t->backend, t->frozen);
    params_destroy(t->params);
    if (t->config.entry)
        workload_close(t->config.entry->workload, t->task);
    if (t->backend)
        backend_close(t->backend);
    workload_config_release(&t->config);
    free(t->logits);
    free(t->per_example);
    free(t->sampled_logits);
    free(t->sampled_labels);
    *t = (training){0};
}

int32_t training_initialise(training *t, uint64_t seed, void *x)
{
    const workload *w = t->config.entry->workload;
    TRY(params_initialise(t->params, seed, t->backend->real, x, t->frozen));
    return w->load ? w->load(t->task, t->params, t->backend->real, x, t->frozen) : 0;
}

int32_t training_draw(training *t, uint64_t seed, int64_t step, int64_t batch)
{
    const workload *w = t->config.entry->workload;
    t->share = parallel_share(t->ranks, batch);
    TRY(w->train_batch(t->task, seed, step, batch, t->share.start, t->share.count, &t->batch));
    t->batch_weight = w->batch_weight ? w->batch_weight(t->task, &t->batch, t->share.count)
                                      : (double)t->batch.count;
    return 0;
}

graph_settings training_settings(const training *t, uint64_t seed)
{
    return (graph_settings){
        .seed = seed,
        .dropout = t->config.dropout,
        .label_smoothing = t->config.label_smoothing,
    };
}

/* The settings, with this rank's place in the batch. */
static graph_settings placed(const training *t, const graph_settings *settings)
{
    graph_settings s = *settings;
    s.first_example = t->share.start;
    s.examples = t->share.count;
    return s;
}

int32_t training_gradient(training *t, training_graph *g, void *x, void *grad,
                          const graph_settings *settings, double *loss)
{
    TRY(workload_feed(g->graph, &g->model, &t->batch));
    graph_bind(g->graph, x, t->frozen, grad);
    graph_settings here = placed(t, settings);
    TRY(graph_run(g->graph, grad ? GRAPH_FORWARD | GRAPH_BACKWARD : GRAPH_FORWARD, &here));
    return graph_read(g->graph, g->model.loss, loss, 1);
}

int32_t training_mean_gradient(training *t, training_graph *g, void *x, void *grad,
                               const graph_settings *settings, double *loss)
{
    int32_t rc = training_gradient(t, g, x, grad, settings, loss);
    parallel *p = t->ranks;
    if (!p)
        return rc;
    parallel_word w = {.kind = PARALLEL_MEAN_GRADIENT, .status = rc, .x = {t->batch_weight}};
    TRY(parallel_meet(p, w));
    double total = 0;
    for (int32_t k = 0; k < p->size; k++)
        total += p->words[k].x[0];
    for (int32_t k = 0; k < p->size; k++)
        p->weights[k] = total > 0 ? p->words[k].x[0] / total : 1.0 / p->size;
    return comm_all_reduce(p->comm, t->backend->real, grad, params_vector_length(t->params),
                           p->weights);
}

/* Room for the logits and labels of a training batch. */
static int32_t reserve_samples(training *t, int64_t logits, int64_t rows)
{
    if (t->sampled_count >= logits)
        return 0;
    free(t->sampled_logits);
    free(t->sampled_labels);
    t->sampled_count = 0;
    t->sampled_logits = malloc((size_t)logits * sizeof *t->sampled_logits);
    t->sampled_labels = malloc((size_t)rows * sizeof *t->sampled_labels);
    if (!t->sampled_logits || !t->sampled_labels)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld sampled labels", (long long)rows);
    t->sampled_count = logits;
    return 0;
}

int32_t training_sampled_gradient(training *t, training_graph *g, void *x, void *grad,
                                  const graph_settings *settings, double *loss)
{
    if (!g->model.label_input)
        return podium_fail(PODIUM_ENOTSUP, "workload '%s' has no labels that can be sampled",
                           t->config.entry->name);
    value labels = g->model.inputs[g->model.label_input - 1];
    int64_t rows = graph_count(g->graph, labels), n = graph_count(g->graph, g->model.logits);
    TRY(reserve_samples(t, n, rows));
    TRY(workload_feed(g->graph, &g->model, &t->batch));
    graph_bind(g->graph, x, t->frozen, grad);
    graph_settings here = placed(t, settings);
    TRY(graph_run(g->graph, GRAPH_FORWARD, &here));
    TRY(graph_read(g->graph, g->model.logits, t->sampled_logits, n));
    sample_rows(t->sampled_logits, rows, n / rows, settings->seed, graph_first_element(&here, rows),
                t->sampled_labels);
    TRY(graph_set_input(g->graph, labels, t->sampled_labels));
    TRY(graph_run(g->graph, grad ? GRAPH_FORWARD | GRAPH_BACKWARD : GRAPH_FORWARD, &here));
    return graph_read(g->graph, g->model.loss, loss, 1);
}

/* Sums over every size-th batch of the validation split, from number rank on. */
static int32_t score_part(training *t, void *x, int64_t rank, int64_t size, workload_metrics *sums)
{
    const workload *w = t->config.entry->workload;
    const training_graph *g = &t->eval;
    workload_batch b = {0};
    graph_settings settings = {0};
    int64_t n = w->split_size(t->task, SPLIT_VALID);
    graph_bind(g->graph, x, t->frozen, NULL);
    for (int64_t start = rank * g->model.batch; start < n; start += size * g->model.batch) {
        TRY(w->eval_batch(t->task, SPLIT_VALID, start, g->model.batch, &b));
        TRY(workload_feed(g->graph, &g->model, &b));
        TRY(graph_run(g->graph, GRAPH_FORWARD, &settings));
        if (t->logits)
            TRY(graph_read(g->graph, g->model.logits, t->logits,
                           graph_count(g->graph, g->model.logits)));
        TRY(graph_read(g->graph, g->model.per_example, t->per_example,
                       graph_count(g->graph, g->model.per_example)));
        TRY(w->score(t->task, &b, g->model.batch, t->logits, t->per_example, sums));
    }
    return 0;
}

/* Sums of all ranks, in their order. */
static int32_t add_parts(training *t, int32_t rc, workload_metrics *sums)
{
    parallel_word w = {
        .kind = PARALLEL_SCORE,
        .status = rc,
        .x = {sums->loss, sums->accuracy, (double)sums->count},
    };
    if (!t->ranks)
        return rc;
    TRY(parallel_meet(t->ranks, w));
    *sums = (workload_metrics){0};
    for (int32_t r = 0; r < t->ranks->size; r++) {
        const parallel_word *part = &t->ranks->words[r];
        sums->loss += part->x[0];
        sums->accuracy += part->x[1];
        sums->count += (int64_t)part->x[2];
    }
    return 0;
}

int32_t training_validate(training *t, void *x, double *loss, double *quality)
{
    const workload *w = t->config.entry->workload;
    workload_metrics sums = {0};
    const parallel *p = t->ranks;
    int32_t rc = score_part(t, x, p ? p->rank : 0, p ? p->size : 1, &sums);
    TRY(add_parts(t, rc, &sums));
    if (sums.count < 1)
        return podium_fail(PODIUM_EINVAL, "workload '%s' scored no example", w->name);
    *loss = sums.loss / (double)sums.count;
    *quality = sums.accuracy / (double)sums.count;
    int metric = 0;
    while (w->output_metrics && w->output_metrics[metric] &&
           strcmp(t->config.metric, w->output_metrics[metric]))
        metric++;
    if (!w->output_metrics || !w->output_metrics[metric])
        return 0;
    workload_weights weights = {.backend = t->backend,
                                .params = t->params,
                                .precision = t->precision,
                                .x = x,
                                .frozen = t->frozen};
    return w->measure(t->task, &weights, metric, SPLIT_VALID, quality);
}
