/* The IDX reader: every length is checked before it is used. */
#include "data/idx.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files.h"

#define MAX_PARTS 64

enum { IDX_BYTES = 8, IDX_SHORTS = 11 };

static int64_t big_endian(const uint8_t *p)
{
    return (int64_t)p[0] << 24 | (int64_t)p[1] << 16 | (int64_t)p[2] << 8 | p[3];
}

/* Reads the header for elements of IDX type `type` (`bytes_each` bytes) and checks that the rest of
 * the file is what it says.  *header: its bytes. */
static int32_t parse_header(const uint8_t *bytes, size_t length, int type, int64_t bytes_each,
                            int64_t most, const char *name, int *ndim, int64_t *shape,
                            int64_t *count, size_t *header)
{
    *count = 1;
    if (length < 4 || bytes[0] || bytes[1])
        return podium_fail(PODIUM_EINVAL, "'%s' is not an IDX file: bad magic", name);
    if (bytes[2] != type)
        return podium_fail(PODIUM_EINVAL, "'%s': IDX type 0x%02x, expected 0x%02x (%s)", name,
                           bytes[2], type, type == IDX_BYTES ? "unsigned byte" : "short");
    *ndim = bytes[3];
    if (*ndim < 1 || *ndim > IDX_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL, "'%s': %d IDX dimensions, expected 1 to %d", name, *ndim,
                           IDX_MAX_DIMS);
    *header = 4 + 4 * (size_t)*ndim;
    if (length < *header)
        return podium_fail(PODIUM_EINVAL, "'%s' is truncated: %zu bytes, the IDX header has %zu",
                           name, length, *header);
    for (int d = 0; d < *ndim; d++) {
        shape[d] = big_endian(bytes + 4 + 4 * d);
        if (shape[d] < 1 || shape[d] > most / *count)
            return podium_fail(PODIUM_EINVAL, "'%s': IDX extent %d is %lld, out of range", name, d,
                               (long long)shape[d]);
        *count *= shape[d];
    }
    size_t body = length - *header, want = (size_t)(*count * bytes_each);
    return body == want
               ? 0
               : podium_fail(PODIUM_EINVAL, "'%s' %s: %zu bytes after the header, expected %zu",
                             name, body < want ? "is truncated" : "has trailing bytes", body, want);
}

int32_t idx_parse(idx_array *out, const uint8_t *bytes, size_t length, const char *name)
{
    size_t header = 0;
    *out = (idx_array){0};
    TRY(parse_header(bytes, length, IDX_BYTES, 1, (int64_t)IDX_MAX_BYTES, name, &out->ndim,
                     out->shape, &out->count, &header));
    size_t body = (size_t)out->count;
    out->data = malloc(body);
    if (!out->data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes for '%s'", body, name);
    memcpy(out->data, bytes + header, body);
    return 0;
}

int32_t idx_map(idx_mapping *out, const char *dir, const char *name)
{
    char path[4096];
    struct stat s;
    size_t header = 0;
    *out = (idx_mapping){0};
    TRY(path_join(path, sizeof path, dir, name));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) || s.st_size < 4) {
        int32_t rc = podium_fail(PODIUM_EIO, "no IDX file '%s' (plain, not packed: it is mapped)",
                                 path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    void *base = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED)
        return podium_fail(PODIUM_EIO, "cannot map the %lld bytes of '%s'", (long long)s.st_size,
                           path);
    out->base = base;
    out->length = (size_t)s.st_size;
    int32_t rc = parse_header(base, out->length, IDX_BYTES, 1, IDX_MAX_MAPPED, path, &out->ndim,
                              out->shape, &out->count, &header);
    out->data = (const uint8_t *)base + header;
    if (rc < 0)
        idx_unmap(out);
    return rc;
}

void idx_unmap(idx_mapping *m)
{
    if (m->base)
        munmap(m->base, m->length);
    *m = (idx_mapping){0};
}

static int32_t take_shorts(uint16_t **out, int64_t count, int classes, const uint8_t *bytes,
                           size_t length, const char *path)
{
    int ndim;
    int64_t shape[IDX_MAX_DIMS], n;
    size_t header = 0;
    TRY(parse_header(bytes, length, IDX_SHORTS, 2, (int64_t)IDX_MAX_BYTES / 2, path, &ndim, shape,
                     &n, &header));
    if (ndim != 1 || n != count)
        return podium_fail(PODIUM_EINVAL, "'%s': %lld labels, expected %lld (one an image)", path,
                           (long long)n, (long long)count);
    uint16_t *labels = malloc((size_t)n * sizeof *labels);
    *out = labels;
    if (!labels)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld labels", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *two = bytes + header + 2 * i;
        labels[i] = (uint16_t)(two[0] << 8 | two[1]);
        if (labels[i] >= classes)
            return podium_fail(PODIUM_EINVAL, "'%s': label %d of example %lld is not below %d",
                               path, labels[i], (long long)i, classes);
    }
    return 0;
}

int32_t idx_read_shorts(uint16_t **out, int64_t count, int classes, const char *dir,
                        const char *name, sha256 *hash)
{
    char path[3072], packed[3076];
    uint8_t *bytes = NULL;
    size_t length = 0;
    *out = NULL;
    TRY(path_join(path, sizeof path, dir, name));
    snprintf(packed, sizeof packed, "%s.gz", path);
    const char *file = file_exists(path) ? path : packed;
    if (!file_exists(file))
        return podium_fail(PODIUM_EIO, "no '%s', nor packed as .gz", path);
    TRY(file_read_gz(file, IDX_MAX_BYTES, &bytes, &length));
    int32_t rc = take_shorts(out, count, classes, bytes, length, file);
    if (rc == 0)
        sha256_update(hash, bytes, length);
    free(bytes);
    if (rc < 0) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

void idx_release(idx_array *a)
{
    free(a->data);
    *a = (idx_array){0};
}

static int32_t read_one(idx_array *out, const char *path, sha256 *hash)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    TRY(file_read_gz(path, IDX_MAX_BYTES, &bytes, &length));
    int32_t rc = idx_parse(out, bytes, length, path);
    if (rc == 0 && hash)
        sha256_update(hash, bytes, length);
    free(bytes);
    return rc;
}

/* Appends part's examples to `all`; extents but the first must agree. */
static int32_t append(idx_array *all, const idx_array *part, const char *path)
{
    bool same = all->ndim == part->ndim;
    for (int d = 1; same && d < all->ndim; d++)
        same = all->shape[d] == part->shape[d];
    if (!same)
        return podium_fail(PODIUM_EINVAL, "'%s': extents differ from those of part 0", path);
    uint8_t *data = realloc(all->data, (size_t)(all->count + part->count));
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld bytes for '%s'",
                           (long long)(all->count + part->count), path);
    memcpy(data + all->count, part->data, (size_t)part->count);
    all->data = data;
    all->shape[0] += part->shape[0];
    all->count += part->count;
    return 0;
}

static int32_t read_parts(idx_array *out, const char *base, sha256 *hash)
{
    char path[4096];
    for (int i = 0; i < MAX_PARTS; i++) {
        idx_array part = {0};
        if (snprintf(path, sizeof path, "%s.%d.gz", base, i) >= (int)sizeof path)
            return podium_fail(PODIUM_EINVAL, "path '%s' is too long", base);
        if (i > 0 && !file_exists(path))
            return 0;
        int32_t rc = read_one(i ? &part : out, path, hash);
        if (rc == 0 && i)
            rc = append(out, &part, path);
        idx_release(&part);
        TRY(rc);
    }
    return podium_fail(PODIUM_EINVAL, "'%s' has more than %d parts", base, MAX_PARTS);
}

int32_t idx_read(idx_array *out, const char *dir, const char *name, sha256 *hash)
{
    char base[3072], path[3200];
    *out = (idx_array){0};
    TRY(path_join(base, sizeof base, dir, name));
    int32_t rc;
    snprintf(path, sizeof path, "%s.gz", base);
    if (file_exists(base)) {
        rc = read_one(out, base, hash);
    } else if (file_exists(path)) {
        rc = read_one(out, path, hash);
    } else {
        snprintf(path, sizeof path, "%s.0.gz", base);
        rc = file_exists(path)
                 ? read_parts(out, base, hash)
                 : podium_fail(PODIUM_EIO, "no '%s', nor packed as .gz or parts .0.gz ...", base);
    }
    if (rc < 0)
        idx_release(out);
    return rc;
}

int32_t idx_check_labels(const idx_array *labels, int64_t count, int classes, const char *name)
{
    if (labels->ndim != 1 || labels->count != count)
        return podium_fail(PODIUM_EINVAL, "'%s': %lld labels, expected %lld (one an image)", name,
                           (long long)labels->count, (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (labels->data[i] >= classes)
            return podium_fail(PODIUM_EINVAL, "'%s': label %d of example %lld is not below %d",
                               name, labels->data[i], (long long)i, classes);
    return 0;
}
