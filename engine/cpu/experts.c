/* The choice of experts, the dispatch of assignments, and the router's noise. */
#include "engine/cpu/cpu.h"
#include "engine/philox.h"

#include <string.h>

/* The j-th largest of a row, after those in ids[0 .. j). */
static int32_t next_best(const float *a, int64_t E, const int32_t *ids, int64_t j)
{
    int64_t best = -1;
    for (int64_t e = 0; e < E; e++) {
        bool taken = false;
        for (int64_t i = 0; i < j; i++)
            taken = taken || ids[i] == e;
        if (!taken && (best < 0 || a[e] > a[best]))
            best = e;
    }
    return (int32_t)best;
}

/* a [L, E] -> ids [L, K], flat? */
static int32_t top_k(op_call *c)
{
    const float *a = c->in[0].data;
    int32_t *ids = c->out[0].data, *flat = c->out[1].data;
    int64_t L = c->in[0].shape[0], E = c->in[0].shape[1], K = c->out[0].shape[1];
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, L *E *K *K))
    for (int64_t l = 0; l < L; l++)
        for (int64_t j = 0; j < K; j++) {
            int32_t best = next_best(a + l * E, E, ids + l * K, j);
            ids[l * K + j] = best;
            if (flat)
                flat[l * K + j] = (int32_t)(l * E) + best;
        }
    return 0;
}

static int32_t prepare_dispatch(op_call *c)
{
    c->scratch_bytes = 2 * (size_t)c->out[2].count * sizeof(int32_t);
    return 0;
}

/* Assignments of each expert into count[]. */
static int32_t count_assignments(const op_call *c, int64_t E, int32_t *count)
{
    const int32_t *ids = c->in[0].data;
    memset(count, 0, (size_t)E * sizeof *count);
    for (int64_t a = 0; a < c->in[0].count; a++) {
        if (ids[a] < 0 || ids[a] >= E)
            return podium_fail(PODIUM_EINVAL, "dispatch: expert %d is outside [0, %lld)", ids[a],
                               (long long)E);
        count[ids[a]]++;
    }
    return 0;
}

/* ids [L, K] -> slots, rows, offsets, share?: a counting sort that keeps the order of the tokens.
 */
static int32_t dispatch_assignments(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    int32_t *slots = c->out[0].data, *rows = c->out[1].data, *offsets = c->out[2].data;
    int64_t A = c->in[0].count, K = c->in[0].shape[1], E = c->out[2].count - 1;
    int32_t *count = c->scratch, *seen = count + E + 1;
    TRY(count_assignments(c, E, count));
    offsets[0] = 0;
    for (int64_t e = 0; e < E; e++) {
        int32_t kept = c->i[0] >= 0 && count[e] > c->i[0] ? (int32_t)c->i[0] : count[e];
        offsets[e + 1] = offsets[e] + kept;
        if (c->out[3].data)
            ((float *)c->out[3].data)[e] = (float)((double)count[e] / (double)A);
    }
    memset(seen, 0, (size_t)E * sizeof *seen);
    for (int64_t a = 0, dropped = offsets[E]; a < A; a++) {
        int32_t e = ids[a], at = offsets[e] + seen[e];
        if (at < offsets[e + 1])
            seen[e]++;
        else
            at = (int32_t)dropped++;
        slots[at] = (int32_t)a;
        rows[at] = (int32_t)(a / K);
    }
    return 0;
}

/* Element i adds normal number i of the call's stream. */
static int32_t normal_noise(op_call *c)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data;
    philox stream = philox_make(c->settings->seed, (uint64_t)c->i[0]);
    int64_t first = graph_first_element(c->settings, c->out[0].count);
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 16 * c->out[0].count))
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = a[i] + (float)(c->f[0] * philox_normal(&stream, (uint64_t)(first + i)));
    return 0;
}

void cpu_experts_kernels(op_kernel *k)
{
    k[OP_TOP_K].run = top_k;
    k[OP_DISPATCH] = (op_kernel){.prepare = prepare_dispatch, .run = dispatch_assignments};
    k[OP_NORMAL_NOISE].run = normal_noise;
}
