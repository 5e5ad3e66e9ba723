/* Serves host calls.  The message was copied once into r->message; the bytes and numbers that go
 * with it are copied here before use, so that a thread of a hostile submission that keeps writing
 * into the map changes nothing we look at twice.  What the runner library itself checks (it refuses
 * bad calls of an honest author with a text) is a break of the protocol when it arrives here. */
#include "harness/runner_internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int32_t runner_broke(runner *r, const char *what)
{
    return runner_end_with(r, RUNNER_PROTOCOL, PODIUM_EPROTOCOL,
                           "the submission broke the runner's protocol: %s", what);
}

void runner_copy_text(char *out, size_t size, const uint8_t *bytes, size_t length)
{
    size_t n = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(bytes[i] < 32 || bytes[i] == 127 ? ' ' : bytes[i]);
    out[n] = 0;
}

const char *runner_copy_bytes(runner *r)
{
    size_t n = r->message.length <= PROTOCOL_BYTES ? r->message.length : 0;
    memcpy(r->bytes, r->control->bytes, n);
    r->bytes[n] = 0;
    return (const char *)r->bytes;
}

void runner_reply(runner *r, int32_t status)
{
    protocol_message *m = &r->control->message;
    memset(m, 0, offsetof(protocol_message, vectors));
    m->kind = PROTOCOL_REPLY;
    m->status = status;
    /* The text of a refusal waits here for the end of the command. */
    if (status < 0 && !r->fail_status) {
        r->fail_status = status;
        snprintf(r->fail_text, sizeof r->fail_text, "%s", podium_error());
    }
}

bool runner_is_name(const runner *r, const char *name)
{
    if (r->message.length < 1 || r->message.length >= PROTOCOL_MAX_NAME ||
        strlen(name) != r->message.length)
        return false;
    for (; *name; name++)
        if (!isgraph((unsigned char)*name))
            return false;
    return true;
}

bool runner_is_taken(const runner_item *items, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++)
        if (!strcmp(items[i].name, name))
            return true;
    return false;
}

static int32_t create_vector(runner *r, const char *name)
{
    int64_t dtype = r->message.i[0];
    if (r->command != PROTOCOL_CREATE)
        return podium_fail(PODIUM_EINVAL, "vec_create('%s') outside create", name);
    if (runner_is_taken(r->items, r->num_vectors, name))
        return podium_fail(PODIUM_EINVAL, "vec_create: the name '%s' is taken", name);
    if (dtype && dtype != r->config.dtype)
        return podium_fail(PODIUM_ENOTSUP,
                           "vec_create('%s'): dtype %lld, this host offers the "
                           "task's (%d) only",
                           name, (long long)dtype, r->config.dtype);
    if (r->num_vectors == PROTOCOL_MAX_VECTORS)
        return podium_fail(PODIUM_ENOMEM, "vec_create('%s'): more than %d vectors", name,
                           PROTOCOL_MAX_VECTORS - 2);
    runner_item *item = &r->items[r->num_vectors++];
    snprintf(item->name, sizeof item->name, "%s", name);
    item->size = (size_t)r->config.vector_length * r->element;
    /* Touch it now: the memory is counted from here, and no page fault falls into a step. */
    size_t bytes;
    void *shard = runner_ranks_shard(r, r->num_vectors - 1, &bytes);
    memset(shard, 0, bytes);
    r->counters.vector_bytes += (int64_t)bytes;
    return 0;
}

static int32_t serve_vec_create(runner *r)
{
    const char *name = runner_copy_bytes(r);
    if (!runner_is_name(r, name))
        return runner_broke(r, "a bad vector name");
    int32_t rc = create_vector(r, name);
    runner_reply(r, rc);
    r->control->message.i[0] = r->num_vectors - 1;
    return 0;
}

static int32_t create_keep(runner *r, const char *name)
{
    int64_t size = r->message.i[0];
    if (r->command != PROTOCOL_CREATE)
        return podium_fail(PODIUM_EINVAL, "keep('%s') outside create", name);
    if (runner_is_taken(r->keeps, r->num_keeps, name))
        return podium_fail(PODIUM_EINVAL, "keep: the name '%s' is taken", name);
    if (r->num_keeps == PROTOCOL_MAX_KEEPS || size < 1 || size > (int64_t)1 << 32)
        return podium_fail(PODIUM_ENOMEM, "keep('%s'): more than %d pieces, or not 1 byte to 4 GiB",
                           name, PROTOCOL_MAX_KEEPS);
    if (r->message.i[1] && size != (int64_t)sizeof(double))
        return podium_fail(PODIUM_EINVAL, "keep_number('%s') of %lld bytes", name, (long long)size);
    runner_item *item = &r->keeps[r->num_keeps++];
    snprintf(item->name, sizeof item->name, "%s", name);
    item->size = (size_t)size;
    item->is_number = r->message.i[1] != 0;
    r->counters.keep_bytes += size;
    return 0;
}

static int32_t serve_keep(runner *r)
{
    const char *name = runner_copy_bytes(r);
    if (!runner_is_name(r, name))
        return runner_broke(r, "a bad name of kept bytes");
    runner_reply(r, create_keep(r, name));
    r->control->message.i[0] = r->num_keeps - 1;
    return 0;
}

static void *vector_at(const runner *r, int64_t index)
{
    return r->vectors + (size_t)index * r->stride;
}

static int32_t serve_vec_copy(runner *r)
{
    int32_t to = r->message.vectors[0], from = r->message.vectors[1];
    if (to >= r->num_vectors || from >= r->num_vectors)
        return runner_broke(r, "a vector that does not exist");
    size_t bytes;
    void *target = runner_ranks_shard(r, to, &bytes);
    if (to != from)
        memcpy(target, runner_ranks_shard(r, from, &bytes), bytes);
    r->counters.passes++;
    r->counters.bytes_moved += 2 * (int64_t)bytes;
    runner_reply(r, 0);
    return 0;
}

/* Program `number`, compiled from the message's bytes at its first use. */
static int32_t find_program(runner *r, int64_t number, bool is_new)
{
    if (!is_new)
        return 0;
    int64_t start = protocol_now_ns();
    program *p = NULL;
    int32_t rc = program_compile(&p, runner_copy_bytes(r));
    r->counters.compile_seconds += (double)(protocol_now_ns() - start) * 1e-9;
    if (rc)
        return podium_fail_in(rc, "vec_program");
    r->programs[number] = p;
    r->num_programs++;
    r->counters.programs++;
    return 0;
}

/* Operand counts of the call against what the text uses. */
static int32_t check_operands(const runner *r, const program_info *p)
{
    const int64_t *i = r->message.i;
    if (i[2] != p->num_vectors || i[3] < p->num_constants || i[4] < p->num_per_param ||
        i[5] < p->num_sums || i[6] < p->num_per_param_sums) {
        if (i[2] < p->num_vectors || i[2] > PROTOCOL_MAX_OPERANDS || i[3] < p->num_constants ||
            i[4] < p->num_per_param || i[5] < p->num_sums || i[6] < p->num_per_param_sums)
            return podium_fail(PODIUM_EINVAL,
                               "vec_program: the text uses %d vectors, %d constants, %d "
                               "per-parameter inputs, %d sums, %d per-parameter sums; given were "
                               "%lld, %lld, %lld, %lld, %lld",
                               p->num_vectors, p->num_constants, p->num_per_param, p->num_sums,
                               p->num_per_param_sums, (long long)i[2], (long long)i[3],
                               (long long)i[4], (long long)i[5], (long long)i[6]);
    }
    return 0;
}

static bool program_in_range(const runner *r)
{
    const int64_t *i = r->message.i;
    bool is_new = i[1] != 0;
    bool fits = i[0] >= 0 && i[0] < PROTOCOL_MAX_PROGRAMS &&
                (is_new ? i[0] == r->num_programs : i[0] < r->num_programs) && i[2] >= 0 &&
                i[2] <= PROTOCOL_MAX_OPERANDS && i[3] >= 0 && i[3] <= PROTOCOL_MAX_OPERANDS &&
                i[4] >= 0 && i[4] <= PROTOCOL_MAX_PER_PARAM && i[5] >= 0 &&
                i[5] <= PROTOCOL_MAX_OPERANDS && i[6] >= 0 && i[6] <= PROTOCOL_MAX_PER_PARAM;
    for (int64_t v = 0; fits && v < i[2]; v++)
        fits = r->message.vectors[v] < r->num_vectors;
    return fits;
}

static int32_t run_program(runner *r, program *p)
{
    const int64_t *i = r->message.i;
    size_t n = (size_t)r->config.num_params;
    void *vectors[PROTOCOL_MAX_OPERANDS];
    const double *inputs[PROTOCOL_MAX_PER_PARAM];
    double *outputs[PROTOCOL_MAX_PER_PARAM];
    memcpy(r->numbers, r->control->numbers, ((size_t)i[3] + (size_t)i[4] * n) * sizeof(double));
    for (int64_t v = 0; v < i[2]; v++)
        vectors[v] = vector_at(r, r->message.vectors[v]);
    for (int64_t k = 0; k < i[4]; k++)
        inputs[k] = r->numbers + i[3] + k * (int64_t)n;
    for (int64_t k = 0; k < i[6]; k++)
        outputs[k] = r->sums + i[5] + k * (int64_t)n;
    memset(r->sums, 0, ((size_t)i[5] + (size_t)i[6] * n) * sizeof(double));
    program_args args = {
        .count = r->config.vector_length,
        .dtype = r->config.dtype,
        .num_segments = r->config.num_params,
        .segments = r->segments,
        .vectors = vectors,
        .constants = r->numbers,
        .per_param = inputs,
        .sums = r->sums,
        .per_param_sums = outputs,
    };
    return r->config.backend->program_run(r->config.backend, p, &args);
}

static void count_pass(runner *r, const program_info *p)
{
    int touched = __builtin_popcountll(p->reads) + __builtin_popcountll(p->writes);
    r->counters.passes++;
    r->counters.bytes_moved += touched * r->shard.count * (int64_t)r->element;
    r->counters.sums += p->num_sums;
    r->counters.per_param_sums += p->num_per_param_sums;
    r->counters.reductions += p->num_sums || p->num_per_param_sums;
}

static int32_t serve_program(runner *r)
{
    if (!program_in_range(r))
        return runner_broke(r, "a program with numbers out of range");
    int64_t number = r->message.i[0];
    int32_t rc = find_program(r, number, r->message.i[1] != 0);
    program *p = r->programs[number];
    if (!rc)
        rc = check_operands(r, program_get_info(p));
    if (!rc)
        rc = run_program(r, p);
    if (!rc)
        count_pass(r, program_get_info(p));
    size_t results = (size_t)r->message.i[5] +
                     (size_t)r->message.i[6] * (size_t)r->config.num_params;
    if (!rc)
        rc = runner_ranks_sums(r, number, results);
    runner_reply(r, rc);
    if (!rc && results)
        memcpy(r->control->numbers, r->sums, results * sizeof(double));
    return 0;
}

/* Fields of an evaluation that an author may have set wrongly. */
static int32_t check_evaluation(const runner *r, podium_eval *io)
{
    const uint32_t known = PODIUM_LOSS | PODIUM_GRAD | PODIUM_GRAD_LOCAL | PODIUM_SAMPLED_LABELS;
    int64_t what = r->message.i[0];
    if (r->command != PROTOCOL_STEP)
        return podium_fail(PODIUM_EINVAL, "evaluate outside step");
    if (what & ~(int64_t)known || !(what & (PODIUM_LOSS | PODIUM_GRAD)))
        return podium_fail(PODIUM_EINVAL,
                           "evaluate: what = %lld, expected PODIUM_LOSS and/or "
                           "PODIUM_GRAD with known flags",
                           (long long)what);
    if (io->precision && io->precision != PODIUM_F32 && io->precision != PODIUM_BF16)
        return podium_fail(PODIUM_EINVAL,
                           "evaluate: precision %d, expected 0, PODIUM_F32 or "
                           "PODIUM_BF16",
                           io->precision);
    if (io->has_regularisation && (io->dropout < 0 || io->dropout >= 1 || io->label_smoothing < 0 ||
                                   io->label_smoothing >= 1))
        return podium_fail(PODIUM_EINVAL,
                           "evaluate: dropout %g and label_smoothing %g, expected [0, 1)",
                           io->dropout, io->label_smoothing);
    if (!r->config.evaluate)
        return podium_fail(PODIUM_ENOTSUP, "evaluate: this task has no loss");
    return 0;
}

static int32_t evaluate(runner *r, int32_t at, int32_t grad, podium_eval *io)
{
    uint32_t what = (uint32_t)r->message.i[0];
    TRY(check_evaluation(r, io));
    int64_t start = protocol_now_ns();
    int32_t rc = runner_ranks_evaluate(r, at, grad, what, io);
    r->counters.evaluate_seconds += (double)(protocol_now_ns() - start) * 1e-9;
    if (rc < 0)
        return rc;
    if (what & PODIUM_GRAD)
        r->counters.gradient_evaluations++;
    else
        r->counters.loss_evaluations++;
    /* A line search may look at a far point; a gradient there ends the trial. */
    if (what & PODIUM_GRAD && !isfinite(io->loss))
        return podium_fail(PODIUM_EDIVERGED, "the loss is not finite in step %lld",
                           (long long)r->step);
    return 0;
}

static int32_t serve_evaluate(runner *r)
{
    int64_t at = r->message.i[1], grad = r->message.i[2];
    if (at < 0 || at >= r->num_vectors || grad < 0 || grad >= r->num_vectors)
        return runner_broke(r, "an evaluation at a vector that does not exist");
    podium_eval io = {
        .struct_size = sizeof io,
        .precision = (int32_t)r->message.i[3],
        .seed = (uint64_t)r->message.i[4],
        .has_regularisation = r->message.i[5] != 0,
        .dropout = r->message.f[0],
        .label_smoothing = r->message.f[1],
    };
    double before = r->counters.evaluate_seconds;
    int32_t rc = evaluate(r, (int32_t)at, (int32_t)grad, &io);
    r->counters.host_seconds -= r->counters.evaluate_seconds - before;
    runner_reply(r, rc);
    r->control->message.f[0] = io.loss;
    r->control->message.f[1] = io.num_examples;
    return 0;
}

static int32_t serve_all_sum(runner *r)
{
    int64_t n = r->message.i[0];
    if (n < 0 || n > PROTOCOL_MAX_SUM_DOUBLES)
        return runner_broke(r, "all_sum of a number out of range");
    memcpy(r->sums, r->control->numbers, (size_t)n * sizeof(double));
    int32_t rc = runner_ranks_all_sum(r, n);
    runner_reply(r, rc);
    if (!rc)
        memcpy(r->control->numbers, r->sums, (size_t)n * sizeof(double));
    return 0;
}

static int32_t serve_fail(runner *r)
{
    runner_copy_bytes(r);
    int32_t status = r->message.status < 0 ? r->message.status : PODIUM_EINVAL;
    if (r->message.length > PROTOCOL_BYTES)
        return runner_broke(r, "a text out of range");
    runner_copy_text(r->fail_text, sizeof r->fail_text, r->bytes, r->message.length);
    r->fail_status = status;
    runner_reply(r, 0);
    return 0;
}

int32_t runner_serve(runner *r)
{
    int64_t start = protocol_now_ns();
    double compiled = r->counters.compile_seconds;
    int32_t rc;
    if (r->message.length > PROTOCOL_BYTES)
        return runner_broke(r, "more bytes than there is room for");
    if (r->command != PROTOCOL_CREATE && r->command != PROTOCOL_STEP &&
        r->command != PROTOCOL_BEFORE_EVAL && r->command != PROTOCOL_AFTER_EVAL &&
        r->message.kind != PROTOCOL_FAIL)
        return runner_broke(r, "a host call outside create, step, before_eval and after_eval");
    switch (r->message.kind) {
    case PROTOCOL_VEC_CREATE:
        rc = serve_vec_create(r);
        break;
    case PROTOCOL_VEC_COPY:
        rc = serve_vec_copy(r);
        break;
    case PROTOCOL_VEC_PROGRAM:
        rc = serve_program(r);
        break;
    case PROTOCOL_KEEP:
        rc = serve_keep(r);
        break;
    case PROTOCOL_EVALUATE:
        rc = serve_evaluate(r);
        break;
    case PROTOCOL_ALL_SUM:
        rc = serve_all_sum(r);
        break;
    case PROTOCOL_FAIL:
        rc = serve_fail(r);
        break;
    case PROTOCOL_ARRAY_CREATE:
        rc = runner_serve_array(r);
        break;
    case PROTOCOL_LINALG:
        rc = runner_serve_linalg(r);
        break;
    default:
        return runner_broke(r, "an unknown request");
    }
    /* Ranks that cannot go on together: whatever the submission would answer, it is over. */
    const parallel *ranks = r->config.parallel;
    if (ranks && ranks->failed)
        return runner_end_with(r, RUNNER_FAILED, ranks->status, "%s", ranks->reason);
    r->counters.host_calls++;
    r->counters.host_seconds += (double)(protocol_now_ns() - start) * 1e-9 -
                                (r->counters.compile_seconds - compiled);
    return rc;
}
