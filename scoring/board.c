/* Groups records into boards and scores each. */
#include "scoring/board.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BOOTSTRAP_ROUNDS 2000

static void title_of(const record *r, char *out, size_t size)
{
    snprintf(out, size, "%s, %s, %s on %s, sandbox %s%s%s", r->size, r->isa, r->precision,
             r->device, r->sandbox, r->ruleset[0] ? ", ruleset " : "", r->ruleset);
}

static int32_t leave_out(board_list *b, const record *r, const char *why)
{
    text_buffer t = {0};
    text_print(&t, "%s: %s", r->path, why);
    char **grown = realloc(b->left_out, (b->num_left_out + 1) * sizeof *grown);
    if (!grown || t.failed) {
        text_release(&t);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the list of left out records");
    }
    b->left_out = grown;
    b->left_out[b->num_left_out++] = t.data;
    return 0;
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
        break;
    }
    return NULL;
}

static int32_t add_record(board_list *list, board *b, const record *r)
{
    int32_t workload = workload_number(b, r);
    TRY(workload);
    const char *why = mismatch(b, r, workload);
    if (why)
        return leave_out(list, r, why);
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

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int32_t fill_cells(board *b)
{
    size_t count = b->num_submissions * b->num_workloads;
    b->cells = calloc(count ? count : 1, sizeof *b->cells);
    double *steps = malloc((b->num_records + 1) * sizeof *steps);
    if (!b->cells || !steps) {
        free(steps);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the cells of a board");
    }
    for (size_t c = 0; c < count; c++) {
        board_cell *cell = &b->cells[c];
        for (size_t i = 0; i < b->num_records; i++) {
            size_t at = (size_t)b->submission_of[i] * b->num_workloads + (size_t)b->workload_of[i];
            int64_t hit = b->records[i]->valid ? record_hit(b->records[i]) : -1;
            if (at != c)
                continue;
            cell->trials++;
            if (hit >= 0)
                steps[cell->reached++] = (double)b->records[i]->evaluations[hit].step;
        }
        qsort(steps, cell->reached, sizeof *steps, compare_doubles);
        size_t k = cell->reached;
        cell->steps = k ? 0.5 * (steps[(k - 1) / 2] + steps[k / 2]) : NAN;
    }
    free(steps);
    return 0;
}

static int32_t score_board(board *b, record_clock clock, score_rule rule)
{
    score_trial *trials = calloc(b->num_records ? b->num_records : 1, sizeof *trials);
    b->low = calloc(b->num_submissions + 1, sizeof *b->low);
    b->high = calloc(b->num_submissions + 1, sizeof *b->high);
    int32_t rc = trials && b->low && b->high
                     ? 0
                     : podium_fail(PODIUM_ENOMEM, "cannot allocate the trials of a board");
    for (size_t i = 0; rc == 0 && i < b->num_records; i++) {
        const record *r = b->records[i];
        int64_t hit = r->valid ? record_hit(r) : -1;
        trials[i] = (score_trial){.submission = b->submission_of[i],
                                  .workload = b->workload_of[i],
                                  .study = r->study,
                                  .hit_index = hit,
                                  .hit_time = hit >= 0 ? r->evaluations[hit].clock[clock] : 0};
    }
    score_problem p = {.num_submissions = b->num_submissions,
                       .names = b->names,
                       .num_base = b->num_workloads,
                       .trials = trials,
                       .num_trials = b->num_records};
    if (rc == 0)
        rc = score_compute(&p, rule, &b->result);
    if (rc == 0)
        rc = score_interval(&p, rule, BOOTSTRAP_ROUNDS, b->low, b->high);
    if (rc == 0)
        rc = fill_cells(b);
    free(trials);
    return rc;
}

static int by_size(const void *a, const void *b)
{
    size_t x = ((const board *)a)->num_records, y = ((const board *)b)->num_records;
    return (x < y) - (x > y);
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

int32_t board_list_build(board_list *out, const record_list *records, record_clock clock,
                         score_rule rule)
{
    *out = (board_list){.clock = clock, .rule = rule};
    int32_t rc = 0;
    for (size_t i = 0; rc == 0 && i < records->length; i++) {
        const record *r = records->items[i];
        if (!r->end) {
            rc = leave_out(out, r, "unfinished");
            continue;
        }
        board *b = board_of(out, r);
        rc = b ? add_record(out, b, r) : podium_fail(PODIUM_ENOMEM, "cannot allocate a board");
    }
    if (rc == 0 && out->length == 0)
        rc = podium_fail(PODIUM_EINVAL, "no finished record among %zu", records->length);
    for (size_t i = 0; rc == 0 && i < out->length; i++)
        rc = score_board(&out->items[i], clock, rule);
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
        free(b->cells);
        free(b->low);
        free(b->high);
        score_release(&b->result);
    }
    for (size_t i = 0; i < list->num_left_out; i++)
        free(list->left_out[i]);
    free(list->left_out);
    free(list->items);
    *list = (board_list){0};
}
