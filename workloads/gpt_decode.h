/* Going on with a text. */
#ifndef WORKLOADS_GPT_DECODE_H
#define WORKLOADS_GPT_DECODE_H

#include "workloads/gpt_model.h"

/* As workload.decode, beam 1: ids [rows, length] -> sequences [rows, max_length] that begin with
 * them, scores [rows] the log-probability of what was added. */
int32_t gpt_decode(const gpt_config *c, const workload_weights *w, const workload_search *s,
                   int64_t rows, int64_t length, const int32_t *ids, int32_t *sequences,
                   double *scores);

#endif
