/* MT19937: Matsumoto and Nishimura 1998, parameters of their reference implementation. */
#include "base/mt19937.h"

enum { N = 624, M = 397 };

void mt19937_init(mt19937 *g, uint32_t seed)
{
    g->state[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
    g->used = N;
}

static void refill(mt19937 *g)
{
    uint32_t *s = g->state;
    for (int i = 0; i < N; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7fffffffu);
        s[i] = s[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    g->used = 0;
}

uint32_t mt19937_next(mt19937 *g)
{
    if (g->used == N)
        refill(g);
    uint32_t y = g->state[g->used++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double mt19937_uniform(mt19937 *g)
{
    uint32_t high = mt19937_next(g) >> 5, low = mt19937_next(g) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

uint32_t mt19937_below(mt19937 *g, uint32_t most)
{
    uint32_t mask = most, x;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    if (most == 0)
        return 0;
    do
        x = mt19937_next(g) & mask;
    while (x > most);
    return x;
}

void mt19937_shuffle(mt19937 *g, int32_t *x, int32_t n)
{
    for (int32_t i = n - 1; i > 0; i--) {
        uint32_t j = mt19937_below(g, (uint32_t)i);
        int32_t t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}
