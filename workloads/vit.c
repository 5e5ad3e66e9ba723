/* The workload `vit`: AlgoPerf's vision transformer as a task. */
#include <stdlib.h>

#include "data/image_data.h"
#include "workloads/vit_model.h"
#include "workloads/workload.h"

struct workload_task {
    vit_config model;
    image_data *data; /* NULL in a golden case */
};

/* The patch of `model:` is read before the data, which permutes pixels within patches. */
static int32_t open_data(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const workload_key *key)
{
    int64_t patch = 1;
    TRY(yaml_integer(model, "patch", 1, 1024, &patch));
    image_key secret = {.patch = (int)patch};
    if (key) {
        secret.enabled = key->enabled;
        secret.words[0] = key->words[0];
        secret.words[1] = key->words[1];
    }
    TRY(image_data_open(&t->data, data, data_dir, secret.enabled ? &secret : NULL));
    t->model.height = image_data_height(t->data);
    t->model.width_pixels = image_data_width(t->data);
    t->model.channels = image_data_channels(t->data);
    t->model.classes = image_data_classes(t->data);
    return vit_config_read(&t->model, model);
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

static image_split split_of(workload_split split)
{
    return split == SPLIT_TRAIN ? IMAGES_TRAIN : split == SPLIT_VALID ? IMAGES_VALID : IMAGES_TEST;
}

static int64_t split_size(const workload_task *t, workload_split split)
{
    return image_data_count(t->data, split_of(split));
}

/* The same buffers in the order of build's inputs. */
static int32_t hand_over(const image_batch *b, workload_batch *out)
{
    *out = (workload_batch){
        .data = {b->images, b->labels, b->weights}, .num_inputs = 3, .count = b->count};
    return PODIUM_OK;
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    image_batch b;
    TRY(image_data_train(t->data, seed, step, batch, first, count, &b));
    return hand_over(&b, out);
}

static int32_t eval_batch(workload_task *t, workload_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    image_batch b;
    TRY(image_data_eval(t->data, split_of(split), start, batch, &b));
    return hand_over(&b, out);
}

static int32_t open_case(workload_task **out, const void *json_config)
{
    *out = NULL;
    workload_task *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    int32_t rc = vit_config_read_case(&t->model, json_config);
    if (rc < 0)
        free(t);
    else
        *out = t;
    return rc;
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return vit_build(&t->model, g, batch, out);
}

/* The first largest logit is the answer; examples of weight 0 do not count. */
static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    const int32_t *labels = b->data[1];
    const float *weights = b->data[2];
    int64_t V = t->model.classes;
    for (int64_t n = 0; n < batch; n++) {
        int64_t best = 0;
        if (weights[n] == 0)
            continue;
        for (int64_t v = 1; v < V; v++)
            if (logits[n * V + v] > logits[n * V + best])
                best = v;
        m->loss += per_example[n];
        m->accuracy += best == labels[n];
        m->count++;
    }
    return PODIUM_OK;
}

static const char *const input_names[] = {"images", "labels|label_probs", "weights", NULL};

const workload workload_vit = {
    .name = "vit",
    .description = "vision transformer on images",
    .open = open_task,
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
