/* Speedup cases: headline ratios of published tables. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "scoring/case.h"
#include "scoring/case_internal.h"

/* The scoring case NAME.json in the folder of `path`. */
static int32_t open_beside(scoring_case *c, const char *path, const char *name, char *file,
                           size_t size)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    int n = snprintf(file, size, "%.*s%s.json", folder, path, name);
    if (n < 0 || (size_t)n >= size)
        return podium_fail(PODIUM_EINVAL, "%s: the path of '%s' is too long", path, name);
    return scoring_case_open(c, file);
}

static int32_t find_submission(const scoring_case *c, const char *name, size_t *out)
{
    for (*out = 0; *out < c->problem.num_submissions; ++*out)
        if (!strcmp(c->submissions[*out], name))
            return 0;
    return podium_fail(PODIUM_EINVAL, "%s: unknown submission '%s'", c->path, name);
}

/* What stands for a missed target: factor times the workload's budget and a second more. */
static int32_t missed_times(const scoring_case *c, const json_t *budgets, const char *place,
                            double factor, double *missed)
{
    for (size_t w = 0; w < c->problem.num_base; w++) {
        TRY(json_read_number(budgets, place, c->workloads[w], &missed[w]));
        missed[w] = factor * missed[w] + 1;
    }
    return 0;
}

static int32_t compare_ratios(const scoring_case *c, const json_t *expected, const char *place,
                              const score_result *r, const double *missed, double *ratio,
                              double *worst)
{
    const char *base_name, *name;
    json_t *ratios;
    size_t base, s;
    TRY(json_read_text(expected, place, "base", &base_name));
    TRY(json_read_text(expected, place, "comparison", &name));
    TRY(json_read_object(expected, place, "per_workload_ratio", &ratios));
    TRY(find_submission(c, base_name, &base));
    TRY(find_submission(c, name, &s));
    double mean = score_speedup(&c->problem, r, base, s, missed, ratio);
    for (size_t w = 0; w < c->problem.num_base; w++)
        *worst = fmax(*worst,
                      scoring_case_error(ratio[w], json_object_get(ratios, c->workloads[w])));
    *worst = fmax(*worst,
                  scoring_case_error(mean, json_object_get(expected, "geometric_mean_ratio")));
    *worst = fmax(*worst, scoring_case_error(100 * (1 - mean),
                                             json_object_get(expected, "percent_less_time")));
    return 0;
}

static int32_t check_case(const json_t *expected, const json_t *budgets, const char *path,
                          double *worst)
{
    const char *file_name;
    char file[4096];
    double factor;
    scoring_case c = {0};
    score_result r = {0};
    TRY(json_read_text(expected, path, "file", &file_name));
    TRY(json_read_number(expected, path, "budget_factor", &factor));
    int32_t rc = open_beside(&c, path, file_name, file, sizeof file);
    double *numbers = calloc(2 * c.problem.num_base + 1, sizeof *numbers);
    if (!rc && !numbers)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for a speedup");
    if (!rc)
        rc = missed_times(&c, budgets, path, factor, numbers);
    /* Published speedups come from the reference implementation. */
    if (!rc)
        rc = score_compute(&c.problem, SCORE_MIN_INDEX, &r);
    if (!rc)
        rc = compare_ratios(&c, expected, path, &r, numbers, numbers + c.problem.num_base, worst);
    score_release(&r);
    free(numbers);
    scoring_case_close(&c);
    return rc;
}

int32_t speedup_case_check(const char *path, double *worst)
{
    json_t *root = NULL, *budgets, *cases, *expected;
    size_t i;
    *worst = 0;
    int32_t rc = json_read_file(&root, path);
    if (!rc)
        rc = json_read_object(root, path, "max_runtime_s_v05", &budgets);
    if (!rc)
        rc = json_read_array(root, path, "cases", &cases);
    if (!rc)
        json_array_foreach(cases, i, expected)
        {
            rc = rc ? rc : check_case(expected, budgets, path, worst);
        }
    json_decref(root);
    return rc;
}
