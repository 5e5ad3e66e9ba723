/* libFuzzer: no index file crashes the reader or the alignment; pairs keep the filter's promises.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/debian_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int32_t check(void *context, const char *english, const char *german)
{
    (void)context;
    char hash[13];
    debian_pair_hash(english, german, hash);
    if (strlen(hash) != 12 || !strcmp(english, german) || strpbrk(english, "\t\n") ||
        strpbrk(german, "\t\n") || !strchr(english, ' '))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *cut = size ? memchr(text, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - text) : size, rest = cut ? first + 1 : size;
    debian_text d = {0};
    if (debian_text_parse(&d, 0, text, first, "fuzz") == 0 &&
        debian_text_parse(&d, 1, text + rest, size - rest, "fuzz") == 0)
        for (int32_t i = 0; i < d.english.count; i++) {
            size_t n;
            char md5[33] = "";
            memcpy(md5, vocabulary_text(&d.english, i, &n), 32);
            if (debian_text_pairs(&d, md5, check, NULL) < 0)
                abort();
        }
    debian_text_release(&d);
    return 0;
}
