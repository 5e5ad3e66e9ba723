/* libFuzzer: no bytes make the record reader crash or hand out a record that breaks its promises.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "scoring/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const record *r)
{
    const char *texts[] = {r->submission,  r->submission_sha256, r->workload, r->size,  r->held_out,
                           r->fingerprint, r->data_id,           r->ruleset,  r->isa,   r->device,
                           r->precision,   r->sandbox,           r->cpu,      r->reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!texts[i] || strlen(texts[i]) > 1 << 30)
            abort();
    for (size_t i = 0; i < r->num_evaluations; i++) {
        const record_evaluation *e = &r->evaluations[i];
        if (strlen(e->hash) != 64 || e->step < 0)
            abort();
        for (int c = 0; c < CLOCK_COUNT; c++)
            if (!isfinite(e->clock[c]) || (i && e->clock[c] < e[-1].clock[c]))
                abort();
    }
    int64_t hit = record_hit(r);
    if (hit >= (int64_t)r->num_evaluations || (r->reached && hit < 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    record *r;
    if (record_parse(&r, (const char *)data, size, "fuzz") == 0)
        check(r);
    else if (r || !podium_error()[0])
        abort();
    record_destroy(r);
    return 0;
}
