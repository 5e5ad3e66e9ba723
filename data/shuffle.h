/* Permutations from the counter-based generator: the same on every machine and rank. */
#ifndef DATA_SHUFFLE_H
#define DATA_SHUFFLE_H

#include <stdint.h>
#include "data/data_set.h"
#include "engine/philox.h"

/* Fisher-Yates with the words of one stream: out becomes a permutation of 0 .. n - 1, n < 2^32. */
static inline void shuffle_permute(int64_t n, philox stream, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = philox_below(&stream, (uint64_t)i, (uint32_t)i + 1);
        int64_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

/* Seed of the permutations of a secret relabelling. */
static inline uint64_t shuffle_secret(const data_key *key)
{
    return key->words[0] ^ philox_derive(key->words[1], 0);
}

#endif
