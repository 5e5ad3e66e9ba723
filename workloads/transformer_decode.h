/* Translating with a transformer: beam search on its parameters. */
#ifndef WORKLOADS_TRANSFORMER_DECODE_H
#define WORKLOADS_TRANSFORMER_DECODE_H

#include "workloads/transformer_model.h"

/* As workload.decode: ids [rows, length] -> sequences [rows, beam, max_length], scores [rows, beam]
 * (beam.h). */
int32_t transformer_decode(const transformer_config *c, const workload_weights *w,
                           const workload_search *s, int64_t rows, int64_t length,
                           const int32_t *ids, int32_t *sequences, double *scores);

#endif
