/* Growing array of token ids. */
#include "data/ids.h"

#include <stdlib.h>

void id_buffer_add(id_buffer *b, int32_t id)
{
    if (b->failed)
        return;
    if (b->count == b->capacity) {
        int64_t capacity = b->capacity ? 2 * b->capacity : 64;
        int32_t *data = realloc(b->data, (size_t)capacity * sizeof *data);
        if (!data) {
            b->failed = true;
            return;
        }
        b->data = data;
        b->capacity = capacity;
    }
    b->data[b->count++] = id;
}

void id_buffer_release(id_buffer *b)
{
    free(b->data);
    *b = (id_buffer){0};
}
