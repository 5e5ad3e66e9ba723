/* libFuzzer: no task file crashes its reader; labels are classes.  The first byte picks the layout.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "data/task_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int formats = 0;
    while (task_formats[formats].name)
        formats++;
    task_data d = {0};
    if (size)
        task_data_parse(&d, &task_formats[data[0] % formats], (const char *)data + 1, size - 1,
                        "f");
    for (int64_t i = 0; i < d.count; i++)
        if (d.examples[i].label >= d.class_count || !d.examples[i].first)
            abort();
    task_data_release(&d);
    return 0;
}
