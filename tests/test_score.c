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
    score_problem p = {1, names, 2, 0, NULL, trials, 3};
    score_result r;
    ok(!score_compute(&p, SCORE_MIN_TIME, &r), "three studies are scored");
    ok(r.time[0] == 14.0, "the median of 10, 14 and never is 14");
    ok(isnan(r.time[1]), "a workload without trials has no time");
    ok(fabs(r.score[0] - 0.5) < 1e-15, "a workload nobody ran still counts in the denominator");
    score_release(&r);
    double low, high;
    ok(!score_interval(&p, SCORE_MIN_TIME, 200, &low, &high) && low <= 0.5 && high == 0.5,
       "resampled studies give an interval");
    p.num_trials = 1;
    ok(!score_interval(&p, SCORE_MIN_TIME, 50, &low, &high) && isnan(low),
       "one study gives no interval");
    trials[0].workload = 2;
    ok(score_compute(&p, SCORE_MIN_TIME, &r) == PODIUM_EINVAL, "an unknown workload is an error");
}

int main(void)
{
    test_golden();
    test_one_submission();
    return tap_done();
}
