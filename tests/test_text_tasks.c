/* Tasks made from descriptions: rows, classes, partners, splits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/task_data.h"
#include "data/text_tasks.h"
#include "tap.h"
#include "workloads/sentence_data.h"

static char base[64];

static void write_source(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", base, name);
    if (file_write_atomic(path, text, strlen(text)) < 0)
        tap_diag("cannot write: %s", podium_error());
}

static void is_file(const char *name, const char *want)
{
    char path[256], *text = NULL;
    size_t length;
    snprintf(path, sizeof path, "%s/%s", base, name);
    if (file_read(path, 1 << 24, &text, &length) < 0)
        tap_diag("%s", podium_error());
    is_text(text ? text : "(absent)", want, "%s", name);
    free(text);
}

static void write_sources(void)
{
    write_source("descriptions-train.tsv", "games\t1\tchess game\tPlays chess.\n"
                                           "libs\t2\tsound library\tMakes sound.\n"
                                           "games\t3\tcard game\tPlays cards.\n"
                                           "games\t1\tchess board\t\n"
                                           "mail\t4\tmail reader\tReads mail.\n"
                                           "games\t3\tcard deck\tMore cards.\n");
    write_source("descriptions-valid.tsv", "mail\t9\tmail sender\tSends mail.\n");
    write_source("descriptions-test.tsv", "");
    write_source("train.en", "one\ntwo\nthree\n");
    write_source("train.de", "eins\nzwei\ndrei\n");
    write_source("valid.en", "four\n");
    write_source("valid.de", "vier\n");
    write_source("test.en", "");
    write_source("test.de", "");
}

static void test_rows(void)
{
    ok(!text_tasks_present(base), "nothing is there yet");
    ok(text_tasks_write(base, base) == 0, "tasks are written: %s", podium_error());
    ok(text_tasks_present(base), "and found");
    is_file("sections/train.tsv", "games\tchess game\ngames\tcard game\ngames\tchess board\n"
                                  "mail\tmail reader\ngames\tcard deck\n");
    is_file("sections/valid.tsv", "mail\tmail sender\n");
    is_file("sections/test.tsv", "");
    /* The library and the mail reader have no partner in their section, the board no text. */
    is_file("match/train.tsv", "yes\tchess game\tPlays chess.\n"
                               "no\tcard game\tPlays chess.\n"
                               "yes\tmail reader\tReads mail.\n"
                               "no\tcard deck\tPlays chess.\n");
    is_file("same-source/train.tsv", "yes\tchess game\tchess board\n"
                                     "no\tchess game\tcard game\n"
                                     "yes\tcard game\tcard deck\n"
                                     "no\tcard game\tchess board\n");
    is_file("translation/train.tsv", "yes\tone\teins\nno\ttwo\tdrei\nyes\tthree\tdrei\n");
    is_file("descriptions/train.txt",
            "chess game. Plays chess.\nsound library. Makes sound.\ncard game. Plays cards.\n"
            "chess board. \nmail reader. Reads mail.\ncard deck. More cards.\n");
    task_data d = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/match/train.tsv", base);
    ok(task_data_read(&d, task_format_find("tsv"), path) == 0 && d.count == 4 &&
           d.class_count == 2 && d.examples[1].second,
       "pairs as the readers of tasks expect them");
    task_data_release(&d);
}

/* The reader of the text workloads takes the tasks, one sentence or two. */
static void test_workload_reader(void)
{
    static const char *const sets[] = {"sections", "match", "same-source", "translation"};
    write_source("descriptions-valid.tsv", "mail\t9\tmail sender\tSends mail.\n"
                                           "mail\t9\tmail queue\tKeeps mail.\n"
                                           "mail\t8\tmail filter\tDrops mail.\n");
    ok(text_tasks_write(base, base) == 0, "tasks are written again: %s", podium_error());
    for (int k = 0; k < 4; k++) {
        char text[64];
        yaml_document *d = NULL;
        sentence_data *s = NULL;
        workload_batch b;
        int n = snprintf(text, sizeof text, "set: %s", sets[k]);
        ok(yaml_parse(&d, text, (size_t)n, "t") == 0 &&
               sentence_data_open(&s, yaml_root(d), base, 32, NULL) == 0 &&
               sentence_data_has_pairs(s) == (k > 0) && sentence_data_classes(s) == 2 &&
               sentence_data_train(s, 1, 0, 4, 0, 4, &b) == 0,
           "%s opens in the workloads' reader: %s", sets[k], podium_error());
        sentence_data_close(s);
        yaml_destroy(d);
    }
}

/* Many rows: the caps of a section and of a source, a text cut between characters. */
static void test_limits(void)
{
    text_buffer b = {0};
    char path[128];
    text_add(&b, "math\t-1\tlast\tx");
    for (int i = 0; i < 300; i++)
        text_add(&b, "\xC3\xA4");
    text_add(&b, "\n");
    for (int i = 0; i < SECTION_MAX_ROWS + 7; i++)
        text_print(&b, "web\t%d\tpage %d\ttext\n", i < 40 ? 5 : i, i);
    write_source("descriptions-train.tsv", b.data);
    ok(text_tasks_write(base, base) == 0, "a large set: %s", podium_error());
    static const char *const names[] = {"sections", "same-source", "match"};
    int64_t counts[3] = {0},
            wanted[3] = {SECTION_MAX_ROWS + 1, 2 * SOURCE_MAX_PAIRS, SECTION_MAX_ROWS + 8};
    for (int k = 0; k < 3; k++) {
        task_data d = {0};
        snprintf(path, sizeof path, "%s/%s/train.tsv", base, names[k]);
        ok(task_data_read(&d, task_format_find("tsv"), path) == 0, "%s reads", names[k]);
        counts[k] = d.count;
        if (k == 2 && d.count)
            ok(strlen(d.examples[0].second) == 399, "a long text is cut between characters");
        task_data_release(&d);
    }
    for (int k = 0; k < 3; k++)
        ok(counts[k] == wanted[k], "%s has %lld rows, expected %lld", names[k],
           (long long)counts[k], (long long)wanted[k]);
    text_release(&b);
}

static void test_refused(void)
{
    static const char *const bad[] = {"web\t1\tline\n", "web\tx\tline\ttext\n", "web\t\tl\tt\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_source("descriptions-train.tsv", bad[i]);
        ok(text_tasks_write(base, base) == PODIUM_EINVAL &&
               strstr(podium_error(), "descriptions-train.tsv:1"),
           "refused: %s", podium_error());
    }
    write_source("descriptions-train.tsv", "");
    write_source("train.de", "eins\n");
    ok(text_tasks_write(base, base) == PODIUM_EINVAL && strstr(podium_error(), "3 lines of en"),
       "refused: %s", podium_error());
}

int main(void)
{
    char command[128];
    snprintf(base, sizeof base, "/tmp/podium-tasks-XXXXXX");
    if (!mkdtemp(base))
        return tap_skip_all("no folder for the files");
    write_sources();
    test_rows();
    test_workload_reader();
    test_limits();
    test_refused();
    snprintf(command, sizeof command, "rm -r '%s'", base);
    return tap_done() | (system(command) != 0);
}
