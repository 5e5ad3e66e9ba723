/* POSIX ustar, the part that regular files need. */
#include "base/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BLOCK 512
enum {
    NAME = 0,
    MODE = 100,
    SIZE = 124,
    TIME = 136,
    SUM = 148,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345
};

/* The header's bytes added up, its sum counted as blanks. */
static unsigned checksum(const char *header)
{
    unsigned sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= SUM && i < SUM + 8 ? ' ' : (unsigned char)header[i];
    return sum;
}

/* A name over 100 bytes is split at a slash into a prefix of at most 155 and the rest. */
static int32_t put_name(char *header, const char *name)
{
    size_t n = strlen(name);
    if (n <= 100) {
        memcpy(header + NAME, name, n);
        return 0;
    }
    for (size_t i = n - 101; i < n && i <= 155; i++)
        if (name[i] == '/' && i > 0 && i + 1 < n) {
            memcpy(header + PREFIX, name, i);
            memcpy(header + NAME, name + i + 1, n - i - 1);
            return 0;
        }
    return podium_fail(PODIUM_EINVAL, "the name '%.60s...' is too long for an archive", name);
}

int32_t tar_add(text_buffer *archive, const char *name, const void *data, size_t length)
{
    char header[BLOCK] = {0}, zeros[BLOCK] = {0};
    TRY(put_name(header, name));
    if (length > 077777777777)
        return podium_fail(PODIUM_EINVAL, "'%s' is too large for an archive", name);
    memcpy(header + MODE, "0000644\0000000000\0000000000", 24);
    snprintf(header + SIZE, 12, "%011llo", (unsigned long long)length);
    memcpy(header + TIME, "00000000000", 12);
    header[TYPE] = '0';
    memcpy(header + MAGIC, "ustar\00000", 8);
    snprintf(header + SUM, 8, "%06o", checksum(header));
    header[SUM + 7] = ' ';
    text_append(archive, header, BLOCK);
    text_append(archive, data, length);
    text_append(archive, zeros, (BLOCK - length % BLOCK) % BLOCK);
    return archive->failed ? podium_fail(PODIUM_ENOMEM, "no memory for an archive") : 0;
}

int32_t tar_end(text_buffer *archive)
{
    char zeros[2 * BLOCK] = {0};
    text_append(archive, zeros, sizeof zeros);
    return archive->failed ? podium_fail(PODIUM_ENOMEM, "no memory for an archive") : 0;
}

/* An octal number that ends at a blank, a zero byte or the field's end. */
static bool octal(const char *field, int n, size_t *out)
{
    int i = 0, digits = 0;
    *out = 0;
    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++, digits++)
        *out = 8 * *out + (size_t)(field[i] - '0');
    return digits > 0 && (i == n || field[i] == ' ' || field[i] == '\0');
}

static bool leads_out(const char *name)
{
    if (!name[0] || name[0] == '/')
        return true;
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += n;
        p += *p == '/';
    }
    return false;
}

static int32_t read_name(tar_reader *r, const char *header, const char *place)
{
    int prefix = (int)strnlen(header + PREFIX, 155), name = (int)strnlen(header + NAME, 100);
    if (memcmp(header + MAGIC, "ustar", 5))
        prefix = 0;
    snprintf(r->name, sizeof r->name, "%.*s%s%.*s", prefix, header + PREFIX, prefix ? "/" : "",
             name, header + NAME);
    if (leads_out(r->name))
        return podium_fail(PODIUM_EINVAL, "%s: the name '%.80s' leads out of the archive", place,
                           r->name);
    return 0;
}

int32_t tar_next(tar_reader *r, const char *place)
{
    static const char zeros[BLOCK];
    for (;;) {
        const char *header = r->data + r->at;
        size_t sum;
        if (r->length - r->at < BLOCK)
            return r->length == r->at
                       ? 0
                       : podium_fail(PODIUM_EINVAL, "%s: the archive is cut off", place);
        if (!memcmp(header, zeros, BLOCK))
            return 0;
        if (!octal(header + SUM, 8, &sum) || sum != checksum(header) ||
            !octal(header + SIZE, 12, &r->size))
            return podium_fail(PODIUM_EINVAL, "%s: byte %zu: no header of a file", place, r->at);
        TRY(read_name(r, header, place));
        r->at += BLOCK;
        if (r->size > r->length - r->at)
            return podium_fail(PODIUM_EINVAL, "%s: '%s' is cut off", place, r->name);
        r->content = r->data + r->at;
        size_t padded = r->size + (BLOCK - r->size % BLOCK) % BLOCK;
        r->at = padded > r->length - r->at ? r->length : r->at + padded;
        if (header[TYPE] == '5')
            continue;
        if (header[TYPE] != '0' && header[TYPE] != '\0')
            return podium_fail(PODIUM_EINVAL, "%s: '%s' is no regular file", place, r->name);
        return 1;
    }
}

int32_t gzip_write(const char *path, const void *data, size_t length)
{
    z_stream z = {0};
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return podium_fail(PODIUM_ENOMEM, "no memory to compress '%s'", path);
    size_t bound = deflateBound(&z, length);
    char *out = malloc(bound);
    int32_t rc = 0;
    if (!out || length > UINT32_MAX || bound > UINT32_MAX) {
        rc = podium_fail(PODIUM_ENOMEM, "no memory to compress '%s'", path);
    } else {
        z.next_in = (Bytef *)data;
        z.avail_in = (uInt)length;
        z.next_out = (Bytef *)out;
        z.avail_out = (uInt)bound;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END)
            rc = podium_fail(PODIUM_EIO, "cannot compress '%s'", path);
        else
            rc = file_write_atomic(path, out, bound - z.avail_out);
    }
    deflateEnd(&z);
    free(out);
    return rc;
}

int32_t gzip_read(const char *path, size_t limit, char **out, size_t *length)
{
    text_buffer b = {0};
    char part[1 << 16];
    int n = 0;
    gzFile f = gzopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot open '%s'", path);
    int32_t rc = 0;
    while (!rc && (n = gzread(f, part, sizeof part)) > 0) {
        text_append(&b, part, (size_t)n);
        if (b.length > limit)
            rc = podium_fail(PODIUM_EINVAL, "'%s' holds more than %zu bytes", path, limit);
    }
    if (!rc && (n < 0 || gzdirect(f)))
        rc = podium_fail(PODIUM_EINVAL, "'%s' is no gzip file, or is cut off", path);
    if (gzclose_r(f) != Z_OK && !rc)
        rc = podium_fail(PODIUM_EINVAL, "'%s' is cut off", path);
    if (!rc && (b.failed || !b.data))
        rc = podium_fail(PODIUM_EINVAL, "'%s' is empty, or larger than the memory", path);
    if (rc) {
        text_release(&b);
        return rc;
    }
    *out = b.data;
    *length = b.length;
    return 0;
}
