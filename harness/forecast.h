/* How long trials of a workload may take here, before any has run. */
#ifndef HARNESS_FORECAST_H
#define HARNESS_FORECAST_H

#include "harness/training.h"

typedef struct forecast {
    double step_seconds; /* the reference step, measured now */
    /* of one evaluation: the validation split and the reference steps timed beside it */
    double evaluation_seconds;
    double budget_steps; /* of a trial, reference steps */
    int64_t step_hint;
    int64_t evaluation_steps; /* at the reference batch size, from one evaluation to the next */
} forecast;

/* Opens the workload, times a few reference steps and one evaluation.  Errors: those of
 * training_open. */
int32_t forecast_measure(forecast *f, const training_options *options);
/* Of a trial that spends its whole budget in reference steps, evaluations included. */
double forecast_trial_seconds(const forecast *f);

#endif
