/* libFuzzer: no bytes make the search-space reader crash; a space it accepts prints points that the
 * yaml reader takes back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "harness/search_space.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yaml_document *d = NULL, *point = NULL;
    search_space s;
    if (size > 160)
        return 0; /* escaped, a longer key is more than yaml allows for a plain one */
    if (yaml_parse(&d, (const char *)data, size, "fuzz") == 0 &&
        search_space_init(&s, yaml_root(d)) == 0) {
        for (int64_t i = 0; i < 3; i++) {
            text_buffer out = {0};
            if (search_space_print(&s, i, &out) == 0 &&
                (yaml_parse(&point, out.data, out.length, "point") != 0 ||
                 yaml_node_kind(yaml_root(point)) != YAML_MAP))
                abort();
            yaml_destroy(point);
            point = NULL;
            text_release(&out);
        }
        search_space_release(&s);
    }
    yaml_destroy(d);
    return 0;
}
