/* The binary form of CIFAR (Krizhevsky 2009): records of the labels and 3 x 32 x 32 bytes, planes
 * red, green, blue.  CIFAR-10 has one label byte, CIFAR-100 two: coarse, then fine. */
#ifndef DATA_CIFAR_H
#define DATA_CIFAR_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define CIFAR_PIXELS 3072

typedef struct cifar_images {
    int64_t count;
    uint8_t *pixels; /* [count, 3, 32, 32], owned */
    uint8_t *labels; /* [count], fine ones of CIFAR-100, owned */
} cifar_images;

/* Appends the records of `bytes` to `io` (start with {0}).  classes: 10 or 100.
 * Errors: PODIUM_EINVAL a part of a record, a label out of range; PODIUM_ENOMEM. io stays valid. */
int32_t cifar_parse(cifar_images *io, int classes, const uint8_t *bytes, size_t length,
                    const char *name);
/* The same from DIR/NAME, plain or gzip. */
int32_t cifar_read(cifar_images *io, int classes, const char *dir, const char *name);
void cifar_release(cifar_images *c);

#endif
