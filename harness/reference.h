/* The reference step: this referee's own NadamW step of the workload at its reference batch size,
 * on private parameters; on several ranks a data-parallel step of all of them, the first one's
 * time. Its duration is the unit of budgets and of calibrated time. */
#ifndef HARNESS_REFERENCE_H
#define HARNESS_REFERENCE_H

#include "harness/training.h"

typedef struct reference {
    training *training; /* borrowed */
    training_graph own; /* empty when the trial's graph serves */
    bool shared;
    program *update;
    void *vectors[4]; /* x, g, m, v */
    int64_t step;
    uint64_t seed;
} reference;

/* Call it after training->train was recorded for `trial_batch` examples. */
int32_t reference_init(reference *r, training *t, int64_t trial_batch, uint64_t seed);
void reference_release(reference *r);
/* Median of `steps` timed steps (at most 16), after `warm_up` untimed ones.  Draws a batch: what
 * training_draw gave before is gone. */
int32_t reference_measure(reference *r, int warm_up, int steps, double *seconds);

#endif
