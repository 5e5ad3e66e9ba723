/* Growing array of token ids, shared by the tokenizers. */
#ifndef DATA_IDS_H
#define DATA_IDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct id_buffer {
    int32_t *data; /* owned until id_buffer_release */
    int64_t count, capacity;
    bool failed; /* sticky: an allocation failed, later additions do nothing */
} id_buffer;
void id_buffer_add(id_buffer *b, int32_t id);
void id_buffer_release(id_buffer *b);

#endif
