/* Text as a language model trains on it: lines as tokens, one end token after each, cut into
 * windows that are a function of (seed, step), secretly relabelled.
 *
 * The yaml `data:` map, a list of key: default
 *     set               names the data; the folder below the data directory (required)
 *     path: -           another folder
 *     train: train.en, valid: valid.en, test: test.en
 *                       files of lines, plain or gzip; the last may be absent
 *     text: -           one such file in place of the three ("": none): the last 5 % of its lines
 *                       are the test split, the 5 % before them the validation split
 *     tokenizer: bpe    bpe: trained on the training lines;  ids: the files hold ids, and
 *                       vocabulary.vocab beside them their pieces (pieces.h)
 *     merges: 1000      of bpe
 *     length: 64        tokens a window
 *     windows: 64       validation windows at most, one after another */
#ifndef DATA_TEXT_DATA_H
#define DATA_TEXT_DATA_H

#include <stdint.h>
#include "base/status.h"
#include "base/text.h"
#include "base/yaml.h"
#include "data/data_set.h"

typedef struct text_data text_data;

/* Windows [batch, length] and their labels, the same ids (not shifted); rows past the split's end
 * have ids 0 and labels -100.  Owned by the data, valid until the next batch. */
typedef struct text_batch {
    int32_t *ids, *labels;
    int64_t count; /* rows that are real */
} text_batch;

/* `config` is the `data:` map, `data_dir` the folder of all sets.  Errors: PODIUM_EIO a missing
 * file; PODIUM_EINVAL a bad setting, a text shorter than a window. */
int32_t text_data_open(text_data **out, const yaml_node *config, const char *data_dir,
                       const data_key *key);
/* Tokens a window, without the data. */
int32_t text_data_shape(const yaml_node *config, int64_t *length);
void text_data_close(text_data *d);               /* NULL is fine */
const char *text_data_id(const text_data *d);     /* "NAME:<sha256 of the files>" */
int32_t text_data_vocabulary(const text_data *d); /* ids */
int64_t text_data_length(const text_data *d);
/* Windows of a held-out split; places a training window can begin at. */
int64_t text_data_count(const text_data *d, data_split split);

/* Rows [first, first + count) of training batch `step`, which has `batch` rows over all ranks:
 * windows at uniformly random places.  Errors: PODIUM_ENOMEM. */
int32_t text_data_train(text_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, text_batch *out);
/* Windows [start, start + batch) of a split. */
int32_t text_data_eval(text_data *d, data_split split, int64_t start, int64_t batch,
                       text_batch *out);
/* Appends the text of relabelled ids.  Errors: PODIUM_EINVAL an id that does not exist. */
int32_t text_data_decode(const text_data *d, const int32_t *ids, int64_t count, text_buffer *out);

#endif
