/* What a stage of pretraining asks of the network, and its batches. */
#include <stdlib.h>
#include <string.h>

#include "data/shuffle.h"
#include "engine/philox.h"
#include "workloads/compacter_model.h"
#include "workloads/pretrain_internal.h"

enum { STREAM_WINDOWS = 1, STREAM_MASKS, STREAM_PAIRS, STREAM_PARTS };

struct pretrain_task {
    const pretrain_stage *s;
    const pretrain_corpus *c;
    graph *graph;
    value ids, mask, places, labels, loss;
    int64_t rows;        /* of tokens */
    int64_t predictions; /* a batch */
    int32_t vocabulary;
    int32_t *batch_ids, *batch_mask, *batch_places, *batch_labels;
    int64_t *order, epoch; /* of the training pairs */
    uint64_t order_seed;
};

/* -> loss of predicting tokens from the hidden states x [rows, T, C], the embedding as output. */
static value predict_tokens(pretrain_task *t, graph *g, value x)
{
    int64_t flat[2] = {t->rows * t->s->tokens, graph_shape(g, x)[2]};
    x = op_reshape(g, x, 2, flat);
    if (t->s->objective == PRETRAIN_MASKED) {
        t->places = graph_input(g, "places", PODIUM_I32, 1, &t->predictions);
        x = op_gather_rows(g, x, t->places);
    }
    int32_t table = params_find(graph_params(g), "embedding.weight");
    value logits = op_linear(g, x, graph_parameter(g, table), NO_VALUE, ACT_NONE);
    return op_softmax_cross_entropy(g, logits, t->labels, NO_VALUE, NULL);
}

/* -> loss of finding each short line's long text and each long text's short line in the batch:
 * x [2 batch, T, C] holds all short lines, then all long texts. */
static value find_partner(pretrain_task *t, graph *g, value x)
{
    int64_t B = t->s->batch;
    x = compacter_pooled(&(compacter_config){0}, g, x, t->mask);
    value squares = op_reduce_sum(g, op_unary(g, UNARY_SQUARE, x), 2, true);
    x = op_mul(g, x, op_unary(g, UNARY_RSQRT, op_affine(g, squares, 1, 1e-12)));
    value shorts = op_slice(g, x, 0, 0, B), longs = op_slice(g, x, 0, B, B);
    value cosines = op_matmul(g, shorts, longs, false, true);
    value logits = op_affine(g, cosines, 1 / t->s->temperature, 0);
    value turned = op_permute(g, logits, (int[]){1, 0});
    value there = op_softmax_cross_entropy(g, logits, t->labels, NO_VALUE, NULL);
    value back = op_softmax_cross_entropy(g, turned, t->labels, NO_VALUE, NULL);
    return op_affine(g, op_add(g, there, back), 0.5, 0);
}

static int32_t record(pretrain_task *t, const nn_bert_config *bert)
{
    graph *g = t->graph;
    int64_t shape[2] = {t->rows, t->s->tokens};
    nn_adaptation none = {0};
    t->ids = graph_input(g, "ids", PODIUM_I32, 2, shape);
    t->mask = graph_input(g, "mask", PODIUM_I32, 2, shape);
    t->labels = graph_input(g, "labels", PODIUM_I32, 1, &t->predictions);
    value x = nn_bert(g, bert, &none, t->ids, NO_VALUE, t->mask, NULL);
    TRY(graph_status(g));
    t->loss = t->s->objective == PRETRAIN_CONTRASTIVE ? find_partner(t, g, x)
                                                      : predict_tokens(t, g, x);
    graph_keep(g, t->loss);
    TRY(graph_backward(g, t->loss));
    return graph_plan(g);
}

static int32_t take_memory(pretrain_task *t)
{
    size_t n = (size_t)(t->rows * t->s->tokens);
    t->batch_ids = malloc(n * sizeof *t->batch_ids);
    t->batch_mask = malloc(n * sizeof *t->batch_mask);
    t->batch_places = malloc(n * sizeof *t->batch_places);
    t->batch_labels = malloc(n * sizeof *t->batch_labels);
    if (t->s->objective == PRETRAIN_CONTRASTIVE)
        t->order = malloc((size_t)t->c->train_pairs * sizeof *t->order);
    if (!t->batch_ids || !t->batch_mask || !t->batch_places || !t->batch_labels ||
        (t->s->objective == PRETRAIN_CONTRASTIVE && !t->order))
        return podium_fail(PODIUM_ENOMEM, "no memory for a batch");
    for (size_t i = 0; i < n; i++)
        t->batch_mask[i] = 1;
    return PODIUM_OK;
}

static int32_t open_task(pretrain_task *t, const pretrain_recipe *r, backend *b, params *p)
{
    const pretrain_stage *s = t->s;
    int64_t hidden = (int64_t)(s->mask_share * (double)s->tokens + 0.5);
    nn_bert_config bert = r->bert;
    bert.vocabulary = t->vocabulary = sentence_tokens_count(t->c->tokenizer);
    t->rows = s->objective == PRETRAIN_CONTRASTIVE ? 2 * s->batch : s->batch;
    t->predictions = s->objective == PRETRAIN_CAUSAL   ? s->batch * s->tokens
                     : s->objective == PRETRAIN_MASKED ? s->batch * (hidden > 0 ? hidden : 1)
                                                       : s->batch;
    t->epoch = -1;
    TRY(graph_create(&t->graph, &(graph_config){.backend = b, .params = p, .training = true}));
    TRY(record(t, &bert));
    return take_memory(t);
}

int32_t pretrain_task_open(pretrain_task **out, const pretrain_recipe *r, const pretrain_stage *s,
                           const pretrain_corpus *c, backend *b, params *p)
{
    pretrain_task *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for a stage");
    t->s = s;
    t->c = c;
    int32_t rc = open_task(t, r, b, p);
    if (rc)
        pretrain_task_close(t);
    else
        *out = t;
    return rc;
}

void pretrain_task_close(pretrain_task *t)
{
    if (!t)
        return;
    graph_destroy(t->graph);
    free(t->batch_ids);
    free(t->batch_mask);
    free(t->batch_places);
    free(t->batch_labels);
    free(t->order);
    free(t);
}

graph *pretrain_task_graph(const pretrain_task *t)
{
    return t->graph;
}

int32_t pretrain_task_loss(const pretrain_task *t, double *loss)
{
    return graph_read(t->graph, t->loss, loss, 1);
}

/* Hides `hidden` places of one row: 80 % become the mask, 10 % another token, 10 % stay (Devlin et
 * al. 2019).  Places are drawn without replacement by a partial shuffle. */
static void hide(pretrain_task *t, const philox *p, int64_t row)
{
    sentence_specials s = sentence_tokens_specials(t->c->tokenizer);
    int64_t T = t->s->tokens, hidden = t->predictions / t->s->batch;
    int32_t order[4096];
    for (int64_t i = 0; i < T; i++)
        order[i] = (int32_t)i;
    for (int64_t i = 0; i < hidden; i++) {
        uint64_t word = (uint64_t)(row * T + i) * 4;
        int64_t j = i + philox_below(p, word, (uint32_t)(T - i));
        int32_t place = order[j];
        order[j] = order[i];
        int32_t *id = &t->batch_ids[row * T + place];
        t->batch_places[row * hidden + i] = (int32_t)(row * T) + place;
        t->batch_labels[row * hidden + i] = *id;
        double u = philox_uniform(p, word + 1);
        if (u < 0.8)
            *id = s.mask;
        else if (u < 0.9)
            *id = s.words + (int32_t)philox_below(p, word + 2, (uint32_t)(t->vocabulary - s.words));
    }
}

/* Windows at places drawn anew for each batch. */
static void fill_windows(pretrain_task *t, uint64_t batch_seed, bool held_out)
{
    const id_buffer *text = &t->c->ids;
    int64_t T = t->s->tokens, first = held_out ? t->c->train_tokens : 0;
    int64_t end = held_out ? text->count : t->c->train_tokens;
    philox windows = philox_make(batch_seed, STREAM_WINDOWS);
    philox masks = philox_make(batch_seed, STREAM_MASKS);
    for (int64_t row = 0; row < t->rows; row++) {
        int64_t at = first + philox_below(&windows, (uint64_t)row, (uint32_t)(end - first - T));
        memcpy(t->batch_ids + row * T, text->data + at, (size_t)T * sizeof *t->batch_ids);
        if (t->s->objective == PRETRAIN_MASKED)
            hide(t, &masks, row);
        else
            memcpy(t->batch_labels + row * T, text->data + at + 1,
                   (size_t)T * sizeof *t->batch_labels);
    }
}

/* One row as fine-tuning frames a sentence: first, `n` ids from `from` on, end; padded. */
static void put(pretrain_task *t, int64_t row, int64_t from, int64_t n)
{
    sentence_specials s = sentence_tokens_specials(t->c->tokenizer);
    int64_t T = t->s->tokens;
    int32_t *ids = t->batch_ids + row * T, *mask = t->batch_mask + row * T;
    memset(ids, 0, (size_t)T * sizeof *ids);
    ids[0] = s.first;
    memcpy(ids + 1, t->c->parts.data + from, (size_t)n * sizeof *ids);
    ids[n + 1] = s.end;
    for (int64_t i = 0; i < T; i++)
        mask[i] = i < n + 2;
}

/* Place `at` of an endless row of the training pairs, each once in an epoch. */
static int64_t training_pair(pretrain_task *t, uint64_t seed, int64_t at)
{
    int64_t n = t->c->train_pairs, epoch = at / n;
    if (epoch != t->epoch || seed != t->order_seed)
        shuffle_permute(n, philox_make(philox_derive(seed, (uint64_t)epoch), STREAM_PAIRS),
                        t->order);
    t->epoch = epoch;
    t->order_seed = seed;
    return t->order[at % n];
}

/* The short line's beginning, and of a long text that is too long a window drawn anew. */
static void fill_pairs(pretrain_task *t, uint64_t seed, int64_t step, bool held_out)
{
    int64_t B = t->s->batch, room = t->s->tokens - 2, others = t->c->pairs - t->c->train_pairs;
    philox parts = philox_make(philox_derive(seed, (uint64_t)step), STREAM_PARTS);
    for (int64_t row = 0; row < B; row++) {
        int64_t at = step * B + row;
        int64_t pair = held_out ? t->c->train_pairs + at % others : training_pair(t, seed, at);
        const int64_t *start = t->c->start + 2 * pair;
        int64_t brief = start[1] - start[0], full = start[2] - start[1];
        int64_t from = full > room
                           ? philox_below(&parts, (uint64_t)row, (uint32_t)(full - room + 1))
                           : 0;
        put(t, row, start[0], brief < room ? brief : room);
        put(t, B + row, start[1] + from, full < room ? full : room);
        t->batch_labels[row] = (int32_t)row;
    }
}

int32_t pretrain_task_feed(pretrain_task *t, uint64_t seed, int64_t step, bool held_out)
{
    if (t->s->objective == PRETRAIN_CONTRASTIVE)
        fill_pairs(t, seed, step, held_out);
    else
        fill_windows(t, philox_derive(seed, (uint64_t)step), held_out);
    TRY(graph_set_input(t->graph, t->ids, t->batch_ids));
    TRY(graph_set_input(t->graph, t->mask, t->batch_mask));
    TRY(graph_set_input(t->graph, t->labels, t->batch_labels));
    return t->s->objective == PRETRAIN_MASKED
               ? graph_set_input(t->graph, t->places, t->batch_places)
               : PODIUM_OK;
}
