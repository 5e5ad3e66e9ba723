/* The workload `transformer`: AlgoPerf's wmt, translation by an encoder-decoder, as a task. */
#include <math.h>

#include "data/pair_data.h"
#include "workloads/transformer_bleu.h"
#include "workloads/transformer_decode.h"
#include "workloads/transformer_model.h"
#include "workloads/workload.h"

struct workload_task {
    transformer_config model;
    pair_data *data; /* NULL in a golden case */
};

static void close_task(workload_task *t)
{
    pair_data_close(t->data);
}

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    TRY(pair_data_open(&t->data, data, data_dir, key));
    t->model.vocab = pair_data_vocabulary(t->data);
    t->model.source = pair_data_source_length(t->data);
    t->model.target = pair_data_target_length(t->data);
    t->model.packed = pair_data_packed(t->data);
    return transformer_config_read(&t->model, model);
}

static int32_t outline(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents)
{
    TRY(workload_extent(extents, "vocabulary", &t->model.vocab));
    TRY(pair_data_shape(data, &t->model.source, &t->model.target, &t->model.packed));
    return transformer_config_read(&t->model, model);
}

static const char *data_id(const workload_task *t)
{
    return pair_data_id(t->data);
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return pair_data_count(t->data, split);
}

/* The same buffers in the order of build's inputs. */
static void hand_over(const workload_task *t, const pair_batch *b, workload_batch *out)
{
    *out = (workload_batch){
        .data = {b->inputs, b->targets, b->weights, b->targets, b->inputs_position,
                 b->targets_position, b->inputs_segmentation, b->targets_segmentation},
        .num_inputs = t->model.packed ? 8 : 4,
        .count = b->count,
    };
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    pair_batch b;
    TRY(pair_data_train(t->data, seed, step, batch, first, count, &b));
    hand_over(t, &b, out);
    return PODIUM_OK;
}

static double batch_weight(const workload_task *t, const workload_batch *b, int64_t count)
{
    const float *weights = b->data[2];
    double sum = 0;
    for (int64_t i = 0; i < count * t->model.target; i++)
        sum += (double)weights[i];
    return sum;
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    pair_batch b;
    TRY(pair_data_eval(t->data, split, start, batch, &b));
    hand_over(t, &b, out);
    return PODIUM_OK;
}

/* Every target token counts once. */
static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_token, workload_metrics *m)
{
    const float *weights = b->data[2];
    (void)logits;
    for (int64_t i = 0; i < batch * t->model.target; i++) {
        if (weights[i] == 0)
            continue;
        m->loss += per_token[i];
        m->count++;
    }
    m->accuracy = NAN;
    return PODIUM_OK;
}

static int32_t open_case(workload_task *t, const void *json_config)
{
    return transformer_config_read_case(&t->model, json_config);
}

/* A case's sources and targets may have any length. */
static int32_t case_input(workload_task *t, int i, int ndim, const int64_t *shape)
{
    if (ndim != 2 || shape[1] < 1)
        return podium_fail(PODIUM_EINVAL, "expected two axes, rows of tokens");
    if (i == 0)
        t->model.source = shape[1];
    if (i == 1)
        t->model.target = shape[1];
    return PODIUM_OK;
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return transformer_build(&t->model, g, batch, out);
}

static int32_t decode(workload_task *t, const workload_weights *w, const workload_search *s,
                      int64_t rows, int64_t length, const int32_t *ids, int32_t *sequences,
                      double *scores)
{
    return transformer_decode(&t->model, w, s, rows, length, ids, sequences, scores);
}

static int32_t measure(workload_task *t, const workload_weights *w, int metric, data_split split,
                       double *out)
{
    (void)metric; /* there is one */
    return transformer_bleu(&t->model, t->data, w, split, out);
}

static const char *const input_names[] = {
    "inputs",
    "targets",
    "weights",
    "targets", /* as labels */
    "inputs_position",
    "targets_position",
    "inputs_segmentation",
    "targets_segmentation",
    NULL,
};

static const char *const output_metrics[] = {"bleu", NULL};

const workload workload_transformer = {
    .name = "transformer",
    .description = "translation by an encoder-decoder",
    .task_bytes = sizeof(workload_task),
    .open = open_task,
    .outline = outline,
    .close = close_task,
    .data_id = data_id,
    .build = build,
    .split_size = split_size,
    .train_batch = train_batch,
    .batch_weight = batch_weight,
    .eval_batch = eval_batch,
    .score = score,
    .scores_losses = true,
    .open_case = open_case,
    .case_input = case_input,
    .decode = decode,
    .output_metrics = output_metrics,
    .measure = measure,
    .input_names = input_names,
};
