/* The workload `gpt`: a decoder-only language model as a task.  It serves the tracks and races only
 * when named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/text_data.h"
#include "workloads/gpt_decode.h"
#include "workloads/gpt_model.h"
#include "workloads/gpt_weights.h"
#include "workloads/workload.h"

struct workload_task {
    gpt_config model;
    text_data *data; /* NULL in a golden case */
    char *weights;   /* `weights:`, a pretrained model: safetensors file or index; or NULL */
};

static void close_task(workload_task *t)
{
    text_data_close(t->data);
    free(t->weights);
}

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    const char *weights = NULL;
    TRY(yaml_string(model, "weights", &weights));
    if (weights && !(t->weights = strdup(weights)))
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    /* a pretrained model knows its tokens by number */
    TRY(text_data_open(&t->data, data, data_dir, weights ? NULL : key));
    t->model.vocab = text_data_vocabulary(t->data);
    t->model.length = text_data_length(t->data);
    return gpt_config_read(&t->model, model);
}

static int32_t outline(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents)
{
    const char *weights;
    TRY(yaml_string(model, "weights", &weights));
    TRY(workload_extent(extents, "vocabulary", &t->model.vocab));
    TRY(text_data_shape(data, &t->model.length));
    return gpt_config_read(&t->model, model);
}

static const char *data_id(const workload_task *t)
{
    return text_data_id(t->data);
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return text_data_count(t->data, split);
}

static void hand_over(const text_batch *b, workload_batch *out)
{
    *out = (workload_batch){.data = {b->ids, b->labels}, .num_inputs = 2, .count = b->count};
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    text_batch b;
    TRY(text_data_train(t->data, seed, step, batch, first, count, &b));
    hand_over(&b, out);
    return PODIUM_OK;
}

static double batch_weight(const workload_task *t, const workload_batch *b, int64_t count)
{
    const int32_t *labels = b->data[1];
    int64_t T = t->model.length, n = 0;
    for (int64_t i = 0; i < count * T; i++)
        n += i % T < T - 1 && labels[i + 1] != GPT_IGNORED;
    return (double)n;
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    text_batch b;
    TRY(text_data_eval(t->data, split, start, batch, &b));
    hand_over(&b, out);
    return PODIUM_OK;
}

/* Every predicted token counts once, as in a perplexity. */
static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_token, workload_metrics *m)
{
    const int32_t *labels = b->data[1];
    int64_t T = t->model.length;
    (void)logits;
    for (int64_t i = 0; i < batch * T; i++) {
        if (i % T == T - 1 || labels[i + 1] == GPT_IGNORED)
            continue;
        m->loss += per_token[i];
        m->count++;
    }
    m->accuracy = NAN;
    return PODIUM_OK;
}

static int32_t open_case(workload_task *t, const void *json_config)
{
    return gpt_config_read_case(&t->model, json_config);
}

static int32_t case_input(workload_task *t, int i, int ndim, const int64_t *shape)
{
    if (ndim != 2 || shape[1] < 1)
        return podium_fail(PODIUM_EINVAL, "expected two axes, rows of tokens");
    if (i == 0)
        t->model.length = shape[1];
    return PODIUM_OK;
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return gpt_build(&t->model, g, batch, out);
}

static int32_t load(workload_task *t, const params *p, int32_t dtype, void *vector, void *frozen)
{
    return t->weights ? gpt_load_weights(p, t->weights, dtype, vector, frozen) : PODIUM_OK;
}

static int32_t decode(workload_task *t, const workload_weights *w, const workload_search *s,
                      int64_t rows, int64_t length, const int32_t *ids, int32_t *sequences,
                      double *scores)
{
    return gpt_decode(&t->model, w, s, rows, length, ids, sequences, scores);
}

static const char *const input_names[] = {"input_ids", "labels", NULL};

const workload workload_gpt = {
    .name = "gpt",
    .description = "a decoder-only language model",
    .only_named = true,
    .has_perplexity = true,
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
    .load = load,
    .scores_losses = true,
    .open_case = open_case,
    .case_input = case_input,
    .decode = decode,
    .input_names = input_names,
};
