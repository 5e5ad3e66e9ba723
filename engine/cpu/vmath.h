/* Elementary functions in f32 without branches, so that `omp simd` loops over them become vector
 * code.  Relative error of exp and tanh below 2e-7, absolute error of erf below 5e-7
 * (tests/test_cpu_math.c).  NaN stays NaN. */
#ifndef ENGINE_CPU_VMATH_H
#define ENGINE_CPU_VMATH_H

#include <stdint.h>
#include <string.h>

#define VM_INLINE static inline __attribute__((always_inline))

VM_INLINE float vm_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

VM_INLINE uint32_t vm_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* e^x: x = n ln 2 + r, |r| <= ln 2 / 2, minimax polynomial of e^r (Cephes expf). Results below
 * 2^-125 are 0. */
VM_INLINE float vm_exp(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float c = x > 89.0f ? 89.0f : x; /* what is too low comes out as anything, and is 0 below */
    float t = c * 1.44269504088896341f + magic;
    float n = t - magic;
    float r = c - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^(n-1) * 2, as 2^128 is not a float. */
    float scale = vm_from_bits((vm_bits(t) - vm_bits(magic) + 126u) << 23);
    float y = p * scale * 2.0f;
    return x < -86.6f ? 0.0f : y;
}

VM_INLINE float vm_sigmoid(float x)
{
    return 1.0f / (1.0f + vm_exp(-x));
}

/* Cephes tanhf: an odd polynomial below 0.625, 1 - 2 / (e^2x + 1) above. */
VM_INLINE float vm_tanh(float x)
{
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float a = x < 0 ? -x : x;
    float big = 1.0f - 2.0f / (vm_exp(2.0f * a) + 1.0f);
    big = x < 0 ? -big : big;
    return a < 0.625f ? small : big;
}

/* A rational approximation on [-4, 4], +-1 beyond in f32 (the one Eigen uses). */
VM_INLINE float vm_erf(float x)
{
    float c = x > 4.0f ? 4.0f : x;
    c = c < -4.0f ? -4.0f : c;
    float z = c * c;
    float p = -2.72614225801306e-10f;
    p = p * z + 2.77068142495902e-08f;
    p = p * z - 2.10102402082508e-06f;
    p = p * z - 5.69250639462346e-05f;
    p = p * z - 7.34990630326855e-04f;
    p = p * z - 2.95459980854025e-03f;
    p = p * z - 1.60960333262415e-02f;
    float q = -1.45660718464996e-05f;
    q = q * z - 2.13374055278905e-04f;
    q = q * z - 1.68282697438203e-03f;
    q = q * z - 7.37332916720468e-03f;
    q = q * z - 1.42647390514189e-02f;
    return c * p / q;
}

/* Functions with an argument e take the exponential of their exponent, so that a kernel can have a
 * loop of its own for the exponentials: one whole chain of operations is too long for a processor
 * to see the next elements past it. */

VM_INLINE float vm_silu_exponent(float x)
{
    return -x;
}

VM_INLINE float vm_silu(float x, float e)
{
    return x / (1.0f + e);
}

/* s + x s (1 - s) factor of s = sigmoid, without the cancellation of 1 - s. */
VM_INLINE float vm_gate_slope(float x, float factor, float e)
{
    float s = 1.0f / (1.0f + e);
    float slope = e > 1e30f ? 0.0f : s * (e * s); /* no inf * 0 */
    return s + x * slope * factor;
}

VM_INLINE float vm_silu_slope(float x, float e)
{
    return vm_gate_slope(x, 1.0f, e);
}

/* 0.5 x (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
VM_INLINE float vm_gelu_tanh_exponent(float x)
{
    return -1.5957691216057308f * x * (1.0f + 0.044715f * x * x);
}

VM_INLINE float vm_gelu_tanh(float x, float e)
{
    return vm_silu(x, e);
}

VM_INLINE float vm_gelu_tanh_slope(float x, float e)
{
    return vm_gate_slope(x, 1.5957691216057308f * (1.0f + 0.134145f * x * x), e);
}

VM_INLINE float vm_gelu_erf(float x)
{
    return 0.5f * x * (1.0f + vm_erf(x * 0.70710678118654752f));
}

VM_INLINE float vm_gelu_erf_exponent(float x)
{
    return -0.5f * x * x;
}

VM_INLINE float vm_gelu_erf_slope(float x, float e)
{
    return 0.5f * (1.0f + vm_erf(x * 0.70710678118654752f)) + x * 0.39894228040143268f * e;
}

VM_INLINE float vm_tanh_slope(float x)
{
    float t = vm_tanh(x);
    return 1.0f - t * t;
}

/* Round to nearest even; NaN stays NaN. */
VM_INLINE uint16_t vm_bf16(float x)
{
    uint32_t bits = vm_bits(x);
    uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    return (uint16_t)(x != x ? 0x7FC0u : rounded);
}

#endif
