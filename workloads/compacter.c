/* The workload `compacter`: a pretrained encoder fine-tuned to classify sentences, or a pretrained
 * T5 to answer text with text, a few of its parameters trained (Karimi Mahabadi, Henderson & Ruder
 * 2021) or by one of the rival modes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/text.h"
#include "data/pair_data.h"
#include "workloads/backbone.h"
#include "workloads/compacter_case.h"
#include "workloads/sentence_data.h"
#include "workloads/task_metric.h"

struct workload_task {
    compacter_config model;
    compacter_case golden;
    bool is_case;
    sentence_data *data; /* one of the two; neither in a golden case */
    pair_data *pairs;    /* of T5 */
    int32_t *mask;       /* [mask_count] of T5's batch: 1 where the source has a token */
    int64_t mask_count;
    char backbone[4096]; /* a file; empty: the network starts at random */
    char data_id[64 + SHA256_HEX];
};

static void close_task(workload_task *t)
{
    sentence_data_close(t->data);
    pair_data_close(t->pairs);
    free(t->mask);
}

/* `backbone:` of the model, in the folder of data sets unless it starts with a slash; "random" or
 * none: the initial values that pretraining would start from. */
static int32_t read_backbone(workload_task *t, const yaml_node *model, const char *data_dir)
{
    const char *file = "";
    TRY(yaml_string(model, "backbone", &file));
    if (!*file || !strcmp(file, "random"))
        return PODIUM_OK;
    if (*file == '/')
        return path_join(t->backbone, sizeof t->backbone, "/", file + 1);
    return path_join(t->backbone, sizeof t->backbone, data_dir, file);
}

/* The data's id; with a backbone the sum of both, for neither may differ within a table. */
static int32_t make_data_id(workload_task *t)
{
    const char *id = t->pairs ? pair_data_id(t->pairs) : sentence_data_id(t->data);
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

/* Whether `network:` of the model is T5. */
static int32_t read_network(const yaml_node *model, bool *is_t5)
{
    static const char *const networks[] = {"bert", "t5", NULL};
    int network = 0;
    TRY(yaml_choice(model, "network", networks, &network));
    *is_t5 = network == 1;
    return PODIUM_OK;
}

/* No key: a pretrained model knows its pieces by number, and the classes are words. */
static int32_t open_t5(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const char *data_dir)
{
    TRY(pair_data_open(&t->pairs, data, data_dir, NULL));
    if (pair_data_packed(t->pairs))
        return podium_fail(PODIUM_EINVAL, "data: packed rows are not for T5");
    TRY(read_backbone(t, model, data_dir));
    TRY(make_data_id(t));
    TRY(compacter_t5_read(&t->model, model, pair_data_vocabulary(t->pairs)));
    t->model.tokens = pair_data_source_length(t->pairs);
    t->model.target_tokens = pair_data_target_length(t->pairs);
    return PODIUM_OK;
}

static int32_t open_task(workload_task *t, const yaml_node *model, const yaml_node *data,
                         const char *data_dir, const data_key *key)
{
    int64_t tokens = 0;
    bool is_t5;
    TRY(read_network(model, &is_t5));
    if (is_t5)
        return open_t5(t, model, data, data_dir);
    TRY(yaml_require(model, "tokens"));
    TRY(yaml_integer(model, "tokens", 8, 1 << 20, &tokens));
    TRY(sentence_data_open(&t->data, data, data_dir, tokens, key));
    TRY(read_backbone(t, model, data_dir));
    TRY(make_data_id(t));
    TRY(compacter_config_read(&t->model, model, sentence_data_vocabulary(t->data),
                              sentence_data_classes(t->data)));
    t->model.regression = sentence_data_has_scores(t->data);
    t->model.token_types = t->model.bert.types > 1 && sentence_data_has_pairs(t->data);
    return PODIUM_OK;
}

static int32_t outline(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents)
{
    int64_t vocabulary, classes;
    const char *backbone;
    bool is_t5, packed;
    TRY(read_network(model, &is_t5));
    TRY(yaml_string(model, "backbone", &backbone));
    TRY(workload_extent(extents, "vocabulary", &vocabulary));
    if (is_t5) {
        TRY(compacter_t5_read(&t->model, model, vocabulary));
        return pair_data_shape(data, &t->model.tokens, &t->model.target_tokens, &packed);
    }
    TRY(workload_extent(extents, "classes", &classes));
    return compacter_config_read(&t->model, model, vocabulary, classes);
}

static const char *data_id(const workload_task *t)
{
    return t->data_id;
}

static int64_t split_size(const workload_task *t, data_split split)
{
    return t->pairs ? pair_data_count(t->pairs, split) : sentence_data_count(t->data, split);
}

/* T5's batch: ids, their mask, targets, weights. */
static int32_t hand_over(workload_task *t, const pair_batch *b, int64_t rows, workload_batch *out)
{
    int64_t n = rows * t->model.tokens;
    if (n > t->mask_count) {
        int32_t *larger = realloc(t->mask, (size_t)n * sizeof *larger);
        if (!larger)
            return podium_fail(PODIUM_ENOMEM, "no memory for a mask");
        t->mask = larger;
        t->mask_count = n;
    }
    for (int64_t i = 0; i < n; i++)
        t->mask[i] = b->inputs[i] != 0;
    *out = (workload_batch){
        .data = {b->inputs, t->mask, b->targets, b->weights}, .num_inputs = 4, .count = b->count};
    return PODIUM_OK;
}

static int32_t train_batch(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out)
{
    pair_batch b;
    if (!t->pairs)
        return sentence_data_train(t->data, seed, step, batch, first, count, out);
    TRY(pair_data_train(t->pairs, seed, step, batch, first, count, &b));
    return hand_over(t, &b, count, out);
}

static int32_t eval_batch(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out)
{
    pair_batch b;
    if (!t->pairs)
        return sentence_data_eval(t->data, split, start, batch, out);
    TRY(pair_data_eval(t->pairs, split, start, batch, &b));
    return hand_over(t, &b, batch, out);
}

static double batch_weight(const workload_task *t, const workload_batch *b, int64_t count)
{
    const float *weights = b->data[3];
    double sum = 0;
    if (!t->pairs)
        return (double)b->count;
    for (int64_t i = 0; i < count * t->model.target_tokens; i++)
        sum += (double)weights[i];
    return sum;
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

/* An example counts once: the mean loss of its tokens, and whether all of them are the likeliest
 * after the right ones before them, which is when greedy decoding gives the whole target. */
static void score_t5(const workload_task *t, const workload_batch *b, int64_t batch,
                     const double *logits, const double *per_token, workload_metrics *m)
{
    const int32_t *targets = b->data[2];
    const float *weights = b->data[3];
    int64_t T = t->model.target_tokens, V = t->model.t5.vocabulary;
    for (int64_t n = 0; n < batch; n++) {
        double loss = 0;
        int64_t tokens = 0, right = 0;
        for (int64_t i = n * T; i < (n + 1) * T; i++) {
            if (weights[i] == 0)
                continue;
            loss += per_token[i];
            right += workload_answer(logits + i * V, V) == targets[i];
            tokens++;
        }
        if (!tokens)
            continue;
        m->loss += loss / (double)tokens;
        m->accuracy += right == tokens;
        m->count++;
    }
}

/* There is no right or wrong, only how far off. */
static void score_regression(const workload_batch *b, int64_t batch, const double *per_example,
                             workload_metrics *m)
{
    const float *weights = b->data[3];
    for (int64_t i = 0; i < batch; i++) {
        if (weights[i] == 0)
            continue;
        m->loss += per_example[i];
        m->count++;
    }
    m->accuracy = NAN;
}

static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    if (t->pairs)
        score_t5(t, b, batch, logits, per_example, m);
    else if (t->model.regression)
        score_regression(b, batch, per_example, m);
    else
        workload_score_classes(t->model.classes, b, 2, batch, logits, per_example, m);
    return PODIUM_OK;
}

extern const workload workload_compacter;

static int32_t measure(workload_task *t, const workload_weights *w, int metric, data_split split,
                       double *out)
{
    task_metric m = {.kind = (task_metric_kind)metric, .input = 2};
    if (t->pairs)
        return podium_fail(PODIUM_EINVAL, "a target on %s needs classes, which T5's texts are not",
                           task_metric_names[metric]);
    if (!t->model.regression) {
        m.classes = t->model.classes;
        m.positive = sentence_data_class(t->data, 1);
    }
    return task_measure(&m, &workload_compacter, t, w, split, out);
}

static const char *const case_models[] = {"bert_encoder", "adapter", "lora", "bitfit", "phm", NULL};
static const char *const input_names[] = {"input_ids|x", "attention_mask|r", "labels",
                                          "weights",     "token_type_ids",   NULL};

const workload workload_compacter = {
    .name = "compacter",
    .description = "fine-tuning of a pretrained encoder by few parameters",
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
    .output_metrics = task_metric_names,
    .measure = measure,
    .load = load,
    .open_case = open_case,
    .case_input = case_input,
    .case_models = case_models,
    .input_names = input_names,
};
