/* Trains, stores and serves tasks that share a frozen backbone. */
#include "harness/tasks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "base/text.h"
#include "data/safetensors.h"
#include "engine/backend.h"
#include "engine/philox.h"
#include "workloads/workload.h"

enum { EVAL_BATCH = 128 };

struct task_host {
    tasks_options options;
    yaml_document *document;
    const yaml_node *model, *tasks;
    const workload *workload;
    backend *backend;
    int64_t batch, steps, warmup_steps, seed;
    double learning_rate, weight_decay, dropout;
    float *frozen; /* resident; NULL before the first task */
    int64_t frozen_count, frozen_length;
    char backbone[SHA256_HEX]; /* of the frozen vector */
};

/* One task while it is trained or served. */
typedef struct open_task {
    workload_task *task;
    params *params;
    graph *eval, *train;
    workload_model eval_model, train_model;
    float *x, *gradient, *m, *v;
    int64_t n;
} open_task;

static int32_t read_training(task_host *h, const yaml_node *t)
{
    h->batch = 32;
    h->steps = 300;
    h->learning_rate = 3e-3;
    TRY(yaml_integer(t, "batch", 1, 65536, &h->batch));
    TRY(yaml_integer(t, "steps", 1, INT64_C(1) << 40, &h->steps));
    h->warmup_steps = h->steps / 10;
    TRY(yaml_integer(t, "warmup", 0, h->steps, &h->warmup_steps));
    TRY(yaml_number(t, "learning_rate", 0, 10, &h->learning_rate));
    TRY(yaml_number(t, "weight_decay", 0, 10, &h->weight_decay));
    TRY(yaml_number(t, "dropout", 0, 0.999, &h->dropout));
    return yaml_integer(t, "seed", 0, INT64_MAX, &h->seed);
}

static int32_t read_list(task_host *h)
{
    static const char *const required[] = {"workload", "model", "tasks"};
    const char *name = "";
    TRY(yaml_parse_file(&h->document, h->options.list));
    const yaml_node *root = yaml_root(h->document);
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        TRY(yaml_require(root, required[i]));
    TRY(yaml_string(root, "workload", &name));
    const workload_entry *e = workload_find(name);
    if (!e || !e->workload->open)
        return yaml_fail(yaml_get(root, "workload"), "no workload '%s' to make tasks of", name);
    h->workload = e->workload;
    h->model = yaml_get(root, "model");
    h->tasks = yaml_get(root, "tasks");
    if (yaml_node_kind(h->tasks) != YAML_MAP || yaml_length(h->tasks) < 1)
        return yaml_fail(h->tasks, "expected a map of tasks by name");
    for (size_t i = 0; i < yaml_length(h->tasks); i++) /* they are names of files */
        if (!*yaml_key(h->tasks, i) || strchr(yaml_key(h->tasks, i), '/'))
            return yaml_fail(yaml_item(h->tasks, i), "task '%s': expected a name without '/'",
                             yaml_key(h->tasks, i));
    return read_training(h, yaml_get(root, "training"));
}

int32_t tasks_open(task_host **out, const tasks_options *options)
{
    *out = NULL;
    task_host *h = calloc(1, sizeof *h);
    if (!h)
        return podium_fail(PODIUM_ENOMEM, "no memory for tasks");
    h->options = *options;
    int32_t rc = read_list(h);
    if (!rc)
        rc = backend_open(&h->backend, "cpu", options->threads);
    if (rc < 0)
        tasks_close(h);
    else
        *out = h;
    return rc;
}

void tasks_close(task_host *h)
{
    if (!h)
        return;
    if (h->frozen)
        h->backend->free(h->backend, h->frozen);
    backend_close(h->backend);
    yaml_destroy(h->document);
    free(h);
}

int64_t tasks_count(const task_host *h)
{
    return (int64_t)yaml_length(h->tasks);
}

const char *tasks_name(const task_host *h, int64_t i)
{
    return yaml_key(h->tasks, (size_t)i);
}

tasks_size tasks_resident(const task_host *h)
{
    return (tasks_size){.frozen = h->frozen_count,
                        .frozen_bytes = h->frozen_length * (int64_t)sizeof(float)};
}

static void release(task_host *h, open_task *t)
{
    float *vectors[] = {t->x, t->gradient, t->m, t->v};
    graph_destroy(t->eval);
    graph_destroy(t->train);
    params_destroy(t->params);
    for (int i = 0; i < 4; i++)
        if (vectors[i])
            h->backend->free(h->backend, vectors[i]);
    workload_close(h->workload, t->task);
}

static int32_t take(task_host *h, int64_t n, float **out)
{
    void *data = NULL;
    int32_t rc = h->backend->alloc(h->backend, (size_t)n * sizeof **out + 64, &data);
    *out = data;
    return rc;
}

/* The first task brings the backbone into memory; the others must have the same. */
static int32_t share_backbone(task_host *h, open_task *t)
{
    int64_t length = params_frozen_length(t->params);
    bool first = !h->frozen;
    if (first) {
        TRY(take(h, length, &h->frozen));
        h->frozen_length = length;
        for (int32_t i = 0; i < params_count(t->params); i++)
            h->frozen_count += params_get(t->params, i)->frozen ? params_get(t->params, i)->count
                                                                : 0;
    } else if (length != h->frozen_length) {
        return podium_fail(PODIUM_EINVAL, "the task's backbone differs from the resident one");
    }
    TRY(params_initialise(t->params, (uint64_t)h->seed, PODIUM_F32, t->x,
                          first ? h->frozen : NULL));
    if (h->workload->load)
        TRY(h->workload->load(t->task, t->params, PODIUM_F32, t->x, first ? h->frozen : NULL));
    if (first)
        sha256_of(h->frozen, (size_t)length * sizeof *h->frozen, h->backbone);
    return PODIUM_OK;
}

static int32_t open_one(task_host *h, int64_t i, bool training, open_task *t)
{
    const workload *w = h->workload;
    TRY(workload_open(&t->task, w, h->model, yaml_item(h->tasks, (size_t)i), h->options.data_dir,
                      NULL));
    TRY(yaml_finish(yaml_item(h->tasks, (size_t)i)));
    TRY(yaml_finish(h->model));
    for (int64_t k = 0; k < tasks_count(h); k++) /* the others are read when their turn comes */
        yaml_mark(yaml_get(h->tasks, tasks_name(h, k)));
    TRY(yaml_finish(yaml_root(h->document)));
    TRY(params_create(&t->params));
    graph_config config = {.backend = h->backend, .params = t->params};
    TRY(graph_create(&t->eval, &config));
    TRY(w->build(t->task, t->eval, EVAL_BATCH, &t->eval_model));
    if (!w->scores_losses)
        graph_keep(t->eval, t->eval_model.logits);
    TRY(graph_plan(t->eval));
    params_close(t->params);
    t->n = params_vector_length(t->params);
    TRY(take(h, t->n, &t->x));
    TRY(share_backbone(h, t));
    graph_bind(t->eval, t->x, h->frozen, NULL);
    if (!training)
        return PODIUM_OK;
    config.training = true;
    TRY(graph_create(&t->train, &config));
    TRY(w->build(t->task, t->train, h->batch, &t->train_model));
    TRY(graph_backward(t->train, t->train_model.loss));
    TRY(graph_plan(t->train));
    TRY(take(h, t->n, &t->gradient));
    TRY(take(h, t->n, &t->m));
    TRY(take(h, t->n, &t->v));
    graph_bind(t->train, t->x, h->frozen, t->gradient);
    return PODIUM_OK;
}

/* AdamW, warm-up and linear decay. */
static int32_t train(task_host *h, open_task *t, program *update)
{
    for (int64_t s = 0; s < h->steps; s++) {
        workload_batch b;
        graph_settings settings = {.seed = philox_derive((uint64_t)h->seed, (uint64_t)s),
                                   .dropout = h->dropout};
        TRY(h->workload->train_batch(t->task, (uint64_t)h->seed, s, h->batch, 0, h->batch, &b));
        TRY(workload_feed(t->train, &t->train_model, &b));
        TRY(graph_run(t->train, GRAPH_FORWARD | GRAPH_BACKWARD, &settings));
        double lr = s < h->warmup_steps
                        ? h->learning_rate * (double)(s + 1) / (double)h->warmup_steps
                        : h->learning_rate * (double)(h->steps - s) /
                              (double)(h->steps - h->warmup_steps);
        double k = (double)(s + 1), b1 = 1 - pow(0.9, k), b2 = 1 - pow(0.999, k);
        double c[] = {0.9, 0.1, 0.999, 0.001, lr / b1, 1 / sqrt(b2), 1e-8, lr * h->weight_decay};
        program_args args = {.count = t->n,
                             .dtype = PODIUM_F32,
                             .vectors = (void *[]){t->x, t->gradient, t->m, t->v},
                             .constants = c};
        TRY(h->backend->program_run(h->backend, update, &args));
    }
    return PODIUM_OK;
}

static int32_t evaluate(task_host *h, open_task *t, task_report *out)
{
    const workload *w = h->workload;
    workload_metrics sums = {0};
    graph_settings settings = {0};
    int64_t cells = w->scores_losses ? 0 : graph_count(t->eval, t->eval_model.logits),
            losses = graph_count(t->eval, t->eval_model.per_example),
            n = w->split_size(t->task, SPLIT_VALID);
    double *logits = cells ? malloc((size_t)cells * sizeof *logits) : NULL;
    double *each = malloc((size_t)losses * sizeof *each);
    int32_t rc = (logits || !cells) && each ? PODIUM_OK
                                            : podium_fail(PODIUM_ENOMEM, "no memory to evaluate");
    for (int64_t start = 0; !rc && start < n; start += EVAL_BATCH) {
        workload_batch b;
        rc = w->eval_batch(t->task, SPLIT_VALID, start, EVAL_BATCH, &b);
        if (!rc)
            rc = workload_feed(t->eval, &t->eval_model, &b);
        if (!rc)
            rc = graph_run(t->eval, GRAPH_FORWARD, &settings);
        if (!rc && cells)
            rc = graph_read(t->eval, t->eval_model.logits, logits, cells);
        if (!rc)
            rc = graph_read(t->eval, t->eval_model.per_example, each, losses);
        if (!rc)
            rc = w->score(t->task, &b, EVAL_BATCH, logits, each, &sums);
    }
    free(logits);
    free(each);
    if (!rc && !sums.count)
        rc = podium_fail(PODIUM_EINVAL, "the task has no validation examples");
    out->loss = sums.loss / (double)sums.count;
    out->accuracy = sums.accuracy / (double)sums.count;
    return rc;
}

static int32_t task_path(const task_host *h, int64_t i, char *out, size_t size)
{
    char name[256];
    snprintf(name, sizeof name, "%s.safetensors", tasks_name(h, i));
    return path_join(out, size, h->options.folder, name);
}

/* The trainable parameters alone. */
static int32_t write_task(const task_host *h, const open_task *t, const char *path)
{
    int32_t count = params_count(t->params), used = 0;
    safetensor *list = calloc((size_t)count + 1, sizeof *list);
    if (!list)
        return podium_fail(PODIUM_ENOMEM, "no memory for a task file");
    for (int32_t i = 0; i < count; i++) {
        const param *q = params_get(t->params, i);
        if (q->frozen)
            continue;
        safetensor *s = &list[used++];
        *s = (safetensor){
            .name = q->name, .dtype = PODIUM_F32, .ndim = q->ndim, .data = t->x + q->offset};
        for (int d = 0; d < q->ndim; d++)
            s->shape[d] = q->shape[d];
    }
    const char *metadata[] = {"workload", h->workload->name, "data", h->workload->data_id(t->task),
                              "backbone", h->backbone,       NULL};
    int32_t rc = safetensors_write(path, list, (size_t)used, metadata);
    free(list);
    return rc;
}

static int32_t read_tensors(const task_host *h, open_task *t, const safetensors *s,
                            const char *path)
{
    const char *backbone = safetensors_metadata(s, "backbone"),
               *data = safetensors_metadata(s, "data"), *here = h->workload->data_id(t->task);
    size_t used = 0;
    if (!backbone || strcmp(backbone, h->backbone))
        return podium_fail(PODIUM_EINVAL,
                           "%s: trained on backbone %.16s..., the resident one is "
                           "%.16s...",
                           path, backbone ? backbone : "(unknown)", h->backbone);
    if (!data || strcmp(data, here)) /* its classes may have other numbers */
        return podium_fail(PODIUM_EINVAL, "%s: trained on data %s, this is %s", path,
                           data ? data : "(unknown)", here);
    for (int32_t i = 0; i < params_count(t->params); i++) {
        const param *q = params_get(t->params, i);
        const safetensor *found = q->frozen ? NULL : safetensors_find(s, q->name);
        if (q->frozen)
            continue;
        if (!found || found->count != q->count)
            return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' is missing or of another size", path,
                               q->name);
        safetensor_to_f32(found, t->x + q->offset);
        used++;
    }
    if (used != safetensors_count(s))
        return podium_fail(PODIUM_EINVAL, "%s: %zu tensors, the task has %zu", path,
                           safetensors_count(s), used);
    return PODIUM_OK;
}

static int32_t read_task(const task_host *h, open_task *t, const char *path)
{
    safetensors *s;
    TRY(safetensors_open(&s, path));
    int32_t rc = read_tensors(h, t, s, path);
    safetensors_close(s);
    return rc;
}

/* One task from opening to its report; the file is written or read on the way. */
static int32_t run_task(task_host *h, int64_t i, bool training, open_task *t, task_report *out)
{
    char path[4096];
    struct stat info;
    program *update = NULL;
    TRY(task_path(h, i, path, sizeof path));
    if (training)
        TRY(directory_create(h->options.folder)); /* before the hours that it would cost after */
    TRY(open_one(h, i, training, t));
    if (training) {
        TRY(program_compile(&update, "v2 = c0*v2 + c1*v1;"
                                     "v3 = c2*v3 + c3*v1*v1;"
                                     "v0 = v0 - c4*v2/(c5*sqrt(v3) + c6) - c7*v0"));
        int32_t rc = train(h, t, update);
        program_destroy(update);
        TRY(rc);
        TRY(write_task(h, t, path));
    } else {
        TRY(read_task(h, t, path));
    }
    if (stat(path, &info))
        return podium_fail(PODIUM_EIO, "cannot read '%s'", path);
    out->name = tasks_name(h, i);
    out->trained = params_trainable_elements(t->params);
    out->file_bytes = (int64_t)info.st_size;
    return evaluate(h, t, out);
}

static int32_t run_and_release(task_host *h, int64_t i, bool training, task_report *out)
{
    open_task t = {0};
    *out = (task_report){0};
    int32_t rc = run_task(h, i, training, &t, out);
    release(h, &t);
    return rc < 0 ? podium_fail_in(rc, "task '%s'", tasks_name(h, i)) : rc;
}

int32_t tasks_train(task_host *h, int64_t i, task_report *out)
{
    return run_and_release(h, i, true, out);
}

int32_t tasks_serve(task_host *h, int64_t i, task_report *out)
{
    return run_and_release(h, i, false, out);
}
