/* Reads a golden scoring case, scores it, compares. */
#include "scoring/case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/case_internal.h"

static int32_t out_of_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory for the scoring case");
}

static int32_t find_workload(const scoring_case *c, const char *name)
{
    for (size_t i = 0; i < c->problem.num_base + c->problem.num_held_out; i++)
        if (!strcmp(c->workloads[i], name))
            return (int32_t)i;
    return podium_fail(PODIUM_EINVAL, "%s: unknown workload '%s'", c->path, name);
}

static int32_t read_workloads(scoring_case *c, const json_t *config)
{
    json_t *base, *held_out, *base_of;
    TRY(json_read_array(config, c->path, "base_workloads", &base));
    TRY(json_read_array(config, c->path, "held_out_workloads", &held_out));
    size_t B = json_array_size(base), H = json_array_size(held_out);
    c->workloads = calloc(B + H + 1, sizeof *c->workloads);
    c->base_of = calloc(H + 1, sizeof *c->base_of);
    if (!c->workloads || !c->base_of)
        return out_of_memory();
    for (size_t i = 0; i < B + H; i++) {
        const json_t *name = i < B ? json_array_get(base, i) : json_array_get(held_out, i - B);
        if (!json_is_string(name))
            return podium_fail(PODIUM_EINVAL, "%s: a workload's name is no text", c->path);
        c->workloads[i] = json_string_value(name);
    }
    c->problem.num_base = B;
    if (H)
        TRY(json_read_object(config, c->path, "base_of", &base_of));
    for (size_t h = 0; h < H; h++) {
        const char *name;
        TRY(json_read_text(base_of, c->path, c->workloads[B + h], &name));
        c->base_of[h] = find_workload(c, name);
        TRY(c->base_of[h]);
    }
    c->problem.num_held_out = H;
    c->problem.base_of = c->base_of;
    return 0;
}

/* First evaluation of a full trial that meets the target. */
static int32_t find_hit(const scoring_case *c, const json_t *trial, const json_t *target,
                        score_trial *out)
{
    json_t *times, *values;
    const char *direction;
    double goal;
    TRY(json_read_array(trial, c->path, "time", &times));
    TRY(json_read_array(trial, c->path, "value", &values));
    TRY(json_read_text(target, c->path, "direction", &direction));
    TRY(json_read_number(target, c->path, "target", &goal));
    if (json_array_size(times) != json_array_size(values))
        return podium_fail(PODIUM_EINVAL, "%s: 'time' and 'value' differ in length", c->path);
    out->hit_index = -1;
    for (size_t i = 0; i < json_array_size(times); i++) {
        double time, x;
        if (!json_number_of(json_array_get(times, i), &time) ||
            !json_number_of(json_array_get(values, i), &x))
            return podium_fail(PODIUM_EINVAL, "%s: evaluation %zu is no number", c->path, i);
        if (strcmp(direction, "max") ? x <= goal : x >= goal) {
            out->hit_index = (int64_t)i;
            out->hit_time = time;
            return 0;
        }
    }
    return 0;
}

static int32_t add_trial(scoring_case *c, const json_t *trial, const json_t *target, score_trial t)
{
    if (json_object_get(trial, "hit_index")) {
        TRY(json_read_integer(trial, c->path, "hit_index", -1, INT32_MAX, &t.hit_index));
        if (t.hit_index >= 0)
            TRY(json_read_number(trial, c->path, "hit_time", &t.hit_time));
    } else {
        TRY(find_hit(c, trial, target, &t));
    }
    if (c->problem.num_trials == c->capacity) {
        c->capacity = 2 * c->capacity + 64;
        score_trial *all = realloc(c->trials, c->capacity * sizeof *all);
        if (!all)
            return out_of_memory();
        c->trials = all;
    }
    c->trials[c->problem.num_trials++] = t;
    return 0;
}

static int32_t read_submission(scoring_case *c, int32_t number, json_t *table,
                               const json_t *targets)
{
    const char *workload_name, *study_name;
    json_t *studies, *trials, *trial, *target;
    json_object_foreach(table, workload_name, studies)
    {
        int32_t w = find_workload(c, workload_name);
        TRY(w);
        TRY(json_read_object(targets, c->path, workload_name, &target));
        int64_t study = 0;
        json_object_foreach(studies, study_name, trials)
        {
            size_t i;
            json_array_foreach(trials, i, trial)
            {
                score_trial t = {.submission = number, .workload = w, .study = study};
                TRY(add_trial(c, trial, target, t));
            }
            study++;
        }
    }
    return 0;
}

static int32_t read_case(scoring_case *c)
{
    json_t *config, *targets, *input, *submissions, *table;
    const char *schema, *name;
    TRY(json_read_text(c->json, c->path, "schema", &schema));
    if (strcmp(schema, "scoring-case/1"))
        return podium_fail(PODIUM_EINVAL, "%s: schema '%s', expected scoring-case/1", c->path,
                           schema);
    TRY(json_read_object(c->json, c->path, "config", &config));
    TRY(json_read_object(config, c->path, "targets", &targets));
    TRY(json_read_object(c->json, c->path, "input", &input));
    TRY(json_read_object(input, c->path, "submissions", &submissions));
    TRY(read_workloads(c, config));
    c->submissions = calloc(json_object_size(submissions) + 1, sizeof *c->submissions);
    if (!c->submissions)
        return out_of_memory();
    json_object_foreach(submissions, name, table)
    {
        int32_t number = (int32_t)c->problem.num_submissions++;
        c->submissions[number] = name;
        TRY(read_submission(c, number, table, targets));
    }
    c->problem.names = c->submissions;
    c->problem.trials = c->trials;
    return 0;
}

double scoring_case_error(double got, const json_t *want)
{
    double x = NAN;
    if (!want || (!json_is_null(want) && !json_number_of(want, &x)))
        return INFINITY;
    if (isnan(x) || isnan(got))
        return isnan(x) && isnan(got) ? 0 : INFINITY;
    if (isinf(x) || isinf(got))
        return x == got ? 0 : INFINITY;
    double scale = fabs(x) > 1 ? fabs(x) : 1;
    return fabs(got - x) / scale;
}

static void raise_to(double *worst, double error)
{
    if (error > *worst)
        *worst = error;
}

static int32_t compare(const scoring_case *c, const score_result *r, const json_t *expected,
                       double *worst)
{
    const score_problem *p = &c->problem;
    size_t B = p->num_base, W = B + p->num_held_out;
    json_t *time, *ratio, *score, *exact;
    TRY(json_read_object(expected, c->path, "time_to_target", &time));
    TRY(json_read_object(expected, c->path, "ratio", &ratio));
    TRY(json_read_object(expected, c->path, "score", &score));
    TRY(json_read_object(expected, c->path, "score_exact_integral", &exact));
    json_t *rho = json_object_get(json_object_get(expected, "profile"), "rho");
    json_t *tau = json_object_get(json_object_get(expected, "profile"), "tau");
    json_t *ranking = json_object_get(expected, "ranking");
    json_t *published = json_object_get(expected, "published_score_4dp");
    for (size_t i = 0; tau && i < SCORE_POINTS; i++)
        raise_to(worst, scoring_case_error(score_tau((int)i), json_array_get(tau, i)));
    for (size_t s = 0; s < p->num_submissions; s++) {
        const char *name = c->submissions[s];
        const json_t *times = json_object_get(time, name), *ratios = json_object_get(ratio, name);
        for (size_t w = 0; w < W; w++)
            if (json_object_get(times, c->workloads[w]) || !isnan(r->time[s * W + w]))
                raise_to(worst, scoring_case_error(r->time[s * W + w],
                                                   json_object_get(times, c->workloads[w])));
        for (size_t w = 0; w < B; w++)
            raise_to(worst, scoring_case_error(r->ratio[s * B + w],
                                               json_object_get(ratios, c->workloads[w])));
        raise_to(worst, scoring_case_error(r->score[s], json_object_get(score, name)));
        raise_to(worst, scoring_case_error(r->exact[s], json_object_get(exact, name)));
        for (size_t i = 0; rho && i < SCORE_POINTS; i++)
            raise_to(worst, scoring_case_error(r->rho[s * SCORE_POINTS + i],
                                               json_array_get(json_object_get(rho, name), i)));
        if (json_object_get(published, name)) {
            double shown = round(r->score[s] * 1e4) / 1e4;
            raise_to(worst, scoring_case_error(shown, json_object_get(published, name)));
        }
        const char *ranked = json_string_value(json_array_get(ranking, s));
        if (ranking && (!ranked || strcmp(ranked, c->submissions[r->order[s]])))
            *worst = INFINITY;
    }
    return 0;
}

static int32_t check_rule(const scoring_case *c, score_rule rule, const char *field, double *worst)
{
    json_t *expected;
    score_result r;
    TRY(json_read_object(c->json, c->path, field, &expected));
    TRY(score_compute(&c->problem, rule, &r));
    int32_t rc = compare(c, &r, expected, worst);
    score_release(&r);
    return rc;
}

int32_t scoring_case_open(scoring_case *c, const char *path)
{
    *c = (scoring_case){.path = path};
    TRY(json_read_file(&c->json, path));
    return read_case(c);
}

void scoring_case_close(scoring_case *c)
{
    free(c->submissions);
    free(c->workloads);
    free(c->base_of);
    free(c->trials);
    json_decref(c->json);
}

int32_t score_case_check(const char *path, double *worst)
{
    scoring_case c;
    *worst = 0;
    int32_t rc = scoring_case_open(&c, path);
    if (!rc)
        rc = check_rule(&c, SCORE_MIN_INDEX, "expected", worst);
    if (!rc)
        rc = check_rule(&c, SCORE_MIN_TIME, "expected_min_time_rule", worst);
    scoring_case_close(&c);
    return rc;
}
