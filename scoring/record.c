/* Reads records; every field is checked, for a record may come from a stranger. */
#include "scoring/record.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"
#include "scoring/verdict.h"

#define SCHEMA "podium-record/1"
#define MAX_RECORD_BYTES (64u << 20)
#define MAX_DEPTH 16 /* of folders: links may make rings */

const char *const record_clock_names[] = {"calibrated", "wall",      "steps",
                                          "flops",      "gradients", NULL};

const char *const record_verdict_names[] = {"not verified", "exact", "statistical", "differs",
                                            "changed since"};

/* An optional text: "" when the field is absent or null. */
static int32_t read_optional(const json_t *o, const char *place, const char *key, const char **out)
{
    json_t *v = json_object_get(o, key);
    *out = "";
    if (!v || json_is_null(v))
        return 0;
    return json_read_text(o, place, key, out);
}

static int32_t read_target(record *r, const json_t *workload, const char *place)
{
    json_t *target;
    const char *metric;
    TRY(json_read_object(workload, place, "target", &target));
    TRY(json_read_text(target, place, "metric", &metric));
    if (strcmp(metric, "loss") && strcmp(metric, "accuracy") && strcmp(metric, "bleu") &&
        strcmp(metric, "matthews"))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'metric': expected loss, accuracy, bleu or matthews", place);
    snprintf(r->metric, sizeof r->metric, "%s", metric);
    r->target_grows = strcmp(metric, "loss") != 0;
    TRY(json_read_number(target, place, "value", &r->target));
    return json_read_number(workload, place, "budget_steps", &r->budget_steps);
}

static int32_t read_header(record *r, const json_t *line, const char *place)
{
    json_t *submission, *workload, *machine;
    const char *schema;
    int64_t seed;
    TRY(json_read_text(line, place, "schema", &schema));
    if (strcmp(schema, SCHEMA))
        return podium_fail(PODIUM_EINVAL, "%s: schema '%.40s', expected '%s'", place, schema,
                           SCHEMA);
    TRY(json_read_object(line, place, "submission", &submission));
    TRY(json_read_text(submission, place, "name", &r->submission));
    TRY(json_read_text(submission, place, "sha256", &r->submission_sha256));
    TRY(json_read_object(line, place, "workload", &workload));
    TRY(json_read_text(workload, place, "name", &r->workload));
    TRY(json_read_text(workload, place, "size", &r->size));
    TRY(read_optional(workload, place, "held_out", &r->held_out));
    TRY(json_read_text(workload, place, "fingerprint", &r->fingerprint));
    TRY(json_read_text(workload, place, "data_id", &r->data_id));
    TRY(read_target(r, workload, place));
    TRY(json_read_object(line, place, "machine", &machine));
    TRY(json_read_text(machine, place, "isa", &r->isa));
    TRY(json_read_text(machine, place, "cpu", &r->cpu));
    TRY(json_read_text(machine, place, "device", &r->device));
    TRY(json_read_text(machine, place, "precision", &r->precision));
    TRY(json_read_text(machine, place, "sandbox", &r->sandbox));
    TRY(json_read_integer(machine, place, "threads", 1, 1 << 20, &r->threads));
    json_t *ranks = json_object_get(line, "parallel");
    r->layout = "";
    if (ranks)
        TRY(json_read_text(ranks, place, "layout", &r->layout));
    TRY(read_optional(line, place, "ruleset", &r->ruleset));
    TRY(read_optional(line, place, "unranked", &r->unranked));
    TRY(json_read_integer(line, place, "study", 0, 1 << 30, &r->study));
    TRY(json_read_integer(line, place, "trial", 0, 1 << 30, &r->trial));
    TRY(json_read_integer(line, place, "seed", 0, INT64_MAX, &seed));
    r->seed = (uint64_t)seed;
    if (json_object_get(line, "budget_multiplier"))
        TRY(json_read_number(line, place, "budget_multiplier", &r->budget_multiplier));
    return 0;
}

/* A number that older records lack. */
static double number_or_nan(const json_t *line, const char *key)
{
    double x;
    return json_number_of(json_object_get(line, key), &x) ? x : NAN;
}

static int32_t read_evaluation(const record *r, record_evaluation *e, const json_t *line,
                               const char *place)
{
    const char *hash;
    TRY(json_read_integer(line, place, "step", 0, INT64_MAX, &e->step));
    TRY(json_read_integer(line, place, "examples", 0, INT64_MAX, &e->examples));
    TRY(json_read_integer(line, place, "gradient_evaluations", 0, INT64_MAX,
                          &e->gradient_evaluations));
    TRY(json_read_number(line, place, "loss", &e->loss));
    TRY(json_read_number(line, place, r->target_grows ? r->metric : "accuracy", &e->quality));
    TRY(json_read_number(line, place, "calibrated", &e->clock[CLOCK_CALIBRATED]));
    TRY(json_read_number(line, place, "wall_seconds", &e->clock[CLOCK_WALL]));
    TRY(json_read_number(line, place, "model_flops", &e->clock[CLOCK_FLOPS]));
    e->clock[CLOCK_STEPS] = (double)e->step;
    e->clock[CLOCK_GRADIENTS] = (double)e->gradient_evaluations;
    for (int i = 0; i < CLOCK_COUNT; i++)
        if (!(e->clock[i] >= 0) || isinf(e->clock[i]))
            return podium_fail(PODIUM_EINVAL, "%s: the %s clock is no time: %g", place,
                               record_clock_names[i], e->clock[i]);
    TRY(json_read_number(line, place, "reference_step_seconds", &e->reference_step_seconds));
    e->train_loss = number_or_nan(line, "train_loss");
    e->parameter_norm = number_or_nan(line, "parameter_norm");
    e->update_norm = number_or_nan(line, "update_norm");
    e->step_norm = number_or_nan(line, "step_norm");
    e->gradient_norm = number_or_nan(line, "gradient_norm");
    e->gradient_signal = number_or_nan(line, "gradient_signal");
    e->gradient_noise = number_or_nan(line, "gradient_noise");
    TRY(json_read_text(line, place, "hash", &hash));
    if (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64)
        return podium_fail(PODIUM_EINVAL, "%s: field 'hash': expected 64 hexadecimal digits",
                           place);
    memcpy(e->hash, hash, sizeof e->hash);
    return 0;
}

static int32_t add_evaluation(record *r, const json_t *line, const char *place)
{
    record_evaluation e = {0};
    TRY(read_evaluation(r, &e, line, place));
    if (r->num_evaluations) {
        const record_evaluation *last = &r->evaluations[r->num_evaluations - 1];
        if (e.step < last->step || e.examples < last->examples)
            return podium_fail(PODIUM_EINVAL, "%s: field 'step': runs backwards", place);
        for (int i = 0; i < CLOCK_COUNT; i++)
            if (e.clock[i] < last->clock[i])
                return podium_fail(PODIUM_EINVAL, "%s: the %s clock runs backwards", place,
                                   record_clock_names[i]);
    }
    if (!(r->num_evaluations & (r->num_evaluations + 1))) { /* grows at 0, 1, 3, 7, ... */
        size_t capacity = 2 * r->num_evaluations + 1;
        record_evaluation *all = realloc(r->evaluations, capacity * sizeof *all);
        if (!all)
            return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", r->path);
        r->evaluations = all;
    }
    r->evaluations[r->num_evaluations++] = e;
    return 0;
}

static int32_t read_end(record *r, const json_t *line, const char *place)
{
    const char *status;
    TRY(json_read_text(line, place, "status", &status));
    if (strcmp(status, "VALID") && strcmp(status, "INVALID"))
        return podium_fail(PODIUM_EINVAL, "%s: field 'status': expected VALID or INVALID", place);
    r->valid = !strcmp(status, "VALID");
    TRY(json_read_flag(line, place, "reached", &r->reached));
    TRY(json_read_text(line, place, "reason", &r->reason));
    if (json_object_get(line, "optimizer_bytes"))
        TRY(json_read_number(line, place, "optimizer_bytes", &r->optimizer_bytes));
    if (r->reached && record_hit(r) < 0)
        return podium_fail(PODIUM_EINVAL,
                           "%s: 'reached' is true and no evaluation meets the target", place);
    return 0;
}

/* One line; takes the reference of `line` when it is kept. */
static int32_t read_line(record *r, json_t *line, const char *place)
{
    const char *event;
    TRY(json_read_text(line, place, "event", &event));
    if (!r->header) {
        if (strcmp(event, "header"))
            return podium_fail(PODIUM_EINVAL, "%s: the first line must be the header", place);
        r->header = json_incref(line);
        return read_header(r, line, place);
    }
    if (r->end)
        return podium_fail(PODIUM_EINVAL, "%s: a line after the end", place);
    if (!strcmp(event, "evaluation"))
        return add_evaluation(r, line, place);
    if (!strcmp(event, "end")) {
        r->end = json_incref(line);
        return read_end(r, line, place);
    }
    return podium_fail(PODIUM_EINVAL, "%s: unknown event '%.40s'", place, event);
}

static int32_t read_lines(record *r, const char *text, size_t length)
{
    size_t at = 0;
    for (int number = 1; at < length; number++) {
        const char *newline = memchr(text + at, '\n', length - at);
        if (!newline) { /* the machine stopped while writing it */
            r->truncated = true;
            break;
        }
        size_t n = (size_t)(newline - text) - at;
        char place[4200];
        snprintf(place, sizeof place, "%s:%d", r->path, number);
        json_t *line;
        TRY(json_read(&line, text + at, n, place));
        int32_t rc = read_line(r, line, place);
        json_decref(line);
        TRY(rc);
        at += n + 1;
    }
    if (!r->header)
        return podium_fail(PODIUM_EINVAL, "%s:1: no header", r->path);
    return 0;
}

int32_t record_parse(record **out, const char *text, size_t length, const char *path)
{
    *out = NULL;
    record *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", path);
    }
    r->reason = "";
    r->budget_multiplier = 1;
    r->optimizer_bytes = NAN;
    sha256_of(text, length, r->sha256);
    int32_t rc = read_lines(r, text, length);
    if (rc)
        record_destroy(r);
    else
        *out = r;
    return rc;
}

int32_t record_read(record **out, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    *out = NULL;
    TRY(file_read(path, MAX_RECORD_BYTES, &text, &length));
    int32_t rc = record_parse(out, text, length, path);
    free(text);
    TRY(rc);
    rc = verdict_read(*out);
    if (rc) {
        record_destroy(*out);
        *out = NULL;
    }
    return rc;
}

void record_destroy(record *r)
{
    if (!r)
        return;
    json_decref(r->header);
    json_decref(r->end);
    free(r->evaluations);
    free(r->path);
    free(r->text);
    free(r->pack);
    free(r->verdict_text);
    free(r);
}

int32_t record_keep_text(record *r, const char *text, size_t length, const char *pack)
{
    r->text = malloc(length + 1);
    r->pack = strdup(pack);
    if (!r->text || !r->pack)
        return podium_fail(PODIUM_ENOMEM, "no memory to keep '%s'", r->path);
    memcpy(r->text, text, length);
    r->text_length = length;
    return 0;
}

int64_t record_hit(const record *r)
{
    for (size_t i = 0; i < r->num_evaluations; i++) {
        const record_evaluation *e = &r->evaluations[i];
        if (r->target_grows ? e->quality >= r->target : e->loss <= r->target)
            return (int64_t)i;
    }
    return -1;
}

int32_t record_list_add(record_list *list, record *r)
{
    if (list->length == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        record **items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return podium_fail(PODIUM_ENOMEM, "no memory for the records");
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->length++] = r;
    return 0;
}

static int32_t list_add(record_list *list, const char *path)
{
    record *r;
    TRY(record_read(&r, path));
    int32_t rc = record_list_add(list, r);
    if (rc)
        record_destroy(r);
    return rc;
}

static int32_t list_walk(record_list *list, const char *path, int depth);

static int32_t walk_entries(record_list *list, const char *path, struct dirent **names, int n,
                            int depth)
{
    for (int i = 0; i < n; i++) {
        char child[4096];
        struct stat s;
        if (names[i]->d_name[0] == '.')
            continue;
        TRY(path_join(child, sizeof child, path, names[i]->d_name));
        if (stat(child, &s))
            continue; /* gone meanwhile, or a dangling link */
        if (S_ISDIR(s.st_mode))
            TRY(list_walk(list, child, depth + 1));
        else if (!strcmp(names[i]->d_name, "trial.jsonl"))
            TRY(list_add(list, child));
    }
    return 0;
}

static int32_t list_walk(record_list *list, const char *path, int depth)
{
    if (depth > MAX_DEPTH)
        return podium_fail(PODIUM_EINVAL, "'%s' is nested more than %d folders deep", path,
                           MAX_DEPTH);
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, versionsort);
    if (n < 0)
        return podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", path, strerror(errno));
    int32_t rc = walk_entries(list, path, names, n, depth);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}

int32_t record_list_read(record_list *list, const char *path)
{
    size_t before = list->length;
    if (!directory_exists(path))
        return list_add(list, path);
    TRY(list_walk(list, path, 0));
    if (list->length == before)
        return podium_fail(PODIUM_EINVAL, "no trial.jsonl below '%s'", path);
    return 0;
}

void record_list_release(record_list *list)
{
    for (size_t i = 0; i < list->length; i++)
        record_destroy(list->items[i]);
    free(list->items);
    *list = (record_list){0};
}
