/* How a submission moves, measured while its clock stands still: for the record and for whoever
 * asks why one optimizer is faster.  Nothing here changes what is trained. */
#ifndef HARNESS_DIAGNOSIS_H
#define HARNESS_DIAGNOSIS_H

#include "harness/training.h"

typedef struct diagnosis {
    training *training; /* borrowed */
    void *before;       /* parameters before the newest step that was watched */
    void *gradients[2];
    bool watching;
    /* NaN: not known. */
    double parameter_norm;
    double update_norm; /* distance from the evaluation before */
    double step_norm;   /* length of the newest step alone */
    /* From the gradients g, h of two mini-batches of B examples that the submission never sees, at
     * the evaluated parameters: sqrt((|g|^2 + |h|^2) / 2); g.h, which is |G|^2 of the whole
     * gradient on average; and B |g - h|^2 / 2, the same for the trace of the examples' covariance.
     * Their ratio, noise over signal, is the gradient noise scale in examples (McCandlish et al.
     * 2018, "An Empirical Model of Large-Batch Training", eq. 2.9 and appendix A.1). */
    double gradient_norm, gradient_signal, gradient_noise;
} diagnosis;

/* Errors: PODIUM_ENOMEM. */
int32_t diagnosis_init(diagnosis *d, training *t);
void diagnosis_release(diagnosis *d);

/* Around a step that an evaluation follows: x is all of the parameters. */
void diagnosis_before_step(diagnosis *d, const void *x);
void diagnosis_after_step(diagnosis *d, const void *x);
/* At an evaluation: the norms of x, and of its distance from `last`, NULL: there was none. */
void diagnosis_norms(diagnosis *d, const void *x, const void *last);
/* Two gradients at x, of batches number 2 `evaluation` and the one after, drawn by `seed`.  The
 * training's batch is another one afterwards.  [collective] */
int32_t diagnosis_gradients(diagnosis *d, void *x, uint64_t seed, int64_t evaluation,
                            int64_t batch);

#endif
