/* Image data as a workload's batches. */
#include "workloads/images.h"

int32_t images_open(image_data **out, const yaml_node *model, const yaml_node *data,
                    const char *data_dir, const data_key *key)
{
    int64_t patch = 1;
    TRY(yaml_integer(model, "patch", 1, 1024, &patch));
    return image_data_open(out, data, data_dir, (int)patch, key);
}

int32_t images_outline(images_extents *out, const yaml_node *extents)
{
    TRY(workload_extent(extents, "classes", &out->classes));
    TRY(workload_extent(extents, "channels", &out->channels));
    TRY(workload_extent(extents, "height", &out->height));
    return workload_extent(extents, "width", &out->width);
}

static void hand_over(const image_batch *b, workload_batch *out)
{
    *out = (workload_batch){
        .data = {b->images, b->labels, b->weights}, .num_inputs = 3, .count = b->count};
}

int32_t images_train(image_data *d, uint64_t seed, int64_t step, int64_t batch, int64_t first,
                     int64_t count, workload_batch *out)
{
    image_batch b;
    TRY(image_data_train(d, seed, step, batch, first, count, &b));
    hand_over(&b, out);
    return PODIUM_OK;
}

int32_t images_eval(image_data *d, data_split split, int64_t start, int64_t batch,
                    workload_batch *out)
{
    image_batch b;
    TRY(image_data_eval(d, split, start, batch, &b));
    hand_over(&b, out);
    return PODIUM_OK;
}
