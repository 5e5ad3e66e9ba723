/* Matrix products by the vendor's BLAS in f32 (no TF32), bias and activation by own kernels. */
#include "engine/cuda/unary.cuh"

struct product {
    int64_t m, n, k, batch;     /* out [batch, m, n] */
    int64_t stride_a, stride_b; /* between matrices; 0: one for all */
    bool ta, tb;
};

/* out = op(a) op(b), row-major: BLAS sees the transposed problem in column-major order. */
static int32_t multiply(gpu_state *g, const product *p, float *out, const float *a, const float *b)
{
    const float one = 1, zero = 0;
    if (p->m > INT32_MAX || p->n > INT32_MAX || p->k > INT32_MAX || p->batch > INT32_MAX)
        return gpu_fail(PODIUM_ENOTSUP, "%s: a matrix product of over 2^31 rows", GPU_NAME);
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    return gpu_check_blas(cublasSgemmStridedBatched(g->blas, p->tb ? CUBLAS_OP_T : CUBLAS_OP_N,
                                                    p->ta ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k,
                                                    &one, b, p->tb ? k : n, p->stride_b, a,
                                                    p->ta ? m : k, p->stride_a, &zero, out, n,
                                                    p->m * p->n, (int)p->batch),
                          "a matrix product");
}

static int32_t run_matmul(op_call *c)
{
    const tensor *a = &c->in[0], *b = &c->in[1], *out = &c->out[0];
    product p = {};
    p.ta = c->i[0] != 0;
    p.tb = c->i[1] != 0;
    p.m = out->shape[out->ndim - 2];
    p.n = out->shape[out->ndim - 1];
    p.k = a->shape[a->ndim - (p.ta ? 2 : 1)];
    p.batch = out->count / (p.m * p.n);
    p.stride_a = a->count == p.m * p.k ? 0 : p.m * p.k;
    p.stride_b = b->count == p.k * p.n ? 0 : p.k * p.n;
    return multiply(gpu_of(c->backend), &p, (float *)out->data, (const float *)a->data,
                    (const float *)b->data);
}

static __global__ void bias_kernel(float *y, float *pre, const float *bias, int kind,
                                   long long columns, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x) {
        float z = y[i] + (bias ? bias[i % columns] : 0);
        if (pre)
            pre[i] = z;
        y[i] = kind < 0 ? z : unary_value(kind, z);
    }
}

/* x, w, bias? -> y, pre? */
static int32_t run_linear(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    float *y = (float *)c->out[0].data, *pre = (float *)c->out[1].data;
    const float *bias = (const float *)c->in[2].data;
    int kind = unary_of_activation(c->i[0]);
    product p = {};
    p.tb = true;
    p.batch = 1;
    p.n = c->in[1].shape[0];
    p.k = c->in[1].shape[1];
    p.m = c->in[0].count / p.k;
    TRY(multiply(g, &p, y, (const float *)c->in[0].data, (const float *)c->in[1].data));
    if (!bias && !pre && kind < 0)
        return 0;
    bias_kernel<<<gpu_blocks(g, p.m * p.n), GPU_THREADS, 0, g->stream>>>(y, pre, bias, kind, p.n,
                                                                         p.m * p.n);
    return gpu_launched("a bias kernel");
}

static __global__ void times_slope_kernel(float *dx, const float *pre, int kind, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x)
        dx[i] *= unary_slope(kind, pre[i]);
}

/* dz, w, pre? -> dx */
static int32_t run_linear_dx(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    float *dx = (float *)c->out[0].data;
    const float *pre = (const float *)c->in[2].data;
    int kind = unary_of_activation(c->i[0]);
    product p = {};
    p.batch = 1;
    p.k = c->in[1].shape[0];
    p.n = c->in[1].shape[1];
    p.m = c->in[0].count / p.k;
    TRY(multiply(g, &p, dx, (const float *)c->in[0].data, (const float *)c->in[1].data));
    if (!pre || kind < 0)
        return 0;
    times_slope_kernel<<<gpu_blocks(g, p.m * p.n), GPU_THREADS, 0, g->stream>>>(dx, pre, kind,
                                                                                p.m * p.n);
    return gpu_launched("an activation's slope");
}

/* out[j] = sum over rows of a[row, j]: 32 columns a block, 8 threads a column, a fixed tree. */
static __global__ void column_sum_kernel(float *out, const float *a, long long rows,
                                         long long columns)
{
    __shared__ double part[8][32];
    long long j = blockIdx.x * 32LL + threadIdx.x;
    double sum = 0;
    if (j < columns)
        for (long long r = threadIdx.y; r < rows; r += 8)
            sum += (double)a[r * columns + j];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = 4; half > 0; half /= 2) {
        if (threadIdx.y < half)
            part[threadIdx.y][threadIdx.x] += part[threadIdx.y + half][threadIdx.x];
        __syncthreads();
    }
    if (threadIdx.y == 0 && j < columns)
        out[j] = (float)part[0][threadIdx.x];
}

/* dz, x -> dw, dbias? */
static int32_t run_linear_dw(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    const float *dz = (const float *)c->in[0].data;
    float *dbias = (float *)c->out[1].data;
    product p = {};
    p.ta = true;
    p.batch = 1;
    p.m = c->out[0].shape[0];
    p.n = c->out[0].shape[1];
    p.k = c->in[0].count / p.m;
    TRY(multiply(g, &p, (float *)c->out[0].data, dz, (const float *)c->in[1].data));
    if (!dbias)
        return 0;
    column_sum_kernel<<<(unsigned)((p.m + 31) / 32), dim3(32, 8), 0, g->stream>>>(dbias, dz, p.k,
                                                                                  p.m);
    return gpu_launched("a bias gradient");
}

void gpu_linear_kernels(op_kernel *k)
{
    k[OP_MATMUL].run = run_matmul;
    k[OP_LINEAR].run = run_linear;
    k[OP_LINEAR_DX].run = run_linear_dx;
    k[OP_LINEAR_DW].run = run_linear_dw;
}
