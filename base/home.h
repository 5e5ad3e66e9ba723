/* Where Podium's own files are: submissions/, data/, ... of the tree or the installation. */
#ifndef BASE_HOME_H
#define BASE_HOME_H

#include <stddef.h>
#include "base/status.h"

/* The folder that holds `what` ("submissions", "data/sources.yaml": a file or a folder of ours):
 * $PODIUM_HOME, else the nearest folder above the executable that has it, or its share/podium.
 * Errors: PODIUM_EINVAL naming what was looked for and where. */
int32_t home_find(const char *what, char *out, size_t size);

/* The folder of data sets: `given` (may be NULL), else $PODIUM_DATA, else data/ of Podium's files.
 * Errors: PODIUM_EINVAL. */
int32_t home_data(const char *given, char *out, size_t size);

#endif
