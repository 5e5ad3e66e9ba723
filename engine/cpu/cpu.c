/* The CPU backend's table and its host memory. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/dnnl_api.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int32_t cpu_alloc(backend *b, size_t bytes, void **out)
{
    (void)b;
    size_t page = bytes >= (size_t)1 << 21 ? (size_t)1 << 21 : 64;
    size_t rounded = (bytes + page - 1) / page * page;
    if (rounded < bytes)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes", bytes);
    void *data = aligned_alloc(page, rounded ? rounded : 64);
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes", bytes);
    if (page > 64)
        (void)madvise(data, rounded, MADV_HUGEPAGE); /* a hint: fewer TLB misses where it works */
    memset(data, 0, rounded ? rounded : 64);
    *out = data;
    return 0;
}

static void cpu_free(backend *b, void *data)
{
    (void)b;
    free(data);
}

static int32_t cpu_copy(backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    if (bytes)
        memcpy(to, from, bytes);
    return 0;
}

static int32_t cpu_synchronise(backend *b)
{
    (void)b;
    return 0;
}

static int32_t cpu_program_run(backend *b, program *p, const program_args *args)
{
    return program_run_host(p, args, b->threads);
}

/* Small products run alone: threads that meet cost more than they save, much more on a machine
 * that others use too. */
static int32_t cpu_product(void *arg, const linalg_product *p)
{
    const backend *b = arg;
    bool small = (double)p->m * (double)p->n * (double)p->k < 4e6;
    omp_set_num_threads(small ? 1 : b->threads);
    int32_t rc = dnnl_product_f32(p->ta, p->tb, p->m, p->n, p->k, (float)p->alpha, p->a, p->lda,
                                  p->b, p->ldb, (float)p->beta, p->c, p->ldc);
    omp_set_num_threads(b->threads);
    return rc;
}

static int32_t cpu_linalg(backend *b, const linalg_call *c)
{
    return linalg_run_host(&b->linalg_space, c);
}

static void cpu_destroy(backend *b)
{
    cpu_state *s = b->state;
    linalg_release(&b->linalg_space);
    if (s) {
        dnnl_unit_destroy(s->unit);
        free(s->queues);
    }
    free(s);
    free(b);
}

void cpu_tasks_set(const op_call *c, int64_t count)
{
    const cpu_state *s = c->backend->state;
    int64_t threads = c->backend->threads;
    for (int64_t t = 0; t < threads; t++) {
        atomic_store_explicit(&s->queues[t].next, count * t / threads, memory_order_relaxed);
        s->queues[t].end = count * (t + 1) / threads;
    }
}

int64_t cpu_tasks_take(const op_call *c)
{
    const cpu_state *s = c->backend->state;
    int threads = c->backend->threads, own = omp_get_thread_num();
    for (int i = 0; i < threads; i++) {
        cpu_queue *q = &s->queues[(own + i) % threads];
        if (atomic_load_explicit(&q->next, memory_order_relaxed) >= q->end)
            continue; /* so that the counters do not grow */
        int64_t task = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);
        if (task < q->end)
            return task;
    }
    return -1;
}

/* Processors this process may run on. */
static int available_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return omp_get_num_procs();
}

static void cpu_kernels(op_kernel *k)
{
    cpu_elementwise_kernels(k);
    cpu_reduce_kernels(k);
    cpu_shape_kernels(k);
    cpu_rows_kernels(k);
    cpu_linear_kernels(k);
    cpu_linear_dw_kernels(k);
    cpu_matmul_kernels(k);
    cpu_norm_kernels(k);
    cpu_attention_kernels(k);
    cpu_attention_backward_kernels(k);
    cpu_phm_kernels(k);
    cpu_softmax_kernels(k);
    cpu_loss_kernels(k);
    cpu_experts_kernels(k);
    cpu_grouped_kernels(k);
    cpu_rms_norm_kernels(k);
    cpu_tokens_kernels(k);
}

/* threads 0: all the process may use.  Sets OpenMP's thread count and forbids it to vary, which
 * results depend on.  Errors: PODIUM_EINVAL threads < 0, PODIUM_ENOMEM, PODIUM_EDEVICE. */
int32_t backend_cpu_open(backend **out, int threads)
{
    if (threads < 0)
        return podium_fail(PODIUM_EINVAL, "%d threads: expected 0 or more", threads);
    if (threads == 0)
        threads = available_threads();
    linalg_library_threads(threads); /* first: it may set OpenMP's too */
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    backend *b = calloc(1, sizeof *b);
    cpu_state *s = calloc(1, sizeof *s);
    cpu_queue *queues = calloc((size_t)threads, sizeof *queues);
    int32_t rc = b && s && queues ? dnnl_unit_create(&s->unit, threads)
                                  : podium_fail(PODIUM_ENOMEM, "cannot allocate the cpu backend");
    if (rc) {
        free(queues);
        free(s);
        free(b);
        return rc;
    }
    s->queues = queues;
    snprintf(s->description, sizeof s->description, "%s, %d threads",
             dnnl_unit_description(s->unit), threads);
    *b = (backend){
        .name = "cpu",
        .description = s->description,
        .real = PODIUM_F32,
        .threads = threads,
        .host_memory = true,
        .has_bf16 = dnnl_unit_has_bf16(s->unit),
        .alloc = cpu_alloc,
        .free = cpu_free,
        .copy_in = cpu_copy,
        .copy_out = cpu_copy,
        .synchronise = cpu_synchronise,
        .program_run = cpu_program_run,
        .linalg = cpu_linalg,
        .linalg_space = {.real = PODIUM_F32, .threads = threads, .product = cpu_product},
        .destroy = cpu_destroy,
        .state = s,
    };
    b->linalg_space.product_arg = b;
    cpu_kernels(b->kernels);
    *out = b;
    return 0;
}
