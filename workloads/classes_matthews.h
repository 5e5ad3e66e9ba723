/* Matthews correlation of a classifier's answers: CoLA's metric. */
#ifndef WORKLOADS_CLASSES_MATTHEWS_H
#define WORKLOADS_CLASSES_MATTHEWS_H

#include "workloads/workload.h"

/* The answer is the first largest logit; inputs `input` and `input` + 1 of w's batches are the
 * labels (of `classes` classes) and weights; examples of weight 0 do not count.
 * Errors: those of w's functions; PODIUM_ENOMEM. */
int32_t classes_matthews(const workload *w, workload_task *t, const workload_weights *weights,
                         int input, int64_t classes, data_split split, double *out);

#endif
