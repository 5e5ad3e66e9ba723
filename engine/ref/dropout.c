/* Dropout (Srivastava et al. 2014), inverted: element i uses word i of the call's Philox stream. */
#include "engine/philox.h"
#include "engine/ref/ref.h"

static int32_t dropout(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    double rate = c->settings->dropout;
    philox stream = philox_make(c->settings->seed, (uint64_t)c->i[0]);
    int64_t first = graph_first_element(c->settings, c->out[0].count);
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = philox_uniform(&stream, (uint64_t)(first + i)) >= rate ? a[i] / (1 - rate) : 0;
    return 0;
}

void ref_dropout_kernels(op_kernel *k)
{
    k[OP_DROPOUT].run = dropout;
}
