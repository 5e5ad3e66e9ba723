/* libFuzzer: no bytes make the reader of AlgoPerf's eval_measurements.csv crash, or report a hit
 * that is none.  The first byte chooses the direction. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "scoring/algoperf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    algoperf_workload w = {.name = "w", .column = "validation/loss", .target = 0.5, .seconds = 100};
    algoperf_hit hit;
    if (!size)
        return 0;
    w.larger_is_better = data[0] & 1;
    char *copy = malloc(size); /* its own size: reading past it is seen */
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    if (algoperf_csv_hit(copy, size - 1, "fuzz", &w, &hit)) {
        if (!podium_error()[0])
            abort();
    } else if (hit.index >= hit.evaluations || hit.evaluations < 0 ||
               (hit.index >= 0 && !(hit.time >= 0 && hit.time <= w.seconds))) {
        abort();
    }
    free(copy);
    return 0;
}
