/* Elementwise kernels: binary ops with broadcasting, unary functions and their slopes, affine. */
#include "engine/ref/ref.h"

#include <math.h>
#include "engine/ops.h"

static const double sqrt_half = 0.70710678118654752440;
static const double inv_sqrt_2pi = 0.39894228040143267794;
static const double two_over_sqrt_pi = 1.12837916709551257390;
static const double sqrt_2_over_pi = 0.79788456080286535588;
static const double gelu_cubic = 0.044715; /* Hendrycks & Gimpel 2016, section 2 */

static double sigmoid(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

static double gelu_tanh_slope(double x)
{
    double t = tanh(sqrt_2_over_pi * (x + gelu_cubic * x * x * x));
    double du = sqrt_2_over_pi * (1 + 3 * gelu_cubic * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du;
}

static double gelu_erf_slope(double x)
{
    return 0.5 * (1 + erf(x * sqrt_half)) + x * inv_sqrt_2pi * exp(-0.5 * x * x);
}

double ref_unary(int64_t kind, double x)
{
    switch (kind) {
    case UNARY_NEG:
        return -x;
    case UNARY_EXP:
        return exp(x);
    case UNARY_LOG:
        return log(x);
    case UNARY_SQRT:
        return sqrt(x);
    case UNARY_RSQRT:
        return 1 / sqrt(x);
    case UNARY_TANH:
        return tanh(x);
    case UNARY_SIGMOID:
        return sigmoid(x);
    case UNARY_ERF:
        return erf(x);
    case UNARY_RELU:
        return x > 0 ? x : 0;
    case UNARY_STEP:
        return x > 0;
    case UNARY_SQUARE:
        return x * x;
    case UNARY_ABS:
        return fabs(x);
    case UNARY_SIGN:
        return sign(x);
    case UNARY_RECIPROCAL:
        return 1 / x;
    case UNARY_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt_2_over_pi * (x + gelu_cubic * x * x * x)));
    case UNARY_GELU_ERF:
        return 0.5 * x * (1 + erf(x * sqrt_half));
    case UNARY_SILU:
        return x * sigmoid(x);
    default:
        return NAN;
    }
}

double ref_unary_slope(int64_t kind, double x)
{
    double s;
    switch (kind) {
    case UNARY_NEG:
        return -1;
    case UNARY_EXP:
        return exp(x);
    case UNARY_LOG:
        return 1 / x;
    case UNARY_SQRT:
        return 0.5 / sqrt(x);
    case UNARY_RSQRT:
        return -0.5 / (x * sqrt(x));
    case UNARY_TANH:
        s = tanh(x);
        return 1 - s * s;
    case UNARY_SIGMOID:
        s = sigmoid(x);
        return s * (1 - s);
    case UNARY_ERF:
        return two_over_sqrt_pi * exp(-x * x);
    case UNARY_RELU:
        return x > 0;
    case UNARY_STEP:
    case UNARY_SIGN:
        return 0;
    case UNARY_SQUARE:
        return 2 * x;
    case UNARY_ABS:
        return sign(x);
    case UNARY_RECIPROCAL:
        return -1 / (x * x);
    case UNARY_GELU_TANH:
        return gelu_tanh_slope(x);
    case UNARY_GELU_ERF:
        return gelu_erf_slope(x);
    case UNARY_SILU:
        s = sigmoid(x);
        return s * (1 + x * (1 - s));
    default:
        return NAN;
    }
}

static const int activation_kind[] = {
    [ACT_GELU_TANH] = UNARY_GELU_TANH, [ACT_GELU_ERF] = UNARY_GELU_ERF, [ACT_RELU] = UNARY_RELU,
    [ACT_TANH] = UNARY_TANH,           [ACT_SILU] = UNARY_SILU,
};

double ref_activation(int64_t act, double x)
{
    return act == ACT_NONE ? x : ref_unary(activation_kind[act], x);
}

double ref_activation_slope(int64_t act, double x)
{
    return act == ACT_NONE ? 1 : ref_unary_slope(activation_kind[act], x);
}

void ref_broadcast_strides(const tensor *t, int64_t *strides)
{
    int64_t step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        strides[d] = t->shape[d] == 1 ? 0 : step;
        step *= t->shape[d];
    }
}

void ref_advance(int ndim, const int64_t *shape, const int64_t *strides, int64_t *index,
                 int64_t *offset)
{
    for (int d = ndim - 1; d >= 0; d--) {
        *offset += strides[d];
        if (++index[d] < shape[d])
            return;
        *offset -= strides[d] * shape[d];
        index[d] = 0;
    }
}

static double apply(int32_t kind, double a, double b)
{
    switch (kind) {
    case OP_ADD:
        return a + b;
    case OP_SUB:
        return a - b;
    case OP_MUL:
        return a * b;
    default:
        return a / b;
    }
}

/* a, b -> out, all of out's ndim, extents out's or 1. */
static int32_t binary(op_call *c)
{
    const double *a = c->in[0].data, *b = c->in[1].data;
    double *out = c->out[0].data;
    const tensor *o = &c->out[0];
    int64_t sa[TENSOR_MAX_DIMS], sb[TENSOR_MAX_DIMS];
    int64_t ia[TENSOR_MAX_DIMS] = {0}, ib[TENSOR_MAX_DIMS] = {0}, at_a = 0, at_b = 0;
    ref_broadcast_strides(&c->in[0], sa);
    ref_broadcast_strides(&c->in[1], sb);
    for (int64_t i = 0; i < o->count; i++) {
        out[i] = apply(c->kind, a[at_a], b[at_b]);
        ref_advance(o->ndim, o->shape, sa, ia, &at_a);
        ref_advance(o->ndim, o->shape, sb, ib, &at_b);
    }
    return 0;
}

static int32_t unary(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = ref_unary(c->i[0], a[i]);
    return 0;
}

/* dout, a -> da */
static int32_t unary_backward(op_call *c)
{
    const double *dout = c->in[0].data, *a = c->in[1].data;
    double *da = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++)
        da[i] = dout[i] * ref_unary_slope(c->i[0], a[i]);
    return 0;
}

static int32_t affine(op_call *c)
{
    const double *a = c->in[0].data;
    double *out = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++)
        out[i] = c->f[0] * a[i] + c->f[1];
    return 0;
}

void ref_elementwise_kernels(op_kernel *k)
{
    k[OP_ADD].run = binary;
    k[OP_SUB].run = binary;
    k[OP_MUL].run = binary;
    k[OP_DIV].run = binary;
    k[OP_UNARY].run = unary;
    k[OP_UNARY_BACKWARD].run = unary_backward;
    k[OP_AFFINE].run = affine;
}
