/* podium verify: runs recorded trials again and compares bit for bit. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/revision.h"
#include "harness/submission_folder.h"
#include "harness/trial.h"
#include "scoring/record.h"

typedef struct options {
    const char *submission, *data, *key; /* NULL: from the record, the data folder */
    bool progress;
} options;

/* --- may it be compared at all? ------------------------------------------------------------ */

static int32_t expect(const char *what, const char *recorded, const char *here)
{
    if (!strcmp(recorded, here))
        return 0;
    return podium_fail(PODIUM_EINVAL, "its %s is '%s', here it is '%s': no exact comparison", what,
                       recorded, here);
}

static int32_t header_text(const record *r, const char *section, const char *key, const char **out)
{
    json_t *object;
    TRY(json_read_object(r->header, r->path, section, &object));
    return json_read_text(object, r->path, key, out);
}

/* Opens the workload as the trial will, which tells data, library versions and threads. */
static int32_t check_training(const record *r, const trial_config *c)
{
    const char *recorded;
    training t;
    training_options o = {
        .workload = c->workload,
        .size = c->size,
        .held_out = c->held_out,
        .data_dir = c->data_dir,
        .device = c->device,
        .threads = c->threads,
        .precision = c->precision,
    };
    TRY(header_text(r, "machine", "backend", &recorded));
    TRY(training_open(&t, &o));
    int32_t rc = expect("workload fingerprint", r->fingerprint, t.config.fingerprint);
    if (!rc)
        rc = expect("data", r->data_id, t.config.entry->workload->data_id(t.task));
    if (!rc)
        rc = expect("backend", recorded, t.backend->description);
    training_close(&t);
    return rc;
}

static int32_t check_submission(const record *r, const char *so_path)
{
    char hash[SHA256_HEX];
    TRY(sha256_of_file(so_path, hash));
    if (strcmp(hash, r->submission_sha256))
        return podium_fail(PODIUM_EINVAL,
                           "it ran a submission of sha256 %.16s..., '%s' has %.16s...: name the "
                           "right one with --submission",
                           r->submission_sha256, so_path, hash);
    return 0;
}

/* --- the trial again ----------------------------------------------------------------------- */

/* The recorded hyperparameters as the yaml a submission folder would hold (JSON is yaml). */
static int32_t read_settings(const record *r, yaml_document **out)
{
    json_t *submission, *values;
    TRY(json_read_object(r->header, r->path, "submission", &submission));
    TRY(json_read_object(submission, r->path, "hyperparameters", &values));
    char *text = json_dumps(values, JSON_REAL_PRECISION(17));
    if (!text)
        return podium_fail(PODIUM_ENOMEM, "no memory for the hyperparameters of '%s'", r->path);
    int32_t rc = yaml_parse(out, text, strlen(text), r->path);
    free(text);
    return rc;
}

static int32_t key_of(const record *r, const options *o, const char **key)
{
    *key = o->key;
    if (*key)
        return 0;
    if (!r->end)
        return podium_fail(PODIUM_EINVAL, "it is unfinished and so does not tell its key: give it "
                                          "with --key");
    return json_read_text(r->end, r->path, "key", key);
}

static void show_progress(void *arg, const trial_progress *p)
{
    const record *r = arg;
    const record_evaluation *last = &r->evaluations[r->num_evaluations - 1];
    printf("\r\033[Kverify %s: step %" PRId64 " of %" PRId64, r->path, p->step, last->step);
    fflush(stdout);
}

static int32_t configure(const record *r, trial_config *c)
{
    if (!(c->workload = workload_find(r->workload)))
        return podium_fail(PODIUM_EINVAL, "there is no workload '%s' here", r->workload);
    TRY(expect("ISA class", r->isa, machine_isa()));
    c->size = r->size;
    c->held_out = r->held_out[0] ? r->held_out : NULL;
    c->submission = "again"; /* goes into a path: not a stranger's text */
    c->device = r->device;
    c->threads = (int)r->threads;
    c->precision = !strcmp(r->precision, "bf16") ? PODIUM_BF16 : PODIUM_F32;
    c->seed = r->seed;
    c->study = r->study;
    c->trial = r->trial;
    c->point = -1; /* the record has its values */
    c->budget_multiplier = 1;
    (void)json_number_of(json_object_get(r->header, "budget_multiplier"), &c->budget_multiplier);
    return json_read_flag(r->header, r->path, "keep_going", &c->keep_going);
}

/* Runs the trial of `r` into the folder `results` and reads what it wrote. */
static int32_t run_again(const record *r, trial_config *c, const char *key, const char *results,
                         record **again)
{
    static trial_outcome outcome;
    char path[4200];
    yaml_document *settings = NULL;
    c->results = results;
    TRY(trial_key(results, key, c->key));
    TRY(read_settings(r, &settings));
    c->settings = yaml_root(settings);
    int32_t rc = trial_run(c, &outcome);
    yaml_destroy(settings);
    c->settings = NULL;
    TRY(rc);
    snprintf(path, sizeof path, "%s/trial.jsonl", outcome.folder);
    return record_read(again, path);
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *where)
{
    (void)s;
    (void)kind;
    (void)where;
    return remove(path);
}

static int32_t repeat(const record *r, const options *o, trial_config *c, record **again)
{
    char folder[4096];
    submission_folder s;
    const char *key, *tmp = getenv("TMPDIR");
    TRY(key_of(r, o, &key));
    if (!o->submission && strchr(r->submission, '/'))
        return podium_fail(PODIUM_EINVAL,
                           "its submission is named '%s': give the file with "
                           "--submission",
                           r->submission);
    TRY(configure(r, c));
    TRY(check_training(r, c));
    TRY(submission_folder_init(&s, o->submission ? o->submission : r->submission));
    c->so_path = s.so_path;
    int32_t rc = check_submission(r, s.so_path);
    if (!rc) {
        int n = snprintf(folder, sizeof folder, "%s/podium-verify-XXXXXX", tmp ? tmp : "/tmp");
        if (n < 0 || (size_t)n >= sizeof folder || !mkdtemp(folder))
            rc = podium_fail(PODIUM_EIO, "cannot make a folder in '%s': %s", tmp ? tmp : "/tmp",
                             strerror(errno));
    }
    if (!rc) {
        rc = run_again(r, c, key, folder, again);
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    submission_folder_release(&s);
    return rc;
}

/* --- the comparison ------------------------------------------------------------------------ */

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Names the first field that differs. */
static bool differs(const record_evaluation *a, const record_evaluation *b, size_t number)
{
    const struct {
        const char *name;
        int64_t recorded, here;
    } counts[] = {
        {"step", a->step, b->step},
        {"examples", a->examples, b->examples},
        {"gradient_evaluations", a->gradient_evaluations, b->gradient_evaluations},
    };
    const struct {
        const char *name;
        double recorded, here;
    } metrics[] = {
        {"loss", a->loss, b->loss},
        {"accuracy", a->accuracy, b->accuracy},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].recorded != counts[i].here) {
            printf("evaluation %zu (step %" PRId64 "), %s: %" PRId64 " in the record, %" PRId64
                   " here\n",
                   number, a->step, counts[i].name, counts[i].recorded, counts[i].here);
            return true;
        }
    if (strcmp(a->hash, b->hash)) {
        printf("evaluation %zu (step %" PRId64 "), hash: %.16s... in the record, %.16s... here\n",
               number, a->step, a->hash, b->hash);
        return true;
    }
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (!same_number(metrics[i].recorded, metrics[i].here)) {
            printf("evaluation %zu (step %" PRId64 "), %s: %.17g in the record, %.17g here\n",
                   number, a->step, metrics[i].name, metrics[i].recorded, metrics[i].here);
            return true;
        }
    return false;
}

/* A run that stopped for the time it took may be shorter: clocks are not compared. */
static bool ended_by_time(const record *r, bool keep_going)
{
    return !r->end || keep_going || !strcmp(r->reason, "budget exhausted") ||
           strstr(r->reason, "did not return");
}

static bool ends_differ(const record *r, const record *again, bool keep_going)
{
    size_t n = r->num_evaluations, m = again->num_evaluations;
    const record *shorter = n < m ? r : again;
    if (n != m && !ended_by_time(shorter, keep_going)) {
        printf("end: %zu evaluations in the record, %zu here\n", n, m);
        return true;
    }
    if (n == m && r->end && !ended_by_time(r, keep_going) && !ended_by_time(again, keep_going) &&
        (r->valid != again->valid || r->reached != again->reached)) {
        printf("end, status: %s%s in the record, %s%s here\n", r->valid ? "VALID" : "INVALID",
               r->reached ? ", reached" : "", again->valid ? "VALID" : "INVALID",
               again->reached ? ", reached" : "");
        return true;
    }
    return false;
}

/* What else may be the reason of a difference. */
static void note_build(const record *r)
{
    const char *revision, *compiler;
    if (header_text(r, "build", "revision", &revision) ||
        header_text(r, "build", "compiler", &compiler))
        return;
    if (strcmp(revision, podium_revision) || strcmp(compiler, __VERSION__))
        printf("  it was made by revision %s, compiler %s; this is %s, %s\n", revision, compiler,
               podium_revision, __VERSION__);
}

static bool compare(const record *r, const record *again, bool keep_going)
{
    size_t n = r->num_evaluations, m = again->num_evaluations, common = n < m ? n : m;
    for (size_t i = 0; i < common; i++)
        if (differs(&r->evaluations[i], &again->evaluations[i], i + 1))
            return false;
    if (ends_differ(r, again, keep_going))
        return false;
    if (n == m)
        printf("all %zu evaluations agree bit for bit\n", n);
    else
        printf("the %zu evaluations that both contain agree bit for bit (%zu in the record)\n",
               common, n);
    return true;
}

/* --- the command --------------------------------------------------------------------------- */

static int verify(const record *r, const options *o)
{
    record *again = NULL;
    trial_config c = {
        .revision = podium_revision,
        .data_dir = o->data,
        .progress = o->progress ? show_progress : NULL,
        .progress_arg = (void *)r,
    };
    int32_t rc = r->num_evaluations
                     ? repeat(r, o, &c, &again)
                     : podium_fail(PODIUM_EINVAL, "it holds no evaluation to compare");
    if (o->progress)
        printf("\r\033[K");
    if (rc) {
        fprintf(stderr, "podium verify: %s: refused: %s\n", r->path, podium_error());
        return EXIT_USAGE;
    }
    printf("%s: ", r->path);
    bool same = compare(r, again, c.keep_going);
    if (!same)
        note_build(r);
    fflush(stdout);
    record_destroy(again);
    return same ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

static int32_t parse(int argc, char **argv, options *o, record_list *list)
{
    for (int i = 1; i < argc; i++) {
        const char **slot = !strcmp(argv[i], "--submission") ? &o->submission
                            : !strcmp(argv[i], "--data")     ? &o->data
                            : !strcmp(argv[i], "--key")      ? &o->key
                                                             : NULL;
        if (slot && i + 1 == argc)
            return podium_fail(PODIUM_EINVAL, "option '%s' needs a value", argv[i]);
        if (slot)
            *slot = argv[++i];
        else if (argv[i][0] == '-')
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        else
            TRY(record_list_read(list, argv[i]));
    }
    return list->length ? 0 : podium_fail(PODIUM_EINVAL, "expected a record (trial.jsonl)");
}

static int run(int argc, char **argv)
{
    char data[4096];
    options o = {.progress = isatty(STDOUT_FILENO)};
    record_list list = {0};
    int32_t rc = parse(argc, argv, &o, &list);
    if (!rc)
        rc = home_data(o.data, data, sizeof data);
    o.data = data;
    int failed = 0, refused = 0;
    for (size_t i = 0; !rc && i < list.length; i++) {
        int status = verify(list.items[i], &o);
        failed += status == EXIT_MEASURED_FAILED;
        refused += status == EXIT_USAGE;
    }
    record_list_release(&list);
    if (rc)
        return rc;
    return failed ? EXIT_MEASURED_FAILED : refused ? EXIT_USAGE : EXIT_DONE;
}

const command command_verify = {
    .name = "verify",
    .summary = "run recorded trials again and compare bit for bit",
    .usage =
        "usage: podium verify RECORD... [options]\n\n"
        "RECORD is a trial.jsonl or a folder of them.  Each trial runs again with its key, seed,\n"
        "hyperparameters, threads and precision; the hashes of the parameters and the metrics of\n"
        "all evaluations that both contain must be equal.  Times are not compared, nor where the\n"
        "budget ran out.  The first difference is named.  Refused where bits cannot be expected\n"
        "to agree: another ISA class, library version, data, workload file or submission.\n\n"
        "  --submission WHAT   the .so, folder or name that ran (the name in the record)\n"
        "  --key HEX           of an unfinished record, which does not tell it\n"
        "  --data DIR          prepared data sets ($PODIUM_DATA, or data/)\n\n"
        "Exit status: 0 all agree, 1 one differs, 2 one was refused, or usage.\n",
    .run = run,
};
