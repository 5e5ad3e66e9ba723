/* The pretraining loop: stages, AdamW, checkpoints. */
#include "workloads/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/safetensors.h"
#include "engine/philox.h"
#include "workloads/pretrain_internal.h"

enum { EVAL_BATCHES = 4, EVAL_SEED = 100 };

typedef struct pretraining {
    const pretrain_recipe *r;
    const pretrain_options *o;
    backend *backend;
    params *params;
    pretrain_corpus corpus;
    pretrain_task *task;
    const pretrain_stage *stage; /* of the task */
    int64_t stage_start;         /* its first step */
    float *x, *gradient, *m, *v;
    int64_t n; /* of the flat vectors */
    program *norm, *update;
    int64_t step;
    char checkpoint[4096], log[4096];
} pretraining;

static int32_t take_memory(pretraining *t)
{
    t->n = params_vector_length(t->params);
    float **vectors[] = {&t->x, &t->gradient, &t->m, &t->v};
    for (int i = 0; i < 4; i++) {
        void *data = NULL;
        TRY(t->backend->alloc(t->backend, (size_t)t->n * sizeof(float) + 64, &data));
        *vectors[i] = data;
    }
    TRY(params_initialise(t->params, (uint64_t)t->r->seed, PODIUM_F32, t->x, NULL));
    TRY(program_compile(&t->norm, "s0 += v0*v0"));
    return program_compile(&t->update, "v2 = c0*v2 + c1*v1;"
                                       "v3 = c2*v3 + c3*v1*v1;"
                                       "v0 = v0 - c4*v2/(c5*sqrt(v3) + c6) - c7*v0");
}

/* Mean loss of fixed batches of the held-out text. */
static int32_t evaluate(pretraining *t, double *out)
{
    graph_settings settings = {0};
    *out = 0;
    for (int64_t i = 0; i < EVAL_BATCHES; i++) {
        double loss;
        TRY(pretrain_task_feed(t->task, EVAL_SEED, i, true));
        TRY(graph_run(pretrain_task_graph(t->task), GRAPH_FORWARD, &settings));
        TRY(pretrain_task_loss(t->task, &loss));
        *out += loss / EVAL_BATCHES;
    }
    return PODIUM_OK;
}

/* Linear warm-up, then linear decay to 0; step counts from the stage's start. */
static double rate(const pretrain_stage *s, int64_t step)
{
    if (step < s->warmup_steps)
        return s->learning_rate * (double)(step + 1) / (double)s->warmup_steps;
    return s->learning_rate * (double)(s->steps - step) / (double)(s->steps - s->warmup_steps + 1);
}

static int32_t train_step(pretraining *t, double *loss)
{
    const pretrain_recipe *r = t->r;
    graph_settings settings = {.seed = philox_derive((uint64_t)r->seed, (uint64_t)t->step)};
    TRY(pretrain_task_feed(t->task, (uint64_t)r->seed, t->step, false));
    TRY(graph_run(pretrain_task_graph(t->task), GRAPH_FORWARD | GRAPH_BACKWARD, &settings));
    TRY(pretrain_task_loss(t->task, loss));
    if (!isfinite(*loss))
        return podium_fail(PODIUM_EINVAL, "the loss is not finite at step %lld",
                           (long long)t->step);
    double squares = 0;
    program_args norm = {
        .count = t->n, .dtype = PODIUM_F32, .vectors = (void *[]){t->gradient}, .sums = &squares};
    TRY(t->backend->program_run(t->backend, t->norm, &norm));
    double length = sqrt(squares), clip = length > r->clip ? r->clip / length : 1;
    double k = (double)(t->step - t->stage_start + 1);
    double lr = rate(t->stage, t->step - t->stage_start);
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
    const char *metadata[] = {"recipe", t->r->sha256, "text", t->corpus.text_sha256,
                              "step",   step,         NULL};
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
    if (!recipe || strcmp(recipe, t->r->sha256) || !text || strcmp(text, t->corpus.text_sha256))
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
    fprintf(f, "{\"step\": %lld, \"objective\": \"%s\", \"loss\": %.6f, \"held_out\": %.6f}\n",
            (long long)t->step, pretrain_objectives[t->stage->objective], loss, held_out);
    if (fclose(f))
        return podium_fail(PODIUM_EIO, "cannot append to '%s'", t->log);
    if (t->o->progress)
        t->o->progress(t->step, t->r->steps, loss, held_out);
    return PODIUM_OK;
}

static int32_t open_stage(pretraining *t, const pretrain_stage *s)
{
    pretrain_task_close(t->task);
    t->task = NULL;
    t->stage = s;
    return pretrain_task_open(&t->task, t->r, s, &t->corpus, t->backend, t->params);
}

/* The stage that step t->step belongs to; its first step finds the optimizer as new. */
static int32_t enter_stage(pretraining *t)
{
    const pretrain_stage *s = t->r->stage;
    int64_t start = 0;
    while (t->step >= start + s->steps)
        start += s++->steps;
    if (s != t->stage)
        TRY(open_stage(t, s));
    t->stage_start = start;
    graph_bind(pretrain_task_graph(t->task), t->x, NULL, t->gradient);
    if (t->step == start) {
        memset(t->m, 0, (size_t)t->n * sizeof *t->m);
        memset(t->v, 0, (size_t)t->n * sizeof *t->v);
    }
    return PODIUM_OK;
}

static int32_t loop(pretraining *t, bool *finished)
{
    int64_t first = t->step;
    double loss = 0;
    while (t->step < t->r->steps && (!t->o->stop_after || t->step - first < t->o->stop_after)) {
        TRY(enter_stage(t));
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
    TRY(pretrain_corpus_read(&t->corpus, t->r, t->o->text, t->o->out));
    TRY(backend_open(&t->backend, "cpu", t->o->threads));
    TRY(params_create(&t->params));
    TRY(open_stage(t, t->r->stage)); /* names the parameters */
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
    pretrain_task_close(t.task);
    params_destroy(t.params);
    float *vectors[] = {t.x, t.gradient, t.m, t.v};
    for (int i = 0; i < 4; i++)
        if (vectors[i])
            t.backend->free(t.backend, vectors[i]);
    backend_close(t.backend);
    pretrain_corpus_release(&t.corpus);
    return rc;
}
