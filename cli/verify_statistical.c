/* The statistical form of `podium verify`: steps to target of records and of reruns with fresh
 * seeds, compared by an exact rank test.
 *
 * The number of reruns is the smallest that lets the test reject at its level at all, so a pass is
 * never empty; they end early, from the fifth on, once no outcome of those that are left could make
 * the test reject.  That cannot change the answer, so the level holds. */
#include "cli/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/command.h"
#include "scoring/rank_test.h"

enum { FEWEST = 5 };
static const double level = 0.05;

/* All that tells the records of one trial apart: headers are equal but for these. */
bool verify_same_setting(const record *a, const record *b)
{
    static const char *const own[] = {"seed", "study", "trial", "ruleset", "build"};
    json_t *x = json_copy(a->header), *y = json_copy(b->header);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_object_del(x, own[i]);
        json_object_del(y, own[i]);
    }
    bool same = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

/* Steps of the first evaluation that meets the target; infinite when none does. */
static double steps_to_target(const record *r)
{
    int64_t hit = record_hit(r);
    return hit < 0 ? INFINITY : (double)r->evaluations[hit].step;
}

/* Reruns that the test needs with `count` records. */
static size_t reruns_for(size_t count, const verify_options *o)
{
    size_t m = FEWEST;
    while (rank_test_smallest(count, m) > level)
        m++;
    return (size_t)o->reruns > m ? (size_t)o->reruns : m;
}

/* Can the reruns that are left make the test reject?  The farthest they can go is all before or all
 * after everything else. */
static int32_t still_open(const double *recorded, size_t n, double *again, size_t done, size_t most,
                          bool *open)
{
    const double extremes[] = {-1, INFINITY};
    *open = false;
    for (int i = 0; i < 2; i++) {
        double p;
        for (size_t k = done; k < most; k++)
            again[k] = extremes[i];
        TRY(rank_test(recorded, n, again, most, &p));
        *open = *open || p <= level;
    }
    return 0;
}

static int32_t run_fresh(const record *r, const verify_options *o, uint64_t seed, int number,
                         double *steps)
{
    record *again = NULL;
    TRY(verify_repeat(r, o, &seed, number, &again));
    int32_t rc = again->valid ? 0
                              : podium_fail(PODIUM_EINVAL, "rerun %d (seed %" PRIu64 ") ended: %s",
                                            number, seed, again->reason);
    *steps = steps_to_target(again);
    record_destroy(again);
    return rc;
}

/* Reruns until the answer is known; *done of `most` were needed. */
static int32_t run_all(const record *const *records, size_t count, const verify_options *o,
                       const double *recorded, double *again, size_t most, size_t *done)
{
    uint64_t seed = 0;
    bool open = true;
    for (size_t i = 0; i < count; i++)
        seed = records[i]->seed >= seed ? records[i]->seed + 1 : seed;
    for (*done = 0; open && *done < most; seed++) {
        TRY(run_fresh(records[0], o, seed & INT64_MAX, (int)*done + 1, &again[*done]));
        ++*done;
        if (*done >= FEWEST && *done < most)
            TRY(still_open(recorded, count, again, *done, most, &open));
    }
    return 0;
}

static void add_steps(text_buffer *t, const double *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isinf(steps[i]))
            text_add(t, " never");
        else
            text_print(t, " %.0f", steps[i]);
}

/* `differ`: the test rejects, which it cannot before the last rerun. */
static int report(const record *const *records, size_t count, const char *why,
                  const double *recorded, const double *again, size_t done, double p, bool differ,
                  const verify_options *o)
{
    text_buffer t = {0};
    text_print(&t, "statistical, since %s: bits may differ\n  steps to target, recorded:", why);
    add_steps(&t, recorded, count);
    text_print(&t, "\n  in %zu reruns:", done);
    add_steps(&t, again, done);
    text_print(&t, "\n  rank test: p = %.3g, they %s", p,
               differ ? "differ (at most 0.05)" : "agree");
    int status = verify_say(records, count, differ ? RECORD_DIFFERS : RECORD_STATISTICAL, &t, o);
    text_release(&t);
    return status;
}

int verify_statistical(const record *const *records, size_t count, const char *why,
                       const verify_options *o)
{
    size_t most = reruns_for(count, o), done = 0;
    double *recorded = calloc(count, sizeof *recorded), *again = calloc(most, sizeof *again), p = 1;
    int32_t rc = recorded && again ? PODIUM_OK
                                   : podium_fail(PODIUM_ENOMEM, "no memory for %zu reruns", most);
    int status = EXIT_USAGE;
    for (size_t i = 0; !rc && i < count; i++)
        recorded[i] = steps_to_target(records[i]);
    if (!rc)
        rc = run_all(records, count, o, recorded, again, most, &done);
    if (!rc)
        rc = rank_test(recorded, count, again, done, &p);
    if (o->progress)
        printf("\r\033[K");
    if (!rc)
        status = report(records, count, why, recorded, again, done, p, done == most && p <= level,
                        o);
    else
        fprintf(stderr, "podium verify: %s: %s\n", records[0]->path, podium_error());
    free(recorded);
    free(again);
    return status;
}
