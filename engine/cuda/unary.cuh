/* Unary functions and their slopes, in f32 (ops.h says which). */
#ifndef ENGINE_CUDA_UNARY_CUH
#define ENGINE_CUDA_UNARY_CUH

#include "engine/cuda/gpu.h"

static __device__ inline float unary_sigmoid(float x)
{
    return x >= 0 ? 1 / (1 + expf(-x)) : expf(x) / (1 + expf(x));
}

static __device__ inline float unary_sign(float x)
{
    return (float)(x > 0) - (float)(x < 0);
}

static __device__ inline float unary_value(int kind, float x)
{
    const float root = 0.797884560802865356F; /* sqrt(2 / pi) */
    switch (kind) {
    case UNARY_NEG:
        return -x;
    case UNARY_EXP:
        return expf(x);
    case UNARY_LOG:
        return logf(x);
    case UNARY_SQRT:
        return sqrtf(x);
    case UNARY_RSQRT:
        return 1 / sqrtf(x);
    case UNARY_TANH:
        return tanhf(x);
    case UNARY_SIGMOID:
        return unary_sigmoid(x);
    case UNARY_ERF:
        return erff(x);
    case UNARY_RELU:
        return x > 0 ? x : 0;
    case UNARY_STEP:
        return (float)(x > 0);
    case UNARY_SQUARE:
        return x * x;
    case UNARY_ABS:
        return fabsf(x);
    case UNARY_SIGN:
        return unary_sign(x);
    case UNARY_RECIPROCAL:
        return 1 / x;
    case UNARY_GELU_TANH:
        return 0.5F * x * (1 + tanhf(root * (x + 0.044715F * x * x * x)));
    case UNARY_GELU_ERF:
        return 0.5F * x * (1 + erff(x * 0.707106781186547524F));
    case UNARY_SILU:
        return x * unary_sigmoid(x);
    default:
        return nanf("");
    }
}

static __device__ inline float unary_slope(int kind, float x)
{
    const float root = 0.797884560802865356F;
    float s;
    switch (kind) {
    case UNARY_NEG:
        return -1;
    case UNARY_EXP:
        return expf(x);
    case UNARY_LOG:
        return 1 / x;
    case UNARY_SQRT:
        return 0.5F / sqrtf(x);
    case UNARY_RSQRT:
        return -0.5F / (x * sqrtf(x));
    case UNARY_TANH:
        s = tanhf(x);
        return 1 - s * s;
    case UNARY_SIGMOID:
        s = unary_sigmoid(x);
        return s * (1 - s);
    case UNARY_ERF:
        return 1.12837916709551257F * expf(-x * x);
    case UNARY_RELU:
        return (float)(x > 0);
    case UNARY_STEP:
    case UNARY_SIGN:
        return 0;
    case UNARY_SQUARE:
        return 2 * x;
    case UNARY_ABS:
        return unary_sign(x);
    case UNARY_RECIPROCAL:
        return -1 / (x * x);
    case UNARY_GELU_TANH:
        s = tanhf(root * (x + 0.044715F * x * x * x));
        return 0.5F * (1 + s) + 0.5F * x * (1 - s * s) * root * (1 + 3 * 0.044715F * x * x);
    case UNARY_GELU_ERF:
        return 0.5F * (1 + erff(x * 0.707106781186547524F)) +
               x * 0.398942280401432678F * expf(-0.5F * x * x);
    case UNARY_SILU:
        s = unary_sigmoid(x);
        return s * (1 + x * (1 - s));
    default:
        return nanf("");
    }
}

/* The unary_kind of an activation, -1: the identity. */
static inline int unary_of_activation(int64_t activation)
{
    switch (activation) {
    case ACT_GELU_TANH:
        return UNARY_GELU_TANH;
    case ACT_GELU_ERF:
        return UNARY_GELU_ERF;
    case ACT_RELU:
        return UNARY_RELU;
    case ACT_TANH:
        return UNARY_TANH;
    case ACT_SILU:
        return UNARY_SILU;
    default:
        return -1;
    }
}

#endif
