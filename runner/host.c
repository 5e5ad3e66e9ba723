/* Host functions as the submission sees them.  Each checks what would crash this process, writes a
 * request and waits; the referee checks everything again, because this process may lie. */
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* ctx of a base's table is the base_instance, of the submission's NULL. */
static base_instance *base_of(const podium_host *h)
{
    return h->ctx;
}

int32_t host_say(int32_t status, const char *text)
{
    return runner_the.host.fail(&runner_the.host, status, text);
}

/* Host calls are legal inside a function of the submission, from the thread that it runs in. */
bool host_is_legal(void)
{
    return runner_the.in_submission && pthread_equal(pthread_self(), runner_the.thread);
}

int32_t host_request(runner_context *c)
{
    protocol_control *m = c->control;
    protocol_pass(&m->turn, &m->referee_sleeps);
    while (!protocol_wait(&m->turn, &m->runner_sleeps, 1, -1))
        ;
    return m->message.status;
}

protocol_message *host_begin(uint32_t kind)
{
    protocol_message *m = &runner_the.control->message;
    memset(m, 0, offsetof(protocol_message, vectors));
    m->kind = kind;
    return m;
}

static bool put_bytes(protocol_message *m, const char *text)
{
    size_t n = strlen(text);
    if (n >= PROTOCOL_BYTES)
        return false;
    memcpy(runner_the.control->bytes, text, n);
    m->length = (uint32_t)n;
    return true;
}

bool host_is_vector(const podium_vec *v)
{
    const podium_vec *first = runner_the.vectors;
    return v >= first && v < first + runner_the.num_vectors && v == first + v->index;
}

int32_t host_put_name(protocol_message *m, const podium_host *h, const char *name, const char *what)
{
    char full[PROTOCOL_MAX_NAME];
    base_instance *b = base_of(h);
    if (snprintf(full, sizeof full, "%s%s", b ? b->prefix : "", name) >= (int)sizeof full)
        return host_say(PODIUM_EINVAL, what);
    put_bytes(m, full);
    return 0;
}

static int32_t fail(const podium_host *h, int32_t status, const char *text)
{
    (void)h;
    if (!host_is_legal())
        return status;
    protocol_message *m = host_begin(PROTOCOL_FAIL);
    m->status = status;
    char cut[1024];
    snprintf(cut, sizeof cut, "%s", text ? text : "");
    put_bytes(m, cut);
    host_request(&runner_the);
    return status;
}

static int32_t vec_create(const podium_host *h, const char *name, int32_t dtype, podium_vec **out)
{
    if (!host_is_legal() || !out)
        return PODIUM_EINVAL;
    if (!name || !*name)
        return host_say(PODIUM_EINVAL, "vec_create needs a name");
    protocol_message *m = host_begin(PROTOCOL_VEC_CREATE);
    m->i[0] = dtype;
    int32_t rc = host_put_name(m, h, name, "vec_create: the name is longer than 100 bytes");
    if (!rc)
        rc = host_request(&runner_the);
    if (rc)
        return rc;
    int64_t index = runner_the.control->message.i[0];
    runner_the.num_vectors = (int32_t)index + 1;
    *out = &runner_the.vectors[index];
    return 0;
}

static int32_t vec_copy(const podium_host *h, podium_vec *dst, const podium_vec *src)
{
    (void)h;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!host_is_vector(dst) || !host_is_vector(src))
        return host_say(PODIUM_EINVAL, "vec_copy: not a vector of this host");
    protocol_message *m = host_begin(PROTOCOL_VEC_COPY);
    m->vectors[0] = dst->index;
    m->vectors[1] = src->index;
    return host_request(&runner_the);
}

/* Number of a program text; *is_new when the referee has not seen it.  -1: too many. */
static int32_t program_number(runner_context *c, const char *text, bool *is_new)
{
    *is_new = false;
    for (int32_t i = 0; i < c->num_programs; i++)
        if (c->program_pointers[i] == text && !strcmp(c->programs[i], text))
            return i;
    for (int32_t i = 0; i < c->num_programs; i++)
        if (!strcmp(c->programs[i], text)) {
            c->program_pointers[i] = text;
            return i;
        }
    if (c->num_programs == PROTOCOL_MAX_PROGRAMS)
        return -1;
    *is_new = true;
    return c->num_programs;
}

static bool counts_fit(const podium_program *p)
{
    return p->num_vectors >= 0 && p->num_vectors <= PROTOCOL_MAX_OPERANDS &&
           p->num_constants >= 0 && p->num_constants <= PROTOCOL_MAX_OPERANDS && p->num_sums >= 0 &&
           p->num_sums <= PROTOCOL_MAX_OPERANDS && p->num_per_param >= 0 &&
           p->num_per_param <= PROTOCOL_MAX_PER_PARAM && p->num_per_param_sums >= 0 &&
           p->num_per_param_sums <= PROTOCOL_MAX_PER_PARAM && (p->vectors || !p->num_vectors) &&
           (p->constants || !p->num_constants) && (p->per_param || !p->num_per_param) &&
           (p->sums || !p->num_sums) && (p->per_param_sums || !p->num_per_param_sums);
}

static int32_t vec_program(const podium_host *h, const podium_program *p)
{
    (void)h;
    runner_context *c = &runner_the;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!p || p->struct_size < sizeof *p || !p->text)
        return host_say(PODIUM_EINVAL, "vec_program: wrong struct_size or no text");
    if (!counts_fit(p))
        return host_say(PODIUM_EINVAL, "vec_program: a count is out of range or its array is NULL");
    for (int32_t i = 0; i < p->num_vectors; i++)
        if (!host_is_vector(p->vectors[i]))
            return host_say(PODIUM_EINVAL, "vec_program: not a vector of this host");
    bool is_new;
    int32_t number = program_number(c, p->text, &is_new);
    if (number < 0)
        return host_say(PODIUM_EINVAL,
                        "vec_program: more than 1024 different texts; put numbers that "
                        "change into constants");
    protocol_message *m = host_begin(PROTOCOL_VEC_PROGRAM);
    if (is_new && !put_bytes(m, p->text))
        return host_say(PODIUM_EINVAL, "vec_program: the text is too long");
    m->i[0] = number;
    m->i[1] = is_new;
    m->i[2] = p->num_vectors;
    m->i[3] = p->num_constants;
    m->i[4] = p->num_per_param;
    m->i[5] = p->num_sums;
    m->i[6] = p->num_per_param_sums;
    for (int32_t i = 0; i < p->num_vectors; i++)
        m->vectors[i] = p->vectors[i]->index;
    size_t n = c->task.num_params;
    double *numbers = c->control->numbers;
    if (p->num_constants)
        memcpy(numbers, p->constants, (size_t)p->num_constants * sizeof(double));
    numbers += p->num_constants;
    for (int32_t i = 0; i < p->num_per_param; i++, numbers += n)
        memcpy(numbers, p->per_param[i], n * sizeof(double));
    int32_t rc = host_request(c);
    if (rc)
        return rc;
    if (is_new) {
        c->programs[number] = strdup(p->text);
        if (!c->programs[number])
            return PODIUM_ENOMEM;
        c->program_pointers[number] = p->text;
        c->num_programs = number + 1;
    }
    numbers = c->control->numbers;
    if (p->num_sums)
        memcpy(p->sums, numbers, (size_t)p->num_sums * sizeof(double));
    numbers += p->num_sums;
    for (int32_t i = 0; i < p->num_per_param_sums; i++, numbers += n)
        memcpy(p->per_param_sums[i], numbers, n * sizeof(double));
    return 0;
}

static int32_t vec_run(const podium_host *h, const char *text, podium_vec *const *v, int32_t nv,
                       const double *constants, int32_t nc)
{
    podium_program p = {
        .struct_size = sizeof p,
        .num_vectors = nv,
        .text = text,
        .vectors = v,
        .constants = constants,
        .num_constants = nc,
    };
    return vec_program(h, &p);
}

static int32_t vec_view(const podium_host *h, podium_vec *v, size_t param, podium_tensor *out)
{
    (void)h;
    runner_context *c = &runner_the;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!host_is_vector(v) || param >= c->task.num_params || !out || out->struct_size < sizeof *out)
        return host_say(PODIUM_EINVAL,
                        "vec_view: no such vector or parameter, or wrong struct_size");
    const podium_param *p = c->task.params[param];
    int64_t first = c->shard_start - c->offsets[param], end = c->shard_end - c->offsets[param];
    first = first > 0 ? first : 0;
    end = end < p->count ? end : p->count;
    if (end <= first) /* another rank's: the memory is there, and means nothing */
        first = end = 0;
    uint32_t size = out->struct_size;
    *out = (podium_tensor){
        .struct_size = size,
        .dtype = c->task.dtype,
        .data = (uint8_t *)v->data + (size_t)(c->offsets[param] + first) * c->element,
        .shape = p->shape,
        .ndim = p->ndim,
        .offset = first,
        .count = end - first,
    };
    return 0;
}

static int32_t keep_piece(const podium_host *h, const char *name, void *bytes, size_t size,
                          bool is_number)
{
    runner_context *c = &runner_the;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!name || !*name || !bytes || !size)
        return host_say(PODIUM_EINVAL, "keep needs a name, bytes and a size");
    protocol_message *m = host_begin(PROTOCOL_KEEP);
    m->i[0] = (int64_t)size;
    m->i[1] = is_number;
    int32_t rc = host_put_name(m, h, name, "keep: the name is longer than 100 bytes");
    if (!rc)
        rc = host_request(c);
    if (rc)
        return rc;
    c->num_keeps = (int32_t)c->control->message.i[0] + 1;
    c->keeps[c->num_keeps - 1] = (keep){bytes, size};
    return 0;
}

static int32_t keep_bytes(const podium_host *h, const char *name, void *bytes, size_t size)
{
    return keep_piece(h, name, bytes, size, false);
}

static int32_t keep_number(const podium_host *h, const char *name, double *number)
{
    return keep_piece(h, name, number, sizeof *number, true);
}

static int32_t request_evaluation(uint32_t what, podium_eval *io)
{
    protocol_message *m = host_begin(PROTOCOL_EVALUATE);
    m->i[0] = what;
    m->i[1] = io->at->index;
    m->i[2] = io->grad->index;
    m->i[3] = io->precision;
    m->i[4] = (int64_t)io->seed;
    m->i[5] = io->has_regularisation != 0;
    m->f[0] = io->dropout;
    m->f[1] = io->label_smoothing;
    int32_t rc = host_request(&runner_the);
    io->loss = runner_the.control->message.f[0];
    io->num_examples = runner_the.control->message.f[1];
    return rc;
}

/* A base evaluates through the nearest wrapper that gave a gradient function.  That sees where and
 * into what, defaults filled in. */
static int32_t evaluate(const podium_host *h, podium_batch *batch, uint32_t what, podium_eval *io)
{
    runner_context *c = &runner_the;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!io || io->struct_size < sizeof *io)
        return host_say(PODIUM_EINVAL, "evaluate: wrong struct_size");
    if (c->command != PROTOCOL_STEP || batch != &c->batch)
        return host_say(PODIUM_EINVAL, "evaluate: only inside step, with the batch of this step");
    base_instance *b = base_of(h);
    podium_eval filled = *io;
    filled.struct_size = sizeof filled;
    filled.at = io->at ? io->at : b ? b->task.x : c->task.x;
    filled.grad = io->grad ? io->grad : c->task.g;
    if (!host_is_vector(filled.at) || !host_is_vector(filled.grad))
        return host_say(PODIUM_EINVAL, "evaluate: not a vector of this host");
    while (b && !b->gradient)
        b = b->parent;
    int32_t rc = b ? b->gradient(b->gradient_arg, batch, what, &filled)
                   : request_evaluation(what, &filled);
    io->loss = filled.loss;
    io->num_examples = filled.num_examples;
    return rc;
}

static int32_t all_sum(const podium_host *h, double *values, int32_t n)
{
    (void)h;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (n < 0 || n > PROTOCOL_MAX_SUM_DOUBLES || (n && !values))
        return host_say(PODIUM_EINVAL, "all_sum: at most 4096 numbers");
    protocol_message *m = host_begin(PROTOCOL_ALL_SUM);
    m->i[0] = n;
    if (n)
        memcpy(runner_the.control->numbers, values, (size_t)n * sizeof(double));
    int32_t rc = host_request(&runner_the);
    if (!rc && n)
        memcpy(values, runner_the.control->numbers, (size_t)n * sizeof(double));
    return rc;
}

static const void *extension(const podium_host *h, const char *id)
{
    (void)h;
    bool offered = runner_the.control->extensions & PROTOCOL_HAS_LINALG;
    return offered && id && !strcmp(id, PODIUM_LINALG) ? &runner_linalg : NULL;
}

void host_fill(runner_context *c, podium_host *host, base_instance *base)
{
    (void)c;
    *host = (podium_host){
        .struct_size = sizeof *host,
        .abi_minor = PODIUM_ABI_MINOR,
        .ctx = base,
        .vec_create = vec_create,
        .vec_copy = vec_copy,
        .vec_run = vec_run,
        .vec_program = vec_program,
        .vec_view = vec_view,
        .keep = keep_bytes,
        .evaluate = evaluate,
        .all_sum = all_sum,
        .fail = fail,
        .extension = extension,
        .base_create = base_create,
        .base_step = base_step,
        .keep_number = keep_number,
        .base_before_eval = base_before_eval,
        .base_after_eval = base_after_eval,
        .base_table = base_table,
    };
}
