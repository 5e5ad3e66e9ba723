/* The workload `gpt`: a decoder-only language model as a task.  It serves the tracks and races only
 * when named. */
#include <stdlib.h>

#include "workloads/gpt_decode.h"
#include "workloads/gpt_model.h"
#include "workloads/workload.h"

struct workload_task {
    gpt_config model;
};

static void close_task(workload_task *t)
{
    free(t);
}

static int32_t open_case(workload_task **out, const void *json_config)
{
    *out = NULL;
    workload_task *t = calloc(1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task");
    int32_t rc = gpt_config_read_case(&t->model, json_config);
    if (rc < 0)
        free(t);
    else
        *out = t;
    return rc;
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
    .close = close_task,
    .build = build,
    .scores_losses = true,
    .open_case = open_case,
    .case_input = case_input,
    .decode = decode,
    .input_names = input_names,
};
