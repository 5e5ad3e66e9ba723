/* Metrics of classification and regression tasks, as GLUE and SuperGLUE define them. */
#ifndef DATA_METRICS_H
#define DATA_METRICS_H

#include <stdint.h>
#include "base/status.h"

double metric_accuracy(const int32_t *got, const int32_t *want, int64_t n);
/* F1 of class `positive`: 0 when it neither occurs nor is predicted. */
double metric_f1(const int32_t *got, const int32_t *want, int64_t n, int32_t positive);
/* Mean of the classes' F1 (CommitmentBank). */
double metric_macro_f1(const int32_t *got, const int32_t *want, int64_t n, int32_t classes);
/* Matthews correlation of any number of classes (Gorodkin 2004); 0 when a side has one class only.
 * Labels in [0, classes).  Errors: PODIUM_ENOMEM. */
int32_t metric_matthews(const int32_t *got, const int32_t *want, int64_t n, int32_t classes,
                        double *out);
/* Correlations; 0 when a side is constant. */
double metric_pearson(const double *x, const double *y, int64_t n);
/* Pearson's of the ranks; equal values share their mean rank.  Errors: PODIUM_ENOMEM. */
int32_t metric_spearman(const double *x, const double *y, int64_t n, double *out);

#endif
