/* The arithmetic of time-to-target scores. */
#include "scoring/score.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

double score_tau(int i)
{
    /* numpy.linspace's order of operations: 1 + 3 i / 99 is one ulp off at ten of the points. */
    return i * (3.0 / 99.0) + 1.0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
    if (!n)
        return NAN;
    qsort(x, n, sizeof *x, compare_doubles);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Best trial of each study of one (submission, workload); `used` is scratch [num_trials], times
 * gets one entry a study.  Returns the number of studies. */
static size_t study_times(const score_problem *p, score_rule rule, int32_t submission,
                          int32_t workload, bool *used, double *times)
{
    size_t studies = 0;
    memset(used, 0, p->num_trials * sizeof *used);
    for (size_t i = 0; i < p->num_trials; i++) {
        const score_trial *first = &p->trials[i];
        if (used[i] || first->submission != submission || first->workload != workload)
            continue;
        double best = INFINITY;
        int64_t best_index = -1;
        for (size_t j = i; j < p->num_trials; j++) {
            const score_trial *t = &p->trials[j];
            if (t->submission != submission || t->workload != workload || t->study != first->study)
                continue;
            used[j] = true;
            if (t->hit_index < 0)
                continue;
            bool better = rule == SCORE_MIN_TIME ? t->hit_time < best
                                                 : best_index < 0 || t->hit_index < best_index;
            if (better) {
                best = t->hit_time;
                best_index = t->hit_index;
            }
        }
        times[studies++] = best;
    }
    return studies;
}

static int32_t fill_times(const score_problem *p, score_rule rule, double *time)
{
    size_t W = p->num_base + p->num_held_out;
    bool *used = calloc(p->num_trials + 1, sizeof *used);
    double *times = calloc(p->num_trials + 1, sizeof *times);
    if (used && times)
        for (size_t s = 0; s < p->num_submissions; s++)
            for (size_t w = 0; w < W; w++) {
                size_t n = study_times(p, rule, (int32_t)s, (int32_t)w, used, times);
                time[s * W + w] = median(times, n);
            }
    bool failed = !used || !times;
    free(used);
    free(times);
    return failed ? podium_fail(PODIUM_ENOMEM, "no memory to score") : 0;
}

static double column_minimum(const double *t, size_t rows, size_t width, size_t column)
{
    double best = INFINITY;
    for (size_t s = 0; s < rows; s++)
        if (t[s * width + column] < best)
            best = t[s * width + column];
    return best;
}

static bool missing(double x)
{
    return isnan(x) || isinf(x);
}

/* Voids what is lost and divides by the fastest.  t [S][W] is changed in place. */
static void fill_ratios(const score_problem *p, double *t, double *ratio)
{
    size_t S = p->num_submissions, B = p->num_base, W = B + p->num_held_out;
    for (size_t s = 0; s < S; s++)
        for (size_t h = 0; h < p->num_held_out; h++)
            if (missing(t[s * W + (size_t)p->base_of[h]]))
                t[s * W + B + h] = INFINITY;
    for (size_t w = 0; w < W; w++) {
        double best = column_minimum(t, S, W, w);
        for (size_t s = 0; s < S; s++)
            if (t[s * W + w] > SCORE_TAU_MAX * best)
                t[s * W + w] = INFINITY;
    }
    for (size_t s = 0; s < S; s++)
        for (size_t h = 0; h < p->num_held_out; h++)
            if (missing(t[s * W + B + h]))
                t[s * W + (size_t)p->base_of[h]] = INFINITY;
    for (size_t w = 0; w < B; w++) {
        /* After the held-outs: a voided fastest entry no longer sets the reference. */
        double best = column_minimum(t, S, W, w);
        for (size_t s = 0; s < S; s++)
            ratio[s * B + w] = isinf(best) ? t[s * W + w] : t[s * W + w] / best;
    }
}

static void fill_scores(const score_problem *p, score_result *r)
{
    size_t B = p->num_base;
    for (size_t s = 0; s < p->num_submissions; s++) {
        double *rho = r->rho + s * SCORE_POINTS, exact = 0, area = 0;
        for (int i = 0; i < SCORE_POINTS; i++) {
            size_t within = 0;
            for (size_t w = 0; w < B; w++)
                within += r->ratio[s * B + w] <= score_tau(i);
            rho[i] = B ? (double)within / (double)B : 0;
            if (i)
                area += (score_tau(i) - score_tau(i - 1)) * (rho[i] + rho[i - 1]) / 2;
        }
        for (size_t w = 0; w < B; w++)
            if (r->ratio[s * B + w] <= SCORE_TAU_MAX)
                exact += (SCORE_TAU_MAX - r->ratio[s * B + w]) / (SCORE_TAU_MAX - 1);
        r->score[s] = area / (SCORE_TAU_MAX - 1);
        r->exact[s] = B ? exact / (double)B : 0;
    }
}

static bool ranks_before(const score_problem *p, const score_result *r, size_t a, size_t b)
{
    if (r->score[a] != r->score[b])
        return r->score[a] > r->score[b];
    return strcmp(p->names[a], p->names[b]) < 0;
}

static void fill_ranks(const score_problem *p, score_result *r)
{
    for (size_t s = 0; s < p->num_submissions; s++) {
        size_t i = s;
        for (; i > 0 && ranks_before(p, r, s, r->order[i - 1]); i--)
            r->order[i] = r->order[i - 1];
        r->order[i] = s;
    }
    for (size_t i = 0; i < p->num_submissions; i++)
        r->rank[r->order[i]] = i + 1;
}

static int32_t check_problem(const score_problem *p)
{
    size_t W = p->num_base + p->num_held_out;
    for (size_t i = 0; i < p->num_trials; i++) {
        const score_trial *t = &p->trials[i];
        if (t->submission < 0 || (size_t)t->submission >= p->num_submissions || t->workload < 0 ||
            (size_t)t->workload >= W)
            return podium_fail(PODIUM_EINVAL, "trial %zu is of no known submission or workload", i);
    }
    for (size_t h = 0; h < p->num_held_out; h++)
        if (p->base_of[h] < 0 || (size_t)p->base_of[h] >= p->num_base)
            return podium_fail(PODIUM_EINVAL, "held-out workload %zu has no base workload", h);
    return 0;
}

int32_t score_compute(const score_problem *p, score_rule rule, score_result *out)
{
    size_t S = p->num_submissions, B = p->num_base, W = B + p->num_held_out;
    *out = (score_result){0};
    TRY(check_problem(p));
    double *voided = calloc(S * W + 1, sizeof *voided);
    out->time = calloc(S * W + 1, sizeof *out->time);
    out->ratio = calloc(S * B + 1, sizeof *out->ratio);
    out->rho = calloc(S * SCORE_POINTS + 1, sizeof *out->rho);
    out->score = calloc(S + 1, sizeof *out->score);
    out->exact = calloc(S + 1, sizeof *out->exact);
    out->rank = calloc(S + 1, sizeof *out->rank);
    out->order = calloc(S + 1, sizeof *out->order);
    int32_t rc = 0;
    if (!voided || !out->time || !out->ratio || !out->rho || !out->score || !out->exact ||
        !out->rank || !out->order)
        rc = podium_fail(PODIUM_ENOMEM, "no memory to score");
    else
        rc = fill_times(p, rule, out->time);
    if (!rc) {
        memcpy(voided, out->time, S * W * sizeof *voided);
        fill_ratios(p, voided, out->ratio);
        fill_scores(p, out);
        fill_ranks(p, out);
    }
    free(voided);
    if (rc)
        score_release(out);
    return rc;
}

void score_release(score_result *r)
{
    free(r->time);
    free(r->ratio);
    free(r->rho);
    free(r->score);
    free(r->exact);
    free(r->rank);
    free(r->order);
    *r = (score_result){0};
}

/* SplitMix64: the stream of the resampling, fixed so that a table is reproducible. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Draws, for each (submission, workload), as many studies as it has; the trials of a study stay
 * together.  Returns the number of trials in `out` [capacity]; `most` gets the largest number of
 * studies. */
static size_t resample(const score_problem *p, uint64_t *state, score_trial *out, size_t capacity,
                       int64_t *studies, size_t *most)
{
    size_t n = 0, W = p->num_base + p->num_held_out;
    for (size_t s = 0; s < p->num_submissions; s++)
        for (size_t w = 0; w < W; w++) {
            size_t count = 0;
            for (size_t i = 0; i < p->num_trials; i++) {
                const score_trial *t = &p->trials[i];
                size_t k = 0;
                if ((size_t)t->submission != s || (size_t)t->workload != w)
                    continue;
                while (k < count && studies[k] != t->study)
                    k++;
                if (k == count)
                    studies[count++] = t->study;
            }
            *most = count > *most ? count : *most;
            for (size_t k = 0; k < count; k++) {
                int64_t pick = studies[next_random(state) % count];
                for (size_t i = 0; i < p->num_trials && n < capacity; i++) {
                    const score_trial *t = &p->trials[i];
                    if ((size_t)t->submission == s && (size_t)t->workload == w &&
                        t->study == pick) {
                        out[n] = *t;
                        out[n++].study = (int64_t)k;
                    }
                }
            }
        }
    return n;
}

static int32_t bootstrap(const score_problem *p, score_rule rule, int rounds, double *scores,
                         score_trial *trials, size_t capacity, int64_t *studies, size_t *most)
{
    uint64_t state = 1;
    for (int k = 0; k < rounds; k++) {
        score_problem q = *p;
        score_result r;
        q.trials = trials;
        q.num_trials = resample(p, &state, trials, capacity, studies, most);
        TRY(score_compute(&q, rule, &r));
        for (size_t s = 0; s < p->num_submissions; s++)
            scores[s * (size_t)rounds + (size_t)k] = r.score[s];
        score_release(&r);
    }
    return 0;
}

int32_t score_interval(const score_problem *p, score_rule rule, int rounds, double *low,
                       double *high)
{
    size_t S = p->num_submissions, most = 0, n = (size_t)rounds;
    /* Studies may differ in their number of trials: a draw can be larger than the original. */
    size_t capacity = p->num_trials * 8 + 64;
    double *scores = calloc(S * n + 1, sizeof *scores);
    score_trial *trials = calloc(capacity, sizeof *trials);
    int64_t *studies = calloc(p->num_trials + 1, sizeof *studies);
    int32_t rc = scores && trials && studies
                     ? bootstrap(p, rule, rounds, scores, trials, capacity, studies, &most)
                     : podium_fail(PODIUM_ENOMEM, "no memory to score");
    for (size_t s = 0; !rc && s < S; s++) {
        qsort(scores + s * n, n, sizeof *scores, compare_doubles);
        low[s] = most < 2 ? NAN : scores[s * n + n / 40];
        high[s] = most < 2 ? NAN : scores[s * n + n - 1 - n / 40];
    }
    free(scores);
    free(trials);
    free(studies);
    return rc;
}

double score_speedup(const score_problem *p, const score_result *r, size_t base, size_t s,
                     const double *missed, double *ratio)
{
    size_t W = p->num_base + p->num_held_out;
    double sum = 0;
    for (size_t w = 0; w < p->num_base; w++) {
        double a = r->time[base * W + w], b = r->time[s * W + w];
        double quotient = (isinf(b) ? missed[w] : b) / (isinf(a) ? missed[w] : a);
        sum += log(quotient);
        if (ratio)
            ratio[w] = quotient;
    }
    return exp(sum / (double)p->num_base);
}
