/* Use and files of a byte pair encoding. */
#include "data/bpe_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t bpe_create(bpe **out, int32_t merges)
{
    bpe *b = calloc(1, sizeof *b);
    *out = NULL;
    if (!b)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a tokenizer");
    size_t n = (size_t)merges + 1;
    b->slots = 64;
    while (b->slots < 4 * n)
        b->slots *= 2;
    b->left = malloc(n * sizeof *b->left);
    b->right = malloc(n * sizeof *b->right);
    b->start = calloc(n, sizeof *b->start);
    b->keys = calloc(b->slots, sizeof *b->keys);
    b->ids = malloc(b->slots * sizeof *b->ids);
    if (!b->left || !b->right || !b->start || !b->keys || !b->ids) {
        bpe_close(b);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %d merges", merges);
    }
    *out = b;
    return 0;
}

void bpe_close(bpe *b)
{
    if (!b)
        return;
    free(b->left);
    free(b->right);
    free(b->start);
    free(b->keys);
    free(b->ids);
    text_release(&b->bytes);
    free(b);
}

int32_t bpe_count(const bpe *b)
{
    return BPE_FIRST_MERGE + b->merges;
}

static uint64_t key_of(int32_t left, int32_t right)
{
    return ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) + 1;
}

static size_t slot_of(const bpe *b, uint64_t key)
{
    uint64_t h = key * 0x9E3779B97F4A7C15u;
    size_t at = (h ^ h >> 32) & (b->slots - 1);
    while (b->keys[at] && b->keys[at] != key)
        at = (at + 1) & (b->slots - 1);
    return at;
}

const char *bpe_bytes(const bpe *b, int32_t id, char one[1], size_t *length)
{
    *length = id >= BPE_SPECIALS;
    if (id < BPE_FIRST_MERGE) {
        one[0] = (char)(id - BPE_SPECIALS);
        return one;
    }
    const size_t *start = &b->start[id - BPE_FIRST_MERGE];
    *length = start[1] - start[0];
    return b->bytes.data + start[0];
}

int32_t bpe_add(bpe *b, int32_t left, int32_t right)
{
    int32_t next = bpe_count(b);
    if (left < BPE_SPECIALS || right < BPE_SPECIALS || left >= next || right >= next)
        return podium_fail(PODIUM_EINVAL, "a merge of %d and %d, expected ids from %d to %d", left,
                           right, BPE_SPECIALS, next - 1);
    size_t at = slot_of(b, key_of(left, right));
    if (b->keys[at])
        return podium_fail(PODIUM_EINVAL, "%d and %d are merged already", left, right);
    const int32_t parts[] = {left, right};
    for (int i = 0; i < 2; i++) {
        char one[1], copy[256];
        size_t n;
        const char *bytes = bpe_bytes(b, parts[i], one, &n);
        if (n > sizeof copy)
            return podium_fail(PODIUM_EINVAL, "a part of more than %zu bytes", sizeof copy);
        memcpy(copy, bytes, n); /* appending may move what bytes points to */
        text_append(&b->bytes, copy, n);
    }
    if (b->bytes.failed)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %d merges", b->merges + 1);
    b->keys[at] = key_of(left, right);
    b->ids[at] = next;
    b->left[b->merges] = left;
    b->right[b->merges] = right;
    b->start[++b->merges] = b->bytes.length;
    return 0;
}

/* Letters (bytes from 0x80 too), digits, spaces, the rest. */
static int class_of(char c)
{
    uint8_t u = (uint8_t)c, lower = u | 0x20;
    if (u >= 0x80 || (lower >= 'a' && lower <= 'z'))
        return 1;
    if (u >= '0' && u <= '9')
        return 2;
    return u == ' ' || (u >= '\t' && u <= '\r') ? 3 : 4;
}

size_t bpe_word(const char *text, size_t length)
{
    size_t first = text[0] == ' ' && length > 1 && class_of(text[1]) != 3, n = first + 1;
    int class = class_of(text[first]);
    while (n < length && class_of(text[n]) == class && n < 64)
        n++;
    /* of several spaces the last one goes to the next word */
    bool gives = class == 3 && n < length && n > 1 && text[n - 1] == ' ';
    return gives && class_of(text[n]) != 3 ? n - 1 : n;
}

/* The earliest merge among neighbours of ids[0..n), -1: none. */
static int64_t first_merge(const bpe *b, const int32_t *ids, int64_t n, int32_t *merged)
{
    int64_t best = -1;
    for (int64_t i = 0; i + 1 < n; i++) {
        size_t at = slot_of(b, key_of(ids[i], ids[i + 1]));
        if (b->keys[at] && (best < 0 || b->ids[at] < *merged)) {
            best = i;
            *merged = b->ids[at];
        }
    }
    return best;
}

int32_t bpe_encode(const bpe *b, const char *text, size_t length, id_buffer *out)
{
    while (length) {
        int32_t ids[64], merged = 0;
        int64_t n = (int64_t)bpe_word(text, length), at;
        for (int64_t i = 0; i < n; i++)
            ids[i] = BPE_SPECIALS + (uint8_t)text[i];
        text += n;
        length -= (size_t)n;
        while ((at = first_merge(b, ids, n, &merged)) >= 0) {
            ids[at] = merged;
            memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof *ids);
            n--;
        }
        for (int64_t i = 0; i < n; i++)
            id_buffer_add(out, ids[i]);
    }
    return out->failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate tokens") : 0;
}

int32_t bpe_decode(const bpe *b, const int32_t *ids, int64_t count, text_buffer *out)
{
    for (int64_t i = 0; i < count; i++) {
        char one[1];
        size_t n;
        if (ids[i] < 0 || ids[i] >= bpe_count(b))
            return podium_fail(PODIUM_EINVAL, "token %d is none of 0 to %d", ids[i],
                               bpe_count(b) - 1);
        const char *bytes = bpe_bytes(b, ids[i], one, &n);
        text_append(out, bytes, n);
    }
    return out->failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate a text") : 0;
}

int32_t bpe_write(const bpe *b, const char *note, text_buffer *out)
{
    text_print(out, "podium-bpe 1 %d %s\n", b->merges, *note ? note : "-");
    for (int32_t i = 0; i < b->merges; i++)
        text_print(out, "%d %d\n", b->left[i], b->right[i]);
    return out->failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate a vocabulary file") : 0;
}

/* Copies the line at *at to `line`, without its end; false at the end of the text or past `size`.
 */
static bool next_line(const char *text, size_t length, size_t *at, char *line, size_t size)
{
    const char *end = *at < length ? memchr(text + *at, '\n', length - *at) : NULL;
    size_t n = end ? (size_t)(end - text) - *at : 0;
    if (!end || n >= size || memchr(text + *at, 0, n))
        return false;
    memcpy(line, text + *at, n);
    line[n] = '\0';
    *at += n + 1;
    return true;
}

int32_t bpe_parse(bpe **out, const char *text, size_t length, const char *name, const char **note)
{
    char line[160], word[80], rest;
    int merges = 0, left, right;
    size_t at = 0;
    bpe *b;
    *out = NULL;
    if (!next_line(text, length, &at, line, sizeof line) ||
        sscanf(line, "podium-bpe 1 %6d %79s %c", &merges, word, &rest) != 2 || merges < 0 ||
        merges > BPE_MAX_MERGES)
        return podium_fail(PODIUM_EINVAL, "%s:1: expected 'podium-bpe 1 MERGES NOTE'", name);
    TRY(bpe_create(&b, merges));
    snprintf(b->note, sizeof b->note, "%s", word);
    int32_t rc = 0;
    for (int i = 0; i < merges && rc == 0; i++) {
        if (!next_line(text, length, &at, line, sizeof line) ||
            sscanf(line, "%6d %6d %c", &left, &right, &rest) != 2)
            rc = podium_fail(PODIUM_EINVAL, "%s:%d: expected two ids", name, i + 2);
        else if ((rc = bpe_add(b, left, right)) < 0)
            podium_fail_in(rc, "%s:%d", name, i + 2);
    }
    if (rc == 0 && at != length)
        rc = podium_fail(PODIUM_EINVAL, "%s:%d: more than %d merges", name, merges + 2, merges);
    if (rc < 0) {
        bpe_close(b);
        return rc;
    }
    *out = b;
    if (note)
        *note = b->note;
    return 0;
}
