/* podium verify: runs recorded trials again and compares, bit for bit where that can be. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/revision.h"
#include "cli/verify.h"

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
        {"accuracy", a->quality, b->quality},
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
    if (verify_text(r, "build", "revision", &revision) ||
        verify_text(r, "build", "compiler", &compiler))
        return;
    if (strcmp(revision, podium_revision) || strcmp(compiler, __VERSION__))
        printf("  it was made by revision %s, compiler %s; this is %s, %s\n", revision, compiler,
               podium_revision, __VERSION__);
}

/* A trial that is told to run on after the target ends by its budget. */
static bool kept_going(const record *r)
{
    return json_is_true(json_object_get(r->header, "keep_going"));
}

static bool compare(const record *r, const record *again)
{
    size_t n = r->num_evaluations, m = again->num_evaluations, common = n < m ? n : m;
    for (size_t i = 0; i < common; i++)
        if (differs(&r->evaluations[i], &again->evaluations[i], i + 1))
            return false;
    if (ends_differ(r, again, kept_going(r)))
        return false;
    if (n == m)
        printf("exact: all %zu evaluations agree bit for bit\n", n);
    else
        printf(
            "exact: the %zu evaluations that both contain agree bit for bit (%zu in the record)\n",
            common, n);
    return true;
}

static int refused(const record *r, const verify_options *o)
{
    if (o->progress)
        printf("\r\033[K");
    fflush(stdout);
    fprintf(stderr, "podium verify: %s: refused: %s\n", r->path, podium_error());
    return EXIT_USAGE;
}

static int verify_exact(const record *r, const verify_options *o)
{
    record *again = NULL;
    if (verify_repeat(r, o, NULL, 1, &again))
        return refused(r, o);
    printf("%s%s: ", o->progress ? "\r\033[K" : "", r->path);
    bool same = compare(r, again);
    if (!same)
        note_build(r);
    fflush(stdout);
    record_destroy(again);
    return same ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

/* Records that go into the statistical form wait until all of their kind are known. */
typedef struct verify_list {
    const record **waiting; /* [count], NULL once compared */
    verify_form *forms;
    size_t count;
    int failed, refused;
} verify_list;

static void add_status(verify_list *l, int status)
{
    l->failed += status == EXIT_MEASURED_FAILED;
    l->refused += status == EXIT_USAGE;
}

static void verify_or_wait(verify_list *l, const record *r, const verify_options *o)
{
    verify_form *form = &l->forms[l->count];
    int32_t rc = r->num_evaluations
                     ? verify_look(r, o, form)
                     : podium_fail(PODIUM_EINVAL, "it holds no evaluation to compare");
    if (!rc && !form->exact && !(r->end && r->valid))
        rc = podium_fail(PODIUM_EINVAL, "%s, and it is %s: no steps to target to compare",
                         form->why, r->end ? "INVALID" : "unfinished");
    if (rc)
        add_status(l, refused(r, o));
    else if (form->exact)
        add_status(l, verify_exact(r, o));
    else
        l->waiting[l->count++] = r;
}

static void verify_waiting(verify_list *l, const verify_options *o, const record **group)
{
    for (size_t i = 0; i < l->count; i++) {
        size_t n = 0;
        if (!l->waiting[i])
            continue;
        group[n++] = l->waiting[i];
        for (size_t k = i + 1; k < l->count; k++)
            if (l->waiting[k] && verify_same_setting(l->waiting[i], l->waiting[k])) {
                group[n++] = l->waiting[k];
                l->waiting[k] = NULL;
            }
        add_status(l, verify_statistical(group, n, l->forms[i].why, o));
    }
}

static int32_t verify_all(verify_list *l, const record_list *records, const verify_options *o)
{
    const record **group = calloc(records->length, sizeof *group);
    l->waiting = calloc(records->length, sizeof *l->waiting);
    l->forms = calloc(records->length, sizeof *l->forms);
    int32_t rc = group && l->waiting && l->forms
                     ? PODIUM_OK
                     : podium_fail(PODIUM_ENOMEM, "no memory for %zu records", records->length);
    for (size_t i = 0; !rc && i < records->length; i++)
        verify_or_wait(l, records->items[i], o);
    if (!rc)
        verify_waiting(l, o, group);
    free(group);
    free(l->waiting);
    free(l->forms);
    return rc;
}

static int32_t parse(int argc, char **argv, verify_options *o, record_list *list)
{
    const char *reruns = NULL;
    for (int i = 1; i < argc; i++) {
        const char **slot = !strcmp(argv[i], "--submission") ? &o->submission
                            : !strcmp(argv[i], "--data")     ? &o->data
                            : !strcmp(argv[i], "--key")      ? &o->key
                            : !strcmp(argv[i], "--reruns")   ? &reruns
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
    if (reruns && (!integer_parse(reruns, &o->reruns) || o->reruns < 5 || o->reruns > 200))
        return podium_fail(PODIUM_EINVAL, "--reruns is '%s', expected 5 to 200", reruns);
    return list->length ? 0 : podium_fail(PODIUM_EINVAL, "expected a record (trial.jsonl)");
}

static int run(int argc, char **argv)
{
    char data[4096];
    verify_options o = {.progress = isatty(STDOUT_FILENO)};
    record_list records = {0};
    verify_list l = {0};
    int32_t rc = parse(argc, argv, &o, &records);
    if (!rc)
        rc = home_data(o.data, data, sizeof data);
    o.data = data;
    if (!rc)
        rc = verify_all(&l, &records, &o);
    record_list_release(&records);
    if (rc)
        return rc;
    return l.failed ? EXIT_MEASURED_FAILED : l.refused ? EXIT_USAGE : EXIT_DONE;
}

const command command_verify = {
    .name = "verify",
    .summary = "run recorded trials again and compare",
    .usage =
        "usage: podium verify RECORD... [options]\n\n"
        "RECORD is a trial.jsonl or a folder of them.  Each trial runs again with its key, seed,\n"
        "hyperparameters, threads and precision, and the output says which form was used.\n\n"
        "exact        where ISA class, library versions and threads match: the hashes of the\n"
        "             parameters and the metrics of all evaluations that both contain must be\n"
        "             equal.  Times are not compared, nor where the budget ran out.  The first\n"
        "             difference is named.\n"
        "statistical  elsewhere: records that differ in their seeds only are compared with reruns\n"
        "             of fresh seeds by a rank test of the steps to target (two-sided, exact, 5 "
        "%;\n"
        "             not reached counts as last).  At least 5 reruns, or as many as the test "
        "needs\n"
        "             to be able to tell: 39 for one record, 8 for two, 5 from three on; fewer "
        "when\n"
        "             the answer is known before.\n\n"
        "Refused: other data, workload file or submission.\n\n"
        "  --submission WHAT   the .so, folder or name that ran (the name in the record)\n"
        "  --key HEX           of an unfinished record, which does not tell it\n"
        "  --data DIR          prepared data sets ($PODIUM_DATA, or data/)\n"
        "  --reruns N          more reruns in the statistical form, for a sharper test\n\n"
        "Exit status: 0 all agree, 1 one differs, 2 one was refused, or usage.\n",
    .run = run,
};
