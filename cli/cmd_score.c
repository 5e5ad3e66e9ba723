/* `podium score`: records in, a table out; or a golden scoring case against what it expects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "harness/halton_case.h"
#include "scoring/algoperf.h"
#include "scoring/board.h"
#include "scoring/case.h"
#include "scoring/pack.h"
#include "scoring/reference_set.h"

#define CASE_TOLERANCE 1e-12

static int32_t check_case(const char *path, double *worst)
{
    static const struct {
        const char *schema;
        int32_t (*check)(const char *path, double *worst);
    } kinds[] = {
        {"scoring-case/1", score_case_check},
        {"speedup/1", speedup_case_check},
        {"halton/1", halton_case_check},
    };
    json_t *root = NULL;
    const char *schema;
    int32_t rc = json_read_file(&root, path);
    if (!rc)
        rc = json_read_text(root, path, "schema", &schema);
    for (size_t i = 0; !rc && i <= sizeof kinds / sizeof *kinds; i++)
        if (i == sizeof kinds / sizeof *kinds) {
            rc = podium_fail(PODIUM_EINVAL,
                             "%s: schema '%s' is not scored here, expected scoring-case/1, "
                             "speedup/1 or halton/1",
                             path, schema);
        } else if (!strcmp(schema, kinds[i].schema)) {
            rc = kinds[i].check(path, worst);
            break;
        }
    json_decref(root);
    return rc;
}

static int check_cases(char **paths, int n)
{
    bool passed = true;
    for (int i = 0; i < n; i++) {
        double worst;
        int32_t rc = check_case(paths[i], &worst);
        if (rc < 0)
            return rc;
        bool good = worst <= CASE_TOLERANCE;
        printf("%s %s: max relative error %.3g, tolerance %.0e\n", good ? "PASS" : "FAIL", paths[i],
               worst, CASE_TOLERANCE);
        passed = passed && good;
    }
    return passed ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

static int choose(const char *option, const char *value, const char *const *choices)
{
    for (int i = 0; value && choices[i]; i++)
        if (!strcmp(value, choices[i]))
            return i;
    return podium_fail(PODIUM_EINVAL, "%s: unknown value '%s'; `podium help score` lists them",
                       option, value ? value : "");
}

enum { FORMAT_SVG = 4 }; /* the last of the formats */

typedef struct options {
    int format, clock, rule;
    bool check;
    const char *algoperf, *preset, *against, *reference, *write_reference;
    char **paths;
    int num_paths;
} options;

static int32_t read_options(options *o, int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", "csv", "markdown", "svg", NULL};
    static const char *const rules[] = {"minimum-time", "reference", NULL};
    const struct {
        const char *name;
        int *choice;
        const char *const *choices;
        const char **text;
    } known[] = {
        {"--format", &o->format, formats, NULL},
        {"--clock", &o->clock, record_clock_names, NULL},
        {"--compat", &o->rule, rules, NULL},
        {"--algoperf", NULL, NULL, &o->algoperf},
        {"--preset", NULL, NULL, &o->preset},
        {"--against", NULL, NULL, &o->against},
        {"--reference", NULL, NULL, &o->reference},
        {"--write-reference", NULL, NULL, &o->write_reference},
    };
    size_t num_known = sizeof known / sizeof *known, k;
    for (int i = 1; i < argc; i++) {
        for (k = 0; k < num_known && strcmp(argv[i], known[k].name); k++)
            ;
        if (k < num_known && i + 1 == argc)
            return podium_fail(PODIUM_EINVAL, "%s needs a value", argv[i]);
        if (k < num_known && known[k].choice) {
            TRY(*known[k].choice = choose(known[k].name, argv[i + 1], known[k].choices));
            i++;
        } else if (k < num_known) {
            *known[k].text = argv[++i];
        } else if (!strcmp(argv[i], "--check")) {
            o->check = true;
        } else if (argv[i][0] == '-') {
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        } else {
            o->paths[o->num_paths++] = argv[i];
        }
    }
    return 0;
}

/* AlgoPerf's own log folders. */
static int32_t score_algoperf(const options *o, char **text)
{
    int32_t (*const print[])(const algoperf_table *, char **) = {
        algoperf_print_text, algoperf_print_json, algoperf_print_csv, algoperf_print_markdown};
    preset p;
    algoperf_rules rules = {0};
    algoperf_logs logs = {0};
    algoperf_table table = {0};
    if (o->num_paths || o->check)
        return podium_fail(PODIUM_EINVAL, "--algoperf DIR goes without other RESULTS or --check");
    if (o->format == FORMAT_SVG)
        return podium_fail(PODIUM_EINVAL, "--algoperf: no format svg; pictures are of records");
    if (!o->preset)
        return podium_fail(PODIUM_EINVAL,
                           "--algoperf needs --preset, for example algoperf-v0.6-external");
    TRY(preset_init(&p, o->preset));
    int32_t rc = algoperf_rules_init(&rules, &p);
    if (!rc)
        rc = algoperf_logs_read(&logs, &rules, o->algoperf);
    if (!rc)
        rc = algoperf_score(&table, &rules, &logs, (score_rule)o->rule, o->against);
    if (!rc)
        rc = print[o->format](&table, text);
    algoperf_table_release(&table);
    algoperf_logs_release(&logs);
    algoperf_rules_release(&rules);
    preset_release(&p);
    return rc;
}

static int32_t write_reference(const board_list *boards, const char *path)
{
    char *text = NULL;
    TRY(reference_set_print(boards, &text));
    int32_t rc = file_write_atomic(path, text, strlen(text));
    free(text);
    return rc;
}

static int32_t score_records(const options *o, char **text)
{
    int32_t (*const print[])(const board_list *, char **) = {
        board_print_text, board_print_json, board_print_csv, board_print_markdown, board_print_svg};
    record_list records = {0};
    board_list boards = {0};
    preset p = {0};
    json_t *reference = NULL;
    if (o->num_paths == 0)
        return podium_fail(PODIUM_EINVAL, "no results given; usage: podium score RESULTS...");
    if (o->against)
        return podium_fail(PODIUM_EINVAL, "--against goes with --algoperf");
    int32_t rc = o->preset ? preset_init(&p, o->preset) : 0;
    if (rc >= 0 && o->reference)
        rc = reference_set_read(&reference, o->reference);
    for (int i = 0; i < o->num_paths && rc >= 0; i++)
        rc = pack_is(o->paths[i]) ? pack_read(&records, o->paths[i])
                                  : record_list_read(&records, o->paths[i]);
    if (rc >= 0)
        rc = board_list_build(&boards, &records,
                              &(board_options){.clock = (record_clock)o->clock,
                                               .rule = (score_rule)o->rule,
                                               .preset = o->preset ? &p : NULL,
                                               .reference = reference});
    if (rc >= 0 && o->write_reference)
        rc = write_reference(&boards, o->write_reference);
    if (rc >= 0)
        rc = print[o->format](&boards, text);
    board_list_release(&boards);
    record_list_release(&records);
    json_decref(reference);
    preset_release(&p);
    return rc;
}

static int run_score(int argc, char **argv)
{
    options o = {.paths = calloc((size_t)argc, sizeof *o.paths)};
    char *text = NULL;
    if (!o.paths)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the arguments");
    int32_t rc = read_options(&o, argc, argv);
    if (rc >= 0 && o.check && !o.algoperf) {
        rc = o.num_paths ? check_cases(o.paths, o.num_paths)
                         : podium_fail(PODIUM_EINVAL, "--check: no case given");
        free(o.paths);
        return rc;
    }
    if (rc >= 0)
        rc = o.algoperf ? score_algoperf(&o, &text) : score_records(&o, &text);
    if (rc >= 0)
        printf("%s%s", text, o.format == 1 ? "\n" : "");
    free(text);
    free(o.paths);
    return rc < 0 ? rc : EXIT_DONE;
}

const command command_score = {
    .name = "score",
    .summary = "the table of results",
    .usage =
        "usage: podium score RESULTS... [options]\n"
        "       podium score --algoperf DIR --preset algoperf-v0.6-external\n"
        "       podium score CASE.json... --check\n\n"
        "RESULTS are folders, trial.jsonl files or packs; records that may not be compared get\n"
        "tables of their own.  A workload and its held-out variants share one weight.  Intervals\n"
        "and tests need 10 studies; submissions that cannot be told apart share a rank.  The\n"
        "score is the area under the performance profile up to 4 times the fastest time\n"
        "(AlgoPerf's rule); 1 is best.\n\n"
        "  --format text|json|csv|markdown|svg   svg: performance profiles of the largest table\n"
        "  --clock calibrated|wall|steps|flops|gradients   what time is measured in (default\n"
        "                                        calibrated)\n"
        "  --compat minimum-time|reference       best trial of a study: the smallest time (the\n"
        "                                        written rule), or AlgoPerf's code\n"
        "  --algoperf DIR                        score AlgoPerf's own logs, a folder a "
        "submission:\n"
        "                                        DIR/NAME/STUDY/WORKLOAD_jax/trial_1/...\n"
        "  --preset P                            with --algoperf whose targets and budgets; else "
        "only\n"
        "                                        records of its ruleset, studies and trials "
        "count;\n"
        "                                        `podium list presets`\n"
        "  --reference FILE                      ratios to frozen times, so that a new entry moves "
        "no\n"
        "                                        older score\n"
        "  --write-reference FILE                freeze the fastest times of these results\n"
        "  --against NAME                        how much less time than submission NAME\n"
        "  --check                               compare golden scoring cases; exit 1 past 1e-12\n",
    .run = run_score,
    .trains_nothing = true,
};
