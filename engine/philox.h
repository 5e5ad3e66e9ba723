/* Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter
 * makes the number, so a stream is the same on every backend, thread count and rank count. */
#ifndef ENGINE_PHILOX_H
#define ENGINE_PHILOX_H

#include <math.h>
#include <stdint.h>

typedef struct philox {
    uint32_t key[2];
    uint32_t stream[2]; /* counter words 2 and 3 */
} philox;

static inline philox philox_make(uint64_t seed, uint64_t stream)
{
    return (philox){{(uint32_t)seed, (uint32_t)(seed >> 32)},
                    {(uint32_t)stream, (uint32_t)(stream >> 32)}};
}

/* Four 32-bit words of block `index` of the stream. */
static inline void philox_block(const philox *p, uint64_t index, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = p->stream[0], c3 = p->stream[1];
    uint32_t k0 = p->key[0], k1 = p->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0;
        uint64_t b = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Word i of the stream (word i % 4 of block i / 4). */
static inline uint32_t philox_word(const philox *p, uint64_t i)
{
    uint32_t block[4];
    philox_block(p, i / 4, block);
    return block[i % 4];
}

/* Uniform in [0, 1), 32 bits. */
static inline double philox_uniform(const philox *p, uint64_t i)
{
    return philox_word(p, i) * 0x1p-32;
}

/* Uniform integer in [0, n) by multiplication (bias below n / 2^32). */
static inline uint32_t philox_below(const philox *p, uint64_t i, uint32_t n)
{
    return (uint32_t)(((uint64_t)philox_word(p, i) * n) >> 32);
}

/* Standard normal i by Box-Muller, one word pair each: words 2i and 2i + 1. */
static inline double philox_normal(const philox *p, uint64_t i)
{
    double u = (philox_word(p, 2 * i) + 0.5) * 0x1p-32;
    double v = (philox_word(p, 2 * i + 1) + 0.5) * 0x1p-32;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925286766559 * v);
}

/* A 64-bit number derived from another and a purpose, order-independent (seeds of seeds). */
static inline uint64_t philox_derive(uint64_t seed, uint64_t purpose)
{
    uint32_t w[4];
    philox p = philox_make(seed, 0x706F6469756DULL);
    philox_block(&p, purpose, w);
    return (uint64_t)w[0] << 32 | w[1];
}

#endif
