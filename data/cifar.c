/* The CIFAR-10 and CIFAR-100 binary reader. */
#include "data/cifar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/files.h"

#define CIFAR_MAX_BYTES ((size_t)1 << 30)

static int32_t grow(cifar_images *c, int64_t count, const char *name)
{
    uint8_t *pixels = realloc(c->pixels, (size_t)count * CIFAR_PIXELS);
    if (pixels)
        c->pixels = pixels;
    uint8_t *labels = pixels ? realloc(c->labels, (size_t)count) : NULL;
    if (labels)
        c->labels = labels;
    if (!labels)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %lld images of '%s'", (long long)count,
                           name);
    return 0;
}

int32_t cifar_parse(cifar_images *io, int classes, const uint8_t *bytes, size_t length,
                    const char *name)
{
    size_t label_bytes = classes == 100 ? 2 : 1, record = label_bytes + CIFAR_PIXELS;
    if (length == 0 || length % record)
        return podium_fail(PODIUM_EINVAL,
                           "'%s': %zu bytes is no whole number of CIFAR-%d records (%zu bytes)",
                           name, length, classes, record);
    int64_t added = (int64_t)(length / record);
    for (int64_t i = 0; i < added; i++) {
        int label = bytes[(size_t)i * record + label_bytes - 1];
        if (label >= classes)
            return podium_fail(PODIUM_EINVAL, "'%s': label %d of record %lld is not below %d", name,
                               label, (long long)i, classes);
    }
    TRY(grow(io, io->count + added, name));
    for (int64_t i = 0; i < added; i++) {
        const uint8_t *from = bytes + (size_t)i * record;
        io->labels[io->count + i] = from[label_bytes - 1];
        memcpy(io->pixels + (size_t)(io->count + i) * CIFAR_PIXELS, from + label_bytes,
               CIFAR_PIXELS);
    }
    io->count += added;
    return 0;
}

int32_t cifar_read(cifar_images *io, int classes, const char *dir, const char *name)
{
    char plain[4096], packed[4104];
    uint8_t *bytes = NULL;
    size_t length = 0;
    TRY(path_join(plain, sizeof plain, dir, name));
    snprintf(packed, sizeof packed, "%s.gz", plain);
    const char *path = file_exists(plain) ? plain : packed;
    if (!file_exists(path))
        return podium_fail(PODIUM_EIO, "no '%s' or '%s.gz'", plain, plain);
    TRY(file_read_gz(path, CIFAR_MAX_BYTES, &bytes, &length));
    int32_t rc = cifar_parse(io, classes, bytes, length, path);
    free(bytes);
    return rc;
}

void cifar_release(cifar_images *c)
{
    free(c->pixels);
    free(c->labels);
    *c = (cifar_images){0};
}
