/* Parallel text as a sequence model trains on it: sentences of two languages as tokens, batches
 * that are a function of (seed, step), padded or packed, secretly relabelled.
 *
 * The yaml `data:` map, each key with its default:
 *   - set: debian-text; or multi30k, wmt17, text-to-text
 *   - path: the set's folder below the data directory
 *   - source: de, target: en
 *   - tokenizer: bpe, trained on both sides of the training split; or ids: NAME.LANG.ids and
 *     pieces.vocab, made by a SentencePiece tool (pad 0, begin 1, end 2)
 *   - merges: 1000, of bpe
 *   - end: 2, the id after each sentence with the tokenizer ids, or 1 (T5's pieces)
 *   - source_length: 24, target_length: 24, tokens a row, the end token included; pairs with a
 *     longer side are left out of every split (of BLEU's references too)
 *   - valid, test: all, the first N held-out pairs that fit
 *   - packed: false, several pairs a row, told apart by segments
 *
 * Files are line-aligned, plain or gzip: NAME.de and NAME.en with NAME train, valid, test
 * (debian-text); train, val, test_2016_flickr (multi30k); train, newstest2013, newstest2014
 * (wmt17); train, valid, test (text-to-text). */
#ifndef DATA_PAIR_DATA_H
#define DATA_PAIR_DATA_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"
#include "base/yaml.h"
#include "data/data_set.h"

typedef struct pair_data pair_data;

/* A batch of `batch` rows; S source_length, T target_length.  Targets are not shifted. Positions
 * count from 0 in each segment; segments are 1, 2, ... and 0 on padding; both are NULL unless
 * packed. Owned by the data, valid until the next batch. */
typedef struct pair_batch {
    int32_t *inputs, *targets; /* [batch, S], [batch, T], 0 is padding */
    float *weights;            /* [batch, T], 1 on real target tokens */
    int32_t *inputs_position, *targets_position;
    int32_t *inputs_segmentation, *targets_segmentation;
    int64_t count; /* rows that are real */
} pair_batch;

/* `config` is the `data:` map (NULL keys take defaults), `data_dir` the folder of all sets.
 * Errors: PODIUM_EIO a missing file; PODIUM_EINVAL sides of different length, a bad setting. */
int32_t pair_data_open(pair_data **out, const yaml_node *config, const char *data_dir,
                       const data_key *key);
/* What the map says of a batch's shape, without the data. */
int32_t pair_data_shape(const yaml_node *config, int64_t *source, int64_t *target, bool *packed);
void pair_data_close(pair_data *d);               /* NULL is fine */
const char *pair_data_id(const pair_data *d);     /* "multi30k:<sha256 of the files>" */
int32_t pair_data_vocabulary(const pair_data *d); /* ids */
int64_t pair_data_source_length(const pair_data *d);
int64_t pair_data_target_length(const pair_data *d);
bool pair_data_packed(const pair_data *d);
int32_t pair_data_end(const pair_data *d); /* the id after each sentence; it is not relabelled */
/* Pairs that fit. */
int64_t pair_data_count(const pair_data *d, data_split split);

/* Rows [first, first + count) of training batch `step`, which has `batch` rows over all ranks.
 * Errors: PODIUM_ENOMEM. */
int32_t pair_data_train(pair_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, pair_batch *out);
/* Pairs [start, start + batch) of a split, one a row; past its end padding. */
int32_t pair_data_eval(pair_data *d, data_split split, int64_t start, int64_t batch,
                       pair_batch *out);
/* The target side as it was written, borrowed: what BLEU compares with.  NULL with tokenizer ids
 * when NAME.LANG is not there beside NAME.LANG.ids. */
const char *pair_data_reference(const pair_data *d, data_split split, int64_t i);
/* Appends the text of ids that a model made (relabelled ones), up to the first end token.
 * Errors: PODIUM_EINVAL an id that does not exist; PODIUM_ENOMEM. */
int32_t pair_data_decode(const pair_data *d, const int32_t *ids, int64_t count, text_buffer *out);

#endif
