/* Golden optimizer files from anywhere: read or refused; what is read can be evaluated. */
#include <stdlib.h>

#include "harness/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    replay_case *c;
    if (replay_parse(&c, (const char *)data, size, "fuzz"))
        return 0;
    double *gradient = calloc((size_t)c->n, sizeof *gradient);
    double *scratch = calloc((size_t)c->classes + 1, sizeof *scratch);
    if (!gradient || !scratch)
        abort();
    for (int64_t t = 0; t < c->steps && t < 3; t++)
        replay_loss(c, t, c->start, gradient, scratch);
    free(gradient);
    free(scratch);
    replay_destroy(c);
    return 0;
}
