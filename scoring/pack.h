/* Packs: one archive with a submission's source, its .so, its records and the checksums of all of
 * them (NAME.tar.gz: NAME/SHA256SUMS as sha256sum writes it, NAME/source/..., NAME/submission.so,
 * NAME/records/.../trial.jsonl). */
#ifndef SCORING_PACK_H
#define SCORING_PACK_H

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

/* Appends the pack's records to the list; their paths read "PACK:PATH".  Every file must have its
 * checksum and every record must be of the .so within.
 * Errors: PODIUM_EINVAL naming the file that is missing, changed or not listed. */
int32_t pack_read(record_list *list, const char *path);

#endif
