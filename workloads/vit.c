/* The workload `vit`: AlgoPerf's vision transformer as a task. */
#include <stdlib.h>

#include "workloads/vit_model.h"
#include "workloads/workload.h"

struct workload_task {
    vit_config model;
};

static int32_t open_case(workload_task **out, const void *json_config)
{
    *out = NULL;
    workload_task *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    int32_t rc = vit_config_read_case(&t->model, json_config);
    if (rc < 0)
        free(t);
    else
        *out = t;
    return rc;
}

static void close_task(workload_task *t)
{
    free(t);
}

static int32_t build(workload_task *t, graph *g, int64_t batch, workload_model *out)
{
    return vit_build(&t->model, g, batch, out);
}

/* The first largest logit is the answer; examples of weight 0 do not count. */
static int32_t score(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m)
{
    const int32_t *labels = b->data[1];
    const float *weights = b->data[2];
    int64_t V = t->model.classes;
    for (int64_t n = 0; n < batch; n++) {
        int64_t best = 0;
        if (weights[n] == 0)
            continue;
        for (int64_t v = 1; v < V; v++)
            if (logits[n * V + v] > logits[n * V + best])
                best = v;
        m->loss += per_example[n];
        m->accuracy += best == labels[n];
        m->count++;
    }
    return PODIUM_OK;
}

static const char *const input_names[] = {"images", "labels|label_probs", "weights", NULL};

const workload workload_vit = {
    .name = "vit",
    .description = "vision transformer on images",
    .close = close_task,
    .build = build,
    .score = score,
    .open_case = open_case,
    .input_names = input_names,
};
