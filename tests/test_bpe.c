/* Byte pair encoding: what is merged, in which order, files, and that any text survives. */
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "data/bpe.h"
#include "data/pieces.h"
#include "tap.h"

static bool survives(const bpe *b, const char *text, size_t length)
{
    id_buffer ids = {0};
    text_buffer back = {0};
    bool same = bpe_encode(b, text, length, &ids) == 0 &&
                bpe_decode(b, ids.data, ids.count, &back) == 0 && back.length == length &&
                (length == 0 || !memcmp(back.data, text, length));
    id_buffer_release(&ids);
    text_release(&back);
    return same;
}

static void is_ids(const bpe *b, const char *text, const int32_t *want, int64_t count)
{
    id_buffer ids = {0};
    ok(bpe_encode(b, text, strlen(text), &ids) == 0 && ids.count == count &&
           !memcmp(ids.data, want, (size_t)count * sizeof *want),
       "'%s' has %lld tokens", text, (long long)count);
    id_buffer_release(&ids);
}

static void test_training(void)
{
    /* "lo" 5 times, then "low" 3; " l" never beats them; "er" and "es" twice: e-r comes first. */
    const char *lines[] = {"low low lower", "loes does", "lo er"};
    bpe *b;
    ok(bpe_train(&b, lines, 3, 3) == 0 && bpe_count(b) == BPE_FIRST_MERGE + 3, "three merges");
    const int32_t low[] = {BPE_FIRST_MERGE}, l = BPE_SPECIALS + 'l';
    text_buffer text = {0};
    ok(bpe_write(b, "note", &text) == 0 &&
           !strncmp(text.data, "podium-bpe 1 3 note\n111 114\n", 28),
       "the most frequent pair is first");
    is_ids(b, "lo", low, 1);
    is_ids(b, "l", &l, 1);
    bpe *again;
    const char *note;
    ok(bpe_parse(&again, text.data, text.length, "file", &note) == 0, "its file is read");
    is_text(note, "note", "with its note");
    text_buffer second = {0};
    ok(bpe_write(again, "note", &second) == 0 && !strcmp(text.data, second.data),
       "and written again the same");
    text_release(&text);
    text_release(&second);
    bpe_close(again);
    bpe_close(b);
    const char *once[] = {"abc"};
    ok(bpe_train(&b, once, 1, 10) == 0 && bpe_count(b) == BPE_FIRST_MERGE,
       "a pair that occurs once is no token");
    bpe_close(b);
    const char *tie[] = {"ba ba", "ab,ab"};
    ok(bpe_train(&b, tie, 2, 1) == 0 && bpe_write(b, "", &text) == 0, "equally frequent pairs");
    is_text(text.data, "podium-bpe 1 1 -\n100 101\n", "the smaller bytes win");
    text_release(&text);
    bpe_close(b);
}

/* A text of our own, long enough for some hundred merges. */
static void test_determinism(void)
{
    static const char *const words[] = {"package", "library", "the ", "contains", "für",
                                        "Dateien", "12.5",    "(x)",  "  two",    "development"};
    char *lines[500];
    for (int i = 0; i < 500; i++) {
        text_buffer b = {0};
        uint32_t state = (uint32_t)i * 2654435761u + 1;
        for (int k = 0; k < 12; k++) {
            state = state * 1664525u + 1013904223u;
            text_print(&b, "%s%s", k ? " " : "", words[state >> 16 & 7]);
        }
        lines[i] = b.data;
    }
    bpe *b;
    text_buffer text = {0};
    char sum[SHA256_HEX];
    ok(bpe_train(&b, (const char *const *)lines, 500, 60) == 0 && bpe_write(b, "", &text) == 0,
       "a larger text");
    sha256_of(text.data, text.length, sum);
    is_text(sum, "c533bb1f86e38d74a5df47fa00eeae1160977e4a851d06ba9731c25bd750dba3",
            "the same merges on every machine");
    ok(survives(b, lines[7], strlen(lines[7])), "a line of it");
    ok(survives(b, "\0\xFF\x80 \n\t  x  ", 11), "any bytes");
    ok(survives(b, "", 0), "no bytes");
    text_buffer out = {0};
    const int32_t ids[] = {0, 1, 2, BPE_SPECIALS + 'a', 100000};
    ok(bpe_decode(b, ids, 4, &out) == 0 && out.length == 1, "specials have no text");
    ok(bpe_decode(b, ids, 5, &out) == PODIUM_EINVAL, "refused: %s", podium_error());
    text_release(&out);
    text_release(&text);
    bpe_close(b);
    for (int i = 0; i < 500; i++)
        free(lines[i]);
}

static void test_damaged_files(void)
{
    static const char *const bad[] = {
        "",
        "podium-bpe 2 0 -\n",
        "podium-bpe 1 -1 -\n",
        "podium-bpe 1 1 -\n",
        "podium-bpe 1 1 -\n100\n",
        "podium-bpe 1 1 -\n100 259\n",
        "podium-bpe 1 1 -\n2 100\n",
        "podium-bpe 1 2 -\n100 101\n100 101\n",
        "podium-bpe 1 1 -\n100 101\n102 103\n",
        "podium-bpe 1 1 -\n100 101",
    };
    bpe *b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(bpe_parse(&b, bad[i], strlen(bad[i]), "f", NULL) == PODIUM_EINVAL && !b, "refused: %s",
           podium_error());
    ok(bpe_train(&b, NULL, 0, 70000) == PODIUM_EINVAL, "refused: %s", podium_error());
}

static void test_pieces(void)
{
    static const char file[] = "<pad>\t0\n<s>\t0\n</s>\t0\n\xE2\x96\x81the\t-1\n\xE2\x96\x81"
                               "cat\t-2\ns\t-3\n<0xC3>\t-4\n<0xA4>\t-4\n";
    vocabulary v = {0};
    id_buffer ids = {0};
    text_buffer text = {0};
    ok(pieces_parse(&v, file, sizeof file - 1, "p") == 0 && v.count == 8, "pieces are read");
    ok(pieces_ids("1 3  4 5 6 7 2", v.count, &ids) == 0 && ids.count == 7, "and a line of ids");
    ok(pieces_decode(&v, ids.data, ids.count, &text) == 0, "ids become text");
    is_text(text.data, "the cats\xC3\xA4", "spaces and bytes as the tool writes them");
    ok(pieces_ids("3 8", v.count, &ids) == PODIUM_EINVAL, "refused: %s", podium_error());
    ok(pieces_ids("3 x", v.count, &ids) == PODIUM_EINVAL, "refused: %s", podium_error());
    ok(pieces_ids("3,4", v.count, &ids) == PODIUM_EINVAL, "refused: %s", podium_error());
    vocabulary_release(&v);
    ok(pieces_parse(&v, "a\t1\na\t2\n", 8, "p") == PODIUM_EINVAL, "refused: %s", podium_error());
    vocabulary_release(&v);
    ok(pieces_parse(&v, "a 1\n", 4, "p") == PODIUM_EINVAL, "refused: %s", podium_error());
    vocabulary_release(&v);
    id_buffer_release(&ids);
    text_release(&text);
}

int main(void)
{
    test_training();
    test_determinism();
    test_damaged_files();
    test_pieces();
    return tap_done();
}
