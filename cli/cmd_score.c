/* `podium score`: records in, a table out; or a golden scoring case against what it expects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "harness/halton_case.h"
#include "scoring/board.h"
#include "scoring/case.h"

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

static int run_score(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", "csv", "markdown", NULL};
    static const char *const rules[] = {"minimum-time", "reference", NULL};
    int format = 0, clock = CLOCK_CALIBRATED, rule = SCORE_MIN_TIME, n = 0;
    bool check = false;
    char **paths = calloc((size_t)argc, sizeof *paths);
    if (!paths)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the arguments");
    int32_t rc = 0;
    for (int i = 1; i < argc && rc >= 0; i++) {
        if (!strcmp(argv[i], "--format"))
            rc = format = choose("--format", argv[++i], formats);
        else if (!strcmp(argv[i], "--clock"))
            rc = clock = choose("--clock", argv[++i], record_clock_names);
        else if (!strcmp(argv[i], "--compat"))
            rc = rule = choose("--compat", argv[++i], rules);
        else if (!strcmp(argv[i], "--check"))
            check = true;
        else if (argv[i][0] == '-')
            rc = podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        else
            paths[n++] = argv[i];
    }
    if (rc >= 0 && n == 0)
        rc = podium_fail(PODIUM_EINVAL, "no results given; usage: podium score RESULTS...");
    record_list records = {0};
    board_list boards = {0};
    char *text = NULL;
    if (rc >= 0 && check) {
        rc = check_cases(paths, n);
        free(paths);
        return rc;
    }
    for (int i = 0; i < n && rc >= 0; i++)
        rc = record_list_read(&records, paths[i]);
    if (rc >= 0)
        rc = board_list_build(&boards, &records, (record_clock)clock, (score_rule)rule);
    if (rc >= 0) {
        int32_t (*const print[])(const board_list *, char **) = {
            board_print_text, board_print_json, board_print_csv, board_print_markdown};
        rc = print[format](&boards, &text);
    }
    if (rc >= 0)
        printf("%s%s", text, format == 1 ? "\n" : "");
    free(text);
    board_list_release(&boards);
    record_list_release(&records);
    free(paths);
    return rc < 0 ? rc : EXIT_DONE;
}

const command command_score = {
    .name = "score",
    .summary = "the table of results",
    .usage =
        "usage: podium score RESULTS... [options]\n"
        "       podium score CASE.json... --check\n\n"
        "RESULTS are folders or trial.jsonl files; records that may not be compared get tables\n"
        "of their own.  The score is the area under the performance profile up to 4 times the\n"
        "fastest time (AlgoPerf's rule); 1 is best.\n\n"
        "  --format text|json|csv|markdown\n"
        "  --clock calibrated|wall|steps|flops   what time is measured in (default calibrated)\n"
        "  --compat minimum-time|reference       best trial of a study: the smallest time (the\n"
        "                                        written rule), or AlgoPerf's code\n"
        "  --check                               compare golden scoring cases; exit 1 past 1e-12\n",
    .run = run_score,
};
