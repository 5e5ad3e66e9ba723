/* Text files as lines. */
#include "data/text_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/files.h"

int32_t text_lines_split(text_lines *out, char *bytes, size_t length, const char *name)
{
    *out = (text_lines){.bytes = bytes};
    int64_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\n';
    if (length && bytes[length - 1] != '\n')
        count++;
    out->line = malloc((size_t)(count ? count : 1) * sizeof *out->line);
    if (!out->line) {
        text_lines_release(out);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld lines", (long long)count);
    }
    for (size_t at = 0; at < length;) {
        char *end = memchr(bytes + at, '\n', length - at);
        size_t stop = end ? (size_t)(end - bytes) : length;
        if (memchr(bytes + at, 0, stop - at)) {
            long long line = (long long)out->count + 1;
            text_lines_release(out);
            return podium_fail(PODIUM_EINVAL, "%s:%lld: a zero byte in a text", name, line);
        }
        bytes[stop] = '\0';
        if (stop > at && bytes[stop - 1] == '\r')
            bytes[stop - 1] = '\0';
        out->line[out->count++] = bytes + at;
        at = stop + 1;
    }
    return 0;
}

int32_t text_lines_read(text_lines *out, const char *folder, const char *name, sha256 *hash)
{
    char path[4096], packed[4096 + 4];
    uint8_t *bytes;
    size_t length;
    *out = (text_lines){0};
    TRY(path_join(path, sizeof path, folder, name));
    snprintf(packed, sizeof packed, "%s.gz", path);
    bool plain = file_exists(path);
    if (!plain && !file_exists(packed))
        return podium_fail(PODIUM_EIO, "neither '%s' nor '%s' is there", path, packed);
    TRY(file_read_gz(plain ? path : packed, TEXT_MAX_BYTES, &bytes, &length));
    if (hash)
        sha256_update(hash, bytes, length);
    char *room = realloc(bytes, length + 1);
    if (!room) {
        free(bytes);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes", length + 1);
    }
    return text_lines_split(out, room, length, path);
}

void text_lines_release(text_lines *t)
{
    free(t->bytes);
    free(t->line);
    *t = (text_lines){0};
}
