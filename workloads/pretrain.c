/* The pretraining loop: windows of text, the model with a tied output, AdamW, checkpoints. */
#include "workloads/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "data/files.h"
#include "data/safetensors.h"
#include "data/text_lines.h"
#include "engine/philox.h"
#include "workloads/sentence_tokens.h"

enum { EVAL_BATCHES = 4, TEXT_LIMIT = 1 << 30 };
enum { STREAM_WINDOWS = 1, STREAM_MASKS, STREAM_EVAL = 100 };

typedef struct pretraining {
    const pretrain_recipe *r;
    const pretrain_options *o;
    backend *backend;
    params *params;
    graph *graph;
    value ids, mask, places, labels, loss;
    int64_t predictions; /* a batch */
    sentence_tokens *tokenizer;
    nn_bert_config bert; /* the recipe's with its vocabulary */
    id_buffer corpus;    /* all documents, each with its end */
    int64_t train_tokens, all_tokens;
    int32_t *batch_ids, *batch_mask, *batch_places, *batch_labels;
    float *x, *gradient, *m, *v;
    int64_t n; /* of the flat vectors */
    program *norm, *update;
    int64_t step;
    char text_sha256[SHA256_HEX];
    char checkpoint[4096], log[4096];
} pretraining;

/* Merges of the documents, in OUT.bpe: trained there if it is not there. */
static int32_t open_merges(pretraining *t, const text_lines *text)
{
    char path[4096];
    bpe *b;
    text_buffer out = {0};
    int n = snprintf(path, sizeof path, "%s.bpe", t->o->out);
    if (n < 0 || (size_t)n >= sizeof path)
        return podium_fail(PODIUM_EINVAL, "the path '%s' is too long", t->o->out);
    if (!file_exists(path)) {
        TRY(bpe_train(&b, (const char *const *)text->line, text->count, (int32_t)t->r->merges));
        int32_t rc = bpe_write(b, t->text_sha256, &out);
        bpe_close(b);
        if (!rc)
            rc = file_write_atomic(path, out.data, out.length);
        text_release(&out);
        TRY(rc);
    }
    return sentence_tokens_open(&t->tokenizer, TOKENS_OF_BPE, path);
}

static int32_t encode_corpus(pretraining *t, const text_lines *text)
{
    if (t->r->merges)
        TRY(open_merges(t, text));
    else
        TRY(sentence_tokens_open(&t->tokenizer, TOKENS_OF_BYTES, NULL));
    int32_t end = sentence_tokens_specials(t->tokenizer).end;
    for (int64_t i = 0; i < text->count; i++) {
        TRY(sentence_tokens_append(t->tokenizer, text->line[i], strlen(text->line[i]), &t->corpus));
        id_buffer_add(&t->corpus, end);
    }
    return t->corpus.failed ? podium_fail(PODIUM_ENOMEM, "no memory for the tokens") : PODIUM_OK;
}

/* The text as ids; the last fiftieth is held out. */
static int32_t read_corpus(pretraining *t)
{
    uint8_t *bytes;
    size_t length;
    text_lines text = {0};
    TRY(file_read_gz(t->o->text, TEXT_LIMIT, &bytes, &length));
    sha256_of(bytes, length, t->text_sha256);
    char *copy = realloc(bytes, length + 1); /* text_lines wants room for one byte more */
    if (!copy) {
        free(bytes);
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", t->o->text);
    }
    int32_t rc = text_lines_split(&text, copy, length, t->o->text);
    if (!rc)
        rc = encode_corpus(t, &text);
    text_lines_release(&text);
    TRY(rc);
    t->bert = t->r->bert;
    t->bert.vocabulary = sentence_tokens_count(t->tokenizer);
    t->all_tokens = t->corpus.count;
    t->train_tokens = t->all_tokens - t->all_tokens / 50;
    if (t->all_tokens - t->train_tokens <= t->r->tokens + 1)
        return podium_fail(PODIUM_EINVAL, "%s: %lld tokens are too few for windows of %lld",
                           t->o->text, (long long)t->all_tokens, (long long)t->r->tokens);
    return PODIUM_OK;
}

static int32_t record(pretraining *t)
{
    const pretrain_recipe *r = t->r;
    graph *g = t->graph;
    int64_t shape[2] = {r->batch, r->tokens}, rows = r->batch * r->tokens;
    int64_t hidden = (int64_t)(r->mask_share * (double)r->tokens + 0.5);
    nn_adaptation none = {0};
    t->predictions = r->objective == PRETRAIN_CAUSAL ? rows : r->batch * (hidden > 0 ? hidden : 1);
    t->ids = graph_input(g, "ids", PODIUM_I32, 2, shape);
    t->mask = graph_input(g, "mask", PODIUM_I32, 2, shape);
    t->labels = graph_input(g, "labels", PODIUM_I32, 1, &t->predictions);
    value x = nn_bert(g, &t->bert, &none, t->ids, NO_VALUE, t->mask, NULL);
    x = op_reshape(g, x, 2, (int64_t[]){rows, r->bert.width});
    if (r->objective == PRETRAIN_MASKED) {
        t->places = graph_input(g, "places", PODIUM_I32, 1, &t->predictions);
        x = op_gather_rows(g, x, t->places);
    }
    int32_t table = params_find(t->params, "embedding.weight");
    value logits = op_linear(g, x, graph_parameter(g, table), NO_VALUE, ACT_NONE);
    t->loss = op_softmax_cross_entropy(g, logits, t->labels, NO_VALUE, NULL);
    graph_keep(g, t->loss);
    TRY(graph_backward(g, t->loss));
    return graph_plan(g);
}

static int32_t take_memory(pretraining *t)
{
    size_t rows = (size_t)(t->r->batch * t->r->tokens);
    t->n = params_vector_length(t->params);
    t->batch_ids = malloc(rows * sizeof *t->batch_ids);
    t->batch_mask = malloc(rows * sizeof *t->batch_mask);
    t->batch_places = malloc(rows * sizeof *t->batch_places);
    t->batch_labels = malloc(rows * sizeof *t->batch_labels);
    float **vectors[] = {&t->x, &t->gradient, &t->m, &t->v};
    for (int i = 0; i < 4; i++) {
        void *data = NULL;
        TRY(t->backend->alloc(t->backend, (size_t)t->n * sizeof(float) + 64, &data));
        *vectors[i] = data;
    }
    if (!t->batch_ids || !t->batch_mask || !t->batch_places || !t->batch_labels)
        return podium_fail(PODIUM_ENOMEM, "no memory for a batch");
    for (size_t i = 0; i < rows; i++)
        t->batch_mask[i] = 1;
    TRY(params_initialise(t->params, (uint64_t)t->r->seed, PODIUM_F32, t->x, NULL));
    graph_bind(t->graph, t->x, NULL, t->gradient);
    TRY(program_compile(&t->norm, "s0 += v0*v0"));
    return program_compile(&t->update, "v2 = c0*v2 + c1*v1;"
                                       "v3 = c2*v3 + c3*v1*v1;"
                                       "v0 = v0 - c4*v2/(c5*sqrt(v3) + c6) - c7*v0");
}

/* Hides `hidden` places of one row: 80 % become the mask, 10 % another token, 10 % stay (Devlin et
 * al. 2019).  Places are drawn without replacement by a partial shuffle. */
static void hide(pretraining *t, const philox *p, int64_t row)
{
    sentence_specials s = sentence_tokens_specials(t->tokenizer);
    int64_t T = t->r->tokens, hidden = t->predictions / t->r->batch;
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
            *id = s.words +
                  (int32_t)philox_below(p, word + 2, (uint32_t)(t->bert.vocabulary - s.words));
    }
}

/* Windows of batch `step`, from [first, end) of the corpus, into the graph. */
static int32_t feed(pretraining *t, uint64_t seed, int64_t step, int64_t first, int64_t end)
{
    int64_t T = t->r->tokens;
    philox windows = philox_make(philox_derive(seed, (uint64_t)step), STREAM_WINDOWS);
    philox masks = philox_make(philox_derive(seed, (uint64_t)step), STREAM_MASKS);
    for (int64_t row = 0; row < t->r->batch; row++) {
        int64_t at = first + philox_below(&windows, (uint64_t)row, (uint32_t)(end - first - T));
        memcpy(t->batch_ids + row * T, t->corpus.data + at, (size_t)T * sizeof *t->batch_ids);
        if (t->r->objective == PRETRAIN_MASKED)
            hide(t, &masks, row);
        else
            memcpy(t->batch_labels + row * T, t->corpus.data + at + 1,
                   (size_t)T * sizeof *t->batch_labels);
    }
    TRY(graph_set_input(t->graph, t->ids, t->batch_ids));
    TRY(graph_set_input(t->graph, t->mask, t->batch_mask));
    TRY(graph_set_input(t->graph, t->labels, t->batch_labels));
    return t->r->objective == PRETRAIN_MASKED
               ? graph_set_input(t->graph, t->places, t->batch_places)
               : PODIUM_OK;
}

/* Mean loss of fixed batches of the held-out text. */
static int32_t evaluate(pretraining *t, double *out)
{
    graph_settings settings = {0};
    *out = 0;
    for (int64_t i = 0; i < EVAL_BATCHES; i++) {
        double loss;
        TRY(feed(t, STREAM_EVAL, i, t->train_tokens, t->all_tokens));
        TRY(graph_run(t->graph, GRAPH_FORWARD, &settings));
        TRY(graph_read(t->graph, t->loss, &loss, 1));
        *out += loss / EVAL_BATCHES;
    }
    return PODIUM_OK;
}

/* Linear warm-up, then linear decay to 0. */
static double rate(const pretrain_recipe *r, int64_t step)
{
    if (step < r->warmup_steps)
        return r->learning_rate * (double)(step + 1) / (double)r->warmup_steps;
    return r->learning_rate * (double)(r->steps - step) / (double)(r->steps - r->warmup_steps + 1);
}

static int32_t train_step(pretraining *t, double *loss)
{
    const pretrain_recipe *r = t->r;
    graph_settings settings = {.seed = philox_derive((uint64_t)r->seed, (uint64_t)t->step)};
    TRY(feed(t, (uint64_t)r->seed, t->step, 0, t->train_tokens));
    TRY(graph_run(t->graph, GRAPH_FORWARD | GRAPH_BACKWARD, &settings));
    TRY(graph_read(t->graph, t->loss, loss, 1));
    if (!isfinite(*loss))
        return podium_fail(PODIUM_EINVAL, "the loss is not finite at step %lld",
                           (long long)t->step);
    double squares = 0;
    program_args norm = {
        .count = t->n, .dtype = PODIUM_F32, .vectors = (void *[]){t->gradient}, .sums = &squares};
    TRY(t->backend->program_run(t->backend, t->norm, &norm));
    double length = sqrt(squares), clip = length > r->clip ? r->clip / length : 1;
    double k = (double)(t->step + 1), lr = rate(r, t->step);
    double b1 = 1 - pow(r->beta1, k), b2 = 1 - pow(r->beta2, k);
    double c[] = {r->beta1, (1 - r->beta1) * clip, r->beta2, (1 - r->beta2) * clip * clip,
                  lr / b1,  1 / sqrt(b2),          1e-8,     lr * r->weight_decay};
    program_args update = {.count = t->n,
                           .dtype = PODIUM_F32,
                           .vectors = (void *[]){t->x, t->gradient, t->m, t->v},
                           .constants = c};
    TRY(t->backend->program_run(t->backend, t->update, &update));
    t->step++;
    return PODIUM_OK;
}

/* Named parameters, and with `moments` the state of the optimizer. */
static int32_t save(const pretraining *t, const char *path, bool moments)
{
    int32_t count = params_count(t->params);
    safetensor *list = calloc((size_t)count + 2, sizeof *list);
    char step[32];
    if (!list)
        return podium_fail(PODIUM_ENOMEM, "no memory for a checkpoint");
    for (int32_t i = 0; i < count; i++) {
        const param *q = params_get(t->params, i);
        list[i] = (safetensor){
            .name = q->name, .dtype = PODIUM_F32, .ndim = q->ndim, .data = t->x + q->offset};
        for (int d = 0; d < q->ndim; d++)
            list[i].shape[d] = q->shape[d];
    }
    list[count] = (safetensor){
        .name = "adam.m", .dtype = PODIUM_F32, .ndim = 1, .shape = {t->n}, .data = t->m};
    list[count + 1] = (safetensor){
        .name = "adam.v", .dtype = PODIUM_F32, .ndim = 1, .shape = {t->n}, .data = t->v};
    snprintf(step, sizeof step, "%lld", (long long)t->step);
    const char *metadata[] = {"recipe", t->r->sha256, "text", t->text_sha256, "step", step, NULL};
    int32_t rc = safetensors_write(path, list, (size_t)count + (moments ? 2 : 0), metadata);
    free(list);
    return rc;
}

static int32_t restore_vector(const pretraining *t, const safetensors *s, const char *name,
                              int64_t count, float *to)
{
    const safetensor *found = safetensors_find(s, name);
    if (!found || found->count != count)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' is missing or of another size",
                           t->checkpoint, name);
    safetensor_to_f32(found, to);
    return PODIUM_OK;
}

static int32_t restore_from(pretraining *t, const safetensors *s)
{
    const char *recipe = safetensors_metadata(s, "recipe"), *text = safetensors_metadata(s, "text");
    const char *step = safetensors_metadata(s, "step");
    if (!recipe || strcmp(recipe, t->r->sha256) || !text || strcmp(text, t->text_sha256))
        return podium_fail(PODIUM_EINVAL,
                           "%s is the checkpoint of another recipe or text: move it away to start "
                           "anew",
                           t->checkpoint);
    if (!step || !integer_parse(step, &t->step) || t->step < 0 || t->step > t->r->steps)
        return podium_fail(PODIUM_EINVAL, "%s: bad step", t->checkpoint);
    for (int32_t i = 0; i < params_count(t->params); i++) {
        const param *q = params_get(t->params, i);
        TRY(restore_vector(t, s, q->name, q->count, t->x + q->offset));
    }
    TRY(restore_vector(t, s, "adam.m", t->n, t->m));
    return restore_vector(t, s, "adam.v", t->n, t->v);
}

static int32_t restore(pretraining *t)
{
    safetensors *s;
    if (!file_exists(t->checkpoint))
        return PODIUM_OK;
    TRY(safetensors_open(&s, t->checkpoint));
    int32_t rc = restore_from(t, s);
    safetensors_close(s);
    return rc;
}

/* One line of the log; a resumed run may repeat lines after its checkpoint, with equal numbers. */
static int32_t report(pretraining *t, double loss)
{
    double held_out;
    TRY(evaluate(t, &held_out));
    FILE *f = fopen(t->log, "a");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot append to '%s'", t->log);
    fprintf(f, "{\"step\": %lld, \"loss\": %.6f, \"held_out\": %.6f}\n", (long long)t->step, loss,
            held_out);
    if (fclose(f))
        return podium_fail(PODIUM_EIO, "cannot append to '%s'", t->log);
    if (t->o->progress)
        t->o->progress(t->step, t->r->steps, loss, held_out);
    return PODIUM_OK;
}

static int32_t loop(pretraining *t, bool *finished)
{
    int64_t first = t->step;
    double loss = 0;
    while (t->step < t->r->steps && (!t->o->stop_after || t->step - first < t->o->stop_after)) {
        TRY(train_step(t, &loss));
        if (t->step % t->r->eval_every == 0 || t->step == t->r->steps)
            TRY(report(t, loss));
        if (t->step % t->r->save_every == 0)
            TRY(save(t, t->checkpoint, true));
    }
    *finished = t->step == t->r->steps;
    TRY(save(t, t->checkpoint, true));
    return *finished ? save(t, t->o->out, false) : PODIUM_OK;
}

static int32_t run(pretraining *t, bool *finished)
{
    int a = snprintf(t->checkpoint, sizeof t->checkpoint, "%s.checkpoint", t->o->out);
    int b = snprintf(t->log, sizeof t->log, "%s.log", t->o->out);
    if (a < 0 || b < 0 || (size_t)a >= sizeof t->checkpoint || (size_t)b >= sizeof t->log)
        return podium_fail(PODIUM_EINVAL, "the path '%s' is too long", t->o->out);
    TRY(read_corpus(t));
    TRY(backend_open(&t->backend, "cpu", t->o->threads));
    TRY(params_create(&t->params));
    TRY(graph_create(
        &t->graph, &(graph_config){.backend = t->backend, .params = t->params, .training = true}));
    TRY(record(t));
    TRY(take_memory(t));
    TRY(restore(t));
    return loop(t, finished);
}

int32_t pretrain_run(const pretrain_recipe *r, const pretrain_options *o, bool *finished)
{
    pretraining t = {.r = r, .o = o};
    *finished = false;
    int32_t rc = run(&t, finished);
    program_destroy(t.norm);
    program_destroy(t.update);
    graph_destroy(t.graph);
    params_destroy(t.params);
    float *vectors[] = {t.x, t.gradient, t.m, t.v};
    for (int i = 0; i < 4; i++)
        if (vectors[i])
            t.backend->free(t.backend, vectors[i]);
    backend_close(t.backend);
    id_buffer_release(&t.corpus);
    sentence_tokens_close(t.tokenizer);
    free(t.batch_ids);
    free(t.batch_mask);
    free(t.batch_places);
    free(t.batch_labels);
    return rc;
}
