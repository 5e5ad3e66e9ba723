/* Kernels that take ids: rows of a table, their adjoint, one-hot rows, integers as reals. */
#include "engine/ref/ref.h"

#include <string.h>

static int32_t bad_row(const char *what, int32_t id, int64_t V)
{
    return podium_fail(PODIUM_EINVAL, "%s: row id %d is outside [0, %lld)", what, id, (long long)V);
}

/* table [V, C], ids [...] -> out [..., C] */
static int32_t gather_rows(op_call *c)
{
    const double *table = c->in[0].data;
    const int32_t *ids = c->in[1].data;
    double *out = c->out[0].data;
    int64_t V = c->in[0].shape[0], C = c->in[0].shape[1];
    for (int64_t n = 0; n < c->in[1].count; n++) {
        if (ids[n] < 0 || ids[n] >= V)
            return bad_row("gather_rows", ids[n], V);
        memcpy(out + n * C, table + ids[n] * C, (size_t)C * sizeof *out);
    }
    return 0;
}

/* rows [..., C], ids [...] -> table [V, C] */
static int32_t scatter_rows(op_call *c)
{
    const double *rows = c->in[0].data;
    const int32_t *ids = c->in[1].data;
    double *table = c->out[0].data;
    int64_t V = c->out[0].shape[0], C = c->out[0].shape[1];
    memset(table, 0, (size_t)c->out[0].count * sizeof *table);
    for (int64_t n = 0; n < c->in[1].count; n++) {
        if (ids[n] < 0 || ids[n] >= V)
            return bad_row("scatter_rows", ids[n], V);
        for (int64_t j = 0; j < C; j++)
            table[ids[n] * C + j] += rows[n * C + j];
    }
    return 0;
}

/* ids [...] -> out [..., classes] */
static int32_t one_hot(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    double *out = c->out[0].data;
    int64_t classes = ref_last(&c->out[0]);
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = ids[i / classes] == i % classes;
    return 0;
}

static int32_t cast_real(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    double *out = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = ids[i];
    return 0;
}

void ref_rows_kernels(op_kernel *k)
{
    k[OP_GATHER_ROWS].run = gather_rows;
    k[OP_SCATTER_ROWS].run = scatter_rows;
    k[OP_ONE_HOT].run = one_hot;
    k[OP_CAST_REAL].run = cast_real;
}
