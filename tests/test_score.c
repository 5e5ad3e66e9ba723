/* Scores against what the reference implementation made of the same trials. */
#include "scoring/score.h"

#include <glob.h>
#include <math.h>
#include <string.h>

#include "scoring/case.h"
#include "tests/tap.h"

static void test_golden(void)
{
    glob_t cases;
    if (glob("tests/golden/scoring/*.json", 0, NULL, &cases)) {
        ok(false, "the golden cases are there");
        return;
    }
    ok(cases.gl_pathc >= 8, "there are %zu golden cases", cases.gl_pathc);
    for (size_t i = 0; i < cases.gl_pathc; i++) {
        double worst = INFINITY;
        if (strstr(cases.gl_pathv[i], "halton"))
            continue; /* tests/test_search_space.c */
        int32_t (*check)(const char *, double *) = strstr(cases.gl_pathv[i], "speedup")
                                                       ? speedup_case_check
                                                       : score_case_check;
        int32_t rc = check(cases.gl_pathv[i], &worst);
        if (!ok(!rc && worst <= 1e-12, "%s agrees", strrchr(cases.gl_pathv[i], '/') + 1))
            tap_diag("%s; relative error %g", rc ? podium_error() : "scored", worst);
    }
    globfree(&cases);
}

static void test_one_submission(void)
{
    const char *names[] = {"a"};
    score_trial trials[] = {{0, 0, 0, 3, 10.0}, {0, 0, 1, 2, 14.0}, {0, 0, 2, -1, 0}};
    score_problem p = {
        .num_submissions = 1, .names = names, .num_base = 2, .trials = trials, .num_trials = 3};
    score_result r;
    ok(!score_compute(&p, SCORE_MIN_TIME, &r), "three studies are scored");
    ok(r.time[0] == 14.0, "the median of 10, 14 and never is 14");
    ok(isnan(r.time[1]), "a workload without trials has no time");
    ok(fabs(r.score[0] - 0.5) < 1e-15, "a workload nobody ran still counts in the denominator");
    score_release(&r);
    double low, high;
    ok(!score_interval(&p, SCORE_MIN_TIME, 50, &low, &high) && isnan(low) && isnan(high),
       "three studies give no interval");
    trials[0].workload = 2;
    ok(score_compute(&p, SCORE_MIN_TIME, &r) == PODIUM_EINVAL, "an unknown workload is an error");
}

/* Two submissions on one workload with `studies` studies each: b takes `factor` times as long as a,
 * whose times differ a lot between studies. */
static void fill_pairs(score_trial *trials, int64_t studies, double factor)
{
    for (int64_t j = 0; j < studies; j++) {
        double time = 100.0 + 50.0 * (double)j;
        trials[2 * j] = (score_trial){0, 0, j, 1, time};
        trials[2 * j + 1] = (score_trial){1, 0, j, 1, factor * time};
    }
}

static void test_interval(void)
{
    const char *names[] = {"a", "b"};
    score_trial trials[22];
    score_problem p = {
        .num_submissions = 2, .names = names, .num_base = 1, .trials = trials, .num_trials = 18};
    double low[2], high[2];
    fill_pairs(trials, 11, 2);
    ok(!score_interval(&p, SCORE_MIN_TIME, 500, low, high) && isnan(low[0]) && isnan(low[1]),
       "nine studies give no interval");
    p.num_trials = 20;
    ok(!score_interval(&p, SCORE_MIN_TIME, 500, low, high), "ten do");
    /* The median of the same draw is twice as large: the ratio never moves. */
    ok(low[0] > 1 - 1e-12 && low[1] == high[1] && fabs(low[1] - 66.5 / 99) < 1e-12,
       "paired studies are drawn together");
    p.num_trials = 19; /* b lacks the last study: it is drawn by itself, and has too few */
    ok(!score_interval(&p, SCORE_MIN_TIME, 500, low, high) && isnan(low[1]) && low[0] < high[0],
       "a submission with fewer studies is refused alone");
    fill_pairs(trials, 11, 1.2);
    for (int j = 0; j < 5; j++)
        trials[2 * j + 1].hit_index = -1;
    p.num_trials = 20;
    ok(!score_interval(&p, SCORE_MIN_TIME, 500, low, high) && low[1] == 0 && high[1] > 0.3,
       "a target missed in half of the studies gives a wide interval");
}

static void test_weights(void)
{
    const char *names[] = {"a", "b"};
    /* Workload 0 and its variant 1 weigh a quarter each, workload 2 a half. */
    double weight[] = {0.25, 0.25, 0.5};
    score_trial trials[] = {{0, 0, 0, 1, 10}, {0, 1, 0, 1, 10}, {0, 2, 0, 1, 30},
                            {1, 0, 0, 1, 20}, {1, 1, 0, -1, 0}, {1, 2, 0, 1, 15}};
    score_problem p = {.num_submissions = 2,
                       .names = names,
                       .num_base = 3,
                       .trials = trials,
                       .num_trials = 6,
                       .weight = weight};
    score_result r;
    ok(!score_compute(&p, SCORE_MIN_TIME, &r), "a family of two and a lone workload are scored");
    ok(fabs(r.exact[0] - (0.5 + 0.5 * 2 / 3)) < 1e-12 &&
           fabs(r.exact[1] - (0.25 * 2 / 3 + 0.5)) < 1e-12,
       "a family weighs as much as a lone workload; a missed variant costs its share and voids "
       "nothing");
    ok(fabs(r.rho[SCORE_POINTS - 1] - 1) < 1e-12 &&
           fabs(r.rho[2 * SCORE_POINTS - 1] - 0.75) < 1e-12,
       "and so in the profile");
    score_release(&r);
}

static void test_reference(void)
{
    const char *names[] = {"a", "b"};
    double reference[] = {10, NAN};
    score_trial trials[] = {{0, 0, 0, 1, 20}, {0, 1, 0, 1, 5}, {1, 0, 0, 1, 5}, {1, 1, 0, 1, 5}};
    score_problem p = {.num_submissions = 1,
                       .names = names,
                       .num_base = 2,
                       .trials = trials,
                       .num_trials = 2,
                       .reference = reference};
    score_result alone, both;
    ok(!score_compute(&p, SCORE_MIN_TIME, &alone) && alone.ratio[0] == 2,
       "ratios are to the frozen times");
    ok(isinf(alone.ratio[1]), "a workload that nobody of the reference reached earns nothing");
    p.num_submissions = 2;
    p.num_trials = 4;
    ok(!score_compute(&p, SCORE_MIN_TIME, &both) && both.score[0] == alone.score[0] &&
           both.exact[0] == alone.exact[0],
       "a faster entry moves no older score");
    ok(both.ratio[2] == 0.5 && fabs(both.exact[1] - 0.5) < 1e-12,
       "and faster than the reference earns no more than all of a workload");
    score_release(&alone);
    score_release(&both);
}

int main(void)
{
    test_golden();
    test_one_submission();
    test_interval();
    test_weights();
    test_reference();
    return tap_done();
}
