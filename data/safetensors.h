/* safetensors files: an 8-byte little-endian header length, a JSON header, raw little-endian data.
 * Format: github.com/huggingface/safetensors, "Format". */
#ifndef DATA_SAFETENSORS_H
#define DATA_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define SAFETENSOR_MAX_DIMS 8

typedef struct safetensor {
    const char *name;
    int32_t dtype; /* PODIUM_F32, PODIUM_F64, PODIUM_F16, PODIUM_BF16 or PODIUM_I32 */
    int ndim;
    int64_t shape[SAFETENSOR_MAX_DIMS];
    int64_t count;    /* elements: the product of the shape, 1 without dimensions */
    const void *data; /* aligned for the type; owned by the file object */
} safetensor;

typedef struct safetensors safetensors;

/* Reads a whole file.  Its tensors must tile the data: inside the file, each as long as its shape
 * and type say, without overlap or gap.  Those of types that Podium does not compute with (I64,
 * BOOL, ...) are checked and left out.
 * Errors: PODIUM_EIO unreadable; PODIUM_EINVAL not a safetensors file, naming the tensor. */
int32_t safetensors_open(safetensors **out, const char *path);
/* The same from memory (copied); `name` is the name in messages. */
int32_t safetensors_parse(safetensors **out, const void *bytes, size_t size, const char *name);
void safetensors_close(safetensors *s); /* NULL is fine */
size_t safetensors_count(const safetensors *s);
const safetensor *safetensors_item(const safetensors *s, size_t i);
const safetensor *safetensors_find(const safetensors *s, const char *name); /* NULL: absent */

/* The text under `key` of the file's metadata; NULL: absent. */
const char *safetensors_metadata(const safetensors *s, const char *key);

/* Element i as a double: exact for every type. */
double safetensor_number(const safetensor *t, int64_t i);
/* All elements as f32, out [count]: exact but for f64 and i32, which are rounded to nearest. */
void safetensor_to_f32(const safetensor *t, float *out);

/* Writes a file with these tensors (count is ignored, the shape counts; data need not be aligned)
 * and, when metadata is not NULL, the pairs of texts it lists: key, value, ..., NULL.  Atomic:
 * after a crash the old file or the new one is there.  Readers find every tensor aligned. Errors:
 * PODIUM_EIO; PODIUM_EINVAL a name twice, empty, not UTF-8 or reserved, a bad type or shape;
 * PODIUM_ENOMEM. */
int32_t safetensors_write(const char *path, const safetensor *tensors, size_t count,
                          const char *const *metadata);

#endif
