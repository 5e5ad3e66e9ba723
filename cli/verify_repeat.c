/* Running a recorded trial again: whether it can, and doing it in a folder that goes away. */
#include "cli/verify.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/revision.h"
#include "engine/linalg.h"
#include "harness/python_submission.h"
#include "harness/submission_folder.h"
#include "harness/trial.h"

int32_t verify_text(const record *r, const char *section, const char *key, const char **out)
{
    json_t *object;
    TRY(json_read_object(r->header, r->path, section, &object));
    return json_read_text(object, r->path, key, out);
}

static int32_t expect(const char *what, const char *recorded, const char *here)
{
    if (!strcmp(recorded, here))
        return 0;
    return podium_fail(PODIUM_EINVAL, "its %s is '%s', here it is '%s'", what, recorded, here);
}

/* Bits cannot agree where these differ; trials can. */
static void note(verify_form *form, const char *what, const char *recorded, const char *here)
{
    if (!form->exact || !strcmp(recorded, here))
        return;
    form->exact = false;
    snprintf(form->why, sizeof form->why, "its %s is '%.200s', here it is '%.200s'", what, recorded,
             here);
}

/* The text of the user's variant that the record holds (JSON is yaml); NULL: it has none. */
static int32_t variant_of(const record *r, char **out)
{
    json_t *variant = json_object_get(json_object_get(r->header, "workload"), "variant");
    *out = variant ? json_dumps(variant, JSON_REAL_PRECISION(17)) : NULL;
    return variant && !*out ? podium_fail(PODIUM_ENOMEM, "no memory for a variant") : 0;
}

/* The caller frees *variant, which c borrows, also after an error. */
static int32_t configure(const record *r, const verify_options *o, trial_config *c, char **variant)
{
    TRY(variant_of(r, variant));
    *c = (trial_config){
        .revision = podium_revision,
        .workload = workload_find(r->workload),
        .size = r->size,
        .held_out = r->held_out[0] ? r->held_out : NULL,
        .variant = *variant,
        .variant_file = r->path,
        .data_dir = o->data,
        .submission = "again", /* goes into a path: not a stranger's text */
        .device = r->device,
        .threads = (int)r->threads,
        .precision = !strcmp(r->precision, "bf16") ? PODIUM_BF16 : PODIUM_F32,
        .seed = r->seed,
        .study = r->study,
        .trial = r->trial,
        .point = -1, /* the record has its values */
        .budget_multiplier = 1,
    };
    (void)json_number_of(json_object_get(r->header, "budget_multiplier"), &c->budget_multiplier);
    if (r->layout[0])
        return podium_fail(PODIUM_ENOTSUP, "its trial ran on ranks (%s), verify runs one process",
                           r->layout);
    if (!c->workload)
        return podium_fail(PODIUM_EINVAL, "there is no workload '%s' here", r->workload);
    if (json_object_get(r->header, "max_steps"))
        TRY(json_read_integer(r->header, r->path, "max_steps", 1, INT64_MAX, &c->max_steps));
    return json_read_flag(r->header, r->path, "keep_going", &c->keep_going);
}

/* Bases and roots differ from one LAPACK to another, and only who uses them does.  Records of old
 * do not name it. */
static void note_lapack(const record *r, verify_form *form)
{
    char here[512];
    const char *recorded;
    json_t *submission = json_object_get(r->header, "submission");
    if (!json_is_true(json_object_get(submission, "needs_whole_tensors")) ||
        verify_text(r, "machine", "lapack", &recorded))
        return;
    linalg_library(here, sizeof here);
    note(form, "LAPACK", recorded, here);
}

/* Opens the workload as the trial will, which tells data, library versions and threads. */
static int32_t check_training(const record *r, const trial_config *c, verify_form *form)
{
    const char *recorded;
    training t;
    training_options o = {
        .workload = c->workload,
        .size = c->size,
        .held_out = c->held_out,
        .variant = c->variant,
        .variant_file = c->variant_file,
        .data_dir = c->data_dir,
        .device = c->device,
        .threads = c->threads,
        .precision = c->precision,
    };
    TRY(verify_text(r, "machine", "backend", &recorded));
    TRY(training_open(&t, &o));
    int32_t rc = expect("workload fingerprint", r->fingerprint, t.config.fingerprint);
    if (!rc)
        rc = expect("data", r->data_id, t.config.entry->workload->data_id(t.task));
    note(form, "backend", recorded, t.backend->description);
    note_lapack(r, form);
    training_close(&t);
    return rc;
}

/* The submission that ran: by its name, or what the user gave; the bytes must be the same. */
static int32_t find_submission(const record *r, const verify_options *o, submission_folder *s,
                               char rebuilt[SHA256_HEX])
{
    char hash[SHA256_HEX], file[4096];
    rebuilt[0] = '\0';
    const char *what = o->submission ? o->submission : verify_pack_so(o->packs, r);
    if (!what && strchr(r->submission, '/'))
        return podium_fail(PODIUM_EINVAL,
                           "its submission is named '%s': give the file with --submission",
                           r->submission);
    TRY(submission_folder_init(s, what ? what : r->submission));
    int32_t rc = python_submission_file(s->so_path, file, sizeof file);
    if (!rc)
        rc = sha256_of_file(file, hash);
    bool other = !rc && strcmp(hash, r->submission_sha256);
    if (other && o->rebuilt)
        memcpy(rebuilt, hash, SHA256_HEX);
    else if (other)
        rc = podium_fail(
            PODIUM_EINVAL,
            "it ran a submission of sha256 %.16s..., '%s' has %.16s...: name the right "
            "one with --submission, or compare with this build of it: --rebuilt",
            r->submission_sha256, s->so_path, hash);
    if (rc)
        submission_folder_release(s);
    return rc;
}

static int32_t key_of(const record *r, const verify_options *o, const char **key)
{
    *key = o->key;
    if (*key)
        return 0;
    if (!r->end)
        return podium_fail(PODIUM_EINVAL, "it is unfinished and so does not tell its key: give it "
                                          "with --key");
    return json_read_text(r->end, r->path, "key", key);
}

int32_t verify_look(const record *r, const verify_options *o, verify_form *form)
{
    trial_config c;
    submission_folder s;
    char *variant = NULL;
    const char *key;
    *form = (verify_form){.exact = true};
    TRY(key_of(r, o, &key));
    int32_t rc = configure(r, o, &c, &variant);
    note(form, "ISA class", r->isa, machine_isa());
    if (!rc)
        rc = check_training(r, &c, form);
    if (!rc && !(rc = find_submission(r, o, &s, form->rebuilt)))
        submission_folder_release(&s);
    free(variant);
    return rc;
}

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

typedef struct progress {
    const record *record;
    int number; /* of the rerun */
} progress;

static void show_progress(void *arg, const trial_progress *p)
{
    const progress *which = arg;
    const record *r = which->record;
    const record_evaluation *last = &r->evaluations[r->num_evaluations - 1];
    printf("\r\033[Kverify %s: rerun %d, step %" PRId64 " (%" PRId64 " in the record)", r->path,
           which->number, p->step, last->step);
    fflush(stdout);
}

/* Runs the trial of `r` into the folder c->results and reads what it wrote. */
static int32_t run_again(const record *r, trial_config *c, const char *key, record **again)
{
    static trial_outcome outcome;
    char path[4200];
    yaml_document *settings = NULL;
    TRY(trial_key(c->results, key, c->key));
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

int32_t verify_folder(char *out, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(out, size, "%s/podium-verify-XXXXXX", tmp ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= size || !mkdtemp(out))
        return podium_fail(PODIUM_EIO, "cannot make a folder in '%s': %s", tmp ? tmp : "/tmp",
                           strerror(errno));
    return 0;
}

void verify_folder_remove(const char *folder)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int32_t verify_repeat(const record *r, const verify_options *o, const uint64_t *fresh, int number,
                      record **again)
{
    char folder[4096], rebuilt[SHA256_HEX];
    submission_folder s;
    trial_config c;
    char *variant = NULL;
    const char *key;
    progress which = {r, number};
    TRY(key_of(r, o, &key));
    int32_t rc = configure(r, o, &c, &variant);
    if (!rc)
        rc = find_submission(r, o, &s, rebuilt);
    if (rc) {
        free(variant);
        return rc;
    }
    c.so_path = s.so_path;
    c.results = folder;
    c.progress = o->progress ? show_progress : NULL;
    c.progress_arg = &which;
    if (fresh) {
        c.seed = *fresh;
        c.keep_going = false; /* what comes after the target is not compared */
    }
    rc = verify_folder(folder, sizeof folder);
    if (!rc) {
        rc = run_again(r, &c, key, again);
        verify_folder_remove(folder);
    }
    submission_folder_release(&s);
    free(variant);
    return rc;
}
