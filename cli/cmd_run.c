/* podium run: races submissions on workloads, one trial after the other. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/home.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/prepare.h"
#include "cli/ranks.h"
#include "cli/revision.h"
#include "harness/forecast.h"
#include "harness/journal.h"
#include "harness/preparation.h"
#include "harness/python_submission.h"
#include "harness/ruleset.h"
#include "harness/trial.h"
#include "scoring/preset.h"

#define MAX_MANY 256
#define VARIANT_MOST_BYTES (1 << 20)

typedef struct options {
    const char *submissions[MAX_MANY], *workloads[MAX_MANY], *sets[MAX_MANY];
    size_t num_submissions, num_workloads, num_sets;
    const char *suite, *ruleset, *results, *device, *precision, *key, *held_out, *clock, *data;
    const char *variant; /* a file */
    char *variant_text;  /* of it, owned */
    char variant_name[32];
    const char *preset_name, *layout;
    preset preset; /* its numbers, when one is named */
    double budget_multiplier;
    int64_t studies, trials, seed, threads, max_steps;
    int64_t study; /* the only one that is run, -1: all */
    bool resume, quiet, json, keep_going, no_sandbox, dry_run, no_prepare;
    bool alone; /* no other rank was started with this one */
} options;

typedef struct tally {
    int failed;
    int64_t number;        /* of the next trial */
    const parallel *ranks; /* over which trials are farmed out, NULL: all are this rank's */
    bool terminal;
    bool shown; /* a progress line stands on the terminal */
    const options *options;
    const char *submission, *workload;
    size_t of_workload;                      /* number of the workload */
    size_t trials[MAX_MANY], left[MAX_MANY]; /* of each workload, for --dry-run */
} tally;

/* --- options ------------------------------------------------------------------------------ */

static int32_t add(const char **list, size_t *n, const char *text)
{
    if (*n == MAX_MANY)
        return podium_fail(PODIUM_EINVAL, "more than %d values, '%s' is one too many", MAX_MANY,
                           text);
    list[(*n)++] = text;
    return 0;
}

static int32_t count_option(const char *name, const char *text, int64_t min, int64_t max,
                            int64_t *out)
{
    if (!integer_parse(text, out) || *out < min || *out > max)
        return podium_fail(PODIUM_EINVAL,
                           "%s '%s': expected an integer from %" PRId64 " to %" PRId64, name, text,
                           min, max);
    return 0;
}

static int32_t parse_flag(options *o, const char *arg, bool *known)
{
    *known = true;
    if (!strcmp(arg, "--resume"))
        o->resume = true;
    else if (!strcmp(arg, "--quiet"))
        o->quiet = true;
    else if (!strcmp(arg, "--json"))
        o->json = true;
    else if (!strcmp(arg, "--keep-going"))
        o->keep_going = true;
    else if (!strcmp(arg, "--no-prepare"))
        o->no_prepare = true;
    else if (!strcmp(arg, "--dry-run"))
        o->dry_run = true;
    else if (!strcmp(arg, "--no-sandbox"))
        o->no_sandbox = true;
    else
        *known = false;
    return 0;
}

static int32_t parse_value(options *o, const char *arg, const char *text)
{
    if (!strcmp(arg, "--workload"))
        return add(o->workloads, &o->num_workloads, text);
    if (!strcmp(arg, "--set"))
        return add(o->sets, &o->num_sets, text);
    if (!strcmp(arg, "--studies"))
        return count_option(arg, text, 1, 1000, &o->studies);
    if (!strcmp(arg, "--study"))
        return count_option(arg, text, 0, 999, &o->study);
    if (!strcmp(arg, "--trials"))
        return count_option(arg, text, 1, 1000, &o->trials);
    if (!strcmp(arg, "--threads"))
        return count_option(arg, text, 1, 4096, &o->threads);
    if (!strcmp(arg, "--max-steps"))
        return count_option(arg, text, 1, INT64_MAX, &o->max_steps);
    if (!strcmp(arg, "--seed"))
        return count_option(arg, text, 0, INT64_MAX, &o->seed);
    struct {
        const char *name;
        const char **slot;
    } texts[] = {
        {"--suite", &o->suite},         {"--ruleset", &o->ruleset}, {"--results", &o->results},
        {"--device", &o->device},       {"--key", &o->key},         {"--held-out", &o->held_out},
        {"--precision", &o->precision}, {"--clock", &o->clock},     {"--data", &o->data},
        {"--preset", &o->preset_name},  {"--parallel", &o->layout}, {"--variant", &o->variant},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(arg, texts[i].name)) {
            *texts[i].slot = text;
            return 0;
        }
    return podium_fail(PODIUM_EINVAL, "unknown option '%s'", arg);
}

static int32_t one_of(const char *name, const char *text, const char *const *legal)
{
    text_buffer list = {0};
    for (int i = 0; legal[i]; i++) {
        if (!strcmp(text, legal[i])) {
            text_release(&list);
            return 0;
        }
        text_print(&list, "%s%s", i ? ", " : "", legal[i]);
    }
    int32_t rc = podium_fail(PODIUM_EINVAL, "%s '%s': expected one of %s", name, text, list.data);
    text_release(&list);
    return rc;
}

/* A preset is a whole: what is named beside it would make it another one. */
static int32_t take_preset(options *o)
{
    TRY(preset_init(&o->preset, o->preset_name));
    if (o->studies || o->trials || o->ruleset)
        return podium_fail(PODIUM_EINVAL,
                           "--preset %s sets ruleset, studies and trials; leave out --%s",
                           o->preset_name,
                           o->studies  ? "studies"
                           : o->trials ? "trials"
                                       : "ruleset");
    o->ruleset = o->preset.ruleset;
    o->studies = o->preset.studies;
    o->trials = o->preset.trials;
    o->budget_multiplier = o->preset.budget_multiplier;
    return 0;
}

/* The text and name of the user's variant. */
static int32_t take_variant(options *o)
{
    size_t length;
    if (o->held_out || o->num_workloads != 1)
        return podium_fail(PODIUM_EINVAL,
                           "--variant is of one workload, without --held-out: name it with "
                           "--workload");
    TRY(file_read(o->variant, VARIANT_MOST_BYTES, &o->variant_text, &length));
    TRY(workload_variant_name(o->variant_text, o->variant, o->variant_name,
                              sizeof o->variant_name));
    o->held_out = o->variant_name;
    return 0;
}

/* Data are made on first use, but not by ranks side by side, nor when nothing is to be written. */
static bool makes_data(const options *o)
{
    return o->alone && !o->no_prepare && !o->dry_run;
}

/* No workload was named: those that rank and whose data are there. */
static int32_t take_prepared(options *o)
{
    for (const workload_entry *w = workload_registry; w->name; w++) {
        bool ready;
        if (!w->workload->open)
            continue;
        if (w->workload->only_named) {
            fprintf(stderr, "podium run: leaves out %s, which ranks nothing: --workload %s\n",
                    w->name, w->name);
            continue;
        }
        TRY(prepare_size(w, o->suite, o->data, makes_data(o), &ready));
        if (ready)
            TRY(add(o->workloads, &o->num_workloads, w->name));
    }
    return o->num_workloads
               ? 0
               : podium_fail(PODIUM_EINVAL, "no workload of size '%s' is prepared", o->suite);
}

/* One that was named is prepared too; what stays missing its opening says. */
static int32_t check_workload(const options *o, const char *name)
{
    const workload_entry *w = workload_find(name);
    preparation p;
    bool ready;
    if (!w)
        return podium_fail(PODIUM_EINVAL,
                           "unknown workload '%s'; `podium list workloads` knows them", name);
    if (!makes_data(o) || !w->workload->open)
        return 0;
    /* an unknown size is said by who opens it */
    bool apt = !preparation_init(&p, w, o->suite, o->data) && p.apt_alone;
    preparation_release(&p);
    return apt ? prepare_size(w, o->suite, o->data, true, &ready) : 0;
}

static int32_t check_options(options *o)
{
    static const char *const rulesets[] = {"external", "self", "free", NULL};
    static const char *const precisions[] = {"f32", "bf16", NULL};
    static const char *const clocks[] = {"calibrated", "wall", "steps", "flops", NULL};
    if (!o->num_submissions)
        return podium_fail(PODIUM_EINVAL,
                           "expected a submission: a .so, FILE.py:CLASS, a folder or a name");
    if (o->ruleset)
        TRY(one_of("--ruleset", o->ruleset, rulesets));
    TRY(one_of("--precision", o->precision, precisions));
    TRY(one_of("--clock", o->clock, clocks));
    if (o->preset_name)
        TRY(take_preset(o));
    if (o->ruleset && o->num_sets)
        return podium_fail(PODIUM_EINVAL, "--set contradicts ruleset '%s'", o->ruleset);
    if (!o->studies)
        o->studies = o->ruleset ? 3 : 1;
    if (o->study >= o->studies)
        return podium_fail(PODIUM_EINVAL, "--study %" PRId64 ": expected one of 0 to %" PRId64,
                           o->study, o->studies - 1);
    if (!o->trials)
        o->trials = o->ruleset && !strcmp(o->ruleset, "external") ? 5 : 1;
    if (o->variant)
        TRY(take_variant(o));
    if (!o->num_workloads)
        TRY(take_prepared(o));
    for (size_t i = 0; i < o->num_workloads; i++)
        TRY(check_workload(o, o->workloads[i]));
    return 0;
}

static int32_t parse(options *o, int argc, char **argv, bool alone)
{
    *o = (options){
        .alone = alone,
        .suite = "mini",
        .results = "results",
        .device = "cpu",
        .precision = "f32",
        .clock = "calibrated",
        .budget_multiplier = 1,
        .study = -1,
    };
    for (int i = 1; i < argc; i++) {
        bool known = false;
        if (argv[i][0] != '-') {
            TRY(add(o->submissions, &o->num_submissions, argv[i]));
            continue;
        }
        TRY(parse_flag(o, argv[i], &known));
        if (known)
            continue;
        if (i + 1 == argc)
            return podium_fail(PODIUM_EINVAL, "option '%s' is unknown or needs a value", argv[i]);
        TRY(parse_value(o, argv[i], argv[i + 1]));
        i++;
    }
    return check_options(o);
}

/* --- what the user sees ------------------------------------------------------------------- */

static void show_progress(void *arg, const trial_progress *p)
{
    tally *t = arg;
    if (t->options->quiet || t->options->json || (!t->terminal && !p->evaluated))
        return;
    if (!t->terminal) {
        printf("%s %s step %" PRId64 " valid %.4f target %.4f used %.1f of %.0f reference steps, "
               "%.1f s\n",
               t->submission, t->workload, p->step, p->metric, p->target, p->used, p->budget,
               p->wall_seconds);
        fflush(stdout);
        return;
    }
    char bar[21];
    int filled = (int)(20 * fmin(1, p->used / p->budget));
    for (int i = 0; i < 20; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[20] = '\0';
    printf("\r\033[K%s %s [%s] step %" PRId64 " loss %.4f valid %.4f (%+.4f to target) %.0f s left",
           t->submission, t->workload, bar, p->step, p->train_loss, p->metric,
           p->target - p->metric, p->seconds_left);
    fflush(stdout);
    t->shown = true;
}

static void show_json(const tally *t, const trial_config *c, const trial_outcome *o)
{
    json_t *line = json_object();
    json_object_set_new(line, "submission", json_string(t->submission));
    json_object_set_new(line, "workload", json_string(t->workload));
    json_object_set_new(line, "size", json_string(c->size));
    json_object_set_new(line, "study", json_integer(c->study));
    json_object_set_new(line, "trial", json_integer(c->trial));
    json_object_set_new(line, "status", json_string(o->valid ? "VALID" : "INVALID"));
    if (python_submission_is(c->so_path))
        json_object_set_new(line, "unranked", json_string(PYTHON_UNRANKED));
    json_object_set_new(line, "reached", json_boolean(o->reached));
    json_object_set_new(line, "reason", json_string(o->reason));
    json_object_set_new(line, "steps", json_integer(o->steps));
    json_object_set_new(line, "loss", json_from_number(o->loss));
    json_object_set_new(line, "accuracy", json_from_number(o->accuracy));
    json_object_set_new(line, "wall_seconds", json_from_number(o->wall_seconds));
    json_object_set_new(line, "calibrated", json_from_number(o->calibrated));
    json_object_set_new(line, "folder", json_string(o->folder));
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void show_outcome(tally *t, const trial_config *c, const trial_outcome *o)
{
    if (t->shown)
        printf("\r\033[K");
    t->shown = false;
    if (!o->valid)
        fprintf(stderr, "podium run: %s on %s, study %" PRId64 " trial %" PRId64 ": %s\n",
                t->submission, t->workload, c->study, c->trial, o->reason);
    if (t->options->json) {
        show_json(t, c, o);
    } else if (!t->options->quiet) {
        printf("%s %s-%s study %" PRId64 " trial %" PRId64 ": %s, %s after %" PRId64 " steps, "
               "%.1f s, %.1f reference steps%s\n",
               t->submission, t->workload, c->size, c->study, c->trial,
               !o->valid                          ? "INVALID"
               : python_submission_is(c->so_path) ? "VALID, UNRANKED"
                                                  : "VALID",
               o->reached ? "target reached" : "target not reached", o->steps, o->wall_seconds,
               o->calibrated, o->was_finished ? " (finished before)" : "");
        fflush(stdout);
    }
}

/* --- predicting --------------------------------------------------------------------------- */

static int32_t count_trial(tally *t, const trial_config *c)
{
    char folder[4096];
    TRY(trial_folder(c, folder, sizeof folder));
    json_t *end = c->resume ? journal_read_end(folder) : NULL;
    t->trials[t->of_workload]++;
    t->left[t->of_workload] += !end;
    json_decref(end);
    return 0;
}

static void show_forecast(const tally *t, size_t w, const forecast *f)
{
    double each = forecast_trial_seconds(f), all = each * (double)t->left[w];
    const char *name = t->options->workloads[w], *size = t->options->suite;
    if (!t->options->json) {
        printf("%s-%s: %zu of %zu trials to run, each at most %.0f reference steps of %.3g s and "
               "evaluations of %.3g s, %.0f s: at most %.2f hours\n",
               name, size, t->left[w], t->trials[w], f->budget_steps, f->step_seconds,
               f->evaluation_seconds, each, all / 3600);
        return;
    }
    json_t *line = json_pack("{s:s, s:s, s:I, s:I}", "workload", name, "size", size, "trials",
                             (json_int_t)t->trials[w], "left", (json_int_t)t->left[w]);
    json_object_set_new(line, "trial_seconds", json_from_number(each));
    json_object_set_new(line, "hours", json_from_number(all / 3600));
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

/* What the trials that are left take if all of them spend their budgets. */
static int32_t predict(const tally *t, const trial_config *c)
{
    double hours = 0;
    for (size_t w = 0; w < t->options->num_workloads; w++) {
        training_options o = {
            .workload = workload_find(t->options->workloads[w]),
            .size = c->size,
            .held_out = c->held_out,
            .data_dir = c->data_dir,
            .device = c->device,
            .threads = c->threads,
            .precision = c->precision,
        };
        forecast f;
        int32_t rc = forecast_measure(&f, &o);
        if (rc)
            return podium_fail_in(rc, "workload '%s'", t->options->workloads[w]);
        f.budget_steps *= c->budget_multiplier;
        show_forecast(t, w, &f);
        hours += forecast_trial_seconds(&f) * (double)t->left[w] / 3600;
    }
    if (!t->options->json)
        printf("together at most %.2f hours, one trial after the other\n", hours);
    return 0;
}

/* --- running ------------------------------------------------------------------------------ */

static int32_t run_one(tally *t, trial_config *c, const ruleset *r)
{
    yaml_document *document;
    trial_outcome outcome;
    int64_t number = t->number++;
    if (t->ranks && number % t->ranks->size != t->ranks->rank)
        return 0;
    if (t->options->dry_run)
        return count_trial(t, c);
    int32_t rc = ruleset_settings(r, c->study, c->trial, &document, &c->settings, &c->point);
    if (!rc)
        rc = trial_run(c, &outcome);
    yaml_destroy(document);
    TRY(rc);
    show_outcome(t, c, &outcome);
    t->failed += !outcome.valid;
    return 0;
}

static int32_t run_trials(tally *t, trial_config *c, const ruleset *r)
{
    int64_t only = t->options->study;
    int64_t first = only < 0 ? 0 : only, end = only < 0 ? r->studies : only + 1;
    for (c->study = first; c->study < end; c->study++)
        for (c->trial = 0; c->trial < r->trials; c->trial++)
            TRY(run_one(t, c, r));
    return 0;
}

static int32_t run_submission(tally *t, trial_config *c, const char *what)
{
    const options *o = t->options;
    submission_folder s;
    ruleset r;
    TRY(submission_folder_init(&s, what));
    c->submission = t->submission = s.name;
    c->so_path = s.so_path;
    c->source = s.url;
    int32_t rc = ruleset_init(&r, o->ruleset, &s, (uint64_t)o->seed, o->studies, o->trials);
    for (size_t i = 0; i < o->num_workloads && !rc; i++) {
        c->workload = workload_find(o->workloads[i]);
        t->workload = o->workloads[i];
        t->of_workload = i;
        rc = run_trials(t, c, &r);
    }
    ruleset_release(&r);
    submission_folder_release(&s);
    return rc;
}

/* The trials of this rank, or of all ranks together when there is a layout. *failed: how many ended
 * INVALID. */
static int32_t run_all(const options *given, parallel *ranks, int *failed)
{
    options o = *given;
    char data[4096];
    bool together = ranks && o.layout;
    if (o.dry_run && ranks && ranks->size > 1)
        return podium_fail(PODIUM_EINVAL, "--dry-run goes without a launcher");
    TRY(home_data(o.data, data, sizeof data));
    tally t = {
        .options = given,
        .terminal = isatty(STDOUT_FILENO) && (together || !ranks || ranks->size == 1),
        .ranks = together ? NULL : ranks,
    };
    trial_config c = {
        .revision = podium_revision,
        .size = o.suite,
        .held_out = o.held_out,
        .variant = o.variant_text,
        .variant_file = o.variant,
        .data_dir = data,
        .sets = o.sets,
        .num_sets = o.num_sets,
        .device = o.device,
        .threads = parallel_threads(ranks, (int)o.threads),
        .parallel = together ? ranks : NULL,
        .precision = !strcmp(o.precision, "bf16") ? PODIUM_BF16 : PODIUM_F32,
        .ruleset = o.ruleset,
        .preset = o.preset_name,
        .point = -1,
        .budget_multiplier = o.budget_multiplier,
        .seed = (uint64_t)o.seed,
        .results = o.results,
        .resume = o.resume,
        .max_steps = o.max_steps,
        .keep_going = o.keep_going,
        .progress = show_progress,
        .progress_arg = &t,
    };
    /* The first rank may have to make the key; the others read it. */
    bool makes = !o.dry_run && (!ranks || !ranks->rank);
    int32_t rc = makes ? trial_key(o.results, o.key, c.key) : 0;
    TRY(parallel_agree(ranks, rc));
    if (ranks && ranks->rank)
        rc = trial_key(o.results, o.key, c.key);
    TRY(parallel_agree(ranks, rc));
    for (size_t i = 0; i < o.num_submissions && !rc; i++)
        rc = run_submission(&t, &c, o.submissions[i]);
    if (!rc && o.dry_run)
        rc = predict(&t, &c);
    *failed = t.failed;
    return rc;
}

/* On the ranks that a launcher started: what went wrong is said once, the exit status is common. */
static int run_on_ranks(int argc, char **argv, options *o, comm *c)
{
    parallel ranks;
    char all[32];
    int failed = 0;
    snprintf(all, sizeof all, "dp=%d", comm_size(c));
    int32_t rc = parse(o, argc, argv, comm_size(c) == 1);
    TRY(parallel_init(&ranks, c, !rc && o->layout ? o->layout : all));
    if (!rc && o->layout)
        ranks_speak_once(c);
    rc = parallel_agree(&ranks, rc);
    if (!rc)
        rc = parallel_agree(&ranks, run_all(o, &ranks, &failed));
    if (!rc)
        rc = parallel_meet(&ranks, (parallel_word){.kind = PARALLEL_STAGE, .x = {failed}});
    for (int32_t r = 0; !rc && r < ranks.size; r++)
        failed += (int)ranks.words[r].x[0];
    bool first = ranks.rank == 0;
    parallel_release(&ranks);
    if (rc)
        return first ? rc : EXIT_USAGE;
    return failed ? EXIT_MEASURED_FAILED : EXIT_DONE;
}

static int run(int argc, char **argv)
{
    static options o;
    comm *c;
    TRY(comm_open(&c));
    int rc = run_on_ranks(argc, argv, &o, c);
    comm_close(c);
    preset_release(&o.preset);
    free(o.variant_text);
    o.variant_text = NULL;
    return rc;
}

const command command_run = {
    .name = "run",
    .summary = "race submissions: train workloads to their targets",
    .usage =
        "usage: podium run <submission.so|FILE.py:CLASS|folder|name>... [options]\n\n"
        "A name means submissions/NAME with its one tuned setting, else build/optimizers/NAME.so "
        "at\n"
        "its defaults.  FILE.py:CLASS is a class in Python (docs/python.md): its records are\n"
        "UNRANKED.  Without ruleset flags: one trial.\n\n"
        "  --suite mini|base|full   size of the workloads (mini); test: seconds, ranks nothing\n"
        "  --workload W             which workload; repeat for more (all that rank; what apt can\n"
        "                           make of their data is made on first use, those whose data\n"
        "                           are still missing are left out, and it says why)\n"
        "  --no-prepare             make no data\n"
        "  --held-out VARIANT       a held-out variant of the workload\n"
        "  --variant FILE.yaml      a variant of your own, UNRANKED: `name`, `target` and\n"
        "                           whatever else of the size's yaml it replaces (model,\n"
        "                           data, batch ...)\n"
        "  --ruleset external|self|free   external: points of the submission's search space;\n"
        "                           self: defaults only; free: the one setting everywhere\n"
        "  --studies N --trials N   (1; 3 studies with a ruleset, 5 trials with external)\n"
        "  --study K                only study K of them, from 0: to spread them over machines\n"
        "  --preset NAME            ruleset, studies, trials and budget by name; `podium list\n"
        "                           presets` knows them\n"
        "  --set NAME=VALUE         a hyperparameter; repeat for more\n"
        "  --seed S                 of all trials (0)\n"
        "  --key HEX                relabelling key, 32 hexadecimal digits (random per folder)\n"
        "  --results DIR            where records go (results)\n"
        "  --resume                 skip finished trials, continue unfinished ones\n"
        "  --dry-run                trials and predicted hours, nothing is run\n"
        "  --max-steps N            end after N steps\n"
        "  --keep-going             train on after the target, until the budget\n"
        "  --threads N              (all; under mpirun all of a host, shared by its ranks)\n"
        "  --parallel dp=N[,zero=1] under `mpirun -n N`: the N ranks are one trial, which splits\n"
        "                           each batch; zero=1 shards the optimizer's state as well\n"
        "  --device ref|cpu         (cpu)\n"
        "  --precision f32|bf16     (f32)\n"
        "  --clock calibrated|wall|steps|flops   accepted; every clock is recorded\n"
        "  --data DIR               prepared data sets ($PODIUM_DATA, or data/)\n"
        "  --no-sandbox             accepted; records say which sandbox a trial had\n"
        "  --quiet, --json\n\n"
        "`mpirun -n N podium run ...` without --parallel gives trial k to rank k mod N.\n\n"
        "Exit status: 0 every trial ended VALID, 1 one failed, 2 usage or input error.\n",
    .run = run,
};
