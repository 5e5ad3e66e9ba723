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

/* Trials by cell, then study, then listing order. */
typedef struct sorted_trial {
    size_t cell, at;
    int64_t study;
} sorted_trial;

static int compare_sorted(const void *a, const void *b)
{
    const sorted_trial *x = a, *y = b;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    if (x->study != y->study)
        return x->study < y->study ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static bool is_better(const score_trial *t, const score_trial *best, score_rule rule)
{
    if (t->hit_index < 0)
        return false;
    if (best->hit_index < 0)
        return true;
    return rule == SCORE_MIN_TIME ? t->hit_time < best->hit_time : t->hit_index < best->hit_index;
}

int32_t score_studies(const score_problem *p, score_rule rule, score_study **out, size_t *count)
{
    size_t W = p->num_base + p->num_held_out;
    sorted_trial *order = calloc(p->num_trials + 1, sizeof *order);
    score_study *all = calloc(p->num_trials + 1, sizeof *all);
    *out = NULL;
    *count = 0;
    if (!order || !all) {
        free(order);
        free(all);
        return podium_fail(PODIUM_ENOMEM, "no memory to score");
    }
    for (size_t i = 0; i < p->num_trials; i++) {
        const score_trial *t = &p->trials[i];
        order[i] = (sorted_trial){(size_t)t->submission * W + (size_t)t->workload, i, t->study};
    }
    qsort(order, p->num_trials, sizeof *order, compare_sorted);
    for (size_t i = 0; i < p->num_trials; i++) {
        const sorted_trial *o = &order[i];
        score_study *last = *count ? &all[*count - 1] : NULL;
        if (!last || last->cell != o->cell || last->study != o->study)
            all[(*count)++] = (score_study){.cell = o->cell, .study = o->study, .trial = o->at};
        else if (is_better(&p->trials[o->at], &p->trials[last->trial], rule))
            last->trial = o->at;
    }
    for (size_t k = 0; k < *count; k++) {
        const score_trial *t = &p->trials[all[k].trial];
        all[k].time = t->hit_index < 0 ? INFINITY : t->hit_time;
    }
    free(order);
    *out = all;
    return 0;
}

static int32_t fill_times(const score_problem *p, score_rule rule, double *time)
{
    size_t cells = p->num_submissions * (p->num_base + p->num_held_out), count, at = 0;
    score_study *studies;
    TRY(score_studies(p, rule, &studies, &count));
    double *times = calloc(count + 1, sizeof *times);
    for (size_t c = 0; times && c < cells; c++) {
        size_t n = 0;
        for (; at < count && studies[at].cell == c; at++)
            times[n++] = studies[at].time;
        time[c] = median(times, n);
    }
    bool failed = !times;
    free(times);
    free(studies);
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

/* The time that ratios on a workload are taken to: the frozen one, or the fastest here. */
static double fastest(const score_problem *p, const double *t, size_t workload)
{
    if (p->reference)
        return isnan(p->reference[workload]) ? INFINITY : p->reference[workload];
    return column_minimum(t, p->num_submissions, p->num_base + p->num_held_out, workload);
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
        double best = fastest(p, t, w);
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
        double best = fastest(p, t, w);
        for (size_t s = 0; s < S; s++) {
            double time = t[s * W + w];
            ratio[s * B + w] = !isinf(best) ? time / best : isnan(time) ? NAN : INFINITY;
        }
    }
}

/* Share of the workloads within tau of the fastest. */
static double profile_at(const score_problem *p, const double *ratio, double tau)
{
    size_t within = 0;
    double share = 0;
    for (size_t w = 0; w < p->num_base; w++)
        if (ratio[w] <= tau) {
            within++;
            share += p->weight ? p->weight[w] : 0;
        }
    if (p->weight)
        return share;
    return p->num_base ? (double)within / (double)p->num_base : 0;
}

static void fill_scores(const score_problem *p, score_result *r)
{
    size_t B = p->num_base;
    for (size_t s = 0; s < p->num_submissions; s++) {
        const double *ratio = r->ratio + s * B;
        double *rho = r->rho + s * SCORE_POINTS, exact = 0, area = 0;
        for (int i = 0; i < SCORE_POINTS; i++) {
            rho[i] = profile_at(p, ratio, score_tau(i));
            if (i)
                area += (score_tau(i) - score_tau(i - 1)) * (rho[i] + rho[i - 1]) / 2;
        }
        for (size_t w = 0; w < B; w++)
            if (ratio[w] <= SCORE_TAU_MAX) /* faster than a frozen reference earns no more than 1 */
                exact += (p->weight ? p->weight[w] : 1 / (double)B) *
                         (SCORE_TAU_MAX - fmax(ratio[w], 1)) / (SCORE_TAU_MAX - 1);
        r->score[s] = area / (SCORE_TAU_MAX - 1);
        r->exact[s] = exact;
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

static int32_t result_alloc(const score_problem *p, score_result *out)
{
    size_t S = p->num_submissions, B = p->num_base, W = B + p->num_held_out;
    *out = (score_result){
        .time = calloc(S * W + 1, sizeof *out->time),
        .ratio = calloc(S * B + 1, sizeof *out->ratio),
        .rho = calloc(S * SCORE_POINTS + 1, sizeof *out->rho),
        .score = calloc(S + 1, sizeof *out->score),
        .exact = calloc(S + 1, sizeof *out->exact),
        .rank = calloc(S + 1, sizeof *out->rank),
        .order = calloc(S + 1, sizeof *out->order),
    };
    if (out->time && out->ratio && out->rho && out->score && out->exact && out->rank && out->order)
        return 0;
    score_release(out);
    return podium_fail(PODIUM_ENOMEM, "no memory to score");
}

int32_t score_compute(const score_problem *p, score_rule rule, score_result *out)
{
    size_t cells = p->num_submissions * (p->num_base + p->num_held_out);
    *out = (score_result){0};
    TRY(check_problem(p));
    TRY(result_alloc(p, out));
    double *voided = calloc(cells + 1, sizeof *voided);
    int32_t rc = voided ? fill_times(p, rule, out->time)
                        : podium_fail(PODIUM_ENOMEM, "no memory to score");
    if (!rc) {
        memcpy(voided, out->time, cells * sizeof *voided);
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

/* The studies of a problem, ready to be drawn from. */
typedef struct pool {
    score_study *studies; /* by cell, then study */
    size_t count;
    int64_t *all; /* distinct study numbers */
    size_t num_all;
    double *time, *scratch; /* [cells], [num_all] */
    size_t *draw;           /* [num_all] */
} pool;

static int compare_studies(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int32_t pool_init(pool *o, const score_problem *p, score_rule rule)
{
    size_t cells = p->num_submissions * (p->num_base + p->num_held_out);
    *o = (pool){0};
    TRY(score_studies(p, rule, &o->studies, &o->count));
    o->all = calloc(o->count + 1, sizeof *o->all);
    o->time = calloc(cells + 1, sizeof *o->time);
    o->scratch = calloc(o->count + 1, sizeof *o->scratch);
    o->draw = calloc(o->count + 1, sizeof *o->draw);
    if (!o->all || !o->time || !o->scratch || !o->draw)
        return podium_fail(PODIUM_ENOMEM, "no memory to score");
    for (size_t k = 0; k < o->count; k++)
        o->all[k] = o->studies[k].study;
    qsort(o->all, o->count, sizeof *o->all, compare_studies);
    for (size_t k = 0; k < o->count; k++)
        if (!o->num_all || o->all[o->num_all - 1] != o->all[k])
            o->all[o->num_all++] = o->all[k];
    return 0;
}

static void pool_release(pool *o)
{
    free(o->studies);
    free(o->all);
    free(o->time);
    free(o->scratch);
    free(o->draw);
}

/* Times of one draw.  A cell that lacks some of the studies is drawn from by itself. */
static void pool_draw(pool *o, size_t cells, uint64_t *state)
{
    size_t at = 0;
    for (size_t i = 0; i < o->num_all; i++)
        o->draw[i] = next_random(state) % o->num_all;
    for (size_t c = 0; c < cells; c++) {
        size_t n = 0;
        while (at + n < o->count && o->studies[at + n].cell == c)
            n++;
        for (size_t i = 0; i < n; i++) {
            size_t pick = n == o->num_all ? o->draw[i] : next_random(state) % n;
            o->scratch[i] = o->studies[at + pick].time;
        }
        o->time[c] = median(o->scratch, n);
        at += n;
    }
}

/* Fewest studies of a submission on a workload that it has run. */
static size_t pool_fewest(const pool *o, size_t submission, size_t W)
{
    size_t fewest = SIZE_MAX;
    for (size_t k = 0; k < o->count;) {
        size_t n = 1, cell = o->studies[k].cell;
        while (k + n < o->count && o->studies[k + n].cell == cell)
            n++;
        if (cell / W == submission && n < fewest)
            fewest = n;
        k += n;
    }
    return fewest == SIZE_MAX ? 0 : fewest;
}

int32_t score_interval(const score_problem *p, score_rule rule, int rounds, double *low,
                       double *high)
{
    size_t S = p->num_submissions, W = p->num_base + p->num_held_out, n = (size_t)rounds;
    double *scores = calloc(S * n + 1, sizeof *scores);
    score_result r = {0};
    uint64_t state = 1;
    pool o;
    int32_t rc = pool_init(&o, p, rule);
    if (!rc)
        rc = scores ? result_alloc(p, &r) : podium_fail(PODIUM_ENOMEM, "no memory to score");
    for (size_t k = 0; !rc && k < n; k++) {
        pool_draw(&o, S * W, &state);
        fill_ratios(p, o.time, r.ratio);
        fill_scores(p, &r);
        for (size_t s = 0; s < S; s++)
            scores[s * n + k] = r.score[s];
    }
    for (size_t s = 0; !rc && s < S; s++) {
        bool enough = pool_fewest(&o, s, W) >= SCORE_LEAST_STUDIES;
        qsort(scores + s * n, n, sizeof *scores, compare_doubles);
        low[s] = enough ? scores[s * n + n / 40] : NAN;
        high[s] = enough ? scores[s * n + n - 1 - n / 40] : NAN;
    }
    free(scores);
    score_release(&r);
    pool_release(&o);
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
