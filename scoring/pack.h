/* Packs: one archive with a submission's source, its .so, its records and the checksums of all of
 * them (NAME.tar.gz: NAME/SHA256SUMS as sha256sum writes it, NAME/source/..., NAME/submission.so,
 * NAME/records/.../trial.jsonl). */
#ifndef SCORING_PACK_H
#define SCORING_PACK_H

#include "base/sha256.h"
#include "base/text.h"
#include "scoring/record.h"

typedef struct pack_writer {
    const char *name;
    text_buffer archive, sums;
} pack_writer;
/* Errors: those of tar_add; PODIUM_EIO. */
int32_t pack_add(pack_writer *p, const char *path_within, const void *data, size_t length);
int32_t pack_add_file(pack_writer *p, const char *path_within, const char *file);
/* Adds the checksums and writes the archive; the writer is released. */
int32_t pack_write(pack_writer *p, const char *path);
void pack_release(pack_writer *p);

bool pack_is(const char *path); /* a file that begins as gzip does */

typedef struct pack_reader {
    const char *path; /* borrowed */
    char *data;       /* the archive */
    size_t length;
    const char *sums; /* the text of SHA256SUMS, borrowed from data */
    size_t sums_length;
    char so[SHA256_HEX]; /* of submission.so; "" none */
    size_t files;        /* beside SHA256SUMS */
    bool changed;        /* a file is not what its checksum says */
} pack_reader;
/* Reads an archive; every file must have its checksum.  Close it after an error, too.
 * Errors: PODIUM_EINVAL naming the file that is missing, changed or not listed. */
int32_t pack_open(pack_reader *p, const char *path);
/* Appends the records, with their verdicts (verdict.h); their paths read "PACK:PATH WITHIN".
 * Errors: PODIUM_EINVAL a record that is damaged or of another .so than the one within. */
int32_t pack_records(const pack_reader *p, record_list *list);
/* Writes the files below `folder`, which exists.  Errors: PODIUM_EIO, PODIUM_EINVAL. */
int32_t pack_unpack(const pack_reader *p, const char *folder);
void pack_close(pack_reader *p);

/* The records of the pack at `path`: open, append, close. */
int32_t pack_read(record_list *list, const char *path);
/* Where in its pack a record lies; NULL: it is a file of its own. */
const char *pack_place(const record *r);

#endif
