/* What a size of a workload is, counted without its data and without the memory to train it. */
#ifndef HARNESS_OUTLINE_H
#define HARNESS_OUTLINE_H

#include "harness/workload_config.h"

#define OUTLINE_KINDS 24

typedef struct outline_kind {
    const char *name; /* static: "embedding" */
    int64_t elements; /* trainable */
} outline_kind;

typedef struct outline {
    int64_t trainable, frozen; /* parameters */
    outline_kind kinds[OUTLINE_KINDS];
    int num_kinds;
    double flops;      /* of a training step at the reference batch: matrix products, attention */
    double step_bytes; /* of that step in f32: planned activations, parameters, gradients */
} outline;

/* Records the training graph from the yaml and its `extents:` and plans it, on the backend `cpu`.
 * Errors: PODIUM_EINVAL no extents, or those of build. */
int32_t outline_init(outline *o, const workload_config *c);

#endif
