/* The workload `vit`: AlgoPerf's vision transformer as a task. */

#include "workloads/images.h"
#include "workloads/vit_model.h"
#include "workloads/workload.h"

struct workload_task {
    vit_config model;
    image_data *data; /* NULL in a golden case */
};

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    TRY(images_open(&t->data, model, data, data_dir, key));
    t->model.height = image_data_height(t->data);
    t->model.width_pixels = image_data_width(t->data);
    t->model.channels = image_data_channels(t->data);
    t->model.classes = image_data_classes(t->data);
    return vit_config_read(&t->model, model);
}

static int32_t outline(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents)
{
    images_extents e;
    (void)data;
    TRY(images_outline(&e, extents));
    t->model.height = e.height;
    t->model.width_pixels = e.width;
    t->model.channels = e.channels;
    t->model.classes = e.classes;
    return vit_config_read(&t->model, model);
}

static void close_task(workload_task *t)
{
    image_data_close(t->data);
}

static const char *data_id(const workload_task *t)
{
    return image_data_id(t->data);
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return image_data_count(t->data, split);
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    return images_train(t->data, seed, step, batch, first, count, out);
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    return images_eval(t->data, split, start, batch, out);
}

static int32_t open_case(workload_task *t, const void *json_config)
{
    return vit_config_read_case(&t->model, json_config);
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return vit_build(&t->model, g, batch, out);
}

static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    workload_score_classes(t->model.classes, b, 1, batch, logits, per_example, m);
    return PODIUM_OK;
}

static const char *const input_names[] = {"images", "labels|label_probs", "weights", NULL};

const workload workload_vit = {
    .name = "vit",
    .description = "vision transformer on images",
    .task_bytes = sizeof(workload_task),
    .open = open_task,
    .outline = outline,
    .close = close_task,
    .data_id = data_id,
    .build = build,
    .split_size = split_size,
    .train_batch = train_batch,
    .eval_batch = eval_batch,
    .score = score,
    .open_case = open_case,
    .input_names = input_names,
};
