/* Drawing classes from logits: the labels that a model gives itself (Sophia-G). */
#ifndef ENGINE_SAMPLE_H
#define ENGINE_SAMPLE_H

#include <stdint.h>

/* out[i] drawn from softmax(logits[i]), by inversion of one uniform number a row: row i takes word
 * first + i of a Philox stream of `seed` that no dropout uses, so the draws are the same on every
 * backend whose logits are. logits  [rows, classes]   classes from 1 out     [rows] */
void sample_rows(const double *logits, int64_t rows, int64_t classes, uint64_t seed, int64_t first,
                 int32_t *out);

#endif
