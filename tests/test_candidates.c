/* Which setting of a search wins. */
#include "scoring/candidates.h"

#include <math.h>
#include "tests/tap.h"

enum { POINTS = 4, WORKLOADS = 2 };

static size_t winner(const candidate_trial *t, size_t n, candidate_rule rule, candidate *c)
{
    size_t order[POINTS];
    ok(!candidates_rank(t, n, POINTS, WORKLOADS, rule, c, order), "%zu trials are ranked", n);
    return order[0];
}

int main(void)
{
    candidate c[POINTS];
    /* point 0: 100 and 100; 1: 110 and 60; 2: 50 and 130; 3: fastest where it arrives */
    candidate_trial t[] = {
        {0, 0, 100, 1}, {0, 1, 100, 1}, {1, 0, 110, 1}, {1, 1, 60, 1},
        {2, 0, 50, 1},  {2, 1, 130, 1}, {3, 0, 20, 1},  {3, 1, INFINITY, 9},
    };
    ok(winner(t, 6, CANDIDATE_WORST, c) == 0, "by the worst ratio, 2.0 against 2.2 and 2.17");
    close_to(c[0].worst, 2, 1e-12, "worst of point 0");
    close_to(c[2].worst, 130.0 / 60, 1e-12, "worst of point 2");
    close_to(c[2].mean, (1 + 130.0 / 60) / 2, 1e-12, "mean of point 2");
    candidates_release(c, POINTS);
    ok(winner(t, 6, CANDIDATE_MEAN, c) == 2, "by the mean ratio: 1.58 against 1.60 and 1.83");
    candidates_release(c, POINTS);
    ok(winner(t, 8, CANDIDATE_WORST, c) == 2, "a miss comes last, though its time counts as best");
    close_to(c[2].worst, 2.5, 1e-12, "50 against 20");
    ok(c[3].missed == 1, "and is counted");
    candidates_release(c, POINTS);

    candidate_trial seeds[] = {{0, 0, 90, 1}, {0, 0, 40, 1}, {1, 0, 61, 1}, {1, 0, 62, 1}};
    ok(winner(seeds, 4, CANDIDATE_WORST, c) == 0, "seeds of a point: geometric mean");
    close_to(c[0].time[0], 60, 1e-12, "of 90 and 40");
    candidates_release(c, POINTS);
    candidate_trial none[] = {{0, 0, INFINITY, 3}, {1, 0, INFINITY, 2}, {2, 0, INFINITY, NAN}};
    ok(winner(none, 3, CANDIDATE_WORST, c) == 1, "nobody arrives: the best metric");
    candidates_release(c, POINTS);
    size_t order[POINTS];
    none[0].workload = 2;
    ok(candidates_rank(none, 3, POINTS, WORKLOADS, CANDIDATE_WORST, c, order) == PODIUM_EINVAL,
       "refused: a workload that is not there");

    const double rung[] = {1, 2, 3, 4, 5, NAN};
    ok(candidate_goes_on(rung, 0, 7, 3), "the first at a rung goes on");
    ok(candidate_goes_on(rung, 1, 0.5, 3) && !candidate_goes_on(rung, 1, 1.5, 3),
       "the better of 2");
    ok(candidate_goes_on(rung, 5, 1.5, 3) && !candidate_goes_on(rung, 5, 2.5, 3), "2 best of 6");
    ok(candidate_goes_on(rung, 6, 2.5, 3) && !candidate_goes_on(rung, 6, 3.5, 3), "3 best of 7");
    ok(!candidate_goes_on(rung, 6, NAN, 3), "no number never does");
    return tap_done();
}
