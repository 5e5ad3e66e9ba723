/* What the kinds of golden cases that `podium parity` runs share: a case with its model, its
 * parameters on a backend and the worst error so far. */
#ifndef CLI_PARITY_H
#define CLI_PARITY_H

#include <jansson.h>
#include "data/safetensors.h"
#include "engine/backend.h"
#include "workloads/workload.h"

typedef struct parity_options {
    const char *device;
    int32_t precision;
    double tolerance;    /* NaN: the case's own */
    const char *weights; /* folder of published weights; NULL: none */
} parity_options;

/* Everything one parity-case/1 holds while it runs. */
typedef struct parity_run {
    const char *path;
    json_t *json;
    safetensors *tensors;
    const workload *workload;
    workload_task *task;
    params *params;
    graph *graph;
    workload_model model;
    int64_t rows; /* of the first input */
    size_t real;  /* bytes of an element of the vectors */
    void *x, *frozen, *gradient;
    double worst;
} parity_run;

/* Reads the case, records its model with the backward pass and loads its parameters.
 * Errors: PODIUM_EINVAL naming file and field. */
int32_t parity_open(parity_run *r, const char *path, backend *b, const parity_options *o);
void parity_close(parity_run *r, backend *b);
/* The tolerance that holds: the option's, else `json`'s for the element type, else 1e-9 or 2e-4;
 * 3e-2 in bf16. */
int32_t parity_tolerance(const json_t *json, const char *path, const backend *b,
                         const parity_options *o, double *out);
/* Prints the verdict of a case and says whether it passed. */
bool parity_verdict(const char *path, double worst, double tolerance);

/* One case of each schema.  *passed: within tolerance.  Errors: PODIUM_EINVAL the case is damaged.
 */
int32_t parity_run_model(const char *path, backend *b, const parity_options *o, bool *passed);
/* A parity-case/1 of a published encoder whose weights are not stored with it; json and tensors are
 * the case's. */
int32_t parity_run_hidden(const char *path, json_t *json, const safetensors *tensors, backend *b,
                          const parity_options *o, bool *passed);
int32_t parity_run_beam(const char *path, backend *b, const parity_options *o, bool *passed);
/* Scores, n-gram counts, 13a tokens: the largest absolute difference of a score (0..100) decides; a
 * count or a token that differs fails. */
int32_t parity_run_bleu(const char *path, backend *b, const parity_options *o, bool *passed);
/* Ids by the tokenizer in folder o->weights.  Errors also: PODIUM_EINVAL no folder, another
 * vocabulary than the case's; PODIUM_EIO. */
int32_t parity_run_wordpiece(const char *path, backend *b, const parity_options *o, bool *passed);
/* `greedy` of a case that is open and loaded: tokens that differ count as an infinite error. */
int32_t parity_greedy(parity_run *r, backend *b, const parity_options *o);

#endif
