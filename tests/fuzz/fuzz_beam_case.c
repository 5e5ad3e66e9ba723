/* Golden cases of beam search from anywhere: read or refused with a reason; what is read can be
 * searched and compared. */
#include <stdlib.h>
#include <string.h>

#include "harness/beam_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    beam_case c;
    podium_error_clear();
    if (beam_case_parse(&c, (const char *)data, size, "fuzz")) {
        if (!*podium_error())
            abort();
    } else {
        int64_t n = c.rows * c.search.beam;
        double sum = 0;
        if (c.rows < 1 || c.length < 1 || n < 1 || c.search.max_length < 1 || strchr(c.model, '/'))
            abort();
        for (int64_t i = 0; i < c.rows * c.length; i++)
            sum += c.ids[i];
        for (int64_t i = 0; i < n * c.search.max_length; i++)
            sum += c.want[i];
        for (int64_t i = 0; i < n; i++)
            sum += c.want_scores[i];
        if (sum > 0 && sum < 0)
            abort();
    }
    beam_case_release(&c);
    return 0;
}
