/* Labelled images as a workload trains on them: a data set in memory, training batches that are a
 * function of (seed, step), class frequencies, affine jitter, and the secret relabelling.
 *
 * The yaml `data:` map:
 *   - set: glyphs, mnist, fashion_mnist, cifar10 or imagenet
 *   - path: FOLDER; default the set's folder below the data directory
 *   - valid: N, examples taken off the end of the training files, for sets without a validation
 *     split (default 5000)
 *   - sampling: epochs or replacement
 *   - class_frequencies: uniform or zipf; zipf draws the class of rank r with weight
 *     1 / (r + 1)^zipf_exponent, then an image of it, with replacement
 *   - jitter: {scale: A, shear: A, shift: P}, each image by the affine map I + U(-A, A), shifted by
 *     U(-P, P) pixels, bilinear, zeros outside
 *
 * Pixels are scaled to [0, 1] and standardised with one mean and deviation a channel, of the
 * training split. */
#ifndef DATA_IMAGE_DATA_H
#define DATA_IMAGE_DATA_H

#include <stdint.h>
#include "base/status.h"
#include "base/yaml.h"
#include "data/data_set.h"

typedef struct image_data image_data;

/* A batch: images [batch, channels, height, width] f32, labels [batch] i32, weights [batch] f32 (0
 * for padding).  Owned by the data, valid until the next batch. */
typedef struct image_batch {
    float *images;
    int32_t *labels;
    float *weights;
    int64_t count; /* examples that are real */
} image_batch;

/* `config` is the `data:` map (NULL keys take defaults), `data_dir` the folder of all sets.  The
 * key permutes the classes, and the pixels within each patch of `patch` by `patch` pixels (the same
 * for all patches and channels), after augmentation, in all splits; without one patch is not read.
 * Errors: PODIUM_EIO a missing file; PODIUM_EINVAL a damaged one, a bad setting, a patch that does
 * not divide height and width. */
int32_t image_data_open(image_data **out, const yaml_node *config, const char *data_dir, int patch,
                        const data_key *key);
void image_data_close(image_data *d);

/* "glyphs:<sha256 of the payload>". */
const char *image_data_id(const image_data *d);
int image_data_classes(const image_data *d);
int image_data_channels(const image_data *d);
int image_data_height(const image_data *d);
int image_data_width(const image_data *d);
int64_t image_data_count(const image_data *d, data_split split);

/* Examples [first, first + count) of training batch `step`, which has `batch` examples over all
 * ranks. Deterministic in (seed, step, place in the batch). Errors: PODIUM_ENOMEM. */
int32_t image_data_train(image_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                         int64_t count, image_batch *out);
/* Examples [start, start + batch) of a split, without jitter; past its end weight 0 and image 0. */
int32_t image_data_eval(image_data *d, data_split split, int64_t start, int64_t batch,
                        image_batch *out);

#endif
