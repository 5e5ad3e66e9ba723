/* The search of `podium tune` and `podium calibrate`. */
#include "cli/search.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/text.h"
#include "cli/command.h"
#include "engine/philox.h"

#define MOST_POINTS 10000
#define DEFAULT_POINTS 20

/* --- options ------------------------------------------------------------------------------ */

static int32_t take_select(search *s, int argc, char **argv, int *i)
{
    const char *text = NULL;
    TRY(option_value(argc, argv, i, &text));
    if (strcmp(text, "worst") && strcmp(text, "mean"))
        return podium_fail(PODIUM_EINVAL, "--select '%s': expected one of worst, mean", text);
    s->rule = !strcmp(text, "mean") ? CANDIDATE_MEAN : CANDIDATE_WORST;
    return 0;
}

static int32_t take_option(search *s, int argc, char **argv, int *i)
{
    const char *option = argv[*i];
    bool *flag = !strcmp(option, "--halving")   ? &s->halving
                 : !strcmp(option, "--dry-run") ? &s->dry_run
                 : !strcmp(option, "--write")   ? &s->write
                                                : NULL;
    if (flag) {
        *flag = true;
        return 0;
    }
    if (!strcmp(option, "--points"))
        return option_count(argc, argv, i, 1, MOST_POINTS, &s->points);
    if (!strcmp(option, "--seeds"))
        return option_count(argc, argv, i, 1, 1000, &s->seeds);
    if (!strcmp(option, "--best"))
        return option_count(argc, argv, i, 1, MOST_POINTS, &s->best);
    if (!strcmp(option, "--select") && !strcmp(s->command, "calibrate"))
        return take_select(s, argc, argv, i);
    return trial_options_take(&s->common, argc, argv, i);
}

static int32_t choose_workloads(search *s)
{
    trial_options *o = &s->common;
    bool one = !strcmp(s->command, "tune");
    if (one && o->num_workloads != 1)
        return podium_fail(PODIUM_EINVAL, "expected one --workload%s",
                           o->num_workloads ? "; `podium calibrate` takes several" : "");
    bool all = !o->num_workloads;
    for (const workload_entry *w = workload_registry; all && w->name; w++)
        if (w->workload->open && !w->workload->only_named && o->num_workloads < TRIAL_OPTIONS_MOST)
            o->workloads[o->num_workloads++] = w;
    return 0;
}

static int32_t parse(search *s, int argc, char **argv)
{
    s->seeds = 3;
    s->best = 3;
    trial_options_init(&s->common, "steps");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-')
            TRY(take_option(s, argc, argv, &i));
        else if (s->what)
            return podium_fail(PODIUM_EINVAL, "'%s' is one submission too many", argv[i]);
        else
            s->what = argv[i];
    if (!s->what)
        return podium_fail(PODIUM_EINVAL, "expected a submission with a search space");
    TRY(choose_workloads(s));
    return trial_options_finish(&s->common);
}

/* --- what there is to do ------------------------------------------------------------------ */

static int32_t open_space(search *s)
{
    TRY(submission_folder_init(&s->submission, s->what));
    if (s->write && !s->submission.folder[0])
        return podium_fail(PODIUM_EINVAL, "--write: '%s' has no submission.yaml", s->what);
    if (!s->submission.search_space)
        return podium_fail(PODIUM_EINVAL, "submission '%s' has no search_space to %s in", s->what,
                           s->command);
    uint64_t seed = (uint64_t)s->common.seed;
    TRY(ruleset_init(&s->rules, "external", &s->submission, seed, 1, s->points));
    if (!s->points)
        s->points = s->rules.space.points ? (int64_t)yaml_length(s->rules.space.points)
                                          : DEFAULT_POINTS;
    if (s->best > s->points)
        s->best = s->points;
    size_t n = (size_t)s->points;
    s->order = calloc(n, sizeof *s->order);
    s->ranked = calloc(n, sizeof *s->ranked);
    s->ranking = calloc(n, sizeof *s->ranking);
    if (!s->order || !s->ranked || !s->ranking)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu points", n);
    return search_space_deal(&s->rules.space, (uint32_t)philox_derive(seed, 0), 1,
                             (int32_t)s->points, 0, s->order);
}

/* What decides the records, but for the number of points, seeds and workloads. */
static int32_t claim(const search *s)
{
    char hash[SHA256_HEX];
    text_buffer fixed = {0}, space = {0};
    TRY(submission_hash(s->submission.so_path, hash));
    yaml_print_canonical(&fixed, s->submission.settings);
    yaml_print_canonical(&space, s->submission.search_space);
    json_t *id = trial_options_identity(&s->common, s->command);
    json_object_set_new(id, "submission", json_string(s->submission.name));
    json_object_set_new(id, "sha256", json_string(hash));
    json_object_set_new(id, "hyperparameters", json_string(fixed.data));
    json_object_set_new(id, "search_space", json_string(space.data));
    json_object_set_new(id, "halving", json_boolean(s->halving));
    text_release(&fixed);
    text_release(&space);
    return results_claim(s->results, id);
}

static int32_t measure(search *s)
{
    for (size_t w = 0; w < s->common.num_workloads; w++) {
        const trial_options *o = &s->common;
        training_options t = {
            .workload = o->workloads[w],
            .size = o->suite,
            .held_out = o->held_out,
            .data_dir = o->data_dir,
            .device = o->device,
            .threads = (int)o->threads,
            .precision = s->config.precision,
        };
        int32_t rc = forecast_measure(&s->forecast[w], &t);
        if (rc)
            return podium_fail_in(rc, "workload '%s'", o->workloads[w]->name);
    }
    return 0;
}

static bool is_finished(const search *s, size_t point, size_t w, int64_t study)
{
    char path[8192], *text = NULL;
    size_t n = 0;
    const trial_options *o = &s->common;
    snprintf(path, sizeof path, "%s/point-%04d/%s/%s-%s%s%s/study-%" PRId64 "/trial-0/trial.jsonl",
             s->results, s->order[point], s->submission.name, o->workloads[w]->name, o->suite,
             o->held_out ? "-" : "", o->held_out ? o->held_out : "", study);
    bool finished = file_exists(path) && !file_read(path, 64u << 20, &text, &n) &&
                    strstr(text, "{\"event\":\"end\"");
    free(text);
    return finished;
}

/* Trials that are left of each workload, all but those that begin anew after a kill. */
static size_t count_left(const search *s, size_t left[])
{
    size_t all = 0;
    for (size_t w = 0; w < s->common.num_workloads; w++) {
        size_t fresh = (size_t)(s->best * s->seeds), done = 0;
        left[w] = 0;
        for (size_t p = 0; p < (size_t)s->points; p++) {
            left[w] += !is_finished(s, p, w, 0);
            for (int64_t study = 1; study <= s->seeds; study++)
                done += is_finished(s, p, w, study);
        }
        left[w] += fresh > done ? fresh - done : 0;
        all += left[w];
    }
    return all;
}

/* --- halving ------------------------------------------------------------------------------ */

static double metric_of(const record *r, const record_evaluation *e)
{
    return r->target_grows ? -e->quality : e->loss;
}

/* Metric of a finished run at its first evaluation from the rung on; false: it never came there. */
static bool metric_at(const record *r, int64_t rung, double *out)
{
    for (size_t i = 0; i < r->num_evaluations; i++)
        if (r->evaluations[i].step >= rung) {
            *out = metric_of(r, &r->evaluations[i]);
            return true;
        }
    *out = -INFINITY; /* it was at the target before */
    return record_hit(r) >= 0;
}

static int64_t rung_step(const search *s, int k)
{
    int64_t step = s->forecast[s->workload].step_hint;
    for (int i = k; i < SEARCH_RUNGS; i++)
        step /= SEARCH_ETA;
    return step > 1 ? step : 1;
}

static bool stop_at(const search *s, int64_t rung, const trial_progress *p, bool grows,
                    char *reason, size_t size)
{
    size_t n = 0;
    double *others = calloc(s->num_runs + 1, sizeof *others);
    if (!others)
        return false; /* the trial runs on, which is never wrong */
    for (size_t i = 0; i < s->num_runs; i++)
        if (!s->runs[i].study && s->runs[i].workload == s->workload &&
            metric_at(s->runs[i].record, rung, &others[n]))
            n++;
    bool goes_on = candidate_goes_on(others, n, grows ? -p->metric : p->metric, SEARCH_ETA);
    free(others);
    if (!goes_on)
        snprintf(reason, size, "halved: not in the best 1/%d of %zu at step %" PRId64, SEARCH_ETA,
                 n + 1, rung);
    return !goes_on;
}

/* The target tells which way the metric goes: it is missed, so it lies on the better side. */
static bool halve(void *arg, const trial_progress *p, char *reason, size_t size)
{
    search *s = arg;
    bool grows = p->target > p->metric;
    int64_t before = s->last_step;
    if (before < 0) /* resumed: what came before was judged before */
        before = p->step - s->forecast[s->workload].evaluation_steps;
    s->last_step = p->step;
    for (int k = 0; k <= SEARCH_RUNGS; k++) {
        int64_t rung = rung_step(s, k);
        if (before < rung && rung <= p->step && stop_at(s, rung, p, grows, reason, size))
            return true;
    }
    return false;
}

/* --- running ------------------------------------------------------------------------------ */

static void show_progress(void *arg, const trial_progress *p)
{
    search *s = arg;
    double share = ((double)s->num_runs + fmin(1, p->used / p->budget)) / (double)s->planned;
    char bar[21];
    for (int i = 0; i < 20; i++)
        bar[i] = i < (int)(20 * share) ? '#' : '.';
    bar[20] = '\0';
    printf("\r\033[K%s %s [%s] trial %zu of %zu: point %d on %s step %" PRId64
           " valid %.4f target %.4f, %.0f s left at most",
           s->command, s->submission.name, bar, s->num_runs + 1, s->planned, s->order[s->point],
           s->common.workloads[s->workload]->name, p->step, p->metric, p->target, p->seconds_left);
    fflush(stdout);
    s->shown = true;
}

static void show_run(search *s, const record *r, int64_t study)
{
    int64_t hit = r->valid ? record_hit(r) : -1;
    if (s->shown)
        printf("\r\033[K");
    s->shown = false;
    if (s->common.quiet)
        return;
    printf("trial %zu of %zu: point %d on %s, %s %" PRId64 ": ", s->num_runs, s->planned,
           s->order[s->point], r->workload, study ? "fresh seed" : "seed", study);
    if (hit >= 0)
        printf("target after %" PRId64 " steps, %.4g reference steps\n", r->evaluations[hit].step,
               r->evaluations[hit].clock[CLOCK_CALIBRATED]);
    else
        printf("target missed: %s\n", r->reason);
    fflush(stdout);
}

static int32_t run_trial(search *s, size_t point, size_t w, int64_t study)
{
    char folder[4200], note[200];
    yaml_document *document = NULL;
    record *r = NULL;
    trial_config *c = &s->config;
    s->point = point;
    s->workload = w;
    s->last_step = -1;
    snprintf(folder, sizeof folder, "%s/point-%04d", s->results, s->order[point]);
    snprintf(note, sizeof note, "%s%s", s->command, study ? ", fresh seed" : "");
    c->stop = s->halving && !study ? halve : NULL;
    if (c->stop)
        snprintf(note, sizeof note,
                 "%s, asynchronous successive halving: the best 1/%d at steps %" PRId64 ", %" PRId64
                 ", %" PRId64,
                 s->command, SEARCH_ETA, rung_step(s, 0), rung_step(s, 1), rung_step(s, 2));
    c->search = note;
    c->results = folder;
    c->workload = s->common.workloads[w];
    c->study = study;
    c->point = s->order[point];
    int32_t rc = ruleset_point_settings(&s->rules, c->point, &document, &c->settings);
    if (!rc)
        rc = trial_record(c, &r);
    yaml_destroy(document);
    TRY(rc);
    s->runs[s->num_runs++] = (search_run){point, w, study, r};
    show_run(s, r, study);
    return 0;
}

static double best_metric(const record *r)
{
    double best = NAN;
    for (size_t i = 0; r->valid && i < r->num_evaluations; i++)
        best = fmin(best, metric_of(r, &r->evaluations[i]));
    return best;
}

int32_t search_rank(search *s, bool fresh, candidate_rule rule)
{
    size_t n = 0;
    candidate_trial *t = calloc(s->num_runs + 1, sizeof *t);
    if (!t)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu trials", s->num_runs);
    for (size_t i = 0; i < s->num_runs; i++) {
        const search_run *r = &s->runs[i];
        if ((r->study > 0) == fresh)
            t[n++] = (candidate_trial){
                .candidate = r->point,
                .workload = r->workload,
                .time = record_time(r->record, s->common.clock),
                .metric = best_metric(r->record),
            };
    }
    candidates_release(s->ranked, (size_t)s->points);
    int32_t rc = candidates_rank(t, n, (size_t)s->points, s->common.num_workloads, rule, s->ranked,
                                 s->ranking);
    free(t);
    return rc;
}

static bool any_reached(const search *s)
{
    for (size_t i = 0; i < (size_t)s->points; i++)
        if (s->ranked[i].missed < s->ranked[i].trials)
            return true;
    return false;
}

/* The best by the rule; the last place is for the first by the other rule, if it is not there. */
static int32_t choose(search *s, size_t *chosen)
{
    size_t n = (size_t)s->best;
    bool there = false;
    TRY(search_rank(s, false, s->rule == CANDIDATE_MEAN ? CANDIDATE_WORST : CANDIDATE_MEAN));
    size_t other = s->ranking[0];
    TRY(search_rank(s, false, s->rule));
    for (size_t i = 0; i < n; i++) {
        chosen[i] = s->ranking[i];
        there = there || chosen[i] == other;
    }
    if (!there && n > 1)
        chosen[n - 1] = other;
    return 0;
}

static int32_t run_search(search *s)
{
    for (size_t p = 0; p < (size_t)s->points; p++)
        for (size_t w = 0; w < s->common.num_workloads; w++)
            TRY(run_trial(s, p, w, 0));
    return search_rank(s, false, s->rule);
}

static int32_t run_fresh(search *s)
{
    size_t *chosen = calloc((size_t)s->best, sizeof *chosen);
    int32_t rc = chosen ? choose(s, chosen) : podium_fail(PODIUM_ENOMEM, "no memory");
    for (int64_t study = 1; study <= s->seeds && !rc; study++)
        for (size_t i = 0; i < (size_t)s->best && !rc; i++)
            for (size_t w = 0; w < s->common.num_workloads && !rc; w++)
                rc = run_trial(s, chosen[i], w, study);
    free(chosen);
    return rc ? rc : search_rank(s, true, s->rule);
}

static int finish(search *s)
{
    size_t winner = s->ranking[0];
    if (s->write)
        TRY(search_write(s, winner));
    printf("\nbest on fresh seeds: point %d: ", s->order[winner]);
    TRY(search_print_values(s, winner));
    printf("%s%s%s\n", s->write ? "\nwritten to " : "", s->write ? s->submission.folder : "",
           s->write ? "/submission.yaml" : "");
    return any_reached(s) ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

static int run_all(search *s)
{
    TRY(run_search(s));
    printf("\nsearch, one seed:\n");
    TRY(search_print_table(s, false));
    fflush(stdout);
    if (!any_reached(s)) {
        fprintf(stderr, "podium %s: no point reached a target: nothing is repeated\n", s->command);
        return EXIT_MEASURED_FAILED;
    }
    TRY(run_fresh(s));
    printf("\nthe best again, on %" PRId64 " fresh seeds:\n", s->seeds);
    TRY(search_print_table(s, true));
    return finish(s);
}

static int prepare_and_run(search *s)
{
    size_t left[TRIAL_OPTIONS_MOST];
    TRY(open_space(s));
    if (s->common.results)
        snprintf(s->results, sizeof s->results, "%s", s->common.results);
    else
        snprintf(s->results, sizeof s->results, "results/%s/%s", s->command, s->submission.name);
    trial_options_configure(&s->common, &s->config);
    s->config.submission = s->submission.name;
    s->config.so_path = s->submission.so_path;
    s->config.source = s->submission.url;
    s->config.stop_arg = s->config.progress_arg = s;
    s->config.progress = s->terminal && !s->common.quiet ? show_progress : NULL;
    s->planned = (size_t)(s->points + s->best * s->seeds) * s->common.num_workloads;
    s->runs = calloc(s->planned, sizeof *s->runs);
    if (!s->runs)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu trials", s->planned);
    TRY(measure(s));
    size_t trials = count_left(s, left);
    search_print_forecast(s, left, trials);
    if (s->dry_run)
        return EXIT_DONE;
    TRY(claim(s));
    TRY(trial_key(s->results, s->common.key, s->config.key));
    return run_all(s);
}

int search_command(search *s, int argc, char **argv)
{
    TRY(parse(s, argc, argv));
    s->terminal = isatty(STDOUT_FILENO);
    int rc = prepare_and_run(s);
    for (size_t i = 0; i < s->num_runs; i++)
        record_destroy(s->runs[i].record);
    if (s->ranked)
        candidates_release(s->ranked, (size_t)s->points);
    free(s->runs);
    free(s->order);
    free(s->ranked);
    free(s->ranking);
    ruleset_release(&s->rules);
    submission_folder_release(&s->submission);
    return rc;
}
