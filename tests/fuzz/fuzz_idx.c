/* libFuzzer: no bytes make the IDX parser crash, overrun or accept a wrong size. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    idx_array a;
    if (idx_parse(&a, data, size, "fuzz") == 0) {
        int64_t count = 1;
        for (int d = 0; d < a.ndim; d++)
            count *= a.shape[d];
        if (count != a.count || (size_t)count + 4 + 4 * (size_t)a.ndim != size)
            abort();
        if (idx_check_labels(&a, a.shape[0], 256, "fuzz") < 0 && a.ndim == 1)
            abort();
    }
    idx_release(&a);
    return 0;
}
