/* Finding a workload in the generated registry. */
#include "workloads/workload.h"

#include <string.h>

const workload_entry *workload_find(const char *name)
{
    for (const workload_entry *e = workload_registry; e->name; e++)
        if (!strcmp(e->name, name))
            return e;
    return NULL;
}
