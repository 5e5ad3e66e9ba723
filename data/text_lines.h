/* Text files as lines: the form of parallel corpora, of language modelling text, of TSV. */
#ifndef DATA_TEXT_LINES_H
#define DATA_TEXT_LINES_H

#include <stddef.h>
#include <stdint.h>
#include "base/sha256.h"
#include "base/status.h"

#define TEXT_MAX_BYTES ((size_t)1 << 34)

typedef struct text_lines {
    char *bytes; /* owned; ends of lines are zero bytes */
    char **line; /* [count], owned */
    int64_t count;
} text_lines;

/* Cuts `bytes` (malloc'd with room for one byte more, taken over even on failure) at line ends; a
 * carriage return before one is dropped.  Errors: PODIUM_EINVAL a zero byte, naming line and
 * `name`; PODIUM_ENOMEM. */
int32_t text_lines_split(text_lines *out, char *bytes, size_t length, const char *name);
/* FOLDER/NAME or FOLDER/NAME.gz; its unpacked bytes are added to `hash` (NULL: none).
 * Errors: also PODIUM_EIO when neither is there. */
int32_t text_lines_read(text_lines *out, const char *folder, const char *name, sha256 *hash);
void text_lines_release(text_lines *t);

#endif
