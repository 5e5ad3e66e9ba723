/* GLUE's metrics of a classifier's answers on a whole split. */
#ifndef WORKLOADS_CLASSES_METRIC_H
#define WORKLOADS_CLASSES_METRIC_H

#include "workloads/workload.h"

/* In the order of classes_metric_names: Matthews correlation (CoLA), F1 of one class (MRPC, QQP),
 * the mean of all classes' F1 (CommitmentBank). */
typedef enum { CLASSES_MATTHEWS, CLASSES_F1, CLASSES_MACRO_F1 } classes_metric_kind;
extern const char *const classes_metric_names[]; /* ends with NULL */

typedef struct classes_metric_of {
    classes_metric_kind kind;
    int input;        /* of the batches that has the labels; the weights are the next */
    int64_t classes;  /* that there are */
    int32_t positive; /* the class of CLASSES_F1 */
} classes_metric_of;

/* The answer is the first largest logit; examples of weight 0 do not count.
 * Errors: those of w's functions; PODIUM_ENOMEM; PODIUM_EINVAL F1 of more than two classes. */
int32_t classes_metric(const workload *w, workload_task *t, const workload_weights *weights,
                       const classes_metric_of *metric, data_split split, double *out);

#endif
