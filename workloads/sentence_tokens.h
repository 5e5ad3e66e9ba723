/* The tokenizers of sentences behind one door: bytes, byte-level BPE, WordPiece. */
#ifndef WORKLOADS_SENTENCE_TOKENS_H
#define WORKLOADS_SENTENCE_TOKENS_H

#include "base/sha256.h"
#include "data/ids.h"

typedef enum { TOKENS_OF_BYTES, TOKENS_OF_BPE, TOKENS_OF_WORDPIECE } sentence_tokens_kind;
extern const char *const sentence_tokens_kinds[]; /* bytes, bpe, wordpiece, NULL */

typedef struct sentence_tokens sentence_tokens;

/* Ids with a meaning; pad is 0 for all. */
typedef struct sentence_specials {
    int32_t first; /* before the first part */
    int32_t end;   /* after each part */
    int32_t mask;  /* a hidden token in pretraining */
    int32_t words; /* ids from here on stand for text */
} sentence_specials;

/* path: the merges of BPE, the folder of WordPiece's vocabulary; bytes need none (NULL).
 * Errors: PODIUM_EIO, PODIUM_EINVAL naming the file. */
int32_t sentence_tokens_open(sentence_tokens **out, sentence_tokens_kind kind, const char *path);
void sentence_tokens_close(sentence_tokens *t); /* NULL is fine */
int32_t sentence_tokens_count(const sentence_tokens *t);
sentence_specials sentence_tokens_specials(const sentence_tokens *t);
/* SHA-256 of the vocabulary; of nothing for bytes. */
const char *sentence_tokens_sha256(const sentence_tokens *t);

/* Appends the ids of a text, no specials.  Errors: PODIUM_ENOMEM. */
int32_t sentence_tokens_append(const sentence_tokens *t, const char *text, size_t length,
                               id_buffer *out);

#endif
