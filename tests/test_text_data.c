/* Text for a language model: windows, their order, relabelling, decoding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "data/text_data.h"
#include "tests/tap.h"

enum { LENGTH = 8 };
static char folder[] = "/tmp/text_data_XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    path_join(path, sizeof path, folder, name);
    file_write_atomic(path, text, strlen(text));
}

static text_data *open_set(const char *more, const data_key *key)
{
    char text[512];
    yaml_document *doc = NULL;
    text_data *d = NULL;
    snprintf(text, sizeof text, "{set: toy, path: %s, length: 8, merges: 4%s}", folder, more);
    if (!yaml_parse(&doc, text, strlen(text), "data"))
        text_data_open(&d, yaml_root(doc), "none", key);
    yaml_destroy(doc);
    return d;
}

static bool reads(const text_data *d, const int32_t *ids, int64_t n, const char *want)
{
    text_buffer b = {0};
    bool same = text_data_decode(d, ids, n, &b) == 0 && !strcmp(b.data ? b.data : "", want);
    if (!same)
        tap_diag("'%s', expected '%s'", b.data ? b.data : "", want);
    text_release(&b);
    return same;
}

int main(void)
{
    if (!mkdtemp(folder))
        return tap_skip_all("no temporary folder");
    put("train.en", "abab abab abab\nabab cdcd cdcd\nxyz\nabab abab\n");
    put("valid.en", "qrs\ntuvwxyz\n");
    text_data *d = open_set("", NULL);
    text_batch a;
    if (!ok(d != NULL, "a text opens: %s", d ? "" : podium_error()))
        return tap_done();
    ok(text_data_vocabulary(d) > 259 && text_data_vocabulary(d) <= 263, "its merges were learnt");
    ok(text_data_count(d, SPLIT_VALID) == 1 && text_data_eval(d, SPLIT_VALID, 0, 2, &a) == 0 &&
           a.count == 1 && reads(d, a.ids, LENGTH, "qrstuvw") && a.ids[3] == 2,
       "windows follow one another over the ends of lines, which are tokens");
    ok(a.labels[0] == a.ids[0] && a.labels[LENGTH] == -100 && a.ids[LENGTH] == 0,
       "labels are the ids; padding has none");
    int32_t first[2 * LENGTH];
    text_data_train(d, 3, 7, 2, 0, 2, &a);
    memcpy(first, a.ids, sizeof first);
    text_data_train(d, 3, 7, 2, 1, 1, &a);
    ok(!memcmp(a.ids, first + LENGTH, LENGTH * sizeof *first), "a part of a batch is that part");
    text_data_train(d, 3, 8, 2, 0, 2, &a);
    ok(memcmp(a.ids, first, sizeof first) != 0, "another step has other windows");
    text_data_close(d);

    const data_key key = {.enabled = true, .words = {1, 2}};
    text_data *plain = open_set("", NULL), *secret = open_set("", &key);
    text_data_eval(plain, SPLIT_VALID, 0, 1, &a);
    memcpy(first, a.ids, LENGTH * sizeof *first);
    text_data_eval(secret, SPLIT_VALID, 0, 1, &a);
    ok(memcmp(a.ids, first, LENGTH * sizeof *first) != 0 && a.ids[3] == 2 &&
           reads(secret, a.ids, LENGTH, "qrstuvw"),
       "a key gives other ids, the end its own, and they can be read back");
    text_data_close(plain);
    text_data_close(secret);
    put("train.ids", "3 4 5\n6 7\n3 4 5 6 7\n");
    put("valid.ids", "3 3 3 3 3\n7 7\n");
    put("vocabulary.vocab", "<pad>\t0\n<s>\t0\n</s>\t0\n\xE2\x96\x81"
                            "a\t0\nb\t0\nc\t0\nd\t0\ne\t0\n");
    text_data *made = open_set(", tokenizer: ids, train: train.ids, valid: valid.ids", NULL);
    ok(made && text_data_vocabulary(made) == 8 && !text_data_eval(made, SPLIT_VALID, 0, 1, &a) &&
           a.ids[4] == 3 && a.ids[5] == 2 && a.ids[7] == 7 &&
           reads(made, a.ids, LENGTH, "a a a a aee"),
       "ids of another tokenizer are read: %s", made ? "" : podium_error());
    text_data_close(made);
    put("valid.ids", "3 9\n");
    ok(!open_set(", tokenizer: ids, train: train.ids, valid: valid.ids", NULL) &&
           strstr(podium_error(), "valid.ids:1"),
       "an id past the vocabulary is refused with its line");
    put("valid.en", "q\n");
    ok(!open_set("", NULL) && strstr(podium_error(), "valid.en: 2 tokens"),
       "a text shorter than a window is refused");
    ok(!open_set(", train: ../x", NULL) && strstr(podium_error(), "no file name"),
       "a file elsewhere is refused");
    ok(!open_set(", train: absent", NULL) && strstr(podium_error(), "absent"),
       "a missing file is named");
    text_buffer all = {0};
    for (int i = 0; i < 41; i++)
        text_print(&all, "line%02d\n", i);
    put("whole.txt", all.data);
    text_release(&all);
    text_data *whole = open_set(", text: whole.txt", NULL);
    ok(whole && text_data_count(whole, SPLIT_VALID) > 0 && text_data_count(whole, SPLIT_TEST) > 0,
       "one text is cut in three: %s", whole ? "" : podium_error());
    if (whole) {
        ok(!text_data_eval(whole, SPLIT_VALID, 0, 1, &a) && reads(whole, a.ids, 3, "line37"),
           "its last twentieth but one is the validation split");
        ok(!text_data_eval(whole, SPLIT_TEST, 0, 1, &a) && reads(whole, a.ids, 3, "line39"),
           "its last twentieth is the test split");
        bool seen = false, trained = false;
        for (int64_t step = 0; step < 200; step++)
            if (!text_data_train(whole, 1, step, 1, 0, 1, &a)) {
                text_buffer b = {0};
                text_data_decode(whole, a.ids, LENGTH, &b);
                seen = seen || strstr(b.data, "37") || strstr(b.data, "39");
                trained = trained || strstr(b.data, "36");
                text_release(&b);
            }
        ok(trained && !seen, "neither is trained on, the line before them is");
    }
    text_data_close(whole);
    text_data *both = open_set(", text: whole.txt, train: absent, valid: absent", NULL);
    ok(both && !text_data_eval(both, SPLIT_VALID, 0, 1, &a) && reads(both, a.ids, 3, "line37"),
       "it stands in place of files that a size names");
    text_data_close(both);
    put("valid.en", "qrs\ntuvwxyz\n");
    text_data *none = open_set(", text: ''", NULL);
    ok(none && !text_data_eval(none, SPLIT_VALID, 0, 1, &a) &&
           reads(none, a.ids, LENGTH, "qrstuvw"),
       "an empty name takes it back");
    text_data_close(none);
    ok(!open_set(", text: ../whole.txt", NULL) && strstr(podium_error(), "data: text: "),
       "a text elsewhere is refused");
    put("short.txt", "a long first line of a text of only a few\n1\n2\n");
    ok(!open_set(", text: short.txt", NULL) && strstr(podium_error(), "short.txt: 3 lines"),
       "a text too short to be cut is refused");
    put("whole.ids",
        "3 4 5\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3\n3 3 3 3 3 3 3\n3 9\n");
    ok(!open_set(", tokenizer: ids, text: whole.ids", NULL) &&
           strstr(podium_error(), "whole.ids:20"),
       "an error names the line of the whole text: %s", podium_error());
    char path[256];
    unlink(path_join(path, sizeof path, folder, "train.en") ? folder : path);
    unlink(path_join(path, sizeof path, folder, "valid.en") ? folder : path);
    static const char *const more[] = {"train.ids", "valid.ids", "vocabulary.vocab",
                                       "whole.txt", "short.txt", "whole.ids"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        if (path_join(path, sizeof path, folder, more[i]) == 0)
            unlink(path);
    rmdir(folder);
    return tap_done();
}
