/* The workload `compacter`: a pretrained encoder fine-tuned to classify sentences, a few of its
 * parameters trained (Karimi Mahabadi, Henderson & Ruder 2021) or by one of the rival modes. */
#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "base/text.h"
#include "workloads/backbone.h"
#include "workloads/compacter_case.h"
#include "workloads/sentence_data.h"

struct workload_task {
    compacter_config model;
    compacter_case golden;
    bool is_case;
    sentence_data *data; /* NULL in a golden case */
    char backbone[4096]; /* a file; empty: the network starts at random */
    char data_id[64 + SHA256_HEX];
};

static void close_task(workload_task *t)
{
    sentence_data_close(t->data);
}

/* `backbone:` of the model, in the folder of data sets unless it starts with a slash. */
static int32_t read_backbone(workload_task *t, const yaml_node *model, const char *data_dir)
{
    const char *file = "";
    TRY(yaml_string(model, "backbone", &file));
    if (!*file)
        return PODIUM_OK;
    if (*file == '/')
        return path_join(t->backbone, sizeof t->backbone, "/", file + 1);
    return path_join(t->backbone, sizeof t->backbone, data_dir, file);
}

/* The data's id; with a backbone the sum of both, for neither may differ within a table. */
static int32_t make_data_id(workload_task *t)
{
    const char *id = sentence_data_id(t->data);
    char both[2 * SHA256_HEX], sum[SHA256_HEX];
    if (!t->backbone[0]) {
        snprintf(t->data_id, sizeof t->data_id, "%s", id);
        return PODIUM_OK;
    }
    if (!file_exists(t->backbone))
        return podium_fail(
            PODIUM_EIO,
            "no backbone '%s': `podium data backbone` makes the small one; a published "
            "model.safetensors goes where the workload's yaml says",
            t->backbone);
    TRY(sha256_of_file(t->backbone, sum));
    const char *colon = strrchr(id, ':');
    int n = snprintf(both, sizeof both, "%s%s", colon + 1, sum);
    sha256_of(both, (size_t)n, sum);
    snprintf(t->data_id, sizeof t->data_id, "%.*s+backbone:%s",
             (int)(colon - id > 50 ? 50 : colon - id), id, sum);
    return PODIUM_OK;
}

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    int64_t tokens = 0;
    TRY(yaml_require(model, "tokens"));
    TRY(yaml_integer(model, "tokens", 8, 1 << 20, &tokens));
    TRY(sentence_data_open(&t->data, data, data_dir, tokens, key));
    TRY(read_backbone(t, model, data_dir));
    TRY(make_data_id(t));
    TRY(compacter_config_read(&t->model, model, sentence_data_vocabulary(t->data),
                              sentence_data_classes(t->data)));
    t->model.token_types = t->model.bert.types > 1 && sentence_data_has_pairs(t->data);
    return PODIUM_OK;
}

static const char *data_id(const workload_task *t)
{
    return t->data_id;
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return sentence_data_count(t->data, split);
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    return sentence_data_train(t->data, seed, step, batch, first, count, out);
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    return sentence_data_eval(t->data, split, start, batch, out);
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    if (t->is_case && t->golden.is_phm)
        return phm_case_build(&t->golden.phm, g, out);
    return compacter_build(t->is_case ? &t->golden.model : &t->model, g, batch, out);
}

static int32_t load(workload_task *t, const params *p, int32_t dtype, void *vector, void *frozen)
{
    return t->backbone[0] ? backbone_load(p, t->backbone, dtype, vector, frozen) : PODIUM_OK;
}

static int32_t open_case(workload_task *t, const void *json_config)
{
    t->is_case = true;
    return compacter_case_read(&t->golden, json_config);
}

static int32_t case_input(workload_task *t, int i, int ndim, const int64_t *shape)
{
    return compacter_case_input(&t->golden, i, ndim, shape);
}

static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    workload_score_classes(t->model.classes, b, 2, batch, logits, per_example, m);
    return PODIUM_OK;
}

static const char *const case_models[] = {"bert_encoder", "adapter", "lora", "bitfit", "phm", NULL};
static const char *const input_names[] = {"input_ids|x", "attention_mask|r", "labels",
                                          "weights",     "token_type_ids",   NULL};

const workload workload_compacter = {
    .name = "compacter",
    .description = "fine-tuning of a pretrained encoder by few parameters",
    .task_bytes = sizeof(workload_task),
    .open = open_task,
    .close = close_task,
    .data_id = data_id,
    .build = build,
    .split_size = split_size,
    .train_batch = train_batch,
    .eval_batch = eval_batch,
    .score = score,
    .load = load,
    .open_case = open_case,
    .case_input = case_input,
    .case_models = case_models,
    .input_names = input_names,
};
