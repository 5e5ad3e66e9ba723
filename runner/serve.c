/* Works on the referee's commands until STOP or until the referee is gone.  Needs libc only: no
 * engine, no data, no clock of the referee, no network code. */
#include "runner/runner.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

runner_context runner_the;

static int32_t map_in(int fd, void **out, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) || st.st_size <= 0)
        return PODIUM_EIO;
    *size = (size_t)st.st_size;
    *out = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    return *out == MAP_FAILED ? PODIUM_EIO : 0;
}

/* Nothing of the referee stays reachable: descriptors closed, no core file, death with it. */
static int32_t settle(runner_context *c, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    c->parent = parent;
    if (getppid() != parent)
        return PODIUM_EIO;
    struct rlimit no_core = {0, 0}, log_size = {16 << 20, 16 << 20};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGXFSZ, SIG_IGN);
    void *control;
    size_t control_size;
    int32_t rc = map_in(PROTOCOL_CONTROL_FD, &control, &control_size);
    if (rc)
        return rc;
    c->control = control;
    if (control_size < sizeof *c->control || c->control->magic != PROTOCOL_MAGIC ||
        c->control->version != PROTOCOL_VERSION)
        return PODIUM_EPROTOCOL;
    void *vectors;
    rc = map_in(PROTOCOL_VECTORS_FD, &vectors, &c->vectors_bytes);
    if (rc)
        return rc;
    c->vectors_map = vectors;
    /* The referee lets this file grow as arrays are made; the addresses are set aside now. */
    void *arrays = mmap(NULL, PROTOCOL_ARRAYS_BYTES, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_NORESERVE, PROTOCOL_ARRAYS_FD, 0);
    if (arrays == MAP_FAILED)
        return PODIUM_EIO;
    c->arrays_map = arrays;
    setrlimit(RLIMIT_FSIZE, &log_size); /* of what it prints; after the maps exist */
#ifdef SYS_close_range
    syscall(SYS_close_range, 3u, ~0u, 0u);
#else
    for (int fd = 3; fd < 4096; fd++)
        close(fd);
#endif
    c->thread = pthread_self();
    return 0;
}

static int32_t do_step(runner_context *c, const protocol_message *m)
{
    c->batch.step = m->i[0];
    podium_step s = {
        .struct_size = sizeof s,
        .index = m->i[0],
        .seed = (uint64_t)m->i[1],
        .batch = &c->batch,
        .last_metric = m->f[0],
        .last_loss = m->f[1],
    };
    return c->slots[0].table->step(c->self, &s);
}

/* Runs one function of the submission. *result: out of BATCH_SIZE. */
static int32_t call_submission(runner_context *c, const protocol_message *m, int64_t *result)
{
    const podium_submission *s = c->slots[0].table;
    const podium_value *const *values = c->slots[0].value_pointers;
    int32_t rc = 0;
    c->in_submission = true;
    switch (m->kind) {
    case PROTOCOL_BATCH_SIZE:
        *result = s->batch_size ? s->batch_size(&c->task, values) : 0;
        break;
    case PROTOCOL_CREATE:
        rc = s->create(&c->host, &c->task, values, &c->self);
        c->created = true;
        break;
    case PROTOCOL_STEP:
        rc = do_step(c, m);
        break;
    case PROTOCOL_BEFORE_EVAL:
        rc = s->before_eval ? s->before_eval(c->self) : 0;
        break;
    case PROTOCOL_AFTER_EVAL:
        rc = s->after_eval ? s->after_eval(c->self) : 0;
        break;
    default:
        rc = PODIUM_EPROTOCOL;
    }
    c->in_submission = false;
    return rc;
}

/* Copies a piece of kept bytes out of or into the submission's memory. */
static int32_t move_keep(runner_context *c, const protocol_message *m, uint32_t *length)
{
    if (m->i[0] < 0 || m->i[0] >= c->num_keeps)
        return PODIUM_EPROTOCOL;
    keep *k = &c->keeps[m->i[0]];
    size_t offset = (size_t)m->i[1];
    size_t n = m->kind == PROTOCOL_KEEP_READ ? (size_t)m->i[2] : m->length;
    if (offset > k->size || n > k->size - offset || n > PROTOCOL_BYTES)
        return PODIUM_EPROTOCOL;
    if (m->kind == PROTOCOL_KEEP_READ) {
        memcpy(c->control->bytes, k->bytes + offset, n);
        *length = (uint32_t)n;
    } else {
        memcpy(k->bytes + offset, c->control->bytes, n);
    }
    return 0;
}

/* LOAD, TASK and VALUES read the bytes area from a copy, since the answer is written into it. */
static int32_t set_up(runner_context *c, const protocol_message *m, uint32_t *length)
{
    static uint8_t copy[PROTOCOL_BYTES + 1];
    memcpy(copy, c->control->bytes, m->length);
    copy[m->length] = 0;
    pack in = {.data = copy, .size = m->length};
    if (m->kind == PROTOCOL_TASK)
        return load_task(c, &in);
    if (m->i[0] < 0 || m->i[0] >= PROTOCOL_MAX_SLOTS)
        return PODIUM_EPROTOCOL;
    if (m->kind == PROTOCOL_VALUES)
        return load_values(c, (int32_t)m->i[0], &in);
    char why[1024] = "";
    pack out = {.data = c->control->bytes, .size = PROTOCOL_BYTES};
    int32_t rc = load_submission(c, (int32_t)m->i[0], (const char *)copy, &out, why, sizeof why);
    if (rc) {
        out.at = strlen(why);
        memcpy(c->control->bytes, why, out.at);
    }
    *length = (uint32_t)out.at;
    return rc;
}

static void stop(runner_context *c)
{
    c->in_submission = false; /* destroy may free, not call the host */
    if (c->created && c->slots[0].table)
        c->slots[0].table->destroy(c->self);
    c->created = false;
    base_destroy_all(c);
}

static void work(runner_context *c)
{
    protocol_control *p = c->control;
    for (;;) {
        while (!protocol_wait(&p->turn, &p->runner_sleeps, 1, -1))
            ;
        protocol_message m;
        memcpy(&m, &p->message, sizeof m);
        uint32_t length = 0;
        int64_t result = 0;
        int32_t rc;
        c->command = m.kind;
        int64_t before = allocation_count();
        switch (m.kind) {
        case PROTOCOL_LOAD:
        case PROTOCOL_TASK:
        case PROTOCOL_VALUES:
            rc = set_up(c, &m, &length);
            break;
        case PROTOCOL_KEEP_READ:
        case PROTOCOL_KEEP_WRITE:
            rc = move_keep(c, &m, &length);
            break;
        case PROTOCOL_STOP:
            stop(c);
            rc = 0;
            break;
        default:
            rc = call_submission(c, &m, &result);
        }
        c->command = 0;
        protocol_message *out = &p->message;
        memset(out, 0, offsetof(protocol_message, vectors));
        out->kind = PROTOCOL_FINISHED;
        out->status = rc;
        out->length = length;
        out->i[0] = result;
        out->i[4] = before < 0 ? -1 : allocation_count() - before;
        protocol_pass(&p->turn, &p->referee_sleeps);
    }
}

int32_t podium_runner_serve(int32_t parent, runner_loader loader)
{
    runner_context *c = &runner_the;
    c->loader = loader;
    int32_t rc = settle(c, parent);
    if (rc)
        return rc;
    host_fill(c, &c->host, NULL);
    work(c);
    return 0;
}

uint32_t podium_runner_abi(void)
{
    return PODIUM_ABI_MAJOR << 16 | PODIUM_ABI_MINOR;
}
