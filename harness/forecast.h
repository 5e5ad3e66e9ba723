/* How long trials of a workload may take here, before any has run. */
#ifndef HARNESS_FORECAST_H
#define HARNESS_FORECAST_H

#include "harness/training.h"

typedef struct forecast {
    double step_seconds; /* the reference step, measured now */
    double budget_steps; /* of a trial, reference steps */
    int64_t step_hint;
    int64_t evaluation_steps; /* at the reference batch size, from one evaluation to the next */
} forecast;

/* Opens the workload and times a few reference steps.  Errors: those of training_open. */
int32_t forecast_measure(forecast *f, const training_options *options);

#endif
