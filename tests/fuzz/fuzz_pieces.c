/* libFuzzer: no vocabulary or line of ids crashes SentencePiece's readers; ids that are read
 * decode. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *cut = size ? memchr(bytes, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - bytes) : size;
    vocabulary v = {0};
    if (pieces_parse(&v, bytes, first, "fuzz") == 0 && cut) {
        char *line = calloc(1, size - first);
        id_buffer ids = {0};
        text_buffer text = {0};
        if (line)
            memcpy(line, bytes + first + 1, size - first - 1);
        if (line && pieces_ids(line, v.count, &ids) == 0 &&
            pieces_decode(&v, ids.data, ids.count, &text) < 0)
            abort();
        text_release(&text);
        id_buffer_release(&ids);
        free(line);
    }
    vocabulary_release(&v);
    return 0;
}
