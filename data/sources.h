/* The data sets of data/sources.yaml: what they consist of, where they come from, whether the files
 * in a folder are theirs. */
#ifndef DATA_SOURCES_H
#define DATA_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define SOURCE_MAX_FILES 16
#define SOURCES_MAX 16

typedef struct source_file {
    const char *name;       /* unpacked; in a folder NAME or NAME.gz */
    int64_t bytes;          /* unpacked size, 0: unknown */
    const char *sha256;     /* of the unpacked bytes; NULL: unknown */
    const char *packed_md5; /* of the publisher's .gz; NULL: unknown */
} source_file;

typedef struct data_source {
    const char *name, *origin, *licence;
    const char *url;      /* ends with a slash; NULL: nothing to fetch */
    const char *sums;     /* a file of "SHA256  NAME" lines in the folder, in place of `files` */
    bool plain;           /* the files at `url` are not packed, packed_md5 is of them as they are */
    const char *manifest; /* below data/: made from the distribution's descriptions by apt */
    const char *archive;  /* a .tar.gz that holds all files; NULL: each is a .gz, or plain */
    const char *packed_md5; /* of the archive */
    source_file files[SOURCE_MAX_FILES];
    size_t count;
} data_source;

typedef struct data_sources {
    struct yaml_document *document; /* owns every text */
    data_source items[SOURCES_MAX];
    size_t count;
} data_sources;

/* Errors: PODIUM_EIO; PODIUM_EINVAL naming line and column. Release also after a failure. */
int32_t data_sources_read(data_sources *out, const char *path);
void data_sources_release(data_sources *s);
const data_source *data_source_find(const data_sources *s, const char *name); /* NULL: unknown */

/* Is the file in `folder`, plain or packed? */
bool source_file_present(const source_file *f, const char *folder);
/* Checks one file in `folder`; *how says in words what was checked (static text).
 * Errors: PODIUM_EIO missing, PODIUM_EINVAL another size or sum, naming file, expected and got. */
int32_t source_file_verify(const source_file *f, const char *folder, const char **how);
/* Checks the files listed in folder/`sums`; *checked counts them. Errors: as above, and
 * PODIUM_EINVAL for a malformed or empty list. */
int32_t source_sums_verify(const char *folder, const char *sums, int *checked);

/* Downloads what file `f` (or the archive, f NULL) needs into `folder` with curl, resuming a .part;
 * renamed once its sum is right; an archive is unpacked with tar.
 * Errors: PODIUM_EIO no curl, no network, no tar; PODIUM_EINVAL wrong sum (the .part is deleted).
 */
int32_t source_fetch(const data_source *s, const source_file *f, const char *folder);

#endif
