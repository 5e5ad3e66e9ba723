/* The numbers of a board: scores by every clock, intervals, what can be told apart, memory. */
#include "scoring/board_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/paired_test.h"
#include "scoring/reference_set.h"

#define BOOTSTRAP_ROUNDS 2000

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
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

static int32_t allocate(board *b)
{
    size_t S = b->num_submissions, W = b->num_workloads;
    b->cells = calloc(S * W + 1, sizeof *b->cells);
    b->weight = calloc(W + 1, sizeof *b->weight);
    b->base_of = calloc(W + 1, sizeof *b->base_of);
    b->rank = calloc(S + 1, sizeof *b->rank);
    b->low = calloc(S + 1, sizeof *b->low);
    b->high = calloc(S + 1, sizeof *b->high);
    b->memory = calloc(S + 1, sizeof *b->memory);
    b->p = calloc(S * S + 1, sizeof *b->p);
    b->pairs = calloc(S * S + 1, sizeof *b->pairs);
    if (b->cells && b->weight && b->base_of && b->rank && b->low && b->high && b->memory && b->p &&
        b->pairs)
        return 0;
    return podium_fail(PODIUM_ENOMEM, "cannot allocate the numbers of a board");
}

/* Length of the workload's own name, without that of a held-out variant. */
static size_t family_length(const char *name)
{
    return strcspn(name, "/");
}

static bool same_family(const char *a, const char *b)
{
    size_t n = family_length(a);
    return n == family_length(b) && !memcmp(a, b, n);
}

/* A workload and its held-out variants are one family of weight one, shared equally. */
static void fill_weights(board *b)
{
    size_t W = b->num_workloads, families = 0;
    for (size_t w = 0; w < W; w++) {
        size_t size = 0;
        bool first = true;
        b->base_of[w] = -1;
        for (size_t v = 0; v < W; v++) {
            if (!same_family(b->workloads[w], b->workloads[v]))
                continue;
            size++;
            first = first && v >= w;
            if (strchr(b->workloads[w], '/') && !strchr(b->workloads[v], '/'))
                b->base_of[w] = (int32_t)v;
        }
        families += first;
        b->weight[w] = 1 / (double)size;
    }
    for (size_t w = 0; w < W; w++)
        b->weight[w] /= (double)families;
}

static void fill_trials(const board *b, record_clock clock, score_trial *trials)
{
    for (size_t i = 0; i < b->num_records; i++) {
        const record *r = b->records[i];
        int64_t hit = r->valid ? record_hit(r) : -1;
        trials[i] = (score_trial){.submission = b->submission_of[i],
                                  .workload = b->workload_of[i],
                                  .study = r->study,
                                  .hit_index = hit,
                                  .hit_time = hit >= 0 ? r->evaluations[hit].clock[clock] : 0};
    }
}

static void fill_cells(board *b, double *scratch)
{
    for (size_t c = 0; c < b->num_submissions * b->num_workloads; c++) {
        board_cell *cell = &b->cells[c];
        double *steps = scratch, *seconds = scratch + b->num_records;
        for (size_t i = 0; i < b->num_records; i++) {
            const record *r = b->records[i];
            size_t at = (size_t)b->submission_of[i] * b->num_workloads + (size_t)b->workload_of[i];
            int64_t hit = r->valid ? record_hit(r) : -1;
            if (at != c)
                continue;
            cell->trials++;
            if (hit < 0)
                continue;
            const record_evaluation *e = &r->evaluations[hit];
            steps[cell->reached] = (double)e->step;
            seconds[cell->reached++] = e->step ? e->clock[CLOCK_WALL] / (double)e->step
                                               : e->clock[CLOCK_WALL];
        }
        cell->steps = median(steps, cell->reached);
        cell->seconds_per_step = median(seconds, cell->reached);
    }
}

static void fill_memory(board *b)
{
    for (size_t s = 0; s < b->num_submissions; s++)
        b->memory[s] = NAN;
    for (size_t i = 0; i < b->num_records; i++) {
        double *m = &b->memory[b->submission_of[i]];
        *m = fmax(*m, b->records[i]->optimizer_bytes); /* NaN loses */
    }
}

/* The time of a study that is there; NaN: none. */
static double study_time(const score_study *studies, size_t count, size_t cell, int64_t study)
{
    for (size_t k = 0; k < count; k++)
        if (studies[k].cell == cell && studies[k].study == study)
            return studies[k].time;
    return NAN;
}

/* Log of the ratio of the times of a and b in one study, over the workloads by weight.  A missed
 * target, and one later than 4 times the fastest, stands at that bound: no score is earned past it.
 * False: a study that one of them lacks. */
static bool study_difference(const board *b, const score_study *studies, size_t count, size_t x,
                             size_t y, int64_t study, double *out)
{
    size_t W = b->num_workloads;
    *out = 0;
    for (size_t w = 0; w < W; w++) {
        double tx = study_time(studies, count, x * W + w, study);
        double ty = study_time(studies, count, y * W + w, study), best = INFINITY;
        if (isnan(tx) || isnan(ty))
            return false;
        for (size_t s = 0; s < b->num_submissions; s++)
            best = fmin(best, b->result.time[s * W + w]);
        double bound = SCORE_TAU_MAX * (isinf(best) ? fmin(tx, ty) : best);
        if (!isfinite(bound))
            continue; /* neither reached it, nor anyone in the median */
        tx = fmax(fmin(tx, bound), 1e-300);
        ty = fmax(fmin(ty, bound), 1e-300);
        *out += b->weight[w] * (log(tx) - log(ty));
    }
    return true;
}

/* Both halves of p get the corrected value. */
static int32_t test_pairs(board *b, const score_study *studies, size_t count)
{
    size_t S = b->num_submissions;
    double *d = calloc(count + 1, sizeof *d);
    int32_t rc = d ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate the tests of a board");
    for (size_t k = 0; !rc && k < S * S; k++) {
        size_t x = k / S, y = k % S, n = 0;
        b->p[k] = NAN;
        if (x >= y)
            continue;
        for (size_t i = 0; i < count; i++) /* the studies of x on the first workload */
            if (studies[i].cell == x * b->num_workloads)
                n += study_difference(b, studies, count, x, y, studies[i].study, &d[n]);
        b->pairs[k] = b->pairs[y * S + x] = n;
        if (n >= SCORE_LEAST_STUDIES)
            rc = paired_test(d, n, &b->p[k]);
    }
    free(d);
    if (!rc)
        rc = holm_adjust(b->p, S * S);
    for (size_t k = 0; !rc && k < S * S; k++)
        if (k / S > k % S)
            b->p[k] = b->p[(k % S) * S + k / S];
    return rc;
}

/* By score; a submission that the test does not tell from the first of an earlier rank shares that
 * rank, and so does one of the same score. */
static void fill_ranks(board *b)
{
    size_t S = b->num_submissions;
    for (size_t k = 0; k < S; k++) {
        size_t s = b->result.order[k];
        b->rank[s] = k + 1;
        for (size_t i = 0; i < k; i++) {
            size_t leader = b->result.order[i];
            if (b->rank[leader] != i + 1)
                continue; /* shares a rank itself */
            if (b->p[leader * S + s] > BOARD_LEVEL ||
                b->result.score[s] == b->result.score[leader]) {
                b->rank[s] = i + 1;
                break;
            }
        }
    }
}

static int32_t score_clocks(board *b, const board_options *o, score_problem *p, score_trial *trials,
                            double *reference)
{
    /* The chosen clock last: its trials stay for the interval. */
    for (int i = 1; i <= CLOCK_COUNT; i++) {
        record_clock c = (record_clock)((o->clock + (unsigned)i) % CLOCK_COUNT);
        fill_trials(b, c, trials);
        if (o->reference) {
            TRY(reference_set_times(o->reference, b, c, o->rule, reference));
            p->reference = reference;
        }
        TRY(score_compute(p, o->rule, &b->by_clock[c]));
    }
    b->result = b->by_clock[o->clock];
    return 0;
}

int32_t board_score(board *b, const board_options *o)
{
    score_trial *trials = calloc(b->num_records + 1, sizeof *trials);
    double *scratch = calloc(2 * b->num_records + b->num_workloads + 1, sizeof *scratch);
    score_study *studies = NULL;
    size_t count = 0;
    int32_t rc = allocate(b);
    if (!rc && (!trials || !scratch))
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate the trials of a board");
    score_problem p = {.num_submissions = b->num_submissions,
                       .names = b->names,
                       .num_base = b->num_workloads,
                       .trials = trials,
                       .num_trials = b->num_records,
                       .weight = b->weight};
    if (!rc) {
        fill_weights(b);
        rc = score_clocks(b, o, &p, trials, scratch);
    }
    if (!rc)
        rc = score_interval(&p, o->rule, BOOTSTRAP_ROUNDS, b->low, b->high);
    if (!rc)
        rc = score_studies(&p, o->rule, &studies, &count);
    if (!rc)
        rc = test_pairs(b, studies, count);
    if (!rc) {
        fill_cells(b, scratch);
        fill_memory(b);
        fill_ranks(b);
    }
    free(studies);
    free(trials);
    free(scratch);
    return rc;
}

void board_score_release(board *b)
{
    free(b->cells);
    free(b->weight);
    free(b->base_of);
    free(b->rank);
    free(b->low);
    free(b->high);
    free(b->memory);
    free(b->p);
    free(b->pairs);
    for (int c = 0; c < CLOCK_COUNT; c++)
        score_release(&b->by_clock[c]);
}

double board_held_out_gap(const board *b, size_t submission, size_t workload)
{
    const double *ratio = b->result.ratio + submission * b->num_workloads;
    int32_t base = b->base_of[workload];
    if (base < 0 || !isfinite(ratio[workload]) || !isfinite(ratio[base]))
        return NAN;
    return ratio[workload] / ratio[base];
}

size_t board_fewest_studies(const board *b, size_t submission)
{
    size_t fewest = SIZE_MAX;
    for (size_t w = 0; w < b->num_workloads; w++) {
        size_t n = 0;
        for (size_t i = 0; i < b->num_records; i++) {
            bool seen = (size_t)b->submission_of[i] != submission || (size_t)b->workload_of[i] != w;
            for (size_t k = 0; !seen && k < i; k++)
                seen = b->submission_of[k] == b->submission_of[i] &&
                       b->workload_of[k] == b->workload_of[i] &&
                       b->records[k]->study == b->records[i]->study;
            n += !seen;
        }
        if (n && n < fewest)
            fewest = n;
    }
    return fewest == SIZE_MAX ? 0 : fewest;
}
