/* Whether what a size of a workload reads has been prepared, and what prepares it. */
#ifndef HARNESS_PREPARATION_H
#define HARNESS_PREPARATION_H

#include <stdbool.h>
#include "base/text.h"
#include "workloads/workload.h"

typedef struct preparation {
    text_buffer missing;  /* names of what is not there, "" when all is */
    text_buffer commands; /* "podium data NAME && ...", "" when there is none */
    text_buffer by_hand;  /* names that no command brings */
    bool apt_alone;       /* something is missing, and all of it is made with apt in seconds */
} preparation;

/* Looks for the data set and the pretrained network that size `size` of `entry` names in the folder
 * of data sets: `given` (a --data option), or NULL for the default one.  Only whether they are
 * there is looked at; whether they are whole `podium data` says.  Release also after a failure.
 * Errors: PODIUM_EINVAL an unknown size. */
int32_t preparation_init(preparation *p, const workload_entry *entry, const char *size,
                         const char *given);
void preparation_release(preparation *p);
bool preparation_is_done(const preparation *p);
/* "NAMES: `podium data ...`, then place NAME by hand", what applies of it, into `out`. */
void preparation_print(const preparation *p, text_buffer *out);

#endif
