/* The image sets by name: reads their standard files into one common form. Internal to data/.
 *
 * `imagenet` is what its user makes of ILSVRC 2012 (which no command brings): for S train, valid
 * and, if wanted, test, images of one size, planes red, green, blue, as IDX bytes [n, 3, height,
 * width] in S-images-idx4-ubyte (plain: it is mapped), classes 0 .. 999 as IDX shorts [n] in
 * S-labels-idx1-short. */
#ifndef DATA_IMAGE_SETS_H
#define DATA_IMAGE_SETS_H

#include "base/sha256.h"
#include "data/idx.h"
#include "data/image_data.h"

typedef struct image_set {
    const char *name; /* static */
    int classes, channels, height, width;
    int64_t count[SPLITS];
    const uint8_t *pixels[SPLITS]; /* [count, channels, height, width] */
    uint16_t *labels[SPLITS];      /* [count], owned */
    uint8_t *owned[SPLITS];        /* where pixels lie, or NULL: */
    idx_mapping mapped[SPLITS];    /* there */
    char payload[SHA256_HEX];      /* of the unpacked files, in order */
} image_set;

extern const char *const image_set_names[]; /* ends with NULL */

/* Reads set number `which` of image_set_names from `dir`; sets without a validation split give the
 * last `valid` training examples to it. Errors: PODIUM_EIO, PODIUM_EINVAL, PODIUM_ENOMEM. */
int32_t image_set_read(image_set *out, int which, const char *dir, int64_t valid);
void image_set_release(image_set *s);

/* The folder of set `name` below `base`: base/NAME, or where its archive or other tools put the
 * same files (base/cifar-10-batches-bin, base/MNIST/raw, ...).  base/NAME when none holds any.
 * Errors: PODIUM_EINVAL the path is too long. */
int32_t image_set_folder(char *out, size_t size, const char *base, const char *name);

#endif
