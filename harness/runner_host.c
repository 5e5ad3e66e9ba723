/* Commands to a runner: start, values, the calls of the ABI, snapshots, the end. */
#include "harness/runner_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/python_submission.h"

int32_t runner_config_params(runner_config *config, const params *p)
{
    int32_t n = params_count(p), used = 0;
    runner_param *list = calloc((size_t)n + 1, sizeof *list);
    if (!list)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d parameters", n);
    for (int32_t i = 0; i < n; i++) {
        const param *q = params_get(p, i);
        if (q->frozen)
            continue;
        runner_param *out = &list[used++];
        *out = (runner_param){
            .kind = q->kind,
            .ndim = q->ndim,
            .count = q->count,
            .offset = q->offset,
            .is_output = q->is_output,
        };
        memcpy(out->shape, q->shape, sizeof q->shape);
    }
    config->params = list;
    config->num_params = used;
    config->vector_length = params_vector_length(p);
    return 0;
}

static int32_t send_command(runner *r, uint32_t kind, const int64_t *i, int num_i, const double *f,
                            const void *bytes, size_t length)
{
    if (r->end != RUNNER_ALIVE)
        return podium_fail(PODIUM_EDEVICE, "%s", r->reason);
    if (r->frozen)
        return podium_fail(PODIUM_EINVAL, "the runner is frozen: thaw it before a call");
    if (length > PROTOCOL_BYTES)
        return podium_fail(PODIUM_EINVAL, "%zu bytes do not fit into a message", length);
    protocol_message *m = &r->control->message;
    memset(m, 0, offsetof(protocol_message, vectors));
    m->kind = kind;
    m->length = (uint32_t)length;
    for (int k = 0; k < num_i; k++)
        m->i[k] = i[k];
    for (int k = 0; f && k < 2; k++)
        m->f[k] = f[k];
    if (length)
        memcpy(r->control->bytes, bytes, length);
    r->command = kind;
    r->fail_text[0] = 0;
    r->fail_status = 0;
    r->deadline_ns = protocol_now_ns() + (int64_t)(r->config.timeout_seconds * 1e9);
    protocol_pass(&r->control->turn, &r->control->runner_sleeps);
    return 0;
}

/* Serves requests until the command is FINISHED; the answer is in r->message, r->bytes. */
static int32_t serve_until_finished(runner *r)
{
    for (;;) {
        TRY(runner_wait(r));
        memcpy(&r->message, &r->control->message, sizeof r->message);
        if (r->message.kind == PROTOCOL_FINISHED)
            break;
        TRY(runner_serve(r));
        protocol_pass(&r->control->turn, &r->control->runner_sleeps);
    }
    if (r->message.length > PROTOCOL_BYTES)
        return runner_end_with(r, RUNNER_PROTOCOL, PODIUM_EPROTOCOL,
                               "the submission broke the runner's protocol: an answer too long");
    memcpy(r->bytes, r->control->bytes, r->message.length);
    r->bytes[r->message.length] = 0;
    r->counters.allocations = r->message.i[4];
    return 0;
}

int32_t runner_command(runner *r, uint32_t kind, const int64_t *i, int num_i, const double *f,
                       const void *bytes, size_t length)
{
    TRY(send_command(r, kind, i, num_i, f, bytes, length));
    TRY(serve_until_finished(r));
    int32_t rc = r->message.status;
    char doing[64];
    runner_doing(r, doing, sizeof doing);
    r->command = 0;
    if (rc == 0 || (rc == PODIUM_DONE && kind == PROTOCOL_STEP))
        return rc;
    if (kind == PROTOCOL_LOAD) {
        char why[1024];
        runner_copy_text(why, sizeof why, r->bytes, r->message.length);
        return runner_end_with(r, RUNNER_REFUSED, PODIUM_EINVAL, "%s", why);
    }
    if (rc > 0)
        return runner_end_with(r, RUNNER_FAILED, PODIUM_EINVAL,
                               "the submission returned %d from %s, expected 0 or a negative "
                               "status",
                               rc, doing);
    runner_end end = rc == PODIUM_EDIVERGED ? RUNNER_DIVERGED : RUNNER_FAILED;
    return runner_end_with(r, end, rc, "the submission failed in %s with status %d%s%s", doing, rc,
                           r->fail_text[0] ? ": " : " and no text (host->fail says why)",
                           r->fail_text);
}

static int32_t check_config(const runner_config *c)
{
    if (c->dtype != PODIUM_F32 && c->dtype != PODIUM_F64)
        return podium_fail(PODIUM_EINVAL, "runner dtype %d, expected f32 or f64", c->dtype);
    if (c->num_params < 1 || c->num_params > 1 << 20 || c->vector_length < 1)
        return podium_fail(PODIUM_EINVAL, "a task of %d parameters and %lld elements",
                           c->num_params, (long long)c->vector_length);
    if (!c->backend || !c->backend->program_run)
        return podium_fail(PODIUM_ENOTSUP, "the backend runs no programs");
    if (!c->backend->host_memory)
        return podium_fail(PODIUM_ENOTSUP, "backend '%s' has no host memory: runners share theirs",
                           c->backend->name);
    for (int32_t i = 0; i < c->num_params; i++) {
        const runner_param *p = &c->params[i];
        if (p->count < 0 || p->offset < 0 || p->offset > c->vector_length - p->count ||
            p->ndim < 0 || p->ndim > RUNNER_MAX_DIMS)
            return podium_fail(PODIUM_EINVAL, "parameter %d lies outside its vector", i);
    }
    return 0;
}

int32_t runner_allocate(runner *r)
{
    size_t n = (size_t)r->config.num_params;
    r->params = malloc(n * sizeof *r->params);
    r->segments = calloc(n, sizeof *r->segments);
    r->bytes = malloc(PROTOCOL_BYTES + 1);
    r->num_numbers = protocol_numbers(n);
    r->numbers = calloc(r->num_numbers, sizeof *r->numbers);
    r->sums = calloc(r->num_numbers, sizeof *r->sums);
    if (!r->params || !r->segments || !r->bytes || !r->numbers || !r->sums)
        return podium_fail(PODIUM_ENOMEM, "no memory for a runner of %zu parameters", n);
    memcpy(r->params, r->config.params, n * sizeof *r->params);
    r->config.params = r->params;
    for (size_t i = 0; i < n; i++)
        r->segments[i] = (program_segment){r->params[i].offset, r->params[i].count};
    r->element = r->config.dtype == PODIUM_F64 ? sizeof(double) : sizeof(float);
    size_t bytes = (size_t)r->config.vector_length * r->element;
    r->stride = (bytes + 4095) / 4096 * 4096;
    r->vectors_bytes = r->stride * PROTOCOL_MAX_VECTORS;
    r->control_bytes = protocol_control_bytes(n);
    snprintf(r->items[0].name, sizeof r->items[0].name, "x");
    snprintf(r->items[1].name, sizeof r->items[1].name, "g");
    r->items[0].size = r->items[1].size = bytes;
    r->num_vectors = 2;
    return runner_ranks_open(r);
}

static int32_t send_task(runner *r)
{
    size_t size = 256 + (size_t)r->config.num_params * (5 + RUNNER_MAX_DIMS) * sizeof(int64_t);
    pack p = {.data = malloc(size), .size = size};
    if (!p.data)
        return podium_fail(PODIUM_ENOMEM, "no memory for the task's description");
    pack_put_integer(&p, r->config.parallel ? r->config.parallel->rank : 0);
    pack_put_integer(&p, r->config.parallel ? r->config.parallel->size : 1);
    pack_put_integer(&p, r->config.dtype);
    pack_put_integer(&p, r->config.step_hint);
    pack_put_integer(&p, r->batch_size);
    pack_put_integer(&p, (int64_t)r->config.seed);
    pack_put_integer(&p, r->config.vector_length);
    pack_put_integer(&p, (int64_t)r->stride);
    pack_put_integer(&p, r->shard.start);
    pack_put_integer(&p, r->shard.count);
    for (int32_t i = 0; i < r->config.num_params; i++) {
        const runner_param *q = &r->params[i];
        pack_put_integer(&p, q->kind);
        pack_put_integer(&p, q->is_output);
        pack_put_integer(&p, q->ndim);
        pack_put_integer(&p, q->count);
        pack_put_integer(&p, q->offset);
        for (int d = 0; d < q->ndim; d++)
            pack_put_integer(&p, q->shape[d]);
    }
    int32_t rc = runner_command(r, PROTOCOL_TASK, NULL, 0, NULL, p.data, p.at);
    free(p.data);
    return rc;
}

int32_t runner_start(runner **out, const runner_config *config)
{
    *out = NULL;
    TRY(check_config(config));
    runner *r = calloc(1, sizeof *r);
    if (!r)
        return podium_fail(PODIUM_ENOMEM, "no memory for a runner");
    r->config = *config;
    r->pid = r->control_fd = r->vectors_fd = r->arrays_fd = r->log_fd = -1;
    if (r->config.timeout_seconds <= 0)
        r->config.timeout_seconds = 60;
    r->batch_size = config->batch_size;
    int32_t rc = runner_allocate(r);
    if (!rc)
        rc = runner_spawn(r);
    if (rc) {
        runner_stop(r);
        return rc;
    }
    *out = r;
    TRY(send_task(r));
    int32_t slot;
    TRY(runner_load(r, config->so_path, &slot));
    r->resident_base = runner_resident_bytes(r);
    return 0;
}

int32_t runner_load(runner *r, const char *so_path, int32_t *slot)
{
    int32_t free_slot = 0;
    while (free_slot < PROTOCOL_MAX_SLOTS && r->slots[free_slot].loaded)
        free_slot++;
    if (free_slot == PROTOCOL_MAX_SLOTS)
        return podium_fail(PODIUM_EINVAL, "more than %d submissions in one runner",
                           PROTOCOL_MAX_SLOTS);
    char path[PATH_MAX];
    if (python_submission_is(so_path)) {
        int32_t rc = python_submission_find(so_path, path, sizeof path);
        if (rc)
            return runner_end_with(r, RUNNER_REFUSED, rc, "cannot open submission '%s'", so_path);
    } else if (!realpath(so_path, path))
        return runner_end_with(r, RUNNER_REFUSED, PODIUM_EINVAL, "cannot open submission '%s': %s",
                               so_path, strerror(errno));
    int64_t number = free_slot;
    TRY(runner_command(r, PROTOCOL_LOAD, &number, 1, NULL, path, strlen(path)));
    int32_t rc = runner_describe(&r->slots[free_slot], r->bytes, r->message.length);
    if (rc) {
        char why[1024];
        snprintf(why, sizeof why, "%s", podium_error());
        return runner_end_with(r, RUNNER_REFUSED, rc, "%s", why);
    }
    *slot = free_slot;
    return 0;
}

const runner_submission *runner_get_submission(const runner *r, int32_t slot)
{
    return slot >= 0 && slot < PROTOCOL_MAX_SLOTS && r->slots[slot].loaded
               ? &r->slots[slot].submission
               : NULL;
}

int32_t runner_set_values(runner *r, int32_t slot, const runner_value *values, int32_t count)
{
    const runner_submission *s = runner_get_submission(r, slot);
    if (!s || count != s->num_hyperparameters)
        return podium_fail(PODIUM_EINVAL, "%d hyperparameter values for slot %d, expected %d",
                           count, slot, s ? s->num_hyperparameters : 0);
    pack p = {.data = malloc(PROTOCOL_BYTES), .size = PROTOCOL_BYTES};
    if (!p.data)
        return podium_fail(PODIUM_ENOMEM, "no memory for hyperparameter values");
    pack_put_integer(&p, count);
    for (int32_t i = 0; i < count; i++) {
        const runner_value *v = &values[i];
        pack_put_integer(&p, v->type);
        pack_put_number(&p, v->number);
        pack_put_integer(&p, v->integer);
        pack_put_integer(&p, v->type == PODIUM_BASE ? v->base_slot : -1);
        pack_put_integer(&p, (int64_t)v->list_length);
        for (size_t j = 0; j < v->list_length; j++)
            pack_put_number(&p, v->list[j]);
    }
    int64_t number = slot;
    int32_t rc = p.bad ? podium_fail(PODIUM_EINVAL, "the hyperparameter values are too long")
                       : runner_command(r, PROTOCOL_VALUES, &number, 1, NULL, p.data, p.at);
    free(p.data);
    r->slots[slot].values_set = rc == 0;
    return rc;
}

int32_t runner_batch_size(runner *r, int64_t *out)
{
    *out = r->batch_size;
    if (!r->slots[0].submission.has_batch_size)
        return 0;
    TRY(runner_command(r, PROTOCOL_BATCH_SIZE, NULL, 0, NULL, NULL, 0));
    int64_t n = r->message.i[0];
    if (n < 0)
        return runner_end_with(r, RUNNER_FAILED, PODIUM_EINVAL,
                               "the submission asks for a batch of %lld examples", (long long)n);
    if (n > 0)
        *out = n;
    return 0;
}

void runner_set_batch_size(runner *r, int64_t batch_size)
{
    r->batch_size = batch_size;
}

int32_t runner_create(runner *r)
{
    /* A base that was replaced by another needs none: hyperparameters_send covers those in use. */
    if (!r->slots[0].values_set)
        return podium_fail(PODIUM_EINVAL, "no hyperparameter values were set for '%s'",
                           r->slots[0].submission.name);
    TRY(runner_ranks_open(r)); /* now that it is known what the submissions need */
    if (r->batch_size != r->config.batch_size || r->config.parallel)
        TRY(send_task(r));
    TRY(runner_command(r, PROTOCOL_CREATE, NULL, 0, NULL, NULL, 0));
    r->created = true;
    return 0;
}

int32_t runner_step(runner *r, int64_t index, uint64_t seed, double last_metric, double last_loss)
{
    int64_t i[2] = {index, (int64_t)seed};
    double f[2] = {last_metric, last_loss};
    r->step = index;
    return runner_command(r, PROTOCOL_STEP, i, 2, f, NULL, 0);
}

int32_t runner_before_eval(runner *r)
{
    if (!r->slots[0].submission.has_before_eval)
        return 0;
    return runner_command(r, PROTOCOL_BEFORE_EVAL, NULL, 0, NULL, NULL, 0);
}

int32_t runner_after_eval(runner *r)
{
    if (!r->slots[0].submission.has_after_eval)
        return 0;
    return runner_command(r, PROTOCOL_AFTER_EVAL, NULL, 0, NULL, NULL, 0);
}

void *runner_x(const runner *r)
{
    return r->vectors;
}

void *runner_g(const runner *r)
{
    return r->vectors + r->stride;
}

bool runner_x_is_finite(const runner *r)
{
    for (int32_t i = 0; i < r->config.num_params; i++) {
        const runner_param *p = &r->params[i];
        for (int64_t k = p->offset; k < p->offset + p->count; k++)
            if (r->element == sizeof(double) ? !isfinite(((double *)r->vectors)[k])
                                             : !isfinite(((float *)r->vectors)[k]))
                return false;
    }
    return true;
}

runner_end runner_ended(const runner *r)
{
    return r->end;
}

const char *runner_end_name(runner_end end)
{
    static const char *const names[] = {"alive",  "stopped", "refused",  "failed",  "crashed",
                                        "exited", "hung",    "diverged", "protocol"};
    return end <= RUNNER_PROTOCOL ? names[end] : "?";
}

const char *runner_reason(const runner *r)
{
    return r->reason;
}

const runner_counters *runner_get_counters(const runner *r)
{
    return &r->counters;
}

void runner_set_timeout(runner *r, double seconds)
{
    r->config.timeout_seconds = seconds;
}

void runner_stop(runner *r)
{
    if (!r)
        return;
    if (r->end == RUNNER_ALIVE && r->pid > 0) {
        runner_thaw(r);
        if (r->config.timeout_seconds > 5)
            r->config.timeout_seconds = 5; /* destroy has nothing to compute */
        /* A failure of destroy changes no result: the process ends either way. */
        if (!send_command(r, PROTOCOL_STOP, NULL, 0, NULL, NULL, 0))
            serve_until_finished(r);
    }
    runner_kill(r);
    runner_unmap(r);
    for (int32_t i = 0; i < PROTOCOL_MAX_SLOTS; i++)
        runner_slot_release(&r->slots[i]);
    for (int32_t i = 0; i < r->num_programs; i++)
        program_destroy(r->programs[i]);
    runner_ranks_close(r);
    free(r->params);
    free(r->segments);
    free(r->bytes);
    free(r->numbers);
    free(r->sums);
    free(r);
}
