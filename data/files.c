/* Whole files, plain and gzip, by zlib. */
#include "data/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Reads f to its end into a growing buffer. */
static int32_t read_all(gzFile f, const char *path, size_t max_bytes, uint8_t **out, size_t *bytes)
{
    size_t used = 0, size = 1 << 16;
    uint8_t *data = malloc(size);
    while (data) {
        size_t room = size - used;
        int n = gzread(f, data + used, room > 1 << 20 ? 1 << 20 : (unsigned)room);
        if (n <= 0)
            break;
        used += (size_t)n;
        if (used > max_bytes) {
            free(data);
            return podium_fail(PODIUM_EINVAL, "'%s' holds more than %zu bytes", path, max_bytes);
        }
        if (used == size) {
            uint8_t *larger = realloc(data, size *= 2);
            if (!larger)
                free(data);
            data = larger;
        }
    }
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes for '%s'", size, path);
    int code = 0;
    const char *why = gzerror(f, &code);
    if (code != Z_OK) { /* Z_BUF_ERROR: the stream ends too early */
        int32_t rc = podium_fail(code == Z_ERRNO ? PODIUM_EIO : PODIUM_EINVAL,
                                 "cannot read '%s': %s", path,
                                 code == Z_ERRNO ? strerror(errno) : why);
        free(data);
        return rc;
    }
    *out = data;
    *bytes = used;
    return 0;
}

int32_t file_read_gz(const char *path, size_t max_bytes, uint8_t **out, size_t *bytes)
{
    *out = NULL;
    *bytes = 0;
    gzFile f = gzopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    int32_t rc = read_all(f, path, max_bytes, out, bytes);
    gzclose_r(f);
    return rc;
}
