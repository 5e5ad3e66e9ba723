/* libFuzzer: no vocabulary file crashes the reader; what it reads encodes and decodes any text, and
 * what is trained on a text gives it back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const bpe *b, const char *text, size_t length)
{
    id_buffer ids = {0};
    text_buffer back = {0};
    if (bpe_encode(b, text, length, &ids) < 0 || bpe_decode(b, ids.data, ids.count, &back) < 0 ||
        back.length != length || (length && memcmp(back.data, text, length)))
        abort();
    id_buffer_release(&ids);
    text_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *cut = size ? memchr(bytes, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - bytes) : size;
    bpe *b;
    if (bpe_parse(&b, bytes, first, "fuzz", NULL) == 0) {
        text_buffer again = {0};
        bpe *same;
        round_trip(b, bytes + first, size - first);
        if (bpe_write(b, "x", &again) < 0 ||
            bpe_parse(&same, again.data, again.length, "again", NULL) < 0 ||
            bpe_count(same) != bpe_count(b))
            abort();
        text_release(&again);
        bpe_close(same);
        bpe_close(b);
    }
    char *line = malloc(first + 1);
    if (!line)
        return 0;
    memcpy(line, bytes, first);
    line[first] = '\0';
    const char *lines[] = {line, line};
    if (bpe_train(&b, lines, 2, 20) < 0)
        abort();
    round_trip(b, bytes, size);
    bpe_close(b);
    free(line);
    return 0;
}
