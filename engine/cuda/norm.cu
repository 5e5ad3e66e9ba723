/* Layer norm over the last axis (Ba, Kiros & Hinton 2016): one block a row, sums by a fixed tree.
 */
#include "engine/cuda/gpu.h"

/* The sum of `x` over the block, given to every thread. */
static __device__ float block_sum(float x)
{
    __shared__ float part[GPU_THREADS];
    part[threadIdx.x] = x;
    __syncthreads();
    for (unsigned half = GPU_THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    float sum = part[0];
    __syncthreads(); /* part is written again by the next call */
    return sum;
}

/* With b: x = a + b goes to sum first. */
static __global__ void norm_kernel(float *y, float *sum, float *mean_out, float *rstd_out,
                                   const float *a, const float *b, const float *scale,
                                   const float *bias, long long C, long long rows, float eps)
{
    for (long long r = blockIdx.x; r < rows; r += gridDim.x) {
        const float *x = a + r * C;
        if (b) {
            for (long long j = threadIdx.x; j < C; j += blockDim.x)
                sum[r * C + j] = a[r * C + j] + b[r * C + j];
            x = sum + r * C; /* each thread reads back what it wrote itself */
        }
        float part = 0;
        for (long long j = threadIdx.x; j < C; j += blockDim.x)
            part += x[j];
        const float mean = block_sum(part) / (float)C;
        part = 0;
        for (long long j = threadIdx.x; j < C; j += blockDim.x)
            part += (x[j] - mean) * (x[j] - mean);
        const float rstd = 1 / sqrtf(block_sum(part) / (float)C + eps);
        for (long long j = threadIdx.x; j < C; j += blockDim.x)
            y[r * C + j] = (x[j] - mean) * rstd * scale[j] + bias[j];
        if (threadIdx.x == 0 && mean_out)
            mean_out[r] = mean;
        if (threadIdx.x == 0 && rstd_out)
            rstd_out[r] = rstd;
    }
}

static unsigned row_blocks(int64_t rows)
{
    return (unsigned)(rows < 1 ? 1 : rows > 65535 ? 65535 : rows);
}

/* x, scale, bias -> y, mean?, rstd? */
static int32_t run_norm(op_call *c)
{
    int64_t C = c->in[0].shape[c->in[0].ndim - 1], rows = c->in[0].count / C;
    norm_kernel<<<row_blocks(rows), GPU_THREADS, 0, gpu_of(c->backend)->stream>>>(
        (float *)c->out[0].data, nullptr, (float *)c->out[1].data, (float *)c->out[2].data,
        (const float *)c->in[0].data, nullptr, (const float *)c->in[1].data,
        (const float *)c->in[2].data, C, rows, (float)c->f[0]);
    return gpu_launched("a layer norm");
}

/* a, b, scale, bias -> y, sum, mean?, rstd? */
static int32_t run_add_norm(op_call *c)
{
    int64_t C = c->in[0].shape[c->in[0].ndim - 1], rows = c->in[0].count / C;
    norm_kernel<<<row_blocks(rows), GPU_THREADS, 0, gpu_of(c->backend)->stream>>>(
        (float *)c->out[0].data, (float *)c->out[1].data, (float *)c->out[2].data,
        (float *)c->out[3].data, (const float *)c->in[0].data, (const float *)c->in[1].data,
        (const float *)c->in[2].data, (const float *)c->in[3].data, C, rows, (float)c->f[0]);
    return gpu_launched("a layer norm of a sum");
}

/* With n = (x - mean) rstd and g = dy scale: dx = rstd (g - mean(g) - n mean(g n)) + dsum. */
static __global__ void norm_dx_kernel(float *dx, const float *dy, const float *x, const float *mean,
                                      const float *rstd, const float *scale, const float *dsum,
                                      long long C, long long rows)
{
    for (long long r = blockIdx.x; r < rows; r += gridDim.x) {
        float g_part = 0, gn_part = 0;
        for (long long j = threadIdx.x; j < C; j += blockDim.x) {
            float g = dy[r * C + j] * scale[j];
            g_part += g;
            gn_part += g * (x[r * C + j] - mean[r]) * rstd[r];
        }
        const float mean_g = block_sum(g_part) / (float)C;
        const float mean_gn = block_sum(gn_part) / (float)C;
        for (long long j = threadIdx.x; j < C; j += blockDim.x) {
            float n = (x[r * C + j] - mean[r]) * rstd[r];
            dx[r * C + j] = rstd[r] * (dy[r * C + j] * scale[j] - mean_g - n * mean_gn) +
                            (dsum ? dsum[r * C + j] : 0);
        }
    }
}

/* Column sums of dy n and dy: 32 columns a block, 8 threads a column. */
static __global__ void norm_dscale_kernel(float *dscale, float *dbias, const float *dy,
                                          const float *x, const float *mean, const float *rstd,
                                          long long C, long long rows)
{
    __shared__ double scale_part[8][32], bias_part[8][32];
    long long j = blockIdx.x * 32LL + threadIdx.x;
    double ds = 0, db = 0;
    if (j < C)
        for (long long r = threadIdx.y; r < rows; r += 8) {
            double d = (double)dy[r * C + j];
            ds += d * (double)((x[r * C + j] - mean[r]) * rstd[r]);
            db += d;
        }
    scale_part[threadIdx.y][threadIdx.x] = ds;
    bias_part[threadIdx.y][threadIdx.x] = db;
    __syncthreads();
    for (unsigned half = 4; half > 0; half /= 2) {
        if (threadIdx.y < half) {
            scale_part[threadIdx.y][threadIdx.x] += scale_part[threadIdx.y + half][threadIdx.x];
            bias_part[threadIdx.y][threadIdx.x] += bias_part[threadIdx.y + half][threadIdx.x];
        }
        __syncthreads();
    }
    if (threadIdx.y == 0 && j < C && dscale)
        dscale[j] = (float)scale_part[0][threadIdx.x];
    if (threadIdx.y == 0 && j < C && dbias)
        dbias[j] = (float)bias_part[0][threadIdx.x];
}

/* dy, x, mean, rstd, scale, dsum? -> dx, dscale?, dbias? */
static int32_t run_norm_backward(op_call *c)
{
    cudaStream_t stream = gpu_of(c->backend)->stream;
    const float *in[6];
    float *out[3];
    for (int i = 0; i < 6; i++)
        in[i] = (const float *)c->in[i].data;
    for (int i = 0; i < 3; i++)
        out[i] = (float *)c->out[i].data;
    int64_t C = c->in[0].shape[c->in[0].ndim - 1], rows = c->in[0].count / C;
    if (out[0])
        norm_dx_kernel<<<row_blocks(rows), GPU_THREADS, 0, stream>>>(out[0], in[0], in[1], in[2],
                                                                     in[3], in[4], in[5], C, rows);
    if (out[1] || out[2])
        norm_dscale_kernel<<<(unsigned)((C + 31) / 32), dim3(32, 8), 0, stream>>>(
            out[1], out[2], in[0], in[1], in[2], in[3], C, rows);
    return gpu_launched("the backward pass of a layer norm");
}

void gpu_norm_kernels(op_kernel *k)
{
    k[OP_LAYER_NORM].run = run_norm;
    k[OP_ADD_LAYER_NORM].run = run_add_norm;
    k[OP_LAYER_NORM_BACKWARD].run = run_norm_backward;
}
