/* Ranking of candidates. */
#include "scoring/candidates.h"

#include <math.h>
#include <stdlib.h>

static int compare_numbers(double a, double b) /* NaN last */
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int compare(const candidate *a, const candidate *b, candidate_rule rule)
{
    if (!a->trials != !b->trials)
        return !a->trials - !b->trials;
    if (a->missed != b->missed)
        return a->missed > b->missed ? 1 : -1;
    int worst = compare_numbers(a->worst, b->worst), mean = compare_numbers(a->mean, b->mean);
    int first = rule == CANDIDATE_WORST ? worst : mean;
    int second = rule == CANDIDATE_WORST ? mean : worst;
    return first ? first : second ? second : compare_numbers(a->metric, b->metric);
}

/* Sums first: of logarithms in time[], of metrics; hits [candidate][workload]. */
static int32_t add_up(const candidate_trial *trials, size_t num_trials, size_t num_candidates,
                      size_t num_workloads, candidate *out, size_t *hits)
{
    for (size_t i = 0; i < num_trials; i++) {
        const candidate_trial *t = &trials[i];
        if (t->candidate >= num_candidates || t->workload >= num_workloads)
            return podium_fail(PODIUM_EINVAL, "trial %zu: candidate %zu, workload %zu of %zu, %zu",
                               i, t->candidate, t->workload, num_candidates, num_workloads);
        candidate *c = &out[t->candidate];
        c->trials++;
        c->metric += t->metric;
        if (!isfinite(t->time)) {
            c->missed++;
            continue;
        }
        c->time[t->workload] += log(t->time);
        hits[t->candidate * num_workloads + t->workload]++;
    }
    return 0;
}

static double best_on(const candidate *c, size_t num_candidates, size_t workload)
{
    double best = NAN;
    for (size_t i = 0; i < num_candidates; i++)
        best = fmin(best, c[i].time[workload]); /* fmin passes over NaN */
    return best;
}

static void take_ratios(candidate *c, size_t num_candidates, size_t num_workloads)
{
    for (size_t i = 0; i < num_candidates; i++) {
        double sum = 0, worst = NAN;
        size_t n = 0;
        for (size_t w = 0; w < num_workloads; w++) {
            if (isnan(c[i].time[w]))
                continue;
            double best = best_on(c, num_candidates, w);
            double ratio = c[i].time[w] > best ? c[i].time[w] / best : 1; /* 0 / 0 too */
            worst = fmax(worst, ratio);
            sum += ratio;
            n++;
        }
        c[i].worst = worst;
        c[i].mean = n ? sum / (double)n : NAN;
    }
}

int32_t candidates_rank(const candidate_trial *trials, size_t num_trials, size_t num_candidates,
                        size_t num_workloads, candidate_rule rule, candidate *out, size_t *order)
{
    size_t *hits = calloc(num_candidates * num_workloads + 1, sizeof *hits);
    int32_t rc = hits ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for candidates");
    for (size_t i = 0; i < num_candidates; i++) {
        out[i] = (candidate){.time = calloc(num_workloads + 1, sizeof(double))};
        if (!rc && !out[i].time)
            rc = podium_fail(PODIUM_ENOMEM, "no memory for candidates");
    }
    if (!rc)
        rc = add_up(trials, num_trials, num_candidates, num_workloads, out, hits);
    for (size_t i = 0; !rc && i < num_candidates; i++) {
        out[i].metric = out[i].trials ? out[i].metric / (double)out[i].trials : NAN;
        for (size_t w = 0; w < num_workloads; w++) {
            size_t n = hits[i * num_workloads + w];
            out[i].time[w] = n ? exp(out[i].time[w] / (double)n) : NAN;
        }
    }
    free(hits);
    if (rc) {
        candidates_release(out, num_candidates);
        return rc;
    }
    take_ratios(out, num_candidates, num_workloads);
    for (size_t i = 0; i < num_candidates; i++) { /* insertion: stable, and there are few */
        size_t k = i;
        for (; k && compare(&out[i], &out[order[k - 1]], rule) < 0; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    return 0;
}

void candidates_release(candidate *c, size_t num_candidates)
{
    for (size_t i = 0; i < num_candidates; i++) {
        free(c[i].time);
        c[i].time = NULL;
    }
}

bool candidate_goes_on(const double *metrics, size_t n, double mine, int eta)
{
    size_t before = 0, kept = (n + 1 + (size_t)eta - 1) / (size_t)eta;
    for (size_t i = 0; i < n; i++)
        before += compare_numbers(metrics[i], mine) <= 0;
    return before < kept;
}
