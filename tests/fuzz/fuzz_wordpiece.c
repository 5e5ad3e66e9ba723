/* libFuzzer: no vocabulary crashes the readers, no text crashes the encoder, ids are in range.  The
 * input: '{' starts a tokenizer.json, anything else a vocab.txt; after a zero byte the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *cut = size ? memchr(bytes, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - bytes) : size, text = cut ? first + 1 : size;
    wordpiece *w;
    int32_t rc = size && bytes[0] == '{' ? wordpiece_from_json(&w, bytes, first, "fuzz")
                                         : wordpiece_from_vocab(&w, bytes, first, size & 1, "fuzz");
    if (rc < 0)
        return 0;
    id_buffer ids = {0};
    if (wordpiece_encode(w, bytes + text, size - text, &ids) < 0)
        abort();
    for (int64_t i = 0; i < ids.count; i++)
        if (!wordpiece_token(w, ids.data[i], NULL))
            abort();
    id_buffer_release(&ids);
    wordpiece_close(w);
    return 0;
}
