/* Golden cases of the models around `compacter`: bert_encoder, compacter, adapter, lora, bitfit and
 * phm (layers alone). */
#ifndef WORKLOADS_COMPACTER_CASE_H
#define WORKLOADS_COMPACTER_CASE_H

#include "workloads/compacter_model.h"

/* PHM layers alone: one layer, or adapters one after the other; loss = sum(y r). */
typedef struct phm_case {
    nn_phm_config layer;
    nn_adapter_config adapter;
    int64_t adapters; /* 0: the layer */
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS]; /* of x */
} phm_case;

typedef struct compacter_case {
    bool is_phm;
    phm_case phm;
    compacter_config model;
} compacter_case;

/* `json` is the case's config with its `model` and, if it has one, its list `frozen`.
 * Errors: PODIUM_EINVAL naming the key. */
int32_t compacter_case_read(compacter_case *c, const void *json);
/* The extents of input i (order of compacter_build; phm: x, r). */
int32_t compacter_case_input(compacter_case *c, int i, int ndim, const int64_t *shape);
int32_t phm_case_build(const phm_case *c, graph *g, workload_model *out);

#endif
