/* Beam search as AlgoPerf's wmt does it: 2 K candidates a step, the K best that live on, the K best
 * finished by log-probability / ((5 + length) / 6)^alpha. */
#ifndef WORKLOADS_BEAM_H
#define WORKLOADS_BEAM_H

#include "workloads/workload.h"

/* What is searched: rows x beam sequences that grow by one token a step. */
typedef struct beam_model {
    void *self;
    int64_t vocab;
    /* Sequence i (of rows x beam) is sequence parents[i] of the step before, with tokens[i] at
     * place `index`; logits [rows x beam, vocab] of the token that follows. */
    int32_t (*step)(void *self, int64_t index, const int64_t *parents, const int32_t *tokens,
                    double *logits);
} beam_model;

/* sequences [rows, beam, max_length] start with id 0, the newest token repeated to the end; scores
 * [rows, beam] rise: the last beam is the answer.  A row without a finished sequence gets its live
 * ones with plain log-probabilities.  Errors: PODIUM_EINVAL (vocab < 2 beam), PODIUM_ENOMEM, the
 * model's. */
int32_t beam_search(const beam_model *m, const workload_search *s, int64_t rows, int32_t *sequences,
                    double *scores);

#endif
