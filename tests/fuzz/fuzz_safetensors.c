/* libFuzzer: no bytes make the safetensors reader crash or point outside of the file. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "data/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    safetensors *s;
    if (safetensors_parse(&s, data, size, "fuzz"))
        return 0;
    double sum = 0; /* every element is read, so a bad offset trips the sanitizer */
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const safetensor *t = safetensors_item(s, i);
        for (int64_t k = 0; k < t->count; k++)
            sum += safetensor_number(t, k);
    }
    safetensors_close(s);
    return isnan(sum) ? -1 : 0; /* the reads are not optimised away */
}
