/* libFuzzer: whatever the two texts, counts and scores stay in their ranges. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/bleu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const bleu_counts *c)
{
    for (int n = 0; n < BLEU_ORDER; n++) {
        int64_t room = c->hypothesis_length - n;
        if (c->matches[n] < 0 || c->matches[n] > c->totals[n] ||
            c->totals[n] != (room > 0 ? room : 0))
            abort();
    }
    for (int s = BLEU_NO_SMOOTHING; s <= BLEU_EXPONENTIAL; s++)
        for (int effective = 0; effective < 2; effective++) {
            double score = bleu_compute(c, s, 0.5, effective).score;
            if (!(score >= 0 && score <= 100.0001))
                abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *cut = size ? memchr(text, '|', size) : NULL;
    size_t first = cut ? (size_t)(cut - text) : size, rest = size - first;
    for (int lower = 0; lower < 2; lower++) {
        bleu_counts c = {0}, same = {0};
        if (bleu_add(&c, text, first, text + first, rest, lower) < 0 ||
            bleu_add(&same, text, size, text, size, lower) < 0)
            abort();
        check(&c);
        check(&same);
        if (same.matches[0] != same.totals[0])
            abort();
    }
    return 0;
}
