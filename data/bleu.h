/* BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018): one reference, 13a tokens,
 * n-grams up to 4, scores of 0 to 100.  Texts are UTF-8; damaged bytes count as U+FFFD. */
#ifndef DATA_BLEU_H
#define DATA_BLEU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/text.h"

#define BLEU_ORDER 4

typedef enum { BLEU_NO_SMOOTHING, BLEU_FLOOR, BLEU_ADD_K, BLEU_EXPONENTIAL } bleu_smoothing;
#define BLEU_FLOOR_DEFAULT 0.1 /* sacreBLEU's values */
#define BLEU_ADD_K_DEFAULT 1.0

/* Statistics of one or more sentences: they add up, so a corpus is the sum of its lines. */
typedef struct bleu_counts {
    int64_t matches[BLEU_ORDER], totals[BLEU_ORDER]; /* n-grams, n = 1..4 */
    int64_t hypothesis_length, reference_length;     /* tokens */
} bleu_counts;

typedef struct bleu_score {
    double score;
    double precisions[BLEU_ORDER];                  /* 0..100, smoothed */
    double matches[BLEU_ORDER], totals[BLEU_ORDER]; /* as add-k changed them */
    double brevity_penalty;
} bleu_score;

/* Appends the 13a tokens, one space between them (mteval-v13a without XML).
 * Errors: PODIUM_ENOMEM. */
int32_t bleu_tokenize(text_buffer *out, const char *text, size_t length, bool lower_case);
/* Adds one pair of lines.  Errors: PODIUM_ENOMEM. */
int32_t bleu_add(bleu_counts *io, const char *hypothesis, size_t hypothesis_bytes,
                 const char *reference, size_t reference_bytes, bool lower_case);
void bleu_merge(bleu_counts *io, const bleu_counts *more);
/* `value`: of BLEU_FLOOR and BLEU_ADD_K.  effective_order: the geometric mean ends at the last n
 * that has n-grams (sentences); otherwise it is over all four (a corpus). */
bleu_score bleu_compute(const bleu_counts *c, bleu_smoothing smoothing, double value,
                        bool effective_order);
/* A whole corpus, exponential smoothing: what AlgoPerf's wmt reports. Texts end with a zero byte.
 * Errors: PODIUM_ENOMEM. */
int32_t bleu_corpus(const char *const *hypotheses, const char *const *references, int64_t lines,
                    double *score);

#endif
