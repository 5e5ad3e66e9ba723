/* What a hostile runner process could write into the shared maps: any requests in any order, and
 * any description of a submission.  The referee ends the trial or serves; it never reads or writes
 * outside its maps. */
#include <stdlib.h>
#include <string.h>

#include "harness/runner_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LENGTH = 48, MOST_REQUESTS = 64 };

static const runner_param list[] = {
    {.kind = PODIUM_WEIGHT, .ndim = 2, .shape = {5, 4}, .count = 20},
    {.kind = PODIUM_BIAS, .ndim = 1, .shape = {5}, .count = 5, .offset = 32},
};

static int32_t run_program(backend *b, program *p, const program_args *args)
{
    (void)b;
    return program_run_host(p, args, 1);
}

static int32_t run_linalg(backend *b, const linalg_call *c)
{
    return linalg_run_host(&b->linalg_space, c);
}

static backend host = {.name = "host",
                       .real = PODIUM_F32,
                       .threads = 1,
                       .host_memory = true,
                       .program_run = run_program,
                       .linalg = run_linalg,
                       .linalg_space = {.real = PODIUM_F32}};

static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    (void)arg;
    (void)what;
    io->loss = (double)((const float *)at)[LENGTH - 1];
    if (grad)
        memcpy(grad, at, LENGTH * sizeof(float));
    return 0;
}

static runner *make(void)
{
    runner *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->config = (runner_config){
        .params = list,
        .num_params = 2,
        .vector_length = LENGTH,
        .dtype = PODIUM_F32,
        .backend = &host,
        .evaluate = evaluate,
    };
    r->pid = r->control_fd = r->vectors_fd = r->arrays_fd = r->log_fd = -1;
    if (runner_allocate(r) || runner_map_arrays(r))
        abort();
    r->arrays_limit = 1 << 20;
    r->control = aligned_alloc(4096, r->control_bytes);
    r->vectors = aligned_alloc(4096, r->vectors_bytes);
    if (!r->control || !r->vectors)
        abort();
    memset(r->control, 0, r->control_bytes);
    memset(r->vectors, 0, 4 * r->stride);
    return r;
}

static void release(runner *r)
{
    free(r->control);
    free(r->vectors);
    r->control = NULL;
    r->vectors = NULL;
    runner_stop(r);
}

/* Requests: a command byte, a message, a length byte and as many bytes beside it (a linear algebra
 * call: as many behind it). */
static void requests(const uint8_t *data, size_t size)
{
    static const uint32_t commands[] = {PROTOCOL_CREATE, PROTOCOL_STEP, PROTOCOL_BEFORE_EVAL,
                                        PROTOCOL_LOAD};
    runner *r = make();
    for (int i = 0; i < MOST_REQUESTS && size > sizeof(protocol_message) + 2; i++) {
        r->command = commands[data[0] % 4];
        memcpy(&r->message, data + 1, sizeof r->message);
        size_t n = data[1 + sizeof r->message];
        if (r->message.kind == PROTOCOL_LINALG)
            n += sizeof(protocol_linalg);
        data += sizeof r->message + 2;
        size -= sizeof r->message + 2;
        n = n < size ? n : size;
        memcpy(r->control->bytes, data, n);
        data += n;
        size -= n;
        if (runner_serve(r) < 0)
            break;
    }
    if (r->num_vectors > PROTOCOL_MAX_VECTORS || r->num_keeps > PROTOCOL_MAX_KEEPS)
        abort();
    release(r);
}

static void description(const uint8_t *data, size_t size)
{
    runner_slot slot = {0};
    if (!runner_describe(&slot, data, size) && !*slot.submission.name)
        abort();
    runner_slot_release(&slot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] & 1)
        requests(data + 1, size - 1);
    else
        description(data + 1, size - 1 > PROTOCOL_BYTES ? PROTOCOL_BYTES : size - 1);
    return 0;
}
