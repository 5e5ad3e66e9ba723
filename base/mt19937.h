/* The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), used as NumPy's legacy RandomState
 * uses it: AlgoPerf's quasi-random points are defined by those streams.  Podium's own streams are
 * Philox (engine/philox.h). */
#ifndef BASE_MT19937_H
#define BASE_MT19937_H

#include <stdint.h>

typedef struct mt19937 {
    uint32_t state[624];
    int used; /* words of the state already given out */
} mt19937;

void mt19937_init(mt19937 *g, uint32_t seed);
uint32_t mt19937_next(mt19937 *g);
double mt19937_uniform(mt19937 *g);                      /* [0, 1), 53 bits */
uint32_t mt19937_below(mt19937 *g, uint32_t most);       /* 0 .. most, by masked rejection */
void mt19937_shuffle(mt19937 *g, int32_t *x, int32_t n); /* Fisher-Yates from the end */

#endif
