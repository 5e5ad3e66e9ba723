/* The element types of safetensors files.  Internal to data/safetensors*.c. */
#ifndef DATA_SAFETENSORS_TYPES_H
#define DATA_SAFETENSORS_TYPES_H

#include <stdbool.h>
#include "data/safetensors.h"

typedef struct safetensor_type {
    const char *text; /* in the header */
    int32_t dtype;    /* 0: one that is only passed over */
    size_t size;      /* bytes of an element */
} safetensor_type;

const safetensor_type *safetensor_type_find(const char *text); /* NULL: unknown */
const safetensor_type *safetensor_type_of(int32_t dtype);      /* NULL: cannot be written */

/* Sets t->count from the shape; false when an extent is negative or the bytes would not fit. */
bool safetensor_count_shape(safetensor *t);

#endif
