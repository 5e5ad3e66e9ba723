/* The record a trial writes: one JSON object a line, appended and synced, and the checkpoint next
 * to it. */
#ifndef HARNESS_JOURNAL_H
#define HARNESS_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct journal {
    int fd;
    int64_t bytes; /* written and synced so far */
    char path[4096];
} journal;

/* Opens `folder`/trial.jsonl for this process alone, until journal_close.  Errors: PODIUM_EIO;
 * PODIUM_EINVAL another process has it open. */
int32_t journal_open(journal *j, const char *folder);
/* Cuts the record to `keep` bytes: what a killed run wrote after its last checkpoint, a half line
 * included, is run again.  Errors: PODIUM_EIO; PODIUM_EINVAL the file is shorter than `keep`. */
int32_t journal_cut(journal *j, int64_t keep);
/* Appends one line and syncs it. Steals the reference of `line`, also on failure. */
int32_t journal_append(journal *j, json_t *line);
void journal_close(journal *j);

/* The end line of a finished record, a new reference; NULL when it is unfinished or absent. */
json_t *journal_read_end(const char *folder);

/* folder/checkpoint.bin: a fixed state and a block of bytes under the sha256 of both. */
int32_t checkpoint_write(const char *folder, const void *state, size_t state_size,
                         const void *block, size_t block_size);
/* *found false when there is none.  *block is malloc'd.  Errors: PODIUM_EINVAL damaged, or of
 * another version. */
int32_t checkpoint_read(const char *folder, void *state, size_t state_size, void **block,
                        size_t *block_size, bool *found);
void checkpoint_remove(const char *folder);

#endif
