/* The distribution's descriptions: stanzas, alignment, hashes, and the set a manifest chooses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "data/debian_text.h"
#include "data/text_lines.h"
#include "tap.h"

#define MD5_A "00112233445566778899aabbccddeeff"
#define MD5_B "ffeeddccbbaa99887766554433221100"

static const char english[] =
    "Package: alpha\nDescription-md5: " MD5_A "\nDescription-en: tool for alpha work\n"
    " Alpha is a tool. It does\n the work of Omega.\n .\n"
    " It has two parts:\n  * first part here\n  * second part here\n .\n One more paragraph.\n\n"
    "Package: beta\nDescription-md5: " MD5_B "\nDescription-en: library\n Beta text goes here.\n\n";
static const char german[] =
    "Package: alpha\nDescription-md5: " MD5_A "\nDescription-de: Werkzeug f\xC3\xBCr Alpha\n"
    " Alpha ist ein Werkzeug.  \xC3\x84hnlich arbeitet Omega nicht.\n .\n"
    " Es hat zwei Teile:\n  * erster Teil hier\n  * zweiter Teil hier\n .\n Noch ein Absatz.\n";

static int32_t add(void *context, const char *en, const char *de)
{
    text_print(context, "%s = %s\n", en, de);
    return 0;
}

static void test_alignment(const debian_text *d)
{
    text_buffer got = {0};
    ok(debian_text_pairs(d, MD5_A, add, &got) == 0, "a description is aligned");
    is_text(got.data,
            "tool for alpha work = Werkzeug f\xC3\xBCr Alpha\n"
            "Alpha is a tool. = Alpha ist ein Werkzeug.\n"
            "It does the work of Omega. = \xC3\x84hnlich arbeitet Omega nicht.\n"
            "It has two parts: = Es hat zwei Teile:\n"
            "* first part here = * erster Teil hier\n"
            "* second part here = * zweiter Teil hier\n"
            "One more paragraph. = Noch ein Absatz.\n",
            "sentence by sentence");
    text_release(&got);
    got = (text_buffer){0};
    ok(debian_text_pairs(d, MD5_B, add, &got) == 0 && got.length == 0, "no translation, no pairs");
    text_release(&got);
}

/* Contents of a file that was written. */
static void is_file(const char *folder, const char *name, const char *want)
{
    char path[256], *text = NULL;
    size_t length;
    if (path_join(path, sizeof path, folder, name) < 0 ||
        file_read(path, 1 << 20, &text, &length) < 0)
        tap_diag("%s", podium_error());
    is_text(text ? text : "(absent)", want, "%s", name);
    free(text);
}

static void test_set(const debian_text *d)
{
    char folder[] = "/tmp/podium-debian-XXXXXX", manifest[64], command[128], hash[13];
    if (!mkdtemp(folder)) {
        tap_skip(1, "no folder for the files");
        return;
    }
    text_buffer b = {0};
    debian_counts n;
    snprintf(manifest, sizeof manifest, "%s/manifest", folder);
    debian_pair_hash("One more paragraph.", "Noch ein Absatz.", hash);
    text_print(&b, "p t %s\np v 000000000000\n", hash);
    debian_pair_hash("Alpha is a tool.", "Alpha ist ein Werkzeug.", hash);
    text_print(&b, "p t %s\nd e 001122334455 utils 7\n", hash);
    file_write_atomic(manifest, b.data, b.length);
    ok(debian_text_write(d, manifest, folder, &n) == 0, "the set is written: %s", podium_error());
    ok(n.pairs == 2 && n.wanted_pairs == 3 && n.descriptions == 1 && n.wanted_descriptions == 1,
       "what was found is counted");
    is_file(folder, "train.de", "Noch ein Absatz.\nAlpha ist ein Werkzeug.\n");
    is_file(folder, "train.en", "One more paragraph.\nAlpha is a tool.\n");
    is_file(folder, "valid.en", "");
    is_file(folder, "descriptions-test.tsv",
            "utils\t7\ttool for alpha work\tAlpha is a tool. It does the work of Omega. It has two "
            "parts: * first part here * second part here One more paragraph.\n");
    static const char *const bad[] = {
        "p t 00\n",           "x t 000000000000\n",      "p q 000000000000\n",
        "d t 000000000000\n", "p t 000000000000 more\n", "p t 000000000000\np v 000000000000\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file_write_atomic(manifest, bad[i], strlen(bad[i]));
        ok(debian_text_write(d, manifest, folder, &n) == PODIUM_EINVAL, "refused: %s",
           podium_error());
    }
    file_write_atomic(manifest, "p t 000000000000\n", 17);
    ok(debian_text_write(d, manifest, folder, &n) == PODIUM_EIO, "refused: %s", podium_error());
    text_release(&b);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0)
        tap_diag("%s stays", folder);
}

int main(void)
{
    debian_text d = {0};
    ok(debian_text_parse(&d, 0, english, sizeof english - 1, "en") == 0 && d.english.count == 2,
       "English stanzas");
    ok(debian_text_parse(&d, 1, german, sizeof german - 1, "de") == 0 && d.german.count == 1,
       "German ones, the last without an empty line");
    test_alignment(&d);
    test_set(&d);
    static const char lost[] = "Package: x\nDescription-en: no sum\n\n";
    ok(debian_text_parse(&d, 0, lost, sizeof lost - 1, "en") == PODIUM_EINVAL, "refused: %s",
       podium_error());
    debian_text_release(&d);
    return tap_done();
}
