/* Token ids as data: what a line may hold, what a batch is made of, what relabelling keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "data/token_ids.h"
#include "tests/tap.h"

static char folder[] = "/tmp/token_ids_XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    path_join(path, sizeof path, folder, name);
    file_write_atomic(path, text, strlen(text));
}

static token_ids *open_set(token_form form, const token_key *key)
{
    char text[512];
    yaml_document *doc = NULL;
    token_ids *d = NULL;
    snprintf(text, sizeof text, "{set: toy, path: %s, length: 4, windows: 2}", folder);
    if (!yaml_parse(&doc, text, strlen(text), "data"))
        token_ids_open(&d, form, yaml_root(doc), "none", key);
    yaml_destroy(doc);
    return d;
}

static bool refused(const char *text, const char *why)
{
    id_lines l;
    int32_t rc = id_lines_parse(&l, text, strlen(text), 10, "file");
    bool named = rc < 0 && strstr(podium_error(), why);
    if (!named)
        tap_diag("'%s': %s", text, rc < 0 ? podium_error() : "accepted");
    id_lines_release(&l);
    return named;
}

static void check_lines(void)
{
    id_lines l;
    ok(id_lines_parse(&l, "5 9\n\n3", 6, 10, "file") == 0 && l.count == 3 && l.start[3] == 3 &&
           l.data[1] == 9 && l.start[2] == 2,
       "lines of ids are read, empty ones too, the last without its line end");
    id_lines_release(&l);
    ok(refused("5\n10\n", "file:2"), "an id past the vocabulary is refused with its line");
    ok(refused("0", "from 1 to 9"), "padding is no id of a file");
    ok(refused("5  6", "one space"), "two spaces are refused");
    ok(refused("5 6 \n", "one space"), "a space at the end is refused");
    ok(refused("5 x", "one space"), "letters are refused");
}

static bool same_row(const int32_t *row, const int32_t want[4])
{
    return !memcmp(row, want, 4 * sizeof *row);
}

static void check_pairs(void)
{
    token_batch a;
    token_ids *d = open_set(TOKENS_PAIRS, NULL);
    if (!ok(d != NULL, "pairs open: %s", d ? "" : podium_error()))
        return;
    ok(token_ids_vocabulary(d) == 12 && token_ids_count(d, TOKENS_TRAIN) == 3,
       "of four pairs three fit");
    ok(token_ids_eval(d, TOKENS_VALID, 0, 3, &a) == 0 && a.count == 1 &&
           same_row(a.source, (int32_t[]){3, 2, 0, 0}) &&
           same_row(a.target, (int32_t[]){4, 5, 2, 0}) && a.weights[2] == 1 && a.weights[3] == 0 &&
           same_row(a.target + 4, (int32_t[]){0, 0, 0, 0}) && a.weights[4] == 0,
       "a row is a sentence, its end and padding, which does not count");
    int seen[12] = {0};
    for (int64_t step = 0; step < 3; step++) {
        token_ids_train(d, 5, step, 1, 0, 1, &a);
        seen[a.source[0]]++;
    }
    ok(seen[3] == 1 && seen[6] == 1 && seen[8] == 1, "an epoch has every pair once");
    int32_t first[8];
    token_ids_train(d, 5, 4, 2, 0, 2, &a);
    memcpy(first, a.target, sizeof first);
    token_ids_train(d, 5, 4, 2, 1, 1, &a);
    ok(same_row(a.target, first + 4), "a part of a batch is that part");
    token_ids_close(d);
}

static void check_key(void)
{
    token_batch a;
    const token_key key = {{1, 2}};
    token_ids *d = open_set(TOKENS_PAIRS, &key);
    if (!ok(d != NULL, "pairs open with a key"))
        return;
    token_ids_eval(d, TOKENS_VALID, 0, 1, &a);
    ok(token_ids_plain(d, a.target[0]) == 4 && token_ids_plain(d, a.target[1]) == 5 &&
           a.target[2] == 2 && a.target[3] == 0,
       "relabelled ids can be read back; the end and padding keep theirs");
    int moved = 0, times[12] = {0};
    for (int32_t i = 0; i < 12; i++) {
        moved += token_ids_plain(d, i) != i;
        times[token_ids_plain(d, i)]++;
    }
    bool once = true;
    for (int i = 0; i < 12; i++)
        once = once && times[i] == 1;
    ok(moved > 3 && once, "relabelling is a permutation that moves tokens");
    token_ids_close(d);
}

static void check_text(void)
{
    token_batch a;
    token_ids *d = open_set(TOKENS_TEXT, NULL);
    if (!ok(d != NULL, "a text opens: %s", d ? "" : podium_error()))
        return;
    ok(token_ids_count(d, TOKENS_VALID) == 1 && token_ids_eval(d, TOKENS_VALID, 0, 2, &a) == 0 &&
           !a.source && same_row(a.target, (int32_t[]){4, 5, 2, 9}) && a.weights[3] == 1 &&
           a.weights[4] == 0,
       "its windows run over the ends of sentences");
    token_ids_close(d);
}

int main(void)
{
    if (!mkdtemp(folder))
        return tap_skip_all("no temporary folder");
    put("vocabulary.vocab", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n");
    put("train.source.ids", "3\n6 7\n8\n3 4 5 6\n");
    put("train.target.ids", "4\n9 9\n10 11\n4\n");
    put("valid.source.ids", "3\n");
    put("valid.target.ids", "4 5\n");
    check_lines();
    check_pairs();
    check_key();
    put("valid.target.ids", "4 5\n9\n");
    check_text();
    token_ids *d = open_set(TOKENS_PAIRS, NULL);
    ok(!d && strstr(podium_error(), "1 source lines and 2 target lines"),
       "files of unequal length are refused");
    token_ids_close(d);
    static const char *const names[] = {"vocabulary.vocab", "train.source.ids", "train.target.ids",
                                        "valid.source.ids", "valid.target.ids"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        path_join(path, sizeof path, folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return tap_done();
}
