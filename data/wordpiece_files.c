/* Readers of vocab.txt and tokenizer.json (the format of the "tokenizers" package). */
#include "data/wordpiece_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define MAX_FILE_BYTES (64u << 20)

int32_t wordpiece_add_token(wordpiece *w, const char *text, size_t length, int32_t id)
{
    if (w->added_count == WORDPIECE_MAX_ADDED)
        return podium_fail(PODIUM_EINVAL, "more than %d added tokens", WORDPIECE_MAX_ADDED);
    char *copy = malloc(length + 1);
    if (!copy)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate an added token");
    memcpy(copy, text, length);
    copy[length] = '\0';
    w->added[w->added_count++] = (added_token){.text = copy, .length = length, .id = id};
    return 0;
}

static int32_t create(wordpiece **out)
{
    wordpiece *w = calloc(1, sizeof *w);
    if (!w)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a tokenizer");
    w->clean_text = w->set_cjk_apart = w->strip_accents = w->lower_case = true;
    w->max_characters = 100;
    snprintf(w->prefix, sizeof w->prefix, "##");
    *out = w;
    return 0;
}

/* Looks the special tokens up, by the names that BERT gives them, and measures. */
static int32_t finish(wordpiece *w, const char *name, const char *unknown)
{
    const struct {
        const char *text;
        int32_t *id;
    } names[] = {
        {"[PAD]", &w->ids.pad}, {unknown, &w->ids.unk},   {"[CLS]", &w->ids.cls},
        {"[SEP]", &w->ids.sep}, {"[MASK]", &w->ids.mask},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *names[i].id = vocabulary_find(&w->tokens, names[i].text, strlen(names[i].text));
        if (*names[i].id < 0)
            return podium_fail(PODIUM_EINVAL, "%s: the vocabulary has no '%s'", name,
                               names[i].text);
    }
    for (int32_t id = 0; id < w->tokens.count; id++) {
        size_t n;
        vocabulary_text(&w->tokens, id, &n);
        w->max_token_bytes = n > w->max_token_bytes ? n : w->max_token_bytes;
    }
    return 0;
}

static int32_t read_lines(wordpiece *w, const char *text, size_t length, const char *name)
{
    for (size_t start = 0; start < length;) {
        const char *end = memchr(text + start, '\n', length - start);
        size_t stop = end ? (size_t)(end - text) : length;
        size_t n = stop - start;
        if (n && text[stop - 1] == '\r')
            n--;
        int32_t rc = vocabulary_add(&w->tokens, text + start, n);
        if (rc < 0)
            return podium_fail_in(rc, "%s:%d: token '%.*s'", name, w->tokens.count + 1,
                                  n < 100 ? (int)n : 100, text + start);
        start = stop + 1;
    }
    TRY(finish(w, name, "[UNK]"));
    const int32_t specials[] = {w->ids.pad, w->ids.unk, w->ids.cls, w->ids.sep, w->ids.mask};
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        size_t n;
        const char *token = vocabulary_text(&w->tokens, specials[i], &n);
        TRY(wordpiece_add_token(w, token, n, specials[i]));
    }
    return 0;
}

int32_t wordpiece_from_vocab(wordpiece **out, const char *text, size_t length, bool lower_case,
                             const char *name)
{
    wordpiece *w;
    *out = NULL;
    TRY(create(&w));
    w->lower_case = w->strip_accents = lower_case;
    int32_t rc = read_lines(w, text, length, name);
    if (rc < 0)
        wordpiece_close(w);
    else
        *out = w;
    return rc;
}

/* The tokens of model.vocab by id: {"token": id} with the ids 0 .. n - 1. */
static int32_t read_vocab(wordpiece *w, json_t *vocab, const char *name)
{
    size_t count = json_object_size(vocab);
    const char **texts = calloc(count ? count : 1, sizeof *texts);
    if (!texts)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu tokens", count);
    int32_t rc = 0;
    const char *key;
    json_t *value;
    json_object_foreach(vocab, key, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (rc == 0 && (id < 0 || (size_t)id >= count || texts[id]))
            rc = podium_fail(PODIUM_EINVAL,
                             "%s: model.vocab: the id of '%s' is none of 0 to %zu, or taken", name,
                             key, count - 1);
        if (rc == 0)
            texts[id] = key;
    }
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = vocabulary_add(&w->tokens, texts[i], strlen(texts[i]));
    free(texts);
    return rc;
}

/* A field that may be absent or null. */
static int32_t optional_flag(const json_t *object, const char *place, const char *key, bool *io)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return 0;
    return json_read_flag(object, place, key, io);
}

static int32_t read_normalizer(wordpiece *w, const json_t *root, const char *name)
{
    json_t *n;
    const char *type;
    TRY(json_read_object(root, name, "normalizer", &n));
    TRY(json_read_text(n, name, "type", &type));
    if (strcmp(type, "BertNormalizer"))
        return podium_fail(PODIUM_EINVAL, "%s: normalizer '%s', expected 'BertNormalizer'", name,
                           type);
    TRY(optional_flag(n, name, "clean_text", &w->clean_text));
    TRY(optional_flag(n, name, "handle_chinese_chars", &w->set_cjk_apart));
    TRY(optional_flag(n, name, "lowercase", &w->lower_case));
    w->strip_accents = w->lower_case; /* what null means */
    TRY(optional_flag(n, name, "strip_accents", &w->strip_accents));
    TRY(json_read_object(root, name, "pre_tokenizer", &n));
    TRY(json_read_text(n, name, "type", &type));
    return strcmp(type, "BertPreTokenizer")
               ? podium_fail(PODIUM_EINVAL, "%s: pre_tokenizer '%s', expected 'BertPreTokenizer'",
                             name, type)
               : 0;
}

static int32_t read_added(wordpiece *w, const json_t *root, const char *name)
{
    static const char *const unsupported[] = {"single_word", "lstrip", "rstrip", "normalized"};
    json_t *list, *item;
    size_t i;
    if (!json_object_get(root, "added_tokens"))
        return 0;
    TRY(json_read_array(root, name, "added_tokens", &list));
    json_array_foreach(list, i, item)
    {
        const char *text;
        int64_t id;
        TRY(json_read_text(item, name, "content", &text));
        TRY(json_read_integer(item, name, "id", 0, INT32_MAX, &id));
        for (size_t k = 0; k < sizeof unsupported / sizeof *unsupported; k++) {
            bool set = false;
            TRY(optional_flag(item, name, unsupported[k], &set));
            if (set)
                return podium_fail(PODIUM_EINVAL, "%s: added_tokens: '%s' of '%s' is not supported",
                                   name, unsupported[k], text);
        }
        if (!*text || vocabulary_find(&w->tokens, text, strlen(text)) != id)
            return podium_fail(PODIUM_EINVAL, "%s: added_tokens: '%s' is not token %lld", name,
                               text, (long long)id);
        TRY(wordpiece_add_token(w, text, strlen(text), (int32_t)id));
    }
    return 0;
}

static int32_t read_json(wordpiece *w, const json_t *root, const char *name)
{
    json_t *model, *vocab;
    const char *type = "WordPiece", *unknown, *prefix;
    TRY(json_read_object(root, name, "model", &model));
    if (json_object_get(model, "type"))
        TRY(json_read_text(model, name, "type", &type));
    if (strcmp(type, "WordPiece"))
        return podium_fail(PODIUM_EINVAL, "%s: model '%s', expected 'WordPiece'", name, type);
    TRY(json_read_text(model, name, "unk_token", &unknown));
    TRY(json_read_text(model, name, "continuing_subword_prefix", &prefix));
    TRY(json_read_integer(model, name, "max_input_chars_per_word", 1, 1 << 20, &w->max_characters));
    if (strlen(prefix) >= sizeof w->prefix)
        return podium_fail(PODIUM_EINVAL, "%s: model.continuing_subword_prefix is too long", name);
    snprintf(w->prefix, sizeof w->prefix, "%s", prefix);
    TRY(json_read_object(model, name, "vocab", &vocab));
    TRY(read_vocab(w, vocab, name));
    TRY(read_normalizer(w, root, name));
    TRY(read_added(w, root, name));
    return finish(w, name, unknown);
}

int32_t wordpiece_from_json(wordpiece **out, const char *text, size_t length, const char *name)
{
    wordpiece *w;
    json_t *root;
    *out = NULL;
    TRY(json_read(&root, text, length, name));
    int32_t rc = create(&w);
    if (rc == 0) {
        rc = read_json(w, root, name);
        if (rc < 0)
            wordpiece_close(w);
        else
            *out = w;
    }
    json_decref(root);
    return rc;
}

int32_t wordpiece_open(wordpiece **out, const char *folder)
{
    char path[4096], *text;
    size_t length;
    *out = NULL;
    TRY(path_join(path, sizeof path, folder, "tokenizer.json"));
    bool json = file_exists(path);
    if (!json)
        TRY(path_join(path, sizeof path, folder, "vocab.txt"));
    if (!file_exists(path))
        return podium_fail(PODIUM_EIO, "neither tokenizer.json nor vocab.txt is in '%s'", folder);
    TRY(file_read(path, MAX_FILE_BYTES, &text, &length));
    int32_t rc = json ? wordpiece_from_json(out, text, length, path)
                      : wordpiece_from_vocab(out, text, length, true, path);
    free(text);
    return rc;
}

void wordpiece_close(wordpiece *w)
{
    if (!w)
        return;
    vocabulary_release(&w->tokens);
    for (size_t i = 0; i < w->added_count; i++)
        free(w->added[i].text);
    free(w);
}

void wordpiece_sha256(const wordpiece *w, char hex[SHA256_HEX])
{
    sha256 h;
    uint8_t digest[32];
    sha256_init(&h);
    for (int32_t id = 0; id < w->tokens.count; id++) {
        size_t n;
        const char *text = vocabulary_text(&w->tokens, id, &n);
        sha256_update(&h, text, n);
        sha256_update(&h, "\n", 1);
    }
    sha256_final(&h, digest);
    sha256_hex(digest, hex);
}
