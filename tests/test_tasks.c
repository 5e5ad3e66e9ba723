/* Task files and metrics: each layout, what is refused, values worked out by hand. */
#include <string.h>

#include "data/metrics.h"
#include "data/task_data.h"
#include "tap.h"

static int32_t parse(task_data *d, const char *format, const char *text)
{
    return task_data_parse(d, task_format_find(format), text, strlen(text), "f");
}

static void is_example(const task_data *d, int64_t i, const char *first, const char *second,
                       int32_t label)
{
    const task_example *e = &d->examples[i];
    ok(i < d->count && !strcmp(e->first, first) && !e->second == !second &&
           (!second || !strcmp(e->second, second)) && e->label == label,
       "example '%s'", first);
}

static void test_layouts(void)
{
    task_data d = {0};
    ok(parse(&d, "tsv", "games\ta chess game\nmath\ta prover\tsecond\n") == 0, "our own TSV");
    is_example(&d, 0, "a chess game", NULL, 0);
    is_example(&d, 1, "a prover", "second", 1);
    ok(parse(&d, "tsv", "math\tx y\n") == 0 && d.class_count == 2, "another file of the task");
    is_example(&d, 2, "x y", NULL, 1);
    task_data_release(&d);
    ok(parse(&d, "cola", "gj04\t1\t\tThe cat sat.\ncj99\t0\t*\tCat the.\n") == 0, "CoLA");
    is_example(&d, 1, "Cat the.", NULL, 0);
    task_data_release(&d);
    ok(parse(&d, "sst2", "sentence\tlabel\nso \"good \t1\r\n") == 0, "SST-2, quotes are text");
    is_example(&d, 0, "so \"good ", NULL, 1);
    task_data_release(&d);
    ok(parse(&d, "rte", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tnot_entailment\n") == 0,
       "columns by name");
    is_example(&d, 0, "a", "b", 1);
    task_data_release(&d);
    ok(parse(&d, "stsb", "index\tsentence1\tsentence2\tscore\n0\ta\tb\t2.75\n") == 0 &&
           d.examples[0].score == 2.75,
       "scores");
    task_data_release(&d);
    ok(parse(&d, "boolq",
             "{\"question\": \"q\", \"passage\": \"p\", \"label\": true}\n"
             "{\"question\": \"r\", \"passage\": \"p\"}\n") == 0,
       "SuperGLUE's lines");
    is_example(&d, 0, "q", "p", 1);
    is_example(&d, 1, "r", "p", -1);
    task_data_release(&d);
    ok(parse(&d, "sst2", "index\tsentence\n0\tso good\n") == 0, "GLUE's test file has no labels");
    is_example(&d, 0, "so good", NULL, -1);
    task_data_release(&d);
    ok(parse(&d, "cola", "index\tsentence\n0\tThe cat sat.\n") == 0,
       "CoLA's has a header of its own");
    is_example(&d, 0, "The cat sat.", NULL, -1);
    task_data_release(&d);
    ok(parse(&d, "mrpc",
             "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\ta\tb\n") == 0,
       "MRPC starts with a byte order mark: %s", podium_error());
    is_example(&d, 0, "a", "b", 1);
    task_data_release(&d);
    ok(parse(&d, "qqp",
             "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
             "0\t1\t2\tx\n1\t3\t4\ta\tb\t0\n") == 0 &&
           d.count == 1,
       "QQP has rows that lack columns");
    is_example(&d, 0, "a", "b", 0);
    task_data_release(&d);
    ok(parse(&d, "copa",
             "{\"premise\": \"It broke.\", \"choice1\": \"It fell.\", \"choice2\": \"It rained.\", "
             "\"question\": \"cause\", \"label\": 1, \"idx\": 0}\n") == 0,
       "COPA: %s", podium_error());
    is_example(&d, 0, "It broke. What was the cause?", "0: It fell. 1: It rained.", 1);
    task_data_release(&d);
    ok(parse(&d, "multirc",
             "{\"idx\": 0, \"passage\": {\"text\": \"A cat sat.\", \"questions\": [{\"question\": "
             "\"Who?\", "
             "\"answers\": [{\"text\": \"A cat\", \"label\": 1}, {\"text\": \"A dog\", \"label\": "
             "0}]}, "
             "{\"question\": \"How?\", \"answers\": [{\"text\": \"Well\"}]}]}}\n") == 0 &&
           d.count == 3,
       "MultiRC: an example an answer: %s", podium_error());
    is_example(&d, 0, "A cat sat.", "Who? A cat", 1);
    is_example(&d, 1, "A cat sat.", "Who? A dog", 0);
    is_example(&d, 2, "A cat sat.", "How? Well", -1);
    task_data_release(&d);
    ok(parse(&d, "wsc",
             "{\"text\": \"Mark told  Pete that he, himself, won.\", \"label\": true, \"target\": "
             "{\"span1_text\": \"Mark\", \"span1_index\": 0, \"span2_text\": \"He\", "
             "\"span2_index\": 4}}\n") == 0,
       "WSC: %s", podium_error());
    is_example(&d, 0, "Mark told  Pete that *he*, himself, won.", "Mark", 1);
    task_data_release(&d);
    static const char *const bad[][3] = {
        {"copa",
         "{\"premise\": \"x\", \"choice1\": \"y\", \"choice2\": \"z\", \"question\": \"why\"}\n",
         "f:1: field 'question': expected cause or effect"},
        {"multirc", "{\"passage\": {\"text\": \"x\"}}\n", "f:1: field 'questions'"},
        {"wsc",
         "{\"text\": \"a b\", \"target\": {\"span1_text\": \"a\", \"span2_text\": \"b\", "
         "\"span2_index\": 7}}\n",
         "f:1: field 'span2_index': word 7 is not 'b'"},
        {"copa", "[1]\n", "f:1"},
        {"sst2", "sentence\tlabel\nx\t2\n", "f:2: expected a label of 0|1"},
        {"sst2", "text\tlabel\nx\t1\n", "f:1: the header has no column 'sentence'"},
        {"cola", "a\t1\n", "f:1: 2 columns"},
        {"stsb", "sentence1\tsentence2\tscore\na\tb\tc\n", "f:2: expected a score"},
        {"cb", "{\"premise\": \"x\"}\n", "hypothesis"},
        {"cb", "nothing\n", "not json"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(parse(&d, bad[i][0], bad[i][1]) == PODIUM_EINVAL && strstr(podium_error(), bad[i][2]),
           "refused: %s", podium_error());
        task_data_release(&d);
    }
    ok(!task_format_find("nothing"), "an unknown layout");
}

static void test_metrics(void)
{
    const int32_t got[] = {1, 1, 0, 0, 1, 2}, want[] = {1, 0, 0, 1, 1, 2};
    double m;
    close_to(metric_accuracy(got, want, 6), 4 / 6.0, 1e-15, "accuracy");
    close_to(metric_f1(got, want, 5, 1), 2 / 3.0, 1e-15, "F1");
    ok(metric_f1(got, want, 5, 7) == 0, "F1 of an absent class");
    close_to(metric_macro_f1(got, want, 6, 3), (0.5 + 2 / 3.0 + 1) / 3, 1e-15, "macro F1");
    /* two classes: (TP TN - FP FN) / sqrt(...), TP 2 TN 1 FP 1 FN 1 */
    ok(metric_matthews(got, want, 5, 2, &m) == 0, "Matthews");
    close_to(m, 1 / 6.0, 1e-14, "of two classes");
    const int32_t same[] = {1, 1, 1};
    ok(metric_matthews(same, want, 3, 2, &m) == 0 && m == 0, "0 for a constant answer");
    const double x[] = {1, 2, 3, 4}, y[] = {1, 2, 2, 10}, c[] = {5, 5, 5, 5};
    close_to(metric_pearson(x, y, 4), 13.5 / __builtin_sqrt(5 * 52.75), 1e-14, "Pearson");
    ok(metric_pearson(x, c, 4) == 0, "0 for a constant");
    ok(metric_spearman(x, y, 4, &m) == 0, "Spearman");
    close_to(m, 4.5 / __builtin_sqrt(5 * 4.5), 1e-14, "ties share their rank");
}

int main(void)
{
    test_layouts();
    test_metrics();
    return tap_done();
}
