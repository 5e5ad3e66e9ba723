/* The suite's summary: `podium list workloads --details`. */
#ifndef CLI_LIST_DETAILS_H
#define CLI_LIST_DETAILS_H

#include "base/status.h"

typedef enum { DETAILS_TEXT, DETAILS_JSON, DETAILS_MARKDOWN } details_format;

/* Prints every size and held-out variant of every workload.  results: the folder of records that
 * measured times come from, NULL: results/ of this tree; data: that of data sets, or NULL. */
int32_t list_details(details_format format, const char *results, const char *data);

#endif
