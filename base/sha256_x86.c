#include "base/sha256_x86.h"

#include <assert.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

bool sha256_x86_available(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1; /* SHA */
}

/* The instructions hold the state as (F, E, B, A) and (H, G, D, C), lowest lane first. */
__attribute__((target("sha,sse4.1,ssse3"))) void
sha256_x86_compress(uint32_t state[8], const uint8_t *data, size_t blocks, const uint32_t k[64])
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i *out = (__m128i *)(void *)state;
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(out), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(out + 1), 0x1B);
    __m128i feba = _mm_alignr_epi8(badc, hgfe, 8), hgdc = _mm_blend_epi16(hgfe, badc, 0xF0);
    for (; blocks > 0; blocks--, data += 64) {
        __m128i w[4], feba_before = feba, hgdc_before = hgdc;
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)),
                                    big_endian);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) { /* four rounds, then the words 16 rounds on */
            __m128i constants = _mm_loadu_si128((const __m128i *)(const void *)(k + 4 * i));
            __m128i sum = _mm_add_epi32(w[i % 4], constants);
            hgdc = _mm_sha256rnds2_epu32(hgdc, feba, sum);
            feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32(sum, 0x0E));
            __m128i last = w[(i + 3) % 4];
            __m128i next = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(last, w[(i + 2) % 4], 4));
            w[i % 4] = _mm_sha256msg2_epu32(next, last);
        }
        feba = _mm_add_epi32(feba, feba_before);
        hgdc = _mm_add_epi32(hgdc, hgdc_before);
    }
    __m128i abef = _mm_shuffle_epi32(feba, 0x1B), ghcd = _mm_shuffle_epi32(hgdc, 0xB1);
    _mm_storeu_si128(out, _mm_blend_epi16(abef, ghcd, 0xF0));
    _mm_storeu_si128(out + 1, _mm_alignr_epi8(ghcd, abef, 8));
}

#else

bool sha256_x86_available(void)
{
    return false;
}

void sha256_x86_compress(uint32_t state[8], const uint8_t *data, size_t blocks,
                         const uint32_t k[64])
{
    (void)state;
    (void)data;
    (void)blocks;
    (void)k;
    assert(!"no such instructions here");
}

#endif
