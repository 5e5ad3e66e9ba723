/* Reading safetensors files: an 8-byte little-endian header length, a JSON header, raw data. */
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
    int64_t count;    /* elements */
    const void *data; /* aligned for the type; owned by the file object */
} safetensor;

typedef struct safetensors safetensors;

/* Reads a whole file. Tensors of other types (I64, ...) are left out.
 * Errors: PODIUM_EIO unreadable; PODIUM_EINVAL not a safetensors file, naming the tensor. */
int32_t safetensors_open(safetensors **out, const char *path);
/* The same from memory (copied); `name` is the name in messages. */
int32_t safetensors_parse(safetensors **out, const void *bytes, size_t size, const char *name);
void safetensors_close(safetensors *s); /* NULL is fine */
size_t safetensors_count(const safetensors *s);
const safetensor *safetensors_item(const safetensors *s, size_t i);
const safetensor *safetensors_find(const safetensors *s, const char *name); /* NULL: absent */
/* Element i as a double (f32, f64 and i32 only). */
double safetensor_number(const safetensor *t, int64_t i);

#endif
