/* Elementwise kernels: binary ops with broadcasting, unary functions and slopes, affine, copy. */
#include "engine/cuda/unary.cuh"

struct broadcast {
    int ndim;
    long long shape[TENSOR_MAX_DIMS], a[TENSOR_MAX_DIMS], b[TENSOR_MAX_DIMS]; /* strides */
};

static __device__ inline float binary(int kind, float x, float y)
{
    switch (kind) {
    case OP_ADD:
        return x + y;
    case OP_SUB:
        return x - y;
    case OP_MUL:
        return x * y;
    default:
        return x / y;
    }
}

static __global__ void binary_kernel(int kind, float *out, const float *a, const float *b,
                                     broadcast s, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x) {
        long long rest = i, at = 0, bt = 0;
        for (int d = s.ndim - 1; d >= 0; d--) {
            long long k = rest % s.shape[d];
            rest /= s.shape[d];
            at += k * s.a[d];
            bt += k * s.b[d];
        }
        out[i] = binary(kind, a[at], b[bt]);
    }
}

static __global__ void unary_kernel(int kind, float *out, const float *a, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x)
        out[i] = unary_value(kind, a[i]);
}

static __global__ void slope_kernel(int kind, float *da, const float *dout, const float *a,
                                    long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x)
        da[i] = dout[i] * unary_slope(kind, a[i]);
}

static __global__ void affine_kernel(float *out, const float *a, float scale, float shift,
                                     long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x)
        out[i] = scale * a[i] + shift;
}

static void strides_of(const tensor *t, long long *strides)
{
    long long step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        strides[d] = t->shape[d] == 1 ? 0 : step;
        step *= t->shape[d];
    }
}

static int32_t run_binary(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    broadcast s = {};
    int64_t n = c->out[0].count;
    s.ndim = c->out[0].ndim;
    for (int d = 0; d < s.ndim; d++)
        s.shape[d] = c->out[0].shape[d];
    strides_of(&c->in[0], s.a);
    strides_of(&c->in[1], s.b);
    binary_kernel<<<gpu_blocks(g, n), GPU_THREADS, 0, g->stream>>>(
        c->kind, (float *)c->out[0].data, (const float *)c->in[0].data,
        (const float *)c->in[1].data, s, n);
    return gpu_launched("an elementwise kernel");
}

static int32_t run_unary(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    int64_t n = c->out[0].count;
    unary_kernel<<<gpu_blocks(g, n), GPU_THREADS, 0, g->stream>>>(
        (int)c->i[0], (float *)c->out[0].data, (const float *)c->in[0].data, n);
    return gpu_launched("a unary kernel");
}

static int32_t run_slope(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    int64_t n = c->out[0].count;
    slope_kernel<<<gpu_blocks(g, n), GPU_THREADS, 0, g->stream>>>(
        (int)c->i[0], (float *)c->out[0].data, (const float *)c->in[0].data,
        (const float *)c->in[1].data, n);
    return gpu_launched("a slope kernel");
}

static int32_t run_affine(op_call *c)
{
    gpu_state *g = gpu_of(c->backend);
    int64_t n = c->out[0].count;
    affine_kernel<<<gpu_blocks(g, n), GPU_THREADS, 0, g->stream>>>(
        (float *)c->out[0].data, (const float *)c->in[0].data, (float)c->f[0], (float)c->f[1], n);
    return gpu_launched("an affine kernel");
}

static int32_t run_copy(op_call *c)
{
    return gpu_check(cudaMemcpyAsync(c->out[0].data, c->in[0].data,
                                     (size_t)c->out[0].count * sizeof(float),
                                     cudaMemcpyDeviceToDevice, gpu_of(c->backend)->stream),
                     "a copy");
}

void gpu_elementwise_kernels(op_kernel *k)
{
    k[OP_ADD].run = k[OP_SUB].run = k[OP_MUL].run = k[OP_DIV].run = run_binary;
    k[OP_UNARY].run = run_unary;
    k[OP_UNARY_BACKWARD].run = run_slope;
    k[OP_AFFINE].run = run_affine;
    k[OP_COPY].run = run_copy;
}
