/* Groups records into boards and scores each. */
#include "scoring/board_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void title_of(const record *r, char *out, size_t size)
{
    int n = snprintf(out, size, "%s, %s, %s on %s%s%s, sandbox %s%s%s", r->size, r->isa,
                     r->precision, r->device, r->layout[0] ? " ranks " : "", r->layout, r->sandbox,
                     r->ruleset[0] ? ", ruleset " : "", r->ruleset);
    if (r->budget_multiplier != 1 && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", %g budgets", r->budget_multiplier);
}

/* Takes the text over. */
static int32_t add_left_out(board_list *b, text_buffer *t)
{
    char **grown = realloc(b->left_out, (b->num_left_out + 1) * sizeof *grown);
    if (grown)
        b->left_out = grown;
    if (!grown || t->failed) {
        text_release(t);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the list of left out records");
    }
    grown[b->num_left_out++] = t->data;
    return 0;
}

static int32_t leave_out(board_list *b, const record *r, const char *why)
{
    text_buffer t = {0};
    text_print(&t, "%s: %s", r->path, why);
    return add_left_out(b, &t);
}

/* Number of `name` in the list, appended when new; negative: no memory. */
static int32_t name_number(const char ***names, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp((*names)[i], name))
            return (int32_t)i;
    const char **grown = realloc(*names, (*n + 1) * sizeof *grown);
    if (!grown)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a list of names");
    *names = grown;
    grown[*n] = name;
    return (int32_t)(*n)++;
}

static int32_t workload_number(board *b, const record *r)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s%s", r->workload, r->held_out[0] ? "/" : "", r->held_out);
    for (size_t i = 0; i < b->num_workloads; i++)
        if (!strcmp(b->workloads[i], name))
            return (int32_t)i;
    char **grown = realloc(b->workloads, (b->num_workloads + 1) * sizeof *grown);
    char *copy = strdup(name);
    if (grown)
        b->workloads = grown;
    if (!grown || !copy) {
        free(copy);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a list of workloads");
    }
    b->workloads[b->num_workloads] = copy;
    return (int32_t)b->num_workloads++;
}

/* Records of one workload that were not run on the same thing: why, or NULL. */
static const char *mismatch(const board *b, const record *r, int32_t workload)
{
    for (size_t i = 0; i < b->num_records; i++) {
        if (b->workload_of[i] != workload)
            continue;
        const record *first = b->records[i];
        if (strcmp(first->data_id, r->data_id))
            return "another data id than the first record of this workload";
        if (strcmp(first->fingerprint, r->fingerprint))
            return "another version of the workload than its first record";
        if (first->budget_steps != r->budget_steps)
            return "another budget than the first record of this workload";
        if (first->target != r->target || strcmp(first->metric, r->metric))
            return "another target than the first record of this workload";
        if (first->seed != r->seed)
            return "another seed than the first record of this workload: its studies pair with "
                   "none of the others'";
        break;
    }
    return NULL;
}

static const json_t *hyperparameters(const record *r)
{
    return json_object_get(json_object_get(r->header, "submission"), "hyperparameters");
}

/* A record under the name of a submission that is another one: why, or NULL.  Only a search may
 * change hyperparameters between the trials of a submission. */
static const char *impostor(const board *b, const record *r)
{
    for (size_t i = 0; i < b->num_records; i++) {
        const record *first = b->records[i];
        if (strcmp(first->submission, r->submission))
            continue;
        if (strcmp(first->submission_sha256, r->submission_sha256))
            return "another .so than the first record of this submission";
        if (strcmp(r->ruleset, "external") &&
            !json_equal(hyperparameters(first), hyperparameters(r)))
            return "other hyperparameters than the first record of this submission";
        break;
    }
    return NULL;
}

/* The record that already stands for this trial; NULL: none. */
static const record *twin(const board *b, const record *r, int32_t workload)
{
    for (size_t i = 0; i < b->num_records; i++) {
        const record *o = b->records[i];
        if (b->workload_of[i] == workload && o->study == r->study && o->trial == r->trial &&
            !strcmp(o->submission, r->submission))
            return o;
    }
    return NULL;
}

/* Why the record is not of the preset; false: it is. */
static bool not_of_preset(const preset *p, const record *r, char *why, size_t size)
{
    if (strcmp(r->ruleset, p->ruleset))
        snprintf(why, size, "ruleset '%.40s', the preset has '%s'", r->ruleset, p->ruleset);
    else if (r->budget_multiplier != p->budget_multiplier)
        snprintf(why, size, "%g times the budget, the preset has %g", r->budget_multiplier,
                 p->budget_multiplier);
    else if (r->study >= p->studies)
        snprintf(why, size, "study %" PRId64 ", the preset has %" PRId64 " from 0", r->study,
                 p->studies);
    else if (r->trial >= p->trials)
        snprintf(why, size, "trial %" PRId64 ", the preset has %" PRId64 " from 0", r->trial,
                 p->trials);
    else
        return false;
    return true;
}

static int32_t add_record(board_list *list, board *b, const record *r)
{
    int32_t workload = workload_number(b, r);
    TRY(workload);
    const char *why = mismatch(b, r, workload);
    if (!why)
        why = impostor(b, r);
    if (why)
        return leave_out(list, r, why);
    const record *same = twin(b, r, workload);
    if (same) {
        char text[4200];
        snprintf(text, sizeof text, "the same study and trial as %.4000s", same->path);
        return leave_out(list, r, text);
    }
    int32_t submission = name_number(&b->names, &b->num_submissions, r->submission);
    TRY(submission);
    size_t n = b->num_records + 1;
    const record **records = realloc(b->records, n * sizeof *records);
    if (records)
        b->records = records;
    int32_t *submissions = realloc(b->submission_of, n * sizeof *submissions);
    if (submissions)
        b->submission_of = submissions;
    int32_t *workloads = realloc(b->workload_of, n * sizeof *workloads);
    if (workloads)
        b->workload_of = workloads;
    if (!records || !submissions || !workloads)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a board of %zu records", n);
    b->records[n - 1] = r;
    b->submission_of[n - 1] = submission;
    b->workload_of[n - 1] = workload;
    b->num_records = n;
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const board *x = a, *y = b;
    if (x->num_records != y->num_records)
        return x->num_records < y->num_records ? 1 : -1;
    return strcmp(x->title, y->title);
}

/* The board a record belongs to, made when new; NULL: no memory. */
static board *board_of(board_list *list, const record *r)
{
    char title[sizeof((board *)0)->title];
    title_of(r, title, sizeof title);
    for (size_t i = 0; i < list->length; i++)
        if (!strcmp(list->items[i].title, title))
            return &list->items[i];
    board *grown = realloc(list->items, (list->length + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    list->items = grown;
    board *b = &grown[list->length++];
    *b = (board){0};
    memcpy(b->title, title, sizeof title);
    return b;
}

/* Cells with fewer trials than the preset has. */
static int32_t name_missing(board_list *list, const board *b, const preset *p)
{
    for (size_t c = 0; c < b->num_submissions * b->num_workloads; c++) {
        size_t s = c / b->num_workloads, w = c % b->num_workloads;
        text_buffer t = {0};
        if (b->cells[c].trials == (size_t)(p->studies * p->trials))
            continue;
        text_print(&t, "%s, %s: %zu trials, the preset has %" PRId64, b->names[s], b->workloads[w],
                   b->cells[c].trials, p->studies * p->trials);
        int32_t rc = add_left_out(list, &t);
        TRY(rc);
    }
    return 0;
}

int32_t board_list_build(board_list *out, const record_list *records, const board_options *o)
{
    *out = (board_list){.clock = o->clock, .rule = o->rule, .frozen = o->reference != NULL};
    int32_t rc = 0;
    for (size_t i = 0; rc == 0 && i < records->length; i++) {
        const record *r = records->items[i];
        char why[160];
        if (!r->end) {
            rc = leave_out(out, r, "unfinished");
            continue;
        }
        if (r->unranked[0]) {
            snprintf(why, sizeof why, "UNRANKED, %s", r->unranked);
            rc = leave_out(out, r, why);
            continue;
        }
        if (json_object_get(r->header, "search")) {
            rc = leave_out(out, r, "part of a search, not of a race");
            continue;
        }
        if (o->preset && not_of_preset(o->preset, r, why, sizeof why)) {
            rc = leave_out(out, r, why);
            continue;
        }
        board *b = board_of(out, r);
        rc = b ? add_record(out, b, r) : podium_fail(PODIUM_ENOMEM, "cannot allocate a board");
    }
    if (rc == 0 && out->length == 0)
        rc = podium_fail(PODIUM_EINVAL, "none of %zu records can be scored%s%s", records->length,
                         out->num_left_out ? "; the first: " : "",
                         out->num_left_out ? out->left_out[0] : "");
    for (size_t i = 0; rc == 0 && i < out->length; i++) {
        rc = board_score(&out->items[i], o);
        if (rc == 0 && o->preset)
            rc = name_missing(out, &out->items[i], o->preset);
    }
    if (rc == 0)
        qsort(out->items, out->length, sizeof *out->items, by_size);
    else
        board_list_release(out);
    return rc;
}

void board_list_release(board_list *list)
{
    for (size_t i = 0; i < list->length; i++) {
        board *b = &list->items[i];
        for (size_t w = 0; w < b->num_workloads; w++)
            free(b->workloads[w]);
        free(b->workloads);
        free(b->names);
        free(b->records);
        free(b->submission_of);
        free(b->workload_of);
        board_score_release(b);
    }
    for (size_t i = 0; i < list->num_left_out; i++)
        free(list->left_out[i]);
    free(list->left_out);
    free(list->items);
    *list = (board_list){0};
}
