/* What training and use of a byte pair encoding share. */
#ifndef DATA_BPE_INTERNAL_H
#define DATA_BPE_INTERNAL_H

#include "data/bpe.h"

struct bpe {
    int32_t merges;
    int32_t *left, *right; /* [merges] ids */
    size_t *start;         /* [merges + 1] of a merge's bytes */
    text_buffer bytes;     /* of all merges */
    uint64_t *keys;        /* [slots] pair + 1, 0 free */
    int32_t *ids;          /* [slots] */
    size_t slots;          /* a power of two */
    char note[80];
};

/* Room for `merges`.  Errors: PODIUM_ENOMEM. */
int32_t bpe_create(bpe **out, int32_t merges);
/* Errors: PODIUM_EINVAL a part that does not exist yet, a pair that has an id. */
int32_t bpe_add(bpe *b, int32_t left, int32_t right);
/* The bytes of an id; *length 0 for specials. `one` holds a single byte. */
const char *bpe_bytes(const bpe *b, int32_t id, char one[1], size_t *length);
/* Length of the word at `text`, length > 0. */
size_t bpe_word(const char *text, size_t length);

#endif
