/* What the workloads share: finding, opening and closing one, the accuracy of classes. */
#include "workloads/workload.h"

#include <stdlib.h>
#include <string.h>

const workload_entry *workload_find(const char *name)
{
    for (const workload_entry *e = workload_registry; e->name; e++)
        if (!strcmp(e->name, name))
            return e;
    return NULL;
}

static int32_t create(workload_task **out, const workload *w)
{
    *out = calloc(1, w->task_bytes);
    return *out ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for the task");
}

/* Hands on how opening went; a task that did not open is gone. */
static int32_t opened(workload_task **t, const workload *w, int32_t rc)
{
    if (rc < 0) {
        workload_close(w, *t);
        *t = NULL;
    }
    return rc;
}

int32_t workload_open(workload_task **out, const workload *w, const yaml_node *model,
                      const yaml_node *data, const char *data_dir, const data_key *key)
{
    TRY(create(out, w));
    return opened(out, w, w->open(*out, model, data, data_dir, key));
}

int32_t workload_open_case(workload_task **out, const workload *w, const void *json_config)
{
    TRY(create(out, w));
    return opened(out, w, w->open_case(*out, json_config));
}

int32_t workload_open_outline(workload_task **out, const workload *w, const yaml_node *model,
                              const yaml_node *data, const yaml_node *extents)
{
    TRY(create(out, w));
    return opened(out, w, w->outline(*out, model, data, extents));
}

int32_t workload_extent(const yaml_node *extents, const char *key, int64_t *out)
{
    TRY(yaml_require(extents, key));
    return yaml_integer(extents, key, 1, INT64_C(1) << 31, out);
}

void workload_close(const workload *w, workload_task *t)
{
    if (t)
        w->close(t);
    free(t);
}

int32_t workload_feed(graph *g, const workload_model *m, const workload_batch *b)
{
    for (int i = 0; i < m->num_inputs; i++)
        TRY(graph_dtype(g, m->inputs[i]) == PODIUM_I32
                ? graph_set_input(g, m->inputs[i], b->data[i])
                : graph_set_input_f32(g, m->inputs[i], b->data[i]));
    return PODIUM_OK;
}

int32_t workload_answer(const double *logits, int64_t classes)
{
    int32_t best = 0;
    for (int32_t k = 1; k < classes; k++)
        best = logits[k] > logits[best] ? k : best;
    return best;
}

void workload_score_classes(int64_t classes, const workload_batch *b, int input, int64_t batch,
                            const double *logits, const double *per_example, workload_metrics *m)
{
    const int32_t *labels = b->data[input];
    const float *weights = b->data[input + 1];
    for (int64_t n = 0; n < batch; n++) {
        if (weights[n] == 0)
            continue;
        m->loss += per_example[n];
        m->accuracy += workload_answer(logits + n * classes, classes) == labels[n];
        m->count++;
    }
}
