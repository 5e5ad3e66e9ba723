/* The parts of a WordPiece tokenizer that its readers fill and its encoder uses. */
#ifndef DATA_WORDPIECE_INTERNAL_H
#define DATA_WORDPIECE_INTERNAL_H

#include "data/vocabulary.h"
#include "data/wordpiece.h"

#define WORDPIECE_MAX_ADDED 64

/* A token that is found in the text as it is written, before anything else. */
typedef struct added_token {
    char *text; /* owned */
    size_t length;
    int32_t id;
} added_token;

struct wordpiece {
    vocabulary tokens;
    wordpiece_specials ids;
    bool clean_text, set_cjk_apart, strip_accents, lower_case; /* BertNormalizer's switches */
    char prefix[16];                                           /* of pieces inside a word: "##" */
    int64_t max_characters;                                    /* longer words are unknown */
    size_t max_token_bytes;
    added_token added[WORDPIECE_MAX_ADDED];
    size_t added_count;
};

/* Errors: PODIUM_EINVAL too many. */
int32_t wordpiece_add_token(wordpiece *w, const char *text, size_t length, int32_t id);

#endif
