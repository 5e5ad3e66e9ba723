/* Parallel text on small files: filtering, batches, packing, shuffling, relabelling, decoding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/yaml.h"
#include "data/pair_data.h"
#include "tap.h"

#define PAIRS 40
static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[256];
    if (path_join(path, sizeof path, folder, name) < 0 ||
        file_write_atomic(path, text, strlen(text)) < 0)
        tap_diag("cannot write: %s", podium_error());
}

/* Pair i: i % 7 + 1 words; one pair is far too long. */
static void write_files(void)
{
    static const char *const names[] = {"train", "val", "test_2016_flickr"};
    for (int f = 0; f < 3; f++)
        for (int s = 0; s < 2; s++) {
            text_buffer b = {0};
            char name[64];
            for (int i = 0; i < (f ? 5 : PAIRS); i++)
                for (int k = 0, n = i == 3 ? 60 : i % 7 + 1; k < n; k++)
                    text_print(&b, "%c%c%s", (s ? 'a' : 'A') + i % 26, "xyz"[k % 3],
                               k + 1 < n ? " " : "\n");
            snprintf(name, sizeof name, "%s.%s", names[f], s ? "en" : "de");
            write_file(name, b.data);
            text_release(&b);
        }
}

static pair_data *open_set(const char *settings, const data_key *key)
{
    char text[512];
    yaml_document *d = NULL;
    pair_data *p = NULL;
    int n = snprintf(text, sizeof text, "{set: multi30k, path: %s%s}", folder, settings);
    int32_t rc = yaml_parse(&d, text, (size_t)n, "test");
    if (rc == 0)
        rc = pair_data_open(&p, yaml_root(d), "/nonexistent", key);
    if (rc == 0 && yaml_finish(yaml_root(d)) < 0)
        tap_diag("%s", podium_error());
    yaml_destroy(d);
    return p;
}

/* Text of a row of targets. */
static void is_row(const pair_data *d, const int32_t *row, int64_t n, const char *want,
                   const char *what)
{
    text_buffer b = {0};
    ok(pair_data_decode(d, row, n, &b) == 0, "%s: decodes", what);
    is_text(b.data ? b.data : "", want, "%s", what);
    text_release(&b);
}

static void test_padded(void)
{
    pair_data *d = open_set(", merges: 20, source_length: 24, target_length: 22, valid: 4", NULL);
    pair_batch b;
    ok(d != NULL, "a set opens: %s", podium_error());
    ok(pair_data_count(d, SPLIT_TRAIN) == PAIRS - 1 && pair_data_count(d, SPLIT_VALID) == 4,
       "pairs that are too long are left out of both splits");
    ok(!strncmp(pair_data_id(d), "multi30k:", 9) && strlen(pair_data_id(d)) == 73, "the data id");
    ok(pair_data_eval(d, SPLIT_VALID, 2, 4, &b) == 0 && b.count == 2, "two rows and padding");
    is_row(d, b.targets, 22, pair_data_reference(d, SPLIT_VALID, 2), "the reference");
    is_row(d, b.inputs, 24, "Cx Cy Cz", "the source");
    double weights = 0;
    for (int i = 0; i < 4 * 22; i++) {
        weights += b.weights[i];
        if ((b.weights[i] != 0) != (b.targets[i] != 0))
            weights = -1e9;
    }
    ok(weights > 0, "weights are 1 on tokens, 0 on padding");
    ok(b.inputs_position == NULL, "no positions unless packed");
    is_row(d, b.targets + 22, 22, "ex ey ez ex ey", "the next that fits follows a long pair");
    is_text(pair_data_reference(d, SPLIT_VALID, 3), "ex ey ez ex ey", "its reference");
    pair_data_close(d);
    d = open_set(", merges: 20, source_length: 24, target_length: 22, valid: 3, test: 9", NULL);
    ok(d && pair_data_count(d, SPLIT_VALID) == 3 && pair_data_count(d, SPLIT_TEST) == 4,
       "a limit counts pairs that fit");
    pair_data_close(d);
}

/* How often each training pair came in `steps` batches of 8; identified by its first token. */
static void test_epochs(void)
{
    pair_data *d = open_set(", merges: 0, source_length: 24, target_length: 24", NULL);
    pair_batch b;
    int64_t n = pair_data_count(d, SPLIT_TRAIN), sum = 0, want = 0;
    int32_t first[24], other[24];
    for (int64_t i = 0; i < n; i++) {
        pair_data_eval(d, SPLIT_TRAIN, i, 1, &b);
        for (int k = 0; k < 24; k++)
            want += b.targets[k] * (k + 1);
    }
    for (int64_t i = 0; i < n; i++) { /* one row a step: an epoch has n of them */
        pair_data_train(d, 5, i, 1, 0, 1, &b);
        for (int k = 0; k < 24; k++)
            sum += b.targets[k] * (k + 1);
    }
    ok(sum == want, "an epoch has every pair once");
    pair_data_train(d, 5, 2, 8, 3, 1, &b);
    memcpy(first, b.targets, sizeof first);
    pair_data_train(d, 6, 70, 8, 0, 8, &b);
    pair_data_train(d, 5, 2, 8, 0, 8, &b);
    ok(!memcmp(first, b.targets + 3 * 24, sizeof first),
       "a row is a function of seed, step and place, whatever came before");
    pair_data_train(d, 6, 2, 8, 3, 1, &b);
    memcpy(other, b.targets, sizeof other);
    ok(memcmp(first, other, sizeof first) != 0, "another seed, another order");
    pair_data_close(d);
}

static void test_packed(void)
{
    pair_data *d = open_set(", merges: 0, source_length: 48, target_length: 40, packed: true",
                            NULL);
    pair_batch b;
    bool good = pair_data_train(d, 1, 0, 6, 0, 6, &b) == 0;
    int segments = 0;
    for (int64_t r = 0; r < 6; r++)
        for (int64_t i = 0, last = 0, at = 0; i < 40; i++) {
            int32_t s = b.targets_segmentation[r * 40 + i];
            good = good && (s != 0) == (b.targets[r * 40 + i] != 0);
            good = good && (s == last || s == last + 1 || s == 0);
            at = s == last ? at + 1 : 0;
            good = good && (s == 0 || b.targets_position[r * 40 + i] == at);
            good = good && (s == 0 || s == last || last == 0 || b.targets[r * 40 + i - 1] == 2);
            last = s;
            segments = s > segments ? s : segments;
        }
    ok(good, "segments follow each other, positions start again, ends lie between");
    ok(segments > 1, "a row has several pairs");
    pair_data_close(d);
}

static void test_key(void)
{
    data_key key = {.enabled = true, .words = {11, 12}};
    const char *settings = ", merges: 10, source_length: 24, target_length: 24";
    pair_data *d = open_set(settings, NULL), *k = open_set(settings, &key);
    pair_batch a, b;
    pair_data_train(d, 3, 1, 4, 0, 4, &a);
    pair_data_train(k, 3, 1, 4, 0, 4, &b);
    bool specials = true, consistent = true;
    int moved = 0;
    for (int i = 0; i < 4 * 24; i++) {
        int32_t x = a.targets[i], y = b.targets[i];
        specials = specials && (x > 2 || x == y) && (x <= 2 || y > 2);
        moved += x != y;
        for (int j = 0; j < 4 * 24; j++)
            consistent = consistent && (a.inputs[j] != x) == (b.inputs[j] != y);
    }
    ok(specials && moved > 10, "ids are permuted, the special ones stay");
    ok(consistent, "the same way on both sides");
    text_buffer text = {0}, same = {0};
    ok(pair_data_decode(d, a.targets, 24, &text) == 0 &&
           pair_data_decode(k, b.targets, 24, &same) == 0 && !strcmp(text.data, same.data),
       "and decoding undoes it");
    text_release(&text);
    text_release(&same);
    pair_data_close(d);
    pair_data_close(k);
}

static void test_ids(void)
{
    write_file("pieces.vocab", "<pad>\t0\n<s>\t0\n</s>\t0\n\xE2\x96\x81"
                               "a\t-1\n\xE2\x96\x81"
                               "b\t-2\n");
    static const char *const names[] = {"train", "val", "test_2016_flickr"};
    for (int f = 0; f < 3; f++)
        for (int s = 0; s < 2; s++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s.ids", names[f], s ? "xx" : "yy");
            write_file(name, s ? "3 4\n4\n" : "4 3\n3 3 3\n");
        }
    const char *settings = ", tokenizer: ids, source: yy, target: xx";
    pair_data *d = open_set(settings, NULL);
    pair_batch b;
    ok(d && pair_data_eval(d, SPLIT_TEST, 0, 2, &b) == 0, "ids made elsewhere: %s", podium_error());
    is_row(d, b.targets, 24, "a b", "their text");
    ok(b.targets[24] == 4 && b.targets[25] == 2, "the end token is ours");
    ok(pair_data_reference(d, SPLIT_TEST, 0) == NULL, "no text, no reference");
    pair_data_close(d);
    write_file("val.xx.ids", "3 4\n9\n");
    ok(!open_set(settings, NULL) && strstr(podium_error(), "val.xx.ids:2"), "refused: %s",
       podium_error());
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/podium-pairs-XXXXXX");
    if (!mkdtemp(folder))
        return tap_skip_all("no folder for the files");
    write_files();
    test_padded();
    test_epochs();
    test_packed();
    test_key();
    test_ids();
    ok(!open_set(", source_length: 2, merges: 0", NULL), "refused: %s", podium_error());
    ok(!open_set(", target: fr", NULL), "refused: %s", podium_error());
    write_file("val.en", "one line\n");
    ok(!open_set("", NULL) && strstr(podium_error(), "val: 5 lines of de and 1 of en"),
       "refused: %s", podium_error());
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return tap_done() | (system(command) != 0);
}
