/* Whole files through zlib.  Plain files, paths and atomic writes are in base/text.h. */
#ifndef DATA_FILES_H
#define DATA_FILES_H

#include <stddef.h>
#include <stdint.h>
#include "base/text.h"

/* The whole file in memory the caller frees, unpacked when it starts with the gzip magic; `limit`
 * bounds the bytes that come out.  Errors: PODIUM_EIO; PODIUM_EINVAL truncated or damaged gzip,
 * more than `limit` bytes; PODIUM_ENOMEM. */
int32_t file_read_gz(const char *path, size_t limit, uint8_t **out, size_t *length);

#endif
