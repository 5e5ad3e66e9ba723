/* libFuzzer: no bytes make the reader of token ids crash, overrun or let a foreign id through. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "data/token_ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { VOCABULARY = 100 };
    id_lines l;
    if (id_lines_parse(&l, (const char *)data, size, VOCABULARY, "fuzz") == 0) {
        for (int64_t i = 0; i < l.start[l.count]; i++)
            if (l.data[i] < 1 || l.data[i] >= VOCABULARY)
                abort();
        for (int64_t i = 0; i < l.count; i++)
            if (l.start[i + 1] < l.start[i])
                abort();
    }
    id_lines_release(&l);
    return 0;
}
