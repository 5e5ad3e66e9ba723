/* Bytes, byte-level BPE or WordPiece. */
#include "workloads/sentence_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/bpe.h"
#include "data/wordpiece.h"

enum { BYTES_FIRST = 1, BYTES_END, BYTES_MASK, BYTES_WORDS, BPE_FILE_LIMIT = 1 << 24 };

const char *const sentence_tokens_kinds[] = {"bytes", "bpe", "wordpiece", NULL};

struct sentence_tokens {
    sentence_tokens_kind kind;
    bpe *merges;
    wordpiece *pieces;
    char sha256[SHA256_HEX];
};

static int32_t open_bpe(sentence_tokens *t, const char *path)
{
    char *text;
    size_t length;
    TRY(file_read(path, BPE_FILE_LIMIT, &text, &length));
    sha256_of(text, length, t->sha256);
    int32_t rc = bpe_parse(&t->merges, text, length, path, NULL);
    free(text);
    return rc;
}

int32_t sentence_tokens_open(sentence_tokens **out, sentence_tokens_kind kind, const char *path)
{
    *out = NULL;
    if (kind != TOKENS_OF_BYTES && !path)
        return podium_fail(PODIUM_EINVAL, "tokenizer %s: no vocabulary is given",
                           sentence_tokens_kinds[kind]);
    sentence_tokens *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for a tokenizer");
    t->kind = kind;
    int32_t rc = PODIUM_OK;
    if (kind == TOKENS_OF_BPE) {
        rc = open_bpe(t, path);
    } else if (kind == TOKENS_OF_WORDPIECE) {
        rc = wordpiece_open(&t->pieces, path);
        if (!rc)
            wordpiece_sha256(t->pieces, t->sha256);
    } else {
        sha256_of("", 0, t->sha256);
    }
    if (rc < 0)
        sentence_tokens_close(t);
    else
        *out = t;
    return rc;
}

void sentence_tokens_close(sentence_tokens *t)
{
    if (!t)
        return;
    bpe_close(t->merges);
    wordpiece_close(t->pieces);
    free(t);
}

int32_t sentence_tokens_count(const sentence_tokens *t)
{
    switch (t->kind) {
    case TOKENS_OF_BPE:
        return bpe_count(t->merges);
    case TOKENS_OF_WORDPIECE:
        return wordpiece_count(t->pieces);
    default:
        return BYTES_WORDS + 256;
    }
}

sentence_specials sentence_tokens_specials(const sentence_tokens *t)
{
    if (t->kind == TOKENS_OF_BPE)
        return (sentence_specials){
            .first = BPE_BEGIN, .end = BPE_END, .mask = BPE_BEGIN, .words = BPE_SPECIALS};
    if (t->kind == TOKENS_OF_BYTES)
        return (sentence_specials){
            .first = BYTES_FIRST, .end = BYTES_END, .mask = BYTES_MASK, .words = BYTES_WORDS};
    wordpiece_specials s = wordpiece_special_ids(t->pieces);
    return (sentence_specials){.first = s.cls, .end = s.sep, .mask = s.mask, .words = s.mask + 1};
}

const char *sentence_tokens_sha256(const sentence_tokens *t)
{
    return t->sha256;
}

int32_t sentence_tokens_append(const sentence_tokens *t, const char *text, size_t length,
                               id_buffer *out)
{
    if (t->kind == TOKENS_OF_BPE)
        return bpe_encode(t->merges, text, length, out);
    if (t->kind == TOKENS_OF_WORDPIECE)
        return wordpiece_encode(t->pieces, text, length, out);
    for (size_t i = 0; i < length; i++)
        id_buffer_add(out, BYTES_WORDS + (unsigned char)text[i]);
    return out->failed ? podium_fail(PODIUM_ENOMEM, "no memory for %zu ids", length) : PODIUM_OK;
}
