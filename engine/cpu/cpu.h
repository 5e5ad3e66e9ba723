/* The CPU backend: f32, OpenMP, matrix products by oneDNN or tiles of our own.  Results are
 * bit-identical for equal thread counts and instruction sets: loops are cut into fixed shares, or
 * into tasks whose results do not depend on who runs them, and partial sums are added in thread
 * order.
 *
 * A kernel is one parallel region.  libgomp's threads spin for a while between regions; that is
 * what keeps a step of many small kernels from paying for wake-ups, so OMP_WAIT_POLICY=passive is
 * the one setting to avoid. */
#ifndef ENGINE_CPU_CPU_H
#define ENGINE_CPU_CPU_H

#include <omp.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/backend.h"
#include "engine/cpu/product.h"
#include "engine/ops.h"

/* What is left of one thread's share of the tasks; a pair of cache lines each. */
typedef struct cpu_queue {
    _Atomic int64_t next;
    int64_t end;
    char apart[128 - 2 * sizeof(int64_t)];
} cpu_queue;

typedef struct cpu_state {
    dnnl_unit *unit;
    cpu_queue *queues; /* one a thread */
    char description[160];
} cpu_state;

/* Each family puts its kernels into the table. */
void cpu_elementwise_kernels(op_kernel *k);
void cpu_reduce_kernels(op_kernel *k);
void cpu_shape_kernels(op_kernel *k);
void cpu_rows_kernels(op_kernel *k);
void cpu_linear_kernels(op_kernel *k);
void cpu_linear_dw_kernels(op_kernel *k);
void cpu_matmul_kernels(op_kernel *k);
void cpu_norm_kernels(op_kernel *k);
void cpu_attention_kernels(op_kernel *k);
void cpu_attention_backward_kernels(op_kernel *k);
void cpu_phm_kernels(op_kernel *k);
void cpu_softmax_kernels(op_kernel *k);
void cpu_loss_kernels(op_kernel *k);
void cpu_experts_kernels(op_kernel *k);
void cpu_grouped_kernels(op_kernel *k);
void cpu_rms_norm_kernels(op_kernel *k);
void cpu_tokens_kernels(op_kernel *k);

/* out[i] = act(x[i]); out may be x. */
void cpu_activation(int64_t act, float *out, const float *x, int64_t n);
/* out[i] = d[i] act'(x[i]); out may be d. */
void cpu_activation_backward(int64_t act, float *out, const float *d, const float *x, int64_t n);
/* sum [n] += the columns of x [rows, n], rows `stride` apart. */
void cpu_add_columns(float *sum, const float *x, int64_t rows, int64_t stride, int64_t n);
/* Rounds to bf16. */
void cpu_to_bf16(uint16_t *out, const float *x, int64_t n);

/* Threads for a kernel of about `work` element visits: below the cost of a fork it runs alone. */
static inline int cpu_team(const op_call *c, int64_t work)
{
    return work < 16384 ? 1 : c->backend->threads;
}

/* This thread's share [lo, hi) of n items, in units of `grain`. */
static inline void cpu_share(int64_t n, int64_t grain, int64_t *lo, int64_t *hi)
{
    int64_t units = (n + grain - 1) / grain, threads = omp_get_num_threads();
    int64_t t = omp_get_thread_num();
    *lo = units * t / threads * grain;
    *hi = units * (t + 1) / threads * grain;
    if (*hi > n)
        *hi = n;
}

/* The size of parts when n items are cut into the fewest of at most `most`, as even as can be; the
 * last may be smaller.  n 0: 0. */
static inline int64_t cpu_even(int64_t n, int64_t most)
{
    int64_t parts = (n + most - 1) / most;
    return parts ? (n + parts - 1) / parts : 0;
}

/* Tasks 0 to count - 1 of the next parallel region, whose results must not depend on who does them.
 * In the region each thread takes those of its share in their order, then what others have not
 * begun: threads are not equally fast on a machine that others use too.  -1: none is left.  A
 * backend has one such region at a time. */
void cpu_tasks_set(const op_call *c, int64_t count);
int64_t cpu_tasks_take(const op_call *c);

/* Whether a product of `terms` terms runs in bf16: fewer than 48 leave a third of an AMX tile's
 * rows of 32 empty, cost more to convert than they save, and have little to average rounding over.
 */
static inline bool cpu_in_bf16(const op_call *c, int64_t terms)
{
    return c->precision == PODIUM_BF16 && terms >= 48;
}

static inline int64_t cpu_last(const tensor *t)
{
    return t->shape[t->ndim - 1];
}

static inline size_t cpu_round(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static inline dnnl_unit *cpu_unit(const op_call *c)
{
    return ((cpu_state *)c->backend->state)->unit;
}

#endif
