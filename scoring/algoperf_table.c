/* AlgoPerf's logs as a scoring problem, its result, and the tables of it. */
#include "scoring/algoperf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define BOOTSTRAP_ROUNDS 2000

/* Place of a trial among those of its study: the preset's order first, the others by number. */
static int64_t place_of(const algoperf_rules *r, int64_t number)
{
    size_t n = r->trial_order ? yaml_length(r->trial_order) : 0;
    for (size_t i = 0; i < n; i++) {
        double x;
        if (!yaml_scalar_number(yaml_item(r->trial_order, i), &x) && (int64_t)x == number)
            return (int64_t)i;
    }
    return (int64_t)n + number;
}

typedef struct listed {
    int64_t place;
    size_t trial;
} listed;

static int compare_listed(const void *a, const void *b)
{
    const listed *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* Trials in the order in which ties are broken; listed[i].trial is the logs' number. */
static int32_t fill_trials(algoperf_table *t)
{
    size_t n = t->logs->num_trials;
    listed *order = calloc(n + 1, sizeof *order);
    t->trials = calloc(n + 1, sizeof *t->trials);
    if (!order || !t->trials) {
        free(order);
        return podium_fail(PODIUM_ENOMEM, "no memory to score");
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (listed){place_of(t->rules, t->logs->trials[i].number), i};
    qsort(order, n, sizeof *order, compare_listed);
    for (size_t i = 0; i < n; i++) {
        const algoperf_trial *a = &t->logs->trials[order[i].trial];
        t->trials[i] = (score_trial){a->submission, a->workload, a->study, a->hit.index,
                                     a->hit.time};
    }
    free(order);
    return 0;
}

/* Studies where two trials meet the target at the same, smallest evaluation with unlike times. */
static size_t count_order_dependent(const algoperf_table *t)
{
    size_t W = t->problem.num_base + t->problem.num_held_out, count = 0;
    for (size_t k = 0; k < t->num_studies; k++) {
        const score_study *s = &t->studies[k];
        const score_trial *best = &t->trials[s->trial];
        bool tied = false;
        for (size_t i = 0; i < t->problem.num_trials && best->hit_index >= 0; i++) {
            const score_trial *o = &t->trials[i];
            tied = tied || ((size_t)o->submission * W + (size_t)o->workload == s->cell &&
                            o->study == s->study && o->hit_index == best->hit_index &&
                            o->hit_time != best->hit_time);
        }
        count += tied;
    }
    return count;
}

static int32_t fill_speedups(algoperf_table *t, const char *baseline)
{
    size_t S = t->problem.num_submissions, base = 0;
    double *missed = calloc(t->problem.num_base + 1, sizeof *missed);
    t->speedup = calloc(S + 1, sizeof *t->speedup);
    if (!missed || !t->speedup) {
        free(missed);
        return podium_fail(PODIUM_ENOMEM, "no memory to score");
    }
    while (base < S && strcmp(t->logs->submissions[base], baseline))
        base++;
    /* A missed target stands for its budget plus a second, as in AlgoPerf's compute_speedups. */
    for (size_t w = 0; w < t->problem.num_base; w++)
        missed[w] = t->rules->workloads[w].seconds + 1;
    for (size_t s = 0; base < S && s < S; s++)
        t->speedup[s] = score_speedup(&t->problem, &t->result, base, s, missed, NULL);
    free(missed);
    t->against = base < S ? t->logs->submissions[base] : NULL;
    return base < S ? 0 : podium_fail(PODIUM_EINVAL, "--against: no submission '%s'", baseline);
}

int32_t algoperf_score(algoperf_table *t, const algoperf_rules *rules, const algoperf_logs *logs,
                       score_rule rule, const char *baseline)
{
    size_t S = logs->num_submissions;
    *t = (algoperf_table){.rules = rules, .logs = logs, .rule = rule};
    t->base_of = calloc(rules->num_held_out + 1, sizeof *t->base_of);
    t->low = calloc(S + 1, sizeof *t->low);
    t->high = calloc(S + 1, sizeof *t->high);
    if (!t->base_of || !t->low || !t->high)
        return podium_fail(PODIUM_ENOMEM, "no memory to score");
    TRY(fill_trials(t));
    for (size_t h = 0; h < rules->num_held_out; h++)
        t->base_of[h] = rules->workloads[rules->num_base + h].base;
    t->problem = (score_problem){.num_submissions = S,
                                 .names = (const char *const *)logs->submissions,
                                 .num_base = rules->num_base,
                                 .num_held_out = rules->num_held_out,
                                 .base_of = t->base_of,
                                 .trials = t->trials,
                                 .num_trials = logs->num_trials};
    TRY(score_compute(&t->problem, rule, &t->result));
    TRY(score_studies(&t->problem, rule, &t->studies, &t->num_studies));
    if (rule == SCORE_MIN_INDEX)
        t->order_dependent = count_order_dependent(t);
    if (rules->preset->studies >= SCORE_LEAST_STUDIES)
        TRY(score_interval(&t->problem, rule, BOOTSTRAP_ROUNDS, t->low, t->high));
    else
        for (size_t s = 0; s < S; s++)
            t->low[s] = t->high[s] = NAN;
    return baseline ? fill_speedups(t, baseline) : 0;
}

void algoperf_table_release(algoperf_table *t)
{
    free(t->trials);
    free(t->base_of);
    free(t->low);
    free(t->high);
    free(t->speedup);
    free(t->studies);
    score_release(&t->result);
    *t = (algoperf_table){0};
}
