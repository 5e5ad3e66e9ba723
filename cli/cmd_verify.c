/* podium verify: runs recorded trials again and compares, bit for bit where that can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/revision.h"
#include "cli/verify.h"
#include "scoring/pack.h"

/* Says and, if asked to, writes the verdict on one record. */
static int say_one(const record *r, record_verdict verdict, const char *text,
                   const verify_options *o)
{
    const verdict_origin origin = {podium_revision, __VERSION__};
    text_buffer own = {0};
    if (verdict != RECORD_DIFFERS && verify_contradicts(r, &own)) {
        verdict = RECORD_DIFFERS;
        text = own.data ? own.data : "out of memory";
        printf("%s: %s\n", r->path, text);
    }
    int status = verdict == RECORD_DIFFERS ? EXIT_MEASURED_FAILED : EXIT_DONE;
    if (o->write && verdict_write(r, verdict, text, &origin)) {
        fprintf(stderr, "podium verify: %s\n", podium_error());
        status = EXIT_USAGE;
    }
    text_release(&own);
    return status;
}

int verify_say(const record *const *records, size_t count, record_verdict verdict,
               const text_buffer *what, const verify_options *o)
{
    const char *text = what->data ? what->data : "out of memory";
    int worst = EXIT_DONE;
    printf("%s%s", o->progress ? "\r\033[K" : "", records[0]->path);
    if (count > 1)
        printf(" and %zu more", count - 1);
    printf(": %s\n", text);
    for (size_t i = 0; i < count; i++) {
        int status = say_one(records[i], verdict, text, o);
        worst = status == EXIT_USAGE || worst == EXIT_DONE ? status : worst;
    }
    fflush(stdout);
    return worst;
}

static int refused(const record *r, const verify_options *o)
{
    if (o->progress)
        printf("\r\033[K");
    fflush(stdout);
    fprintf(stderr, "podium verify: %s: refused: %s\n", r->path, podium_error());
    return EXIT_USAGE;
}

static int verify_exact(const record *r, const verify_options *o, const char *rebuilt)
{
    record *again = NULL;
    text_buffer say = {0};
    if (verify_repeat(r, o, NULL, 1, &again))
        return refused(r, o);
    bool same = verify_agree(r, again, rebuilt, &say);
    int status = verify_say(&r, 1, same ? RECORD_EXACT : RECORD_DIFFERS, &say, o);
    text_release(&say);
    record_destroy(again);
    return status;
}

/* Records that go into the statistical form wait until all of their kind are known. */
typedef struct verify_list {
    const record **waiting; /* [count], NULL once compared */
    verify_form *forms;
    size_t count;
    size_t agreed, failed, refused; /* records */
    size_t changed;                 /* packs */
} verify_list;

static void add_status(verify_list *l, int status, size_t records)
{
    l->agreed += status == EXIT_DONE ? records : 0;
    l->failed += status == EXIT_MEASURED_FAILED ? records : 0;
    l->refused += status == EXIT_USAGE ? records : 0;
}

static void summary(const verify_list *l, size_t records)
{
    printf("%zu of %zu records agree", l->agreed, records);
    if (l->failed)
        printf(", %zu differ", l->failed);
    if (l->refused)
        printf(", %zu refused", l->refused);
    if (l->changed)
        printf("; %zu packs were changed", l->changed);
    printf("\n");
}

static void verify_or_wait(verify_list *l, const record *r, const verify_options *o)
{
    verify_form *form = &l->forms[l->count];
    if (r->verdict == RECORD_CHANGED)
        printf("%s: it was changed since its verdict was written\n", r->path);
    int32_t rc = r->num_evaluations
                     ? verify_look(r, o, form)
                     : podium_fail(PODIUM_EINVAL, "it holds no evaluation to compare");
    if (!rc && !form->exact && !(r->end && r->valid))
        rc = podium_fail(PODIUM_EINVAL, "%s, and it is %s: no steps to target to compare",
                         form->why, r->end ? "INVALID" : "unfinished");
    if (rc)
        add_status(l, refused(r, o), 1);
    else if (form->exact)
        add_status(l, verify_exact(r, o, form->rebuilt), 1);
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
        add_status(l, verify_statistical(group, n, l->forms[i].why, o), n);
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

/* A record, a folder of them or a pack. */
static int32_t add_argument(verify_list *l, verify_packs *packs, const char *path,
                            record_list *records)
{
    bool changed = false;
    if (!pack_is(path))
        return record_list_read(records, path);
    TRY(verify_pack_add(packs, path, records, &changed));
    l->changed += changed;
    return 0;
}

static int32_t parse(int argc, char **argv, verify_options *o, verify_list *l, verify_packs *packs,
                     record_list *records)
{
    const char *reruns = NULL;
    for (int i = 1; i < argc; i++) {
        const char **slot = !strcmp(argv[i], "--submission") ? &o->submission
                            : !strcmp(argv[i], "--data")     ? &o->data
                            : !strcmp(argv[i], "--key")      ? &o->key
                            : !strcmp(argv[i], "--reruns")   ? &reruns
                                                             : NULL;
        bool *flag = !strcmp(argv[i], "--write")     ? &o->write
                     : !strcmp(argv[i], "--rebuilt") ? &o->rebuilt
                                                     : NULL;
        if (flag) {
            *flag = true;
            continue;
        }
        if (slot && i + 1 == argc)
            return podium_fail(PODIUM_EINVAL, "option '%s' needs a value", argv[i]);
        if (slot)
            *slot = argv[++i];
        else if (argv[i][0] == '-')
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        else
            TRY(add_argument(l, packs, argv[i], records));
    }
    if (reruns && (!integer_parse(reruns, &o->reruns) || o->reruns < 5 || o->reruns > 200))
        return podium_fail(PODIUM_EINVAL, "--reruns is '%s', expected 5 to 200", reruns);
    return records->length || l->changed
               ? 0
               : podium_fail(PODIUM_EINVAL, "expected a record (trial.jsonl) or a pack");
}

static int run(int argc, char **argv)
{
    char data[4096];
    verify_packs packs = {0};
    verify_options o = {.packs = &packs, .progress = isatty(STDOUT_FILENO)};
    record_list records = {0};
    verify_list l = {0};
    int32_t rc = parse(argc, argv, &o, &l, &packs, &records);
    if (!rc)
        rc = home_data(o.data, data, sizeof data);
    o.data = data;
    if (!rc && records.length)
        rc = verify_all(&l, &records, &o);
    if (!rc && (records.length > 1 || packs.length || l.changed))
        summary(&l, records.length);
    verify_packs_release(&packs);
    record_list_release(&records);
    if (rc)
        return rc;
    return l.failed || l.changed ? EXIT_MEASURED_FAILED : l.refused ? EXIT_USAGE : EXIT_DONE;
}

const command command_verify = {
    .name = "verify",
    .summary = "run recorded trials again and compare",
    .usage =
        "usage: podium verify RECORD|PACK... [options]\n\n"
        "RECORD is a trial.jsonl or a folder of them.  Each trial runs again with its key, seed,\n"
        "hyperparameters, threads and precision, and the output says which form was used.\n"
        "PACK is what podium pack wrote: its checksums are compared, and its records run again\n"
        "with the .so within, which must be the one that they name.\n\n"
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
        "A record that agrees is held against itself, too: calibrated time follows from wall "
        "seconds\n"
        "and reference steps.  Refused: other data, workload file or submission.\n\n"
        "  --submission WHAT   the .so, folder or name that ran (the name in the record)\n"
        "  --rebuilt           it may be of another SHA-256, as a build by another compiler is; "
        "the\n"
        "                      verdict says so\n"
        "  --key HEX           of an unfinished record, which does not tell it\n"
        "  --data DIR          prepared data sets ($PODIUM_DATA, or data/)\n"
        "  --write             the verdict beside the record, trial.verify.json, or beside the "
        "pack,\n"
        "                      PACK.verify.json, bound to the record's SHA-256: podium score and\n"
        "                      podium leaderboard show it\n"
        "  --reruns N          more reruns in the statistical form, for a sharper test\n\n"
        "Exit status: 0 all agree, 1 one differs or a pack was changed, 2 one was refused, or\n"
        "usage.\n",
    .run = run,
};
