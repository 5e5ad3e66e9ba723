/* The workload `widenet`: a transformer that shares its blocks' weights and widens them by experts,
 * on images. */
#include <stdlib.h>

#include "workloads/images.h"
#include "workloads/widenet_model.h"
#include "workloads/workload.h"

struct workload_task {
    widenet_config model;
    image_data *data; /* NULL in a golden case */
};

static int32_t open_data(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const workload_key *key)
{
    TRY(images_open(&t->data, model, data, data_dir, key));
    t->model.height = image_data_height(t->data);
    t->model.width_pixels = image_data_width(t->data);
    t->model.channels = image_data_channels(t->data);
    t->model.classes = image_data_classes(t->data);
    return widenet_config_read(&t->model, model);
}

static void close_task(workload_task *t)
{
    if (!t)
        return;
    image_data_close(t->data);
    free(t);
}

static int32_t open_task(workload_task **out, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const workload_key *key)
{
    *out = NULL;
    workload_task *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    int32_t rc = open_data(t, model, data, data_dir, key);
    if (rc < 0)
        close_task(t);
    else
        *out = t;
    return rc;
}

static const char *data_id(const workload_task *t)
{
    return image_data_id(t->data);
}

static int64_t split_size(const workload_task *t, workload_split split)
{
    return images_count(t->data, split);
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    return images_train(t->data, seed, step, batch, first, count, out);
}

static int32_t eval_batch(workload_task *t, workload_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    return images_eval(t->data, split, start, batch, out);
}

static int32_t open_case(workload_task **out, const void *json_config)
{
    *out = NULL;
    workload_task *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    int32_t rc = widenet_config_read_case(&t->model, json_config);
    if (rc < 0)
        free(t);
    else
        *out = t;
    return rc;
}

/* A case's labels are probabilities when they have two axes. */
static int32_t case_input(workload_task *t, int i, int ndim, const int64_t *shape)
{
    (void)shape;
    if (i == 1)
        t->model.dense_labels = ndim == 2;
    return PODIUM_OK;
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return widenet_build(&t->model, g, batch, out);
}

static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    classification_score(t->model.classes, b, batch, logits, per_example, m);
    return PODIUM_OK;
}

static const char *const input_names[] = {"images", "labels|label_probs", "weights", NULL};

const workload workload_widenet = {
    .name = "widenet",
    .description = "transformer with shared blocks and experts, on images",
    .open = open_task,
    .close = close_task,
    .data_id = data_id,
    .build = build,
    .split_size = split_size,
    .train_batch = train_batch,
    .eval_batch = eval_batch,
    .score = score,
    .open_case = open_case,
    .case_input = case_input,
    .input_names = input_names,
};
