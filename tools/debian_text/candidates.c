/* Lists what a release's index files offer, one line each, for make.sh: "p HASH MD5 ENGLISH" for
 * every pair of sentences (lower-cased English, to drop repetitions) and "d MD5". usage: candidates
 * TRANSLATION-EN TRANSLATION-DE (unpacked) */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/debian_text.h"

static int32_t print_pair(void *context, const char *english, const char *german)
{
    char hash[13];
    debian_pair_hash(english, german, hash);
    printf("p %s %s ", hash, (const char *)context);
    for (; *english; english++)
        putchar(tolower((unsigned char)*english));
    putchar('\n');
    return 0;
}

static int32_t read_index(debian_text *d, int language, const char *path)
{
    char *text;
    size_t length;
    TRY(file_read(path, (size_t)1 << 30, &text, &length));
    int32_t rc = debian_text_parse(d, language, text, length, path);
    free(text);
    return rc;
}

int main(int argc, char **argv)
{
    debian_text d = {0};
    int32_t rc = argc == 3 ? 0 : podium_fail(PODIUM_EINVAL, "expected two index files");
    for (int k = 0; k < 2 && rc == 0; k++)
        rc = read_index(&d, k, argv[1 + k]);
    for (int32_t i = 0; i < d.english.count && rc == 0; i++) {
        size_t n;
        char md5[33];
        memcpy(md5, vocabulary_text(&d.english, i, &n), 32);
        md5[32] = '\0';
        printf("d %s\n", md5);
        rc = debian_text_pairs(&d, md5, print_pair, md5);
    }
    debian_text_release(&d);
    if (rc < 0)
        fprintf(stderr, "candidates: %s\n", podium_error());
    return rc < 0;
}
