/* Archives in memory: POSIX ustar (IEEE 1003.1), regular files alone. */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include "base/text.h"

/* Appends a file; `name` is relative, with '/'.  Same bytes for the same files: no time, no owner.
 * Errors: PODIUM_EINVAL a name of more than 100 bytes that cannot be split, PODIUM_ENOMEM. */
int32_t tar_add(text_buffer *archive, const char *name, const void *data, size_t length);
int32_t tar_end(text_buffer *archive);

/* Walks an archive that may come from a stranger.  Start with {.data, .length}. */
typedef struct tar_reader {
    const char *data;
    size_t length, at;
    char name[257];      /* of the file found: relative, without ".." */
    const char *content; /* borrowed from data */
    size_t size;
} tar_reader;
/* 1: a file is there, 0: the end.  Folders are passed over.
 * Errors: PODIUM_EINVAL a damaged header, a name that leads out, a link or device. */
int32_t tar_next(tar_reader *r, const char *place);

/* Whole files through gzip (zlib).  Errors: PODIUM_EIO; PODIUM_EINVAL no gzip, or more than `limit`
 * bytes within. */
int32_t gzip_write(const char *path, const void *data, size_t length);
int32_t gzip_read(const char *path, size_t limit, char **out, size_t *length);

#endif
