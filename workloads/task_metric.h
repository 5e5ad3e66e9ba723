/* GLUE's metrics of a model's answers on a whole split. */
#ifndef WORKLOADS_TASK_METRIC_H
#define WORKLOADS_TASK_METRIC_H

#include "workloads/workload.h"

/* In the order of task_metric_names: Matthews correlation (CoLA), F1 of one class (MRPC, QQP), the
 * mean of all classes' F1 (CommitmentBank), correlations with scores (STS-B). */
typedef enum {
    TASK_MATTHEWS,
    TASK_F1,
    TASK_MACRO_F1,
    TASK_PEARSON,
    TASK_SPEARMAN
} task_metric_kind;
extern const char *const task_metric_names[]; /* ends with NULL */

typedef struct task_metric {
    task_metric_kind kind;
    int input;        /* of the batches that has the labels; the weights are the next */
    int64_t classes;  /* 0: labels are scores, f32, and the one logit is the answer */
    int32_t positive; /* the class of TASK_F1 */
} task_metric;

/* A class is answered by workload_answer; examples of weight 0 do not count.
 * Errors: those of w's functions; PODIUM_ENOMEM; PODIUM_EINVAL a metric of classes for scores or
 * the reverse, F1 of more than two classes. */
int32_t task_measure(const task_metric *metric, const workload *w, workload_task *t,
                     const workload_weights *weights, data_split split, double *out);

#endif
