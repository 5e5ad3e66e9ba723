/* Softmax over the last axis and its adjoint. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vmath.h"

static void softmax_row(float *out, const float *a, int64_t C)
{
    float max = a[0], sum = 0;
#pragma omp simd reduction(max : max)
    for (int64_t j = 1; j < C; j++)
        max = a[j] > max ? a[j] : max;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < C; j++) {
        out[j] = vm_exp(a[j] - max);
        sum += out[j];
    }
    float inverse = 1.0f / sum;
#pragma omp simd
    for (int64_t j = 0; j < C; j++)
        out[j] *= inverse;
}

static int32_t softmax(op_call *c)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data;
    int64_t C = cpu_last(&c->out[0]), rows = C ? c->out[0].count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 8 * rows * C))
    for (int64_t row = 0; row < rows; row++)
        softmax_row(out + row * C, a + row * C, C);
    return 0;
}

/* dout, out -> da = out (dout - sum dout out) */
static int32_t softmax_backward(op_call *c)
{
    const float *dout = c->in[0].data, *out = c->in[1].data;
    float *da = c->out[0].data;
    int64_t C = cpu_last(&c->out[0]), rows = C ? c->out[0].count / C : 0;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, 2 * rows * C))
    for (int64_t row = 0; row < rows; row++) {
        const float *d = dout + row * C, *p = out + row * C;
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int64_t j = 0; j < C; j++)
            dot += d[j] * p[j];
#pragma omp simd
        for (int64_t j = 0; j < C; j++)
            da[row * C + j] = p[j] * (d[j] - dot);
    }
    return 0;
}

void cpu_softmax_kernels(op_kernel *k)
{
    k[OP_SOFTMAX].run = softmax;
    k[OP_SOFTMAX_BACKWARD].run = softmax_backward;
}
