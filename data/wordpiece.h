/* WordPiece (Schuster & Nakajima 2012) with BERT's normaliser: the tokenizer of published BERT
 * models, from their tokenizer.json or vocab.txt. */
#ifndef DATA_WORDPIECE_H
#define DATA_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "data/ids.h"
#include "base/sha256.h"
#include "base/status.h"

typedef struct wordpiece wordpiece;

/* The ids every BERT vocabulary has. */
typedef struct wordpiece_specials {
    int32_t pad, unk, cls, sep, mask;
} wordpiece_specials;

/* FOLDER/tokenizer.json, or FOLDER/vocab.txt (lower-cased) when there is none.
 * Errors: PODIUM_EIO neither is there; PODIUM_EINVAL naming file and field. */
int32_t wordpiece_open(wordpiece **out, const char *folder);
/* From memory; `name` is for messages.  A vocab.txt has one token a line, its number the line.
 * Errors: PODIUM_EINVAL a special token missing, ids with holes, another kind of tokenizer. */
int32_t wordpiece_from_json(wordpiece **out, const char *text, size_t length, const char *name);
int32_t wordpiece_from_vocab(wordpiece **out, const char *text, size_t length, bool lower_case,
                             const char *name);
void wordpiece_close(wordpiece *w); /* NULL is fine */

int32_t wordpiece_count(const wordpiece *w);
wordpiece_specials wordpiece_special_ids(const wordpiece *w);
/* Borrowed; NULL: no such id.  *length (may be NULL) gets its bytes. */
const char *wordpiece_token(const wordpiece *w, int32_t id, size_t *length);
/* SHA-256 of the tokens in order, one a line: of vocab.txt whichever file was read. */
void wordpiece_sha256(const wordpiece *w, char hex[SHA256_HEX]);

/* Appends the ids of a UTF-8 text, without [CLS] and [SEP]; specials written in the text are
 * themselves.  Errors: PODIUM_ENOMEM. */
int32_t wordpiece_encode(const wordpiece *w, const char *text, size_t length, id_buffer *out);
/* [CLS] a [SEP], and b [SEP] when b is not NULL; types (may be NULL) gets 0 for the first part and
 * 1 for the second.  The longer part loses its last tokens until at most `limit` ids are left (0:
 * no limit).  Errors: PODIUM_ENOMEM; PODIUM_EINVAL a limit below 3. */
int32_t wordpiece_encode_pair(const wordpiece *w, const char *a, const char *b, int64_t limit,
                              id_buffer *out, id_buffer *types);

#endif
