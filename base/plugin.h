/* Shared objects of ours that are opened at run time, so that one binary runs where what they need
 * is absent: libpodium_NAME.so. */
#ifndef BASE_PLUGIN_H
#define BASE_PLUGIN_H

#include <stddef.h>
#include "base/status.h"

/* The path of libpodium_NAME.so into `out`: beside the executable in backends/, ../backends/ or
 * ../lib/podium/.  Errors: PODIUM_ENOTSUP naming the file and the folder it was looked for in. */
int32_t plugin_find(const char *name, char *out, size_t size);

#endif
