/* One vector register of floats, and what loops over whole registers need of it. */
#ifndef ENGINE_CPU_LANES_H
#define ENGINE_CPU_LANES_H

#include <stdint.h>
#include <string.h>
#include "engine/cpu/vmath.h"

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float lanes_at __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

VM_INLINE lanes lanes_load(const float *x)
{
    return *(const lanes_at *)x;
}

VM_INLINE void lanes_store(float *x, lanes v)
{
    *(lanes_at *)x = v;
}

/* a > b ? a : b, so that a NaN in b stays. */
VM_INLINE lanes lanes_max(lanes a, lanes b)
{
    float x[LANES], y[LANES];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
#pragma omp simd
    for (int i = 0; i < LANES; i++)
        x[i] = x[i] > y[i] ? x[i] : y[i];
    memcpy(&a, x, sizeof a);
    return a;
}

VM_INLINE lanes lanes_exp(lanes a)
{
    float x[LANES];
    memcpy(x, &a, sizeof x);
#pragma omp simd
    for (int i = 0; i < LANES; i++)
        x[i] = vm_exp(x[i]);
    memcpy(&a, x, sizeof a);
    return a;
}

typedef float quad __attribute__((vector_size(4 * sizeof(float))));

VM_INLINE float lanes_sum(lanes a)
{
    quad q[LANES / 4];
    memcpy(q, &a, sizeof q);
    for (int i = 1; i < LANES / 4; i++)
        q[0] += q[i];
    return (q[0][0] + q[0][2]) + (q[0][1] + q[0][3]);
}

VM_INLINE float lanes_highest(lanes a)
{
    float x[LANES];
    memcpy(x, &a, sizeof x);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            x[i] = x[i] > x[i + width] ? x[i] : x[i + width];
    return x[0];
}

#endif
