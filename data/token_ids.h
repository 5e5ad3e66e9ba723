/* Sentences as token ids, from prepared files, and how models of tokens train on them: batches that
 * are a function of (seed, step), and the secret relabelling of the tokens.
 *
 * A data set is a folder:
 *     vocabulary.vocab     a line a token, as SentencePiece writes it; the number of lines counts
 *     train.target.ids     a line a sentence: decimal ids, spaces between, no end id
 *     train.source.ids     pairs: line i translates line i of train.target.ids; texts: absent
 *     valid.*.ids, test.*.ids (test may be absent)
 * Id 0 pads and starts a target.
 *
 * The yaml `data:` map:
 *     set: NAME            the folder below the data directory
 *     path: FOLDER         in its place
 *     length: T            ids a row, end included; longer pairs are left out (default 256)
 *     end: ID              ends a sentence (default 2)
 *     specials: N          ids below it keep their number under relabelling (default 3)
 *     windows: N           of texts: validation windows (default 64) */
#ifndef DATA_TOKEN_IDS_H
#define DATA_TOKEN_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"
#include "base/yaml.h"

typedef struct token_ids token_ids;
typedef enum { TOKENS_TRAIN, TOKENS_VALID, TOKENS_TEST, TOKENS_SPLITS } token_split;
typedef enum { TOKENS_PAIRS, TOKENS_TEXT } token_form;

/* A permutation of the ids from `specials` on, the same in all splits; NULL: none. */
typedef struct token_key {
    uint64_t words[2];
} token_key;

/* Rows of `length` ids, 0 after the end.  source is NULL for texts, which fill their rows.  weights
 * 1 where the target counts.  Owned by the data, valid until the next batch. */
typedef struct token_batch {
    int32_t *source, *target;
    float *weights;
    int64_t count; /* rows that are examples; the rest of the batch is padding */
} token_batch;

/* Errors: PODIUM_EIO a missing file; PODIUM_EINVAL naming file, line and what was expected. */
int32_t token_ids_open(token_ids **out, token_form form, const yaml_node *config,
                       const char *data_dir, const token_key *key);
void token_ids_close(token_ids *d);             /* NULL is fine */
const char *token_ids_name(const token_ids *d); /* "set:<sha256 of the payload>" */
int64_t token_ids_vocabulary(const token_ids *d);
int64_t token_ids_length(const token_ids *d);
int32_t token_ids_end(const token_ids *d);
/* Examples: pairs that fit, or windows of a text. */
int64_t token_ids_count(const token_ids *d, token_split split);
/* The id that the files call it, of a relabelled one. */
int32_t token_ids_plain(const token_ids *d, int32_t id);

/* Rows [first, first + count) of training batch `step` of `batch` rows: pairs in epochs without
 * replacement, windows of a text at random places.  Errors: PODIUM_ENOMEM. */
int32_t token_ids_train(token_ids *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                        int64_t count, token_batch *out);
/* Rows [start, start + batch) of a split, zeros past its end. */
int32_t token_ids_eval(token_ids *d, token_split split, int64_t start, int64_t batch,
                       token_batch *out);

/* Sentences of one file: `data` all ids, sentence i from start[i] to start[i + 1]. */
typedef struct id_lines {
    int32_t *data;
    int64_t *start;
    int64_t count;
} id_lines;
/* Parses the text of an ids file.  Errors: PODIUM_EINVAL "NAME:LINE: ..." for anything but ids in
 * [1, vocabulary); PODIUM_ENOMEM. */
int32_t id_lines_parse(id_lines *out, const char *text, size_t length, int64_t vocabulary,
                       const char *name);
void id_lines_release(id_lines *l);

#endif
