/* BERT's normaliser, pre-tokens, and greedy longest match. */
#include "data/wordpiece.h"

#include <string.h>

#include "data/unicode.h"
#include "data/wordpiece_internal.h"

int32_t wordpiece_count(const wordpiece *w)
{
    return w->tokens.count;
}

wordpiece_specials wordpiece_special_ids(const wordpiece *w)
{
    return w->ids;
}

const char *wordpiece_token(const wordpiece *w, int32_t id, size_t *length)
{
    size_t n;
    if (id < 0 || id >= w->tokens.count)
        return NULL;
    return vocabulary_text(&w->tokens, id, length ? length : &n);
}

/* Drops what is not text; white space becomes a space. */
static void clean(code_points *s)
{
    size_t out = 0;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t c = s->data[i];
        bool line = c == '\t' || c == '\n' || c == '\r';
        if (!c || c == UNICODE_REPLACEMENT || (!line && unicode_is_other(c)))
            continue;
        s->data[out++] = unicode_is_space(c) ? ' ' : c;
    }
    s->count = out;
}

static void set_cjk_apart(code_points *s)
{
    code_points out = {0};
    bool any = false;
    for (size_t i = 0; i < s->count && !any; i++)
        any = unicode_is_cjk(s->data[i]);
    if (!any)
        return;
    for (size_t i = 0; i < s->count; i++) {
        bool apart = unicode_is_cjk(s->data[i]);
        if (apart)
            code_points_add(&out, ' ');
        code_points_add(&out, s->data[i]);
        if (apart)
            code_points_add(&out, ' ');
    }
    code_points_release(s);
    *s = out;
}

static int32_t normalise(const wordpiece *w, code_points *s)
{
    bool ascii = true;
    if (w->clean_text)
        clean(s);
    if (w->set_cjk_apart)
        set_cjk_apart(s);
    for (size_t i = 0; i < s->count && ascii; i++)
        ascii = s->data[i] < 0x80;
    if (w->strip_accents && !ascii) {
        size_t out = 0;
        TRY(code_points_nfd(s));
        for (size_t i = 0; i < s->count; i++)
            if (!unicode_is_nonspacing(s->data[i]))
                s->data[out++] = s->data[i];
        s->count = out;
    }
    if (!w->lower_case || s->failed)
        return 0;
    code_points out = {0};
    for (size_t i = 0; i < s->count; i++) {
        code_points_add(&out, s->data[i] == 0x130 ? 'i' : unicode_lower(s->data[i]));
        if (s->data[i] == 0x130) /* the one letter whose lower case is two: i, dot above */
            code_points_add(&out, 0x307);
    }
    code_points_release(s);
    *s = out;
    return 0;
}

/* A word that is always alone. */
static bool is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    return unicode_is_punctuation(c);
}

/* The longest token that `text` starts with, -1: none; *used gets its bytes without the prefix. */
static int32_t longest(const wordpiece *w, const char *text, size_t length, size_t prefix,
                       size_t *used)
{
    size_t n = length + prefix < w->max_token_bytes ? length + prefix : w->max_token_bytes;
    for (; n > prefix; n--) {
        bool inside = n < length + prefix && ((uint8_t)text[n] & 0xC0) == 0x80;
        if (inside) /* of a character */
            continue;
        int32_t id = vocabulary_find(&w->tokens, text, n);
        if (id >= 0) {
            *used = n - prefix;
            return id;
        }
    }
    return -1;
}

/* The pieces of one word; the whole word is unknown when a part of it is. `scratch` is kept by the
 * caller. */
static void encode_word(const wordpiece *w, const uint32_t *word, size_t count,
                        text_buffer *scratch, id_buffer *out)
{
    size_t prefix = strlen(w->prefix);
    int64_t first = out->count;
    scratch->length = 0;
    text_append(scratch, w->prefix, prefix);
    for (size_t i = 0; i < count && (int64_t)count <= w->max_characters; i++)
        utf8_append(scratch, word[i]);
    if (scratch->failed) {
        out->failed = true;
        return;
    }
    if ((int64_t)count > w->max_characters) {
        id_buffer_add(out, w->ids.unk);
        return;
    }
    for (size_t at = prefix; at < scratch->length;) {
        size_t used = 0, before = at == prefix ? 0 : prefix;
        char *from = scratch->data + at - before;
        memcpy(from, w->prefix, before); /* over what is matched already */
        int32_t id = longest(w, from, scratch->length - at, before, &used);
        if (id < 0) {
            out->count = first;
            id_buffer_add(out, w->ids.unk);
            return;
        }
        id_buffer_add(out, id);
        at += used;
    }
}

/* Text without specials in it. */
static int32_t encode_plain(const wordpiece *w, const char *text, size_t length,
                            text_buffer *scratch, id_buffer *out)
{
    code_points s = {0};
    code_points_decode(&s, text, length);
    int32_t rc = normalise(w, &s);
    for (size_t i = 0; rc == 0 && i < s.count;) {
        size_t end = i + 1;
        if (unicode_is_space(s.data[i])) {
            i = end;
            continue;
        }
        if (!is_punctuation(s.data[i]))
            while (end < s.count && !unicode_is_space(s.data[end]) && !is_punctuation(s.data[end]))
                end++;
        encode_word(w, s.data + i, end - i, scratch, out);
        i = end;
    }
    if (rc == 0 && s.failed)
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of %zu bytes", length);
    code_points_release(&s);
    return rc;
}

/* The longest added token at `text`; NULL: none. */
static const added_token *added_at(const wordpiece *w, const char *text, size_t length)
{
    const added_token *best = NULL;
    for (size_t i = 0; i < w->added_count; i++) {
        const added_token *a = &w->added[i];
        if (a->length <= length && !memcmp(a->text, text, a->length) &&
            (!best || a->length > best->length))
            best = a;
    }
    return best;
}

int32_t wordpiece_encode(const wordpiece *w, const char *text, size_t length, id_buffer *out)
{
    text_buffer scratch = {0};
    size_t start = 0;
    int32_t rc = 0;
    for (size_t at = 0; at < length && rc == 0;) {
        const added_token *a = added_at(w, text + at, length - at);
        if (!a) {
            at++;
            continue;
        }
        rc = encode_plain(w, text + start, at - start, &scratch, out);
        id_buffer_add(out, a->id);
        start = at += a->length;
    }
    if (rc == 0)
        rc = encode_plain(w, text + start, length - start, &scratch, out);
    text_release(&scratch);
    if (rc == 0 && out->failed)
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of %zu bytes", length);
    return rc;
}

int32_t wordpiece_encode_pair(const wordpiece *w, const char *a, const char *b, int64_t limit,
                              id_buffer *out, id_buffer *types)
{
    id_buffer parts[2] = {{0}, {0}};
    int64_t specials = b ? 3 : 2;
    if (limit && limit < 3)
        return podium_fail(PODIUM_EINVAL, "a limit of %lld tokens leaves no room",
                           (long long)limit);
    int32_t rc = wordpiece_encode(w, a, strlen(a), &parts[0]);
    if (rc == 0 && b)
        rc = wordpiece_encode(w, b, strlen(b), &parts[1]);
    while (limit && parts[0].count + parts[1].count + specials > limit)
        parts[parts[1].count > parts[0].count].count--;
    id_buffer_add(out, w->ids.cls);
    for (int p = 0; p < (b ? 2 : 1); p++) {
        for (int64_t i = 0; i < parts[p].count; i++)
            id_buffer_add(out, parts[p].data[i]);
        id_buffer_add(out, w->ids.sep);
        if (!types)
            continue;
        for (int64_t i = (p == 0 ? -1 : 0); i <= parts[p].count; i++)
            id_buffer_add(types, p);
    }
    id_buffer_release(&parts[0]);
    id_buffer_release(&parts[1]);
    if (rc == 0 && (out->failed || (types && types->failed)))
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate the tokens of a pair");
    return rc;
}
