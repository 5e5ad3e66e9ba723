/* Data on first use: what a race needs and this machine can make is made before it starts. */
#ifndef CLI_PREPARE_H
#define CLI_PREPARE_H

#include <stdbool.h>
#include "workloads/workload.h"

/* *ready: everything that size `size` of `entry` reads is in the folder of data sets (`given`, or
 * NULL: the default one).  What is missing is made when `make` is set and apt alone makes it, in a
 * process of its own that says what it does; what is left missing is said on stderr.  Errors:
 * PODIUM_EINVAL the size; PODIUM_EIO making failed (a set that is not whole is not used, nor taken
 * for prepared). */
int32_t prepare_size(const workload_entry *entry, const char *size, const char *given, bool make,
                     bool *ready);

#endif
