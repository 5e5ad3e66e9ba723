/* Categorical draws by inversion of the running sum. */
#include "engine/sample.h"

#include <math.h>
#include "engine/philox.h"

#define SAMPLE_STREAM 0x73616D706C65ULL /* far from the numbers of dropout calls */

static int32_t draw(const double *logits, int64_t classes, double u)
{
    double top = logits[0], sum = 0;
    int64_t last = 0;
    for (int64_t k = 1; k < classes; k++)
        top = logits[k] > top ? logits[k] : top;
    for (int64_t k = 0; k < classes; k++)
        sum += exp(logits[k] - top);
    double left = u * sum;
    for (int64_t k = 0; k < classes; k++) {
        double p = exp(logits[k] - top);
        if (left < p)
            return (int32_t)k;
        left -= p;
        if (p > 0)
            last = k; /* rounding may leave a rest: the last class that is possible */
    }
    return (int32_t)last;
}

void sample_rows(const double *logits, int64_t rows, int64_t classes, uint64_t seed, int64_t first,
                 int32_t *out)
{
    philox p = philox_make(seed, SAMPLE_STREAM);
    for (int64_t i = 0; i < rows; i++)
        out[i] = draw(logits + i * classes, classes, philox_uniform(&p, (uint64_t)(first + i)));
}
