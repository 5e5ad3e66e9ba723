/* What stands behind the scores of a board: steps and their cost, other clocks, held-out gaps,
 * memory, tests. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "scoring/board.h"
#include "scoring/table_text.h"

static void add_costs(text_buffer *t, const board *b)
{
    text_add(t, "\nsteps to target x wall seconds a step (medians)\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_add(t, "  ");
        plain_text(t, b->names[s], 20);
        for (size_t w = 0; w < b->num_workloads; w++) {
            const board_cell *c = &b->cells[s * b->num_workloads + w];
            text_add(t, "  ");
            plain_text(t, b->workloads[w], 0);
            if (c->reached)
                text_print(t, " %.0f x %.4g s", c->steps, c->seconds_per_step);
            else
                text_add(t, " -");
        }
        text_add(t, "\n");
    }
}

static bool changes_rank(const board *b, size_t s, int clock)
{
    return b->by_clock[clock].rank[s] != b->result.rank[s];
}

static void add_clocks(text_buffer *t, const board *b, record_clock clock)
{
    bool changes = false;
    text_print(
        t, "\nscores by clock, %s marked where the rank by score differs from that by %s\n  %-20s",
        "*", record_clock_names[clock], "");
    for (int c = 0; c < CLOCK_COUNT; c++)
        text_print(t, " %11s", record_clock_names[c]);
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_add(t, "\n  ");
        plain_text(t, b->names[s], 20);
        for (int c = 0; c < CLOCK_COUNT; c++) {
            text_print(t, " %10.4f%s", b->by_clock[c].score[s], changes_rank(b, s, c) ? "*" : " ");
            changes = changes || changes_rank(b, s, c);
        }
    }
    text_add(t, changes ? "\n" : "\n  no rank differs\n");
}

static void add_gaps(text_buffer *t, const board *b)
{
    bool any = false;
    for (size_t w = 0; w < b->num_workloads; w++)
        any = any || b->base_of[w] >= 0;
    if (!any)
        return;
    text_add(t, "\nheld-out gap: ratio to the fastest on the variant over that on its workload\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_add(t, "  ");
        plain_text(t, b->names[s], 20);
        for (size_t w = 0; w < b->num_workloads; w++) {
            if (b->base_of[w] < 0)
                continue;
            text_add(t, "  ");
            plain_text(t, b->workloads[w], 0);
            text_add(t, " ");
            table_number(t, board_held_out_gap(b, s, w), 0);
        }
        text_add(t, "\n");
    }
}

static void add_memory(text_buffer *t, const board *b)
{
    bool any = false;
    for (size_t s = 0; s < b->num_submissions; s++)
        any = any || !isnan(b->memory[s]);
    if (!any)
        return;
    text_add(t, "\noptimizer memory, largest of its trials, MiB\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_add(t, "  ");
        plain_text(t, b->names[s], 20);
        text_add(t, "  ");
        table_number(t, b->memory[s] / (1 << 20), 0);
        text_add(t, "\n");
    }
}

size_t board_verdicts(const board *b, size_t submission, size_t count[])
{
    size_t n = 0;
    memset(count, 0, RECORD_VERDICTS * sizeof *count);
    for (size_t i = 0; i < b->num_records; i++)
        if ((size_t)b->submission_of[i] == submission) {
            count[b->records[i]->verdict]++;
            n++;
        }
    return n;
}

void board_verdicts_text(text_buffer *t, const board *b, size_t submission)
{
    /* What must not be overlooked comes first. */
    static const record_verdict order[] = {RECORD_DIFFERS, RECORD_CHANGED, RECORD_EXACT,
                                           RECORD_STATISTICAL, RECORD_UNVERIFIED};
    size_t count[RECORD_VERDICTS], n = board_verdicts(b, submission, count);
    bool first = true;
    if (count[RECORD_UNVERIFIED] == n) {
        text_add(t, "not verified");
        return;
    }
    for (size_t i = 0; i < RECORD_VERDICTS; i++) {
        record_verdict v = order[i];
        if (!count[v])
            continue;
        if (first)
            text_print(t, "%zu of %zu %s", count[v], n, record_verdict_names[v]);
        else
            text_print(t, ", %zu %s", count[v], record_verdict_names[v]);
        first = false;
    }
}

static void add_verdicts(text_buffer *t, const board *b)
{
    text_add(t, "\nwhat podium verify said of the records\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_add(t, "  ");
        plain_text(t, b->names[s], 20);
        text_add(t, "  ");
        board_verdicts_text(t, b, s);
        text_add(t, "\n");
    }
}

static void add_tests(text_buffer *t, const board *b)
{
    size_t S = b->num_submissions, tested = 0, untested = 0;
    for (size_t k = 0; k < S * S; k++)
        if (k / S < k % S) {
            tested += !isnan(b->p[k]);
            untested += isnan(b->p[k]);
        }
    if (tested)
        text_add(t, "\ntold apart? paired permutation test over studies, p after Holm's "
                    "correction\n");
    for (size_t i = 0; i < S; i++)
        for (size_t j = i + 1; j < S; j++) {
            size_t x = b->result.order[i], y = b->result.order[j];
            double p = b->p[x * S + y];
            if (isnan(p))
                continue;
            text_add(t, "  ");
            plain_text(t, b->names[x], 0);
            text_add(t, ", ");
            plain_text(t, b->names[y], 0);
            text_print(t, ": p %.4f, %zu studies%s\n", p, b->pairs[x * S + y],
                       p > BOARD_LEVEL ? ", they share a rank where one leads it" : "");
        }
    if (untested)
        text_print(t,
                   "\n%zu of %zu pairs are not tested: fewer than %d studies in common; their "
                   "order is that of the scores alone\n",
                   untested, tested + untested, SCORE_LEAST_STUDIES);
}

static void add_refusals(text_buffer *t, const board *b)
{
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        if (!isnan(b->low[s]))
            continue;
        text_add(t, k && !isnan(b->low[b->result.order[0]]) ? "" : k ? "" : "\n");
        text_add(t, "no interval for ");
        plain_text(t, b->names[s], 0);
        text_print(t, ": %zu of the %d studies that one needs\n", board_fewest_studies(b, s),
                   SCORE_LEAST_STUDIES);
    }
}

void board_details_text(text_buffer *t, const board_list *list, const board *b)
{
    if (list->frozen)
        text_add(t, "\nratios are to the frozen times of a reference set\n");
    add_costs(t, b);
    add_clocks(t, b, list->clock);
    add_gaps(t, b);
    add_memory(t, b);
    add_verdicts(t, b);
    add_tests(t, b);
    add_refusals(t, b);
}

void board_details_json(json_t *table, const board *b)
{
    size_t S = b->num_submissions;
    json_t *pairs = json_array();
    for (size_t i = 0; i < S; i++)
        for (size_t j = i + 1; j < S; j++) {
            size_t x = b->result.order[i], y = b->result.order[j];
            double p = b->p[x * S + y];
            json_t *one = json_object();
            json_object_set_new(one, "a", json_string(b->names[x]));
            json_object_set_new(one, "b", json_string(b->names[y]));
            json_object_set_new(one, "studies", json_integer((json_int_t)b->pairs[x * S + y]));
            json_object_set_new(one, "p", isnan(p) ? json_null() : json_real(p));
            json_object_set_new(one, "told_apart",
                                isnan(p) ? json_null() : json_boolean(p <= BOARD_LEVEL));
            json_array_append_new(pairs, one);
        }
    json_object_set_new(table, "pairs", pairs);
}
