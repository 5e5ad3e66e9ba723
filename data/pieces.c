/* SentencePiece's text files. */
#include "data/pieces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES (64u << 20)

int32_t pieces_parse(vocabulary *out, const char *text, size_t length, const char *name)
{
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t n = end ? (size_t)(end - text) - at : length - at;
        const char *tab = memchr(text + at, '\t', n);
        if (!tab || tab == text + at)
            return podium_fail(PODIUM_EINVAL, "%s:%d: expected 'PIECE TAB SCORE'", name,
                               out->count + 1);
        int32_t rc = vocabulary_add(out, text + at, (size_t)(tab - text) - at);
        if (rc < 0)
            return podium_fail_in(rc, "%s:%d", name, out->count + 1);
        at += n + 1;
    }
    return out->count ? 0 : podium_fail(PODIUM_EINVAL, "%s: no pieces", name);
}

int32_t pieces_read(vocabulary *out, const char *path)
{
    char *text;
    size_t length;
    TRY(file_read(path, MAX_FILE_BYTES, &text, &length));
    int32_t rc = pieces_parse(out, text, length, path);
    free(text);
    return rc;
}

int32_t pieces_ids(const char *line, int32_t count, id_buffer *out)
{
    for (const char *at = line; *at;) {
        int64_t id = 0;
        if (*at == ' ') {
            at++;
            continue;
        }
        if (*at < '0' || *at > '9')
            return podium_fail(PODIUM_EINVAL, "expected ids and spaces, got '%.20s'", at);
        while (*at >= '0' && *at <= '9' && id < count)
            id = 10 * id + (*at++ - '0');
        if (id >= count || (*at && *at != ' '))
            return podium_fail(PODIUM_EINVAL, "an id of %lld, expected 0 to %d", (long long)id,
                               count - 1);
        id_buffer_add(out, (int32_t)id);
    }
    return out->failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate ids") : 0;
}

/* "<0xHH>": the byte; -1 otherwise. */
static int byte_of(const char *piece, size_t n)
{
    unsigned byte;
    char copy[8], rest;
    if (n != 6)
        return -1;
    memcpy(copy, piece, 6);
    copy[6] = '\0';
    return sscanf(copy, "<0x%2X%c", &byte, &rest) == 2 && rest == '>' ? (int)byte : -1;
}

int32_t pieces_decode(const vocabulary *v, const int32_t *ids, int64_t count, text_buffer *out)
{
    static const char *const control[] = {"<s>", "</s>", "<pad>", "<unk>"};
    size_t first = out->length;
    for (int64_t i = 0; i < count; i++) {
        size_t n;
        if (ids[i] < 0 || ids[i] >= v->count)
            return podium_fail(PODIUM_EINVAL, "token %d is none of 0 to %d", ids[i], v->count - 1);
        const char *piece = vocabulary_text(v, ids[i], &n);
        bool skip = false;
        for (size_t k = 0; k < sizeof control / sizeof *control; k++)
            skip = skip || (n == strlen(control[k]) && !memcmp(piece, control[k], n));
        int byte = byte_of(piece, n);
        char one = (char)byte;
        if (byte >= 0)
            text_append(out, &one, 1);
        for (size_t k = 0; k < n && byte < 0 && !skip;) {
            bool space = n - k >= 3 && !memcmp(piece + k, "\xE2\x96\x81", 3);
            if (!space || out->length > first)
                text_append(out, space ? " " : piece + k, 1);
            k += space ? 3 : 1;
        }
    }
    return out->failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate a text") : 0;
}
