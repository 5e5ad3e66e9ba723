/* The workload `widenet`: a transformer that shares its blocks' weights and widens them by experts,
 * on images or on sentences. */

#include "workloads/sentence_data.h"
#include "workloads/images.h"
#include "workloads/widenet_model.h"
#include "workloads/workload.h"

/* One of the two data sets is open; neither in a golden case. */
struct workload_task {
    widenet_config model;
    image_data *images;
    sentence_data *sentences;
};

static int32_t open_images(workload_task *t, const yaml_node *model, const yaml_node *data,
                           const char *data_dir, const data_key *key)
{
    TRY(images_open(&t->images, model, data, data_dir, key));
    t->model.height = image_data_height(t->images);
    t->model.width_pixels = image_data_width(t->images);
    t->model.channels = image_data_channels(t->images);
    t->model.classes = image_data_classes(t->images);
    return widenet_config_read(&t->model, model);
}

static int32_t open_sentences(workload_task *t, const yaml_node *model, const yaml_node *data,
                              const char *data_dir, const data_key *key)
{
    t->model.text = true;
    TRY(yaml_integer(model, "tokens", 8, 1 << 20, &t->model.tokens));
    TRY(sentence_data_open(&t->sentences, data, data_dir, t->model.tokens, key));
    if (sentence_data_has_scores(t->sentences))
        return podium_fail(PODIUM_EINVAL, "data: expected classes, the format has scores");
    t->model.vocabulary = sentence_data_vocabulary(t->sentences);
    t->model.classes = sentence_data_classes(t->sentences);
    return widenet_config_read(&t->model, model);
}

static void close_task(workload_task *t)
{
    image_data_close(t->images);
    sentence_data_close(t->sentences);
}

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    return yaml_get(model, "tokens") ? open_sentences(t, model, data, data_dir, key)
                                     : open_images(t, model, data, data_dir, key);
}

static int32_t outline(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents)
{
    images_extents e;
    (void)data;
    if (yaml_get(model, "tokens")) {
        t->model.text = true;
        TRY(yaml_integer(model, "tokens", 8, 1 << 20, &t->model.tokens));
        TRY(workload_extent(extents, "vocabulary", &t->model.vocabulary));
        TRY(workload_extent(extents, "classes", &t->model.classes));
        return widenet_config_read(&t->model, model);
    }
    TRY(images_outline(&e, extents));
    t->model.height = e.height;
    t->model.width_pixels = e.width;
    t->model.channels = e.channels;
    t->model.classes = e.classes;
    return widenet_config_read(&t->model, model);
}

static const char *data_id(const workload_task *t)
{
    return t->images ? image_data_id(t->images) : sentence_data_id(t->sentences);
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return t->images ? image_data_count(t->images, split)
                     : sentence_data_count(t->sentences, split);
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    return t->images ? images_train(t->images, seed, step, batch, first, count, out)
                     : sentence_data_train(t->sentences, seed, step, batch, first, count, out);
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    return t->images ? images_eval(t->images, split, start, batch, out)
                     : sentence_data_eval(t->sentences, split, start, batch, out);
}

static int32_t open_case(workload_task *t, const void *json_config)
{
    return widenet_config_read_case(&t->model, json_config);
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
    int labels = t->sentences ? 2 : 1; /* a sentence has two inputs before its label */
    workload_score_classes(t->model.classes, b, labels, batch, logits, per_example, m);
    return PODIUM_OK;
}

static const char *const input_names[] = {"images", "labels|label_probs", "weights", NULL};

const workload workload_widenet = {
    .name = "widenet",
    .description = "transformer with shared blocks and experts, on images or text",
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
    .case_input = case_input,
    .input_names = input_names,
};
