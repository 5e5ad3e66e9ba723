/* Golden model cases from anywhere: read or refused with a reason; of what is read the model opens
 * its configuration or refuses it too. */
#include <stdlib.h>
#include <string.h>

#include "harness/parity_case.h"
#include "workloads/workload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the reader promises of a list of names. */
static void check_names(const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) if (!json_string_length(item)) abort();
}

static void open_model(const json_t *root, const workload_entry *e)
{
    workload_task *task = NULL;
    if (!e->workload->open_case)
        return;
    podium_error_clear();
    int32_t rc = workload_open_case(&task, e->workload, json_object_get(root, "config"));
    if (rc && (task || !*podium_error()))
        abort();
    workload_close(e->workload, task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root;
    podium_error_clear();
    if (parity_case_parse(&root, (const char *)data, size, "fuzz")) {
        if (root || !*podium_error())
            abort();
        return 0;
    }
    const char *tensors = json_string_value(json_object_get(root, "tensors"));
    if (!tensors || strchr(tensors, '/'))
        abort();
    check_names(json_object_get(root, "inputs"));
    check_names(json_object_get(root, "parameters"));
    /* Every model's reader, whichever the case names: a hostile case may pair any two. */
    for (const workload_entry *e = workload_registry; e->name; e++)
        open_model(root, e);
    json_decref(root);
    return 0;
}
