/* A workload made ready to train: its data opened, its training and evaluation graphs recorded on
 * a backend, its parameters placed. */
#ifndef HARNESS_TRAINING_H
#define HARNESS_TRAINING_H

#include "engine/backend.h"
#include "harness/parallel.h"
#include "harness/workload_config.h"

typedef struct training_options {
    const workload_entry *workload;
    const char *size, *held_out; /* held_out NULL: none */
    /* The text of a variant of the user's instead and its name in messages; NULL: none. */
    const char *variant, *variant_file;
    const char *data_dir;
    const char *device; /* backend name; host memory only */
    int threads;        /* 0: all */
    int32_t precision;  /* PODIUM_F32 or PODIUM_BF16 */
    data_key key;
    parallel *ranks; /* that share each batch and evaluation, NULL: one; borrowed */
} training_options;

/* One recorded training graph. */
typedef struct training_graph {
    graph *graph;
    workload_model model;
} training_graph;

typedef struct training {
    workload_config config;
    backend *backend;
    workload_task *task;
    params *params;
    int32_t precision;
    training_graph train, eval;
    size_t vector_bytes; /* of a flat parameter vector */
    void *frozen;        /* frozen parameters, backend memory, or NULL */
    parallel *ranks;
    comm_range share;             /* this rank's examples of the batch */
    double batch_weight;          /* of these in the mean loss */
    workload_batch batch;         /* drawn by training_draw, borrowed from the task */
    double *logits, *per_example; /* of one evaluation batch */
    double *sampled_logits;       /* of a training batch; NULL until labels are sampled */
    int32_t *sampled_labels;
    int64_t sampled_count; /* elements of sampled_logits */
} training;

/* Errors: PODIUM_EINVAL (yaml, unknown size, missing data), PODIUM_ENOTSUP (device, precision). */
int32_t training_open(training *t, const training_options *options);
void training_close(training *t);
/* Records the training graph for this rank's part of `batch` examples into g, with the options'
 * precision or another. The caller releases it. */
int32_t training_record(training *t, int64_t batch, int32_t precision, training_graph *g);
void training_graph_release(training_graph *g);

/* Initial parameters of `seed` into x (vector_bytes), and the frozen ones. */
int32_t training_initialise(training *t, uint64_t seed, void *x);
/* Draws the batch of a step, this rank's part of it. */
int32_t training_draw(training *t, uint64_t seed, int64_t step, int64_t batch);
/* The dropout and label smoothing of the workload. */
graph_settings training_settings(const training *t, uint64_t seed);
/* Loss, and the gradient unless grad is NULL, of the drawn batch at x: on several ranks, of this
 * rank's part alone. */
int32_t training_gradient(training *t, training_graph *g, void *x, void *grad,
                          const graph_settings *settings, double *loss);
/* The gradient of the whole batch, the ranks' parts weighed by their examples; the loss is of this
 * rank's part.  [collective] */
int32_t training_mean_gradient(training *t, training_graph *g, void *x, void *grad,
                               const graph_settings *settings, double *loss);
/* training_gradient with each label drawn from the model's own prediction at x, by settings->seed:
 * a forward pass for the logits (same dropout masks), then the evaluation.  The first one
 * allocates. Errors: PODIUM_ENOTSUP when the workload's labels are not classes. */
int32_t training_sampled_gradient(training *t, training_graph *g, void *x, void *grad,
                                  const graph_settings *settings, double *loss);
/* Mean loss over the validation split at x, each rank evaluating a part [collective], and the
 * metric that grows: accuracy, or the workload's own when the target names it; NaN where there is
 * none. */
int32_t training_validate(training *t, void *x, double *loss, double *quality);

#endif
