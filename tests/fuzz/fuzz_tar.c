/* libFuzzer: no bytes make the archive reader crash, or hand out a file that is not within. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tar_reader r = {.data = (const char *)data, .length = size};
    int32_t rc;
    while ((rc = tar_next(&r, "fuzz")) > 0) {
        if (r.content < r.data || r.size > size || r.content + r.size > r.data + size)
            abort();
        if (!r.name[0] || r.name[0] == '/' || strstr(r.name, "/../"))
            abort();
    }
    if (rc < 0 && !podium_error()[0])
        abort();
    return 0;
}
