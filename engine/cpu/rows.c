/* Kernels that take ids: rows of a table, their adjoint, one-hot rows, integers as reals. */
#include "engine/cpu/cpu.h"

#include <string.h>

static int32_t check_rows(const char *what, const tensor *ids, int64_t V)
{
    const int32_t *id = ids->data;
    for (int64_t n = 0; n < ids->count; n++)
        if (id[n] < 0 || id[n] >= V)
            return podium_fail(PODIUM_EINVAL, "%s: row id %d is outside [0, %lld)", what, id[n],
                               (long long)V);
    return 0;
}

/* table [V, C], ids [...] -> out [..., C] */
static int32_t gather_rows(op_call *c)
{
    const float *table = c->in[0].data;
    const int32_t *ids = c->in[1].data;
    float *out = c->out[0].data;
    int64_t C = c->in[0].shape[1], n = c->in[1].count;
    TRY(check_rows("gather_rows", &c->in[1], c->in[0].shape[0]));
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, c->out[0].count))
    for (int64_t i = 0; i < n; i++)
        memcpy(out + i * C, table + ids[i] * C, (size_t)C * sizeof *out);
    return 0;
}

/* rows [..., C], ids [...] -> table [V, C]: threads share the columns, so every sum keeps the
 * order of the rows. */
static int32_t scatter_rows(op_call *c)
{
    const float *rows = c->in[0].data;
    const int32_t *ids = c->in[1].data;
    float *table = c->out[0].data;
    int64_t V = c->out[0].shape[0], C = c->out[0].shape[1], n = c->in[1].count;
    TRY(check_rows("scatter_rows", &c->in[1], V));
#pragma omp parallel num_threads(cpu_team(c, n *C + V * C))
    {
        int64_t lo, hi;
        cpu_share(C, 16, &lo, &hi);
        for (int64_t v = 0; v < V && lo < hi; v++)
            memset(table + v * C + lo, 0, (size_t)(hi - lo) * sizeof *table);
        for (int64_t i = 0; i < n; i++) {
            float *to = table + ids[i] * C;
            const float *from = rows + i * C;
#pragma omp simd
            for (int64_t j = lo; j < hi; j++)
                to[j] += from[j];
        }
    }
    return 0;
}

/* ids [...] -> out [..., classes] */
static int32_t one_hot(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    float *out = c->out[0].data;
    int64_t classes = cpu_last(&c->out[0]);
    if (c->out[0].count)
        memset(out, 0, (size_t)c->out[0].count * sizeof *out);
    for (int64_t i = 0; i < c->in[0].count; i++)
        if (ids[i] >= 0 && ids[i] < classes)
            out[i * classes + ids[i]] = 1;
    return 0;
}

static int32_t cast_real(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    float *out = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = (float)ids[i];
    return 0;
}

void cpu_rows_kernels(op_kernel *k)
{
    k[OP_GATHER_ROWS].run = gather_rows;
    k[OP_SCATTER_ROWS].run = scatter_rows;
    k[OP_ONE_HOT].run = one_hot;
    k[OP_CAST_REAL].run = cast_real;
}
