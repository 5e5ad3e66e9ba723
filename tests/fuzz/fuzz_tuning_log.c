/* libFuzzer: no bytes make the reader of tuning logs, or the plots made of them, crash. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "scoring/tuning_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tuning_log l;
    text_buffer t = {0};
    if (tuning_log_parse(&l, (const char *)data, size, "fuzz")) {
        if (!podium_error()[0])
            abort();
        return 0;
    }
    tuning_log_print(&t, &l);
    if (t.data && strstr(t.data, "<script"))
        abort();
    text_release(&t);
    tuning_log_release(&l);
    return 0;
}
