/* The text of pretraining as tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/bpe.h"
#include "data/files.h"
#include "data/text_lines.h"
#include "workloads/pretrain_internal.h"

enum { TEXT_LIMIT = 1 << 30, HELD_OUT = 50 };

/* Writes the merges; where there are some, of an earlier start, they must be the same. */
static int32_t keep_merges(const char *path, const text_buffer *merges)
{
    uint8_t *there;
    size_t length;
    if (!file_exists(path))
        return file_write_atomic(path, merges->data, merges->length);
    TRY(file_read_gz(path, TEXT_LIMIT, &there, &length));
    bool same = length == merges->length && !memcmp(there, merges->data, length);
    free(there);
    return same ? PODIUM_OK
                : podium_fail(PODIUM_EINVAL,
                              "'%s' has the merges of another text or recipe: move it away", path);
}

static int32_t open_merges(pretrain_corpus *c, int64_t merges, const text_lines *text,
                           const char *out)
{
    char path[4096];
    bpe *b;
    text_buffer file = {0};
    int n = snprintf(path, sizeof path, "%s.bpe", out);
    if (n < 0 || (size_t)n >= sizeof path)
        return podium_fail(PODIUM_EINVAL, "the path '%s' is too long", out);
    TRY(bpe_train(&b, (const char *const *)text->line, text->count, (int32_t)merges));
    int32_t rc = bpe_write(b, c->text_sha256, &file);
    bpe_close(b);
    if (!rc)
        rc = keep_merges(path, &file);
    text_release(&file);
    TRY(rc);
    return sentence_tokens_open(&c->tokenizer, TOKENS_OF_BPE, path);
}

static int32_t encode_documents(pretrain_corpus *c, const text_lines *text)
{
    int32_t end = sentence_tokens_specials(c->tokenizer).end;
    for (int64_t i = 0; i < text->count; i++) {
        TRY(sentence_tokens_append(c->tokenizer, text->line[i], strlen(text->line[i]), &c->ids));
        id_buffer_add(&c->ids, end);
    }
    c->train_tokens = c->ids.count - c->ids.count / HELD_OUT;
    return c->ids.failed ? podium_fail(PODIUM_ENOMEM, "no memory for the tokens") : PODIUM_OK;
}

/* The first ". " parts a document; one without is no pair. */
static int32_t encode_pairs(pretrain_corpus *c, const text_lines *text)
{
    c->start = malloc((2 * (size_t)text->count + 1) * sizeof *c->start);
    if (!c->start)
        return podium_fail(PODIUM_ENOMEM, "no memory for the pairs");
    for (int64_t i = 0; i < text->count; i++) {
        const char *line = text->line[i], *dot = strstr(line, ". ");
        if (!dot || dot == line || !dot[2])
            continue;
        c->start[2 * c->pairs] = c->parts.count;
        TRY(sentence_tokens_append(c->tokenizer, line, (size_t)(dot - line), &c->parts));
        c->start[2 * c->pairs + 1] = c->parts.count;
        TRY(sentence_tokens_append(c->tokenizer, dot + 2, strlen(dot + 2), &c->parts));
        c->pairs++;
    }
    c->start[2 * c->pairs] = c->parts.count;
    c->train_pairs = c->pairs - c->pairs / HELD_OUT;
    return c->parts.failed ? podium_fail(PODIUM_ENOMEM, "no memory for the tokens") : PODIUM_OK;
}

static int32_t encode(pretrain_corpus *c, const pretrain_recipe *r, const text_lines *text,
                      const char *out)
{
    if (r->merges)
        TRY(open_merges(c, r->merges, text, out));
    else
        TRY(sentence_tokens_open(&c->tokenizer, TOKENS_OF_BYTES, NULL));
    TRY(encode_documents(c, text));
    for (int i = 0; i < r->stages; i++)
        if (r->stage[i].objective == PRETRAIN_CONTRASTIVE && !c->start)
            TRY(encode_pairs(c, text));
    return PODIUM_OK;
}

/* Both splits have a batch of every stage. */
static int32_t check_size(const pretrain_corpus *c, const pretrain_recipe *r, const char *name)
{
    for (int i = 0; i < r->stages; i++) {
        const pretrain_stage *s = &r->stage[i];
        if (s->objective == PRETRAIN_CONTRASTIVE) {
            if (c->train_pairs < s->batch || c->pairs - c->train_pairs < s->batch)
                return podium_fail(PODIUM_EINVAL,
                                   "%s: %lld lines of the form \"SHORT LINE. LONG TEXT\" are too "
                                   "few for batches of %lld, a fiftieth held out",
                                   name, (long long)c->pairs, (long long)s->batch);
        } else if (c->ids.count - c->train_tokens <= s->tokens + 1) {
            return podium_fail(PODIUM_EINVAL, "%s: %lld tokens are too few for windows of %lld",
                               name, (long long)c->ids.count, (long long)s->tokens);
        }
    }
    return PODIUM_OK;
}

int32_t pretrain_corpus_read(pretrain_corpus *c, const pretrain_recipe *r, const char *text,
                             const char *out)
{
    uint8_t *bytes;
    size_t length;
    text_lines lines = {0};
    TRY(file_read_gz(text, TEXT_LIMIT, &bytes, &length));
    sha256_of(bytes, length, c->text_sha256);
    char *copy = realloc(bytes, length + 1); /* text_lines wants room for one byte more */
    if (!copy) {
        free(bytes);
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", text);
    }
    int32_t rc = text_lines_split(&lines, copy, length, text);
    if (!rc)
        rc = encode(c, r, &lines, out);
    text_lines_release(&lines);
    return rc ? rc : check_size(c, r, text);
}

void pretrain_corpus_release(pretrain_corpus *c)
{
    sentence_tokens_close(c->tokenizer);
    id_buffer_release(&c->ids);
    id_buffer_release(&c->parts);
    free(c->start);
}
