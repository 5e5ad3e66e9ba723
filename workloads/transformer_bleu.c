/* Translating a held-out split and comparing it with its references. */
#include "workloads/transformer_bleu.h"

#include <stdlib.h>
#include <string.h>

#include "data/bleu.h"
#include "workloads/transformer_decode.h"

enum { ROWS = 128, BEAMS = 4 };

typedef struct translator {
    const transformer_config *config;
    pair_data *data;
    const workload_weights *weights;
    data_split split;
    workload_search search;
    int32_t *sequences; /* [ROWS, BEAMS, max_length] */
    double *scores;     /* [ROWS, BEAMS] */
    bleu_counts counts;
} translator;

/* Adds pair i, whose best sequence is `ids` after the start token. */
static int32_t compare(translator *t, int64_t i, const int32_t *ids)
{
    text_buffer made = {0};
    const char *reference = pair_data_reference(t->data, t->split, i);
    if (!reference)
        return podium_fail(PODIUM_EINVAL, "the references of '%s' are not there as text",
                           pair_data_id(t->data));
    int32_t rc = pair_data_decode(t->data, ids, t->search.max_length - 1, &made);
    if (!rc)
        rc = bleu_add(&t->counts, made.data ? made.data : "", made.length, reference,
                      strlen(reference), false);
    text_release(&made);
    return rc;
}

/* Pairs [start, start + ROWS) of the split. */
static int32_t translate(translator *t, int64_t start)
{
    pair_batch b;
    int64_t step = BEAMS * t->search.max_length;
    TRY(pair_data_eval(t->data, t->split, start, ROWS, &b));
    TRY(transformer_decode(t->config, t->weights, &t->search, b.count, t->config->source, b.inputs,
                           t->sequences, t->scores));
    for (int64_t r = 0; r < b.count; r++) /* beams rise: the last is the answer */
        TRY(compare(t, start + r, t->sequences + (r + 1) * step - t->search.max_length + 1));
    return PODIUM_OK;
}

int32_t transformer_bleu(const transformer_config *c, pair_data *data, const workload_weights *w,
                         data_split split, double *out)
{
    translator t = {.config = c, .data = data, .weights = w, .split = split};
    t.search = (workload_search){
        .beam = BEAMS, .max_length = c->target + 1, .alpha = 0.6, .end_id = pair_data_end(data)};
    t.sequences = malloc((size_t)(ROWS * BEAMS * t.search.max_length) * sizeof *t.sequences);
    t.scores = malloc(ROWS * BEAMS * sizeof *t.scores);
    int32_t rc = t.sequences && t.scores ? PODIUM_OK
                                         : podium_fail(PODIUM_ENOMEM, "no memory to translate");
    for (int64_t i = 0; !rc && i < pair_data_count(data, split); i += ROWS)
        rc = translate(&t, i);
    if (!rc)
        *out = bleu_compute(&t.counts, BLEU_EXPONENTIAL, 0, false).score;
    free(t.sequences);
    free(t.scores);
    return rc;
}
