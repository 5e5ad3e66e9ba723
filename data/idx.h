/* IDX, the format of MNIST (LeCun): 0 0 type ndim, big-endian extents, row-major bytes.  Only
 * unsigned bytes (type 8) occur.  Plain or gzip; a set split over several files NAME.0.gz,
 * NAME.1.gz, ... is their examples in that order. */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include <stddef.h>
#include <stdint.h>
#include "base/sha256.h"
#include "base/status.h"

#define IDX_MAX_DIMS 4
#define IDX_MAX_BYTES ((size_t)1 << 32)

typedef struct idx_array {
    int ndim;
    int64_t shape[IDX_MAX_DIMS];
    int64_t count; /* elements */
    uint8_t *data; /* owned */
} idx_array;

/* Parses an IDX image in memory; `name` is for messages.  Errors: PODIUM_EINVAL (magic, type,
 * extents, truncated, trailing bytes), PODIUM_ENOMEM. */
int32_t idx_parse(idx_array *out, const uint8_t *bytes, size_t length, const char *name);
/* Reads DIR/NAME, DIR/NAME.gz or DIR/NAME.0.gz ..., whichever is there first.  The unpacked bytes
 * of each file, header included, are added to `hash` (NULL: none). */
int32_t idx_read(idx_array *out, const char *dir, const char *name, sha256 *hash);
void idx_release(idx_array *a);
/* Errors: PODIUM_EINVAL naming the first label of [count] that is not in [0, classes). */
int32_t idx_check_labels(const idx_array *labels, int64_t count, int classes, const char *name);

#endif
