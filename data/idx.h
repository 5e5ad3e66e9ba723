/* IDX, the format of MNIST (LeCun): 0 0 type ndim, big-endian extents, row-major elements: unsigned
 * bytes (type 8), and big-endian shorts (type 11) for labels of many classes.  Plain or gzip; a set
 * split over several files NAME.0.gz, NAME.1.gz, ... is their examples in that order.  Images that
 * need not fit into memory are mapped. */
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

#define IDX_MAX_MAPPED (INT64_C(1) << 44)

/* A file of bytes that is mapped, not read. */
typedef struct idx_mapping {
    int ndim;
    int64_t shape[IDX_MAX_DIMS];
    int64_t count;
    const uint8_t *data; /* in the mapping */
    void *base;          /* the file, `length` bytes, until idx_unmap */
    size_t length;
} idx_mapping;
/* Maps DIR/NAME, which is plain.  Errors: PODIUM_EIO; PODIUM_EINVAL as idx_parse. */
int32_t idx_map(idx_mapping *out, const char *dir, const char *name);
void idx_unmap(idx_mapping *m);
/* Reads shorts [n] of DIR/NAME (or .gz) that are below `classes`; malloc'd.  Errors: PODIUM_EIO,
 * PODIUM_EINVAL naming the first label that is not, or another number of them than `count`. */
int32_t idx_read_shorts(uint16_t **out, int64_t count, int classes, const char *dir,
                        const char *name, sha256 *hash);
/* Errors: PODIUM_EINVAL naming the first label of [count] that is not in [0, classes). */
int32_t idx_check_labels(const idx_array *labels, int64_t count, int classes, const char *name);

#endif
