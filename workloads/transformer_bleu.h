/* BLEU of a transformer's translations. */
#ifndef WORKLOADS_TRANSFORMER_BLEU_H
#define WORKLOADS_TRANSFORMER_BLEU_H

#include "data/pair_data.h"
#include "workloads/transformer_model.h"

/* Translates a split by beam search (4 beams, alpha 0.6, to the target length) and scores it as
 * AlgoPerf's wmt does: corpus BLEU, 13a, exponential smoothing, 0 to 100.
 * Errors: PODIUM_EINVAL a set without the text of its references; PODIUM_ENOMEM. */
int32_t transformer_bleu(const transformer_config *c, pair_data *data, const workload_weights *w,
                         data_split split, double *out);

#endif
