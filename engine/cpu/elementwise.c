/* Elementwise kernels: binary ops with broadcasting, unary functions and slopes, affine, dropout.
 */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vmath.h"
#include "engine/philox.h"

#include <math.h>

/* A loop over n elements of one expression in i. */
#define LOOP(expression) _Pragma("omp simd") for (int64_t i = 0; i < n; i++) expression

enum { STAGED = 64 }; /* elements of a block of LOOP_EXP */

/* A loop over n elements of one expression in i and e, where e is the exponential of `exponent` (in
 * i): block by block, in three short loops. */
#define LOOP_EXP(exponent, expression)               \
    {                                                \
        int64_t at = 0;                              \
        for (; at + STAGED <= n; at += STAGED)       \
            STAGES(at, STAGED, exponent, expression) \
        STAGES(at, n - at, exponent, expression)     \
    }

/* `count` is a constant but for the last block. */
#define STAGES(at, count, exponent, expression)                                              \
    {                                                                                        \
        float stage[STAGED];                                                                 \
        _Pragma("omp simd") for (int64_t s = 0; s < count; s++)                              \
        {                                                                                    \
            int64_t i = at + s;                                                              \
            stage[s] = exponent;                                                             \
        }                                                                                    \
        _Pragma("omp simd") for (int64_t s = 0; s < count; s++) stage[s] = vm_exp(stage[s]); \
        _Pragma("omp simd") for (int64_t s = 0; s < count; s++)                              \
        {                                                                                    \
            int64_t i = at + s;                                                              \
            float e = stage[s];                                                              \
            expression;                                                                      \
        }                                                                                    \
    }

/* --- unary --------------------------------------------------------------------------------- */

static void unary_range(int64_t kind, float *out, const float *x, int64_t n)
{
    switch (kind) {
    case UNARY_NEG:
        LOOP(out[i] = -x[i]);
        break;
    case UNARY_EXP:
        LOOP(out[i] = vm_exp(x[i]));
        break;
    case UNARY_LOG:
        for (int64_t i = 0; i < n; i++)
            out[i] = logf(x[i]);
        break;
    case UNARY_SQRT:
        LOOP(out[i] = sqrtf(x[i]));
        break;
    case UNARY_RSQRT:
        LOOP(out[i] = 1.0f / sqrtf(x[i]));
        break;
    case UNARY_TANH:
        LOOP(out[i] = vm_tanh(x[i]));
        break;
    case UNARY_SIGMOID:
        LOOP(out[i] = vm_sigmoid(x[i]));
        break;
    case UNARY_ERF:
        LOOP(out[i] = vm_erf(x[i]));
        break;
    case UNARY_RELU:
        LOOP(out[i] = x[i] > 0 ? x[i] : 0);
        break;
    case UNARY_STEP:
        LOOP(out[i] = x[i] > 0 ? 1.0f : 0.0f);
        break;
    case UNARY_SQUARE:
        LOOP(out[i] = x[i] * x[i]);
        break;
    case UNARY_ABS:
        LOOP(out[i] = fabsf(x[i]));
        break;
    case UNARY_SIGN:
        LOOP(out[i] = x[i] > 0 ? 1.0f : x[i] < 0 ? -1.0f : 0.0f);
        break;
    case UNARY_RECIPROCAL:
        LOOP(out[i] = 1.0f / x[i]);
        break;
    case UNARY_GELU_TANH:
        LOOP_EXP(vm_gelu_tanh_exponent(x[i]), out[i] = vm_gelu_tanh(x[i], e));
        break;
    case UNARY_GELU_ERF:
        LOOP(out[i] = vm_gelu_erf(x[i]));
        break;
    default:
        LOOP_EXP(vm_silu_exponent(x[i]), out[i] = vm_silu(x[i], e));
        break;
    }
}

static void slope_range(int64_t kind, float *out, const float *d, const float *x, int64_t n)
{
    switch (kind) {
    case UNARY_NEG:
        LOOP(out[i] = -d[i]);
        break;
    case UNARY_EXP:
        LOOP(out[i] = d[i] * vm_exp(x[i]));
        break;
    case UNARY_LOG:
        LOOP(out[i] = d[i] / x[i]);
        break;
    case UNARY_SQRT:
        LOOP(out[i] = d[i] * 0.5f / sqrtf(x[i]));
        break;
    case UNARY_RSQRT:
        LOOP(out[i] = d[i] * -0.5f / (x[i] * sqrtf(x[i])));
        break;
    case UNARY_TANH:
        LOOP(out[i] = d[i] * vm_tanh_slope(x[i]));
        break;
    case UNARY_SIGMOID:
        LOOP(out[i] = d[i] * vm_sigmoid(x[i]) * vm_sigmoid(-x[i]));
        break;
    case UNARY_ERF:
        LOOP(out[i] = d[i] * 1.12837916709551257f * vm_exp(-x[i] * x[i]));
        break;
    case UNARY_RELU:
        LOOP(out[i] = x[i] > 0 ? d[i] : 0.0f);
        break;
    case UNARY_STEP:
    case UNARY_SIGN:
        LOOP(out[i] = 0.0f);
        break;
    case UNARY_SQUARE:
        LOOP(out[i] = d[i] * 2.0f * x[i]);
        break;
    case UNARY_ABS:
        LOOP(out[i] = x[i] > 0 ? d[i] : x[i] < 0 ? -d[i] : 0.0f);
        break;
    case UNARY_RECIPROCAL:
        LOOP(out[i] = -d[i] / (x[i] * x[i]));
        break;
    case UNARY_GELU_TANH:
        LOOP_EXP(vm_gelu_tanh_exponent(x[i]), out[i] = d[i] * vm_gelu_tanh_slope(x[i], e));
        break;
    case UNARY_GELU_ERF:
        LOOP_EXP(vm_gelu_erf_exponent(x[i]), out[i] = d[i] * vm_gelu_erf_slope(x[i], e));
        break;
    default:
        LOOP_EXP(vm_silu_exponent(x[i]), out[i] = d[i] * vm_silu_slope(x[i], e));
        break;
    }
}

static const int activation_kind[] = {
    [ACT_GELU_TANH] = UNARY_GELU_TANH, [ACT_GELU_ERF] = UNARY_GELU_ERF, [ACT_RELU] = UNARY_RELU,
    [ACT_TANH] = UNARY_TANH,           [ACT_SILU] = UNARY_SILU,
};

void cpu_activation(int64_t act, float *out, const float *x, int64_t n)
{
    if (act != ACT_NONE)
        unary_range(activation_kind[act], out, x, n);
    else if (out != x)
        memcpy(out, x, (size_t)n * sizeof *out);
}

void cpu_activation_backward(int64_t act, float *out, const float *d, const float *x, int64_t n)
{
    if (act != ACT_NONE)
        slope_range(activation_kind[act], out, d, x, n);
    else if (out != d)
        memcpy(out, d, (size_t)n * sizeof *out);
}

void cpu_to_bf16(uint16_t *out, const float *x, int64_t n)
{
    LOOP(out[i] = vm_bf16(x[i]));
}

static int32_t unary(op_call *c)
{
    int64_t n = c->out[0].count;
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
        if (lo < hi)
            unary_range(c->i[0], (float *)c->out[0].data + lo, (const float *)c->in[0].data + lo,
                        hi - lo);
    }
    return 0;
}

/* dout, a -> da */
static int32_t unary_backward(op_call *c)
{
    int64_t n = c->out[0].count;
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
        if (lo < hi)
            slope_range(c->i[0], (float *)c->out[0].data + lo, (const float *)c->in[0].data + lo,
                        (const float *)c->in[1].data + lo, hi - lo);
    }
    return 0;
}

static int32_t affine(op_call *c)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data, scale = (float)c->f[0], shift = (float)c->f[1];
    int64_t n = c->out[0].count;
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
#pragma omp simd
        for (int64_t i = lo; i < hi; i++)
            out[i] = a[i] * scale + shift;
    }
    return 0;
}

/* --- binary -------------------------------------------------------------------------------- */

/* One run of n elements; sa, sb are 1, or 0 for a repeated scalar. */
static void binary_run(int32_t kind, float *out, const float *a, int64_t sa, const float *b,
                       int64_t sb, int64_t n)
{
#define BINARY(op)                    \
    if (sa && sb)                     \
        LOOP(out[i] = a[i] op b[i]);  \
    else if (sa) {                    \
        float s = *b;                 \
        LOOP(out[i] = a[i] op s);     \
    } else {                          \
        float s = *a;                 \
        if (sb)                       \
            LOOP(out[i] = s op b[i]); \
        else {                        \
            float r = s op * b;       \
            LOOP(out[i] = r);         \
        }                             \
    }
    switch (kind) {
    case OP_ADD:
        BINARY(+) break;
    case OP_SUB:
        BINARY(-) break;
    case OP_MUL:
        BINARY(*) break;
    default:
        BINARY(/) break;
    }
#undef BINARY
}

/* out cut into runs along which each operand is either contiguous or one element. */
typedef struct runs {
    int ndim; /* axes before the run */
    int64_t shape[TENSOR_MAX_DIMS], a[TENSOR_MAX_DIMS], b[TENSOR_MAX_DIMS]; /* strides */
    int64_t length, sa, sb;                                                 /* of the run */
} runs;

static void strides_of(const tensor *t, int64_t *strides)
{
    int64_t step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        strides[d] = t->shape[d] == 1 ? 0 : step;
        step *= t->shape[d];
    }
}

static runs runs_of(const tensor *a, const tensor *b, const tensor *out)
{
    runs r = {.ndim = out->ndim, .length = 1};
    strides_of(a, r.a);
    strides_of(b, r.b);
    for (int d = 0; d < out->ndim; d++)
        r.shape[d] = out->shape[d];
    int64_t at_a = 1, at_b = 1; /* contiguous stride of the next axis */
    bool first = true;
    while (r.ndim > 0) {
        int d = r.ndim - 1;
        if (r.shape[d] != 1) {
            int64_t sa = r.a[d] != 0, sb = r.b[d] != 0;
            if (!first && (sa != r.sa || sb != r.sb))
                break;
            if ((sa && r.a[d] != at_a) || (sb && r.b[d] != at_b))
                break;
            r.sa = sa;
            r.sb = sb;
            first = false;
            r.length *= r.shape[d];
            at_a = sa ? at_a * r.shape[d] : at_a;
            at_b = sb ? at_b * r.shape[d] : at_b;
        }
        r.ndim--;
    }
    if (first)
        r.sa = r.sb = 1;
    return r;
}

static void run_at(const runs *r, int64_t index, int64_t *at_a, int64_t *at_b)
{
    *at_a = *at_b = 0;
    for (int d = r->ndim - 1; d >= 0; d--) {
        int64_t i = index % r->shape[d];
        index /= r->shape[d];
        *at_a += i * r->a[d];
        *at_b += i * r->b[d];
    }
}

/* a, b -> out, all of out's ndim, extents out's or 1. */
static int32_t binary(op_call *c)
{
    const float *a = c->in[0].data, *b = c->in[1].data;
    float *out = c->out[0].data;
    int64_t n = c->out[0].count;
    if (n == 0)
        return 0;
    runs r = runs_of(&c->in[0], &c->in[1], &c->out[0]);
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
        while (lo < hi) {
            int64_t index = lo / r.length, inside = lo - index * r.length, at_a, at_b;
            int64_t end = (index + 1) * r.length < hi ? (index + 1) * r.length : hi;
            run_at(&r, index, &at_a, &at_b);
            binary_run(c->kind, out + lo, a + at_a + inside * r.sa, r.sa, b + at_b + inside * r.sb,
                       r.sb, end - lo);
            lo = end;
        }
    }
    return 0;
}

/* --- dropout ------------------------------------------------------------------------------- */

enum { DROPOUT_BLOCKS = 64 };

/* The four words of blocks first .. first + DROPOUT_BLOCKS, element order. */
static void philox_words(const philox *p, int64_t first, uint32_t *words)
{
#pragma omp simd
    for (int64_t i = 0; i < DROPOUT_BLOCKS; i++) {
        uint32_t w[4];
        philox_block(p, (uint64_t)(first + i), w);
        words[4 * i] = w[0];
        words[4 * i + 1] = w[1];
        words[4 * i + 2] = w[2];
        words[4 * i + 3] = w[3];
    }
}

/* What a rate of 0 makes: drawing words that all let pass cost a quarter of a small step. */
static void copy_floats(const op_call *c, float *out, const float *a, int64_t n)
{
#pragma omp parallel num_threads(cpu_team(c, n))
    {
        int64_t lo, hi;
        cpu_share(n, 64, &lo, &hi);
        if (lo < hi)
            memcpy(out + lo, a + lo, (size_t)(hi - lo) * sizeof *out);
    }
}

/* Inverted dropout (Srivastava et al. 2014): element i uses word i of the call's stream. */
static int32_t dropout(op_call *c)
{
    const float *a = c->in[0].data;
    float *out = c->out[0].data;
    int64_t n = c->out[0].count;
    double rate = c->settings->dropout;
    if (rate <= 0) {
        copy_floats(c, out, a, n);
        return 0;
    }
    uint64_t threshold = (uint64_t)ceil(rate * 0x1p32); /* word / 2^32 >= rate, exactly */
    float scale = (float)(1 / (1 - rate));
    philox stream = philox_make(c->settings->seed, (uint64_t)c->i[0]);
    int64_t first = graph_first_element(c->settings, n);
#pragma omp parallel num_threads(cpu_team(c, 8 * n))
    {
        uint32_t room[4 * DROPOUT_BLOCKS + 4]; /* a shared batch may begin inside a block */
        const uint32_t *words = room + first % 4;
        int64_t lo, hi;
        cpu_share(n, 4 * DROPOUT_BLOCKS, &lo, &hi);
        for (; lo < hi; lo += 4 * DROPOUT_BLOCKS) {
            int64_t count = hi - lo < 4 * DROPOUT_BLOCKS ? hi - lo : 4 * DROPOUT_BLOCKS;
            philox_words(&stream, (first + lo) / 4, room);
            if (first % 4)
                philox_block(&stream, (uint64_t)((first + lo) / 4 + DROPOUT_BLOCKS),
                             room + 4 * DROPOUT_BLOCKS);
#pragma omp simd
            for (int64_t i = 0; i < count; i++)
                out[lo + i] = words[i] >= threshold ? a[lo + i] * scale : 0.0f;
        }
    }
    return 0;
}

void cpu_elementwise_kernels(op_kernel *k)
{
    k[OP_ADD].run = binary;
    k[OP_SUB].run = binary;
    k[OP_MUL].run = binary;
    k[OP_DIV].run = binary;
    k[OP_UNARY].run = unary;
    k[OP_UNARY_BACKWARD].run = unary_backward;
    k[OP_AFFINE].run = affine;
    k[OP_DROPOUT].run = dropout;
}
