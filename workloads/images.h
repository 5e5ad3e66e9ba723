/* What the workloads on images share: opening the data, batches in the order images, labels,
 * weights. */
#ifndef WORKLOADS_IMAGES_H
#define WORKLOADS_IMAGES_H

#include "data/image_data.h"
#include "workloads/workload.h"

/* `model:` gives the patch, within which the key permutes pixels. */
int32_t images_open(image_data **out, const yaml_node *model, const yaml_node *data,
                    const char *data_dir, const data_key *key);
/* The extents of images without the images. */
typedef struct images_extents {
    int64_t classes, channels, height, width;
} images_extents;
int32_t images_outline(images_extents *out, const yaml_node *extents);
int32_t images_train(image_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                     int64_t count, workload_batch *out);
int32_t images_eval(image_data *d, data_split split, int64_t start, int64_t batch,
                    workload_batch *out);

#endif
