/* Boards as text, JSON, CSV and Markdown. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "scoring/board.h"
#include "scoring/table_text.h"

static const char *const clock_units[] = {"reference steps", "s", "steps", "FLOPs",
                                          "gradient evaluations"};

static int32_t finish(text_buffer *t, char **out)
{
    if (t->failed || !t->data) {
        text_release(t);
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the table");
    }
    *out = t->data;
    return 0;
}

static void board_text(text_buffer *t, const board *b, const board_list *list)
{
    size_t W = b->num_workloads;
    plain_text(t, b->title, 0);
    text_print(t, "; time to target in %s\n\n", clock_units[list->clock]);
    text_print(t, "%4s  %-20s %7s %17s", "rank", "submission", "score", "95 % interval");
    for (size_t w = 0; w < W; w++) {
        text_add(t, "  | ");
        plain_text(t, b->workloads[w], 12);
        text_print(t, " %8s %8s %8s", "steps", "ratio", "reached");
    }
    text_add(t, "\n");
    for (size_t i = 0; i < b->num_submissions; i++) {
        size_t s = b->result.order[i];
        text_print(t, "%4zu  ", b->rank[s]);
        plain_text(t, b->names[s], 20);
        text_print(t, " %7.4f ", b->result.score[s]);
        if (isnan(b->low[s]))
            text_print(t, "%17s", "-");
        else
            text_print(t, "  %6.4f to %6.4f", b->low[s], b->high[s]);
        for (size_t w = 0; w < W; w++) {
            const board_cell *c = &b->cells[s * W + w];
            text_add(t, "  | ");
            table_number(t, b->result.time[s * W + w], 12);
            text_add(t, " ");
            table_number(t, c->steps, 8);
            text_add(t, " ");
            table_number(t, b->result.ratio[s * W + w], 8);
            text_print(t, " %3zu of %zu", c->reached, c->trials);
        }
        text_add(t, "\n");
    }
    board_details_text(t, list, b);
}

int32_t board_print_text(const board_list *list, char **out)
{
    text_buffer t = {0};
    for (size_t i = 0; i < list->length; i++) {
        if (i)
            text_add(&t, "\n");
        board_text(&t, &list->items[i], list);
    }
    if (list->num_left_out)
        text_add(&t, "\nleft out:\n");
    for (size_t i = 0; i < list->num_left_out; i++) {
        text_add(&t, "  ");
        plain_text(&t, list->left_out[i], 0);
        text_add(&t, "\n");
    }
    return finish(&t, out);
}

/* Why a submission has no interval. */
static json_t *interval_reason(const board *b, size_t s)
{
    return json_sprintf("%zu of the %d studies that an interval needs", board_fewest_studies(b, s),
                        SCORE_LEAST_STUDIES);
}

static json_t *clocks_json(const board *b, size_t s)
{
    json_t *clocks = json_object();
    for (int c = 0; c < CLOCK_COUNT; c++)
        json_object_set_new(clocks, record_clock_names[c],
                            json_pack("{s: f, s: I}", "score", b->by_clock[c].score[s], "rank",
                                      (json_int_t)b->by_clock[c].rank[s]));
    return clocks;
}

static json_t *verdicts_json(const board *b, size_t s)
{
    size_t count[RECORD_VERDICTS];
    json_t *verdicts = json_object();
    board_verdicts(b, s, count);
    for (int v = 0; v < RECORD_VERDICTS; v++)
        json_object_set_new(verdicts, record_verdict_names[v], json_integer((json_int_t)count[v]));
    return verdicts;
}

/* One board in the shape of DESIGN section 6. */
static json_t *board_json(const board *b, const board_list *list)
{
    size_t W = b->num_workloads;
    json_t *submissions = json_array();
    for (size_t i = 0; i < b->num_submissions; i++) {
        size_t s = b->result.order[i];
        json_t *workloads = json_object();
        for (size_t w = 0; w < W; w++) {
            const board_cell *c = &b->cells[s * W + w];
            json_t *cell = json_object();
            json_object_set_new(cell, "seconds", json_from_number(b->result.time[s * W + w]));
            json_object_set_new(cell, "ratio", json_from_number(b->result.ratio[s * W + w]));
            json_object_set_new(cell, "reached", json_integer((json_int_t)c->reached));
            json_object_set_new(cell, "trials", json_integer((json_int_t)c->trials));
            json_object_set_new(cell, "steps", json_from_number(c->steps));
            json_object_set_new(cell, "seconds_per_step", json_from_number(c->seconds_per_step));
            if (b->base_of[w] >= 0)
                json_object_set_new(cell, "held_out_gap",
                                    json_from_number(board_held_out_gap(b, s, w)));
            json_object_set_new(workloads, b->workloads[w], cell);
        }
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(b->names[s]));
        json_object_set_new(one, "score", json_from_number(b->result.score[s]));
        json_object_set_new(one, "score_exact", json_from_number(b->result.exact[s]));
        json_object_set_new(one, "interval",
                            isnan(b->low[s]) ? json_null()
                                             : json_pack("[f, f]", b->low[s], b->high[s]));
        json_object_set_new(one, "rank", json_integer((json_int_t)b->rank[s]));
        if (isnan(b->low[s]))
            json_object_set_new(one, "interval_reason", interval_reason(b, s));
        json_object_set_new(one, "clocks", clocks_json(b, s));
        json_object_set_new(one, "optimizer_bytes", json_from_number(b->memory[s]));
        json_object_set_new(one, "verified", verdicts_json(b, s));
        json_object_set_new(one, "workloads", workloads);
        json_array_append_new(submissions, one);
    }
    json_t *table = json_object();
    json_object_set_new(table, "table", json_string(b->title));
    json_object_set_new(table, "submissions", submissions);
    json_object_set_new(table, "ruleset", json_string(b->records[0]->ruleset));
    json_object_set_new(table, "rule",
                        json_string(list->rule == SCORE_MIN_TIME ? "minimum-time" : "reference"));
    json_object_set_new(table, "clock", json_string(record_clock_names[list->clock]));
    json_object_set_new(table, "frozen", json_boolean(list->frozen));
    board_details_json(table, b);
    return table;
}

int32_t board_print_json(const board_list *list, char **out)
{
    json_t *root = board_json(&list->items[0], list);
    json_t *others = json_array(), *left = json_array();
    for (size_t i = 1; i < list->length; i++)
        json_array_append_new(others, board_json(&list->items[i], list));
    for (size_t i = 0; i < list->num_left_out; i++)
        json_array_append_new(left, json_string(list->left_out[i]));
    json_object_set_new(root, "other_tables", others);
    json_object_set_new(root, "left_out", left);
    *out = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(root);
    return *out ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate the JSON table");
}

int32_t board_print_csv(const board_list *list, char **out)
{
    text_buffer t = {0};
    text_add(&t,
             "table,rank,submission,score,score_exact,workload,time,steps,ratio,reached,trials\n");
    for (size_t i = 0; i < list->length; i++) {
        const board *b = &list->items[i];
        size_t W = b->num_workloads;
        for (size_t k = 0; k < b->num_submissions * W; k++) {
            size_t s = b->result.order[k / W], at = s * W + k % W;
            csv_text(&t, b->title);
            text_print(&t, ",%zu,", b->rank[s]);
            csv_text(&t, b->names[s]);
            text_print(&t, ",%.6f,%.6f,", b->result.score[s], b->result.exact[s]);
            csv_text(&t, b->workloads[k % W]);
            text_print(&t, ",%.6g,%.6g,%.6g,%zu,%zu\n", b->result.time[at], b->cells[at].steps,
                       b->result.ratio[at], b->cells[at].reached, b->cells[at].trials);
        }
    }
    return finish(&t, out);
}

static void markdown_row(text_buffer *t, const board *b, size_t s)
{
    text_print(t, "\n| %zu | ", b->rank[s]);
    markdown_text(t, b->names[s]);
    text_print(t, " | %.4f |", b->result.score[s]);
    for (size_t w = 0; w < b->num_workloads; w++) {
        const board_cell *c = &b->cells[s * b->num_workloads + w];
        text_add(t, " ");
        table_number(t, b->result.time[s * b->num_workloads + w], 0);
        text_add(t, " | ");
        table_number(t, c->steps, 0);
        text_print(t, " | %zu of %zu |", c->reached, c->trials);
    }
    text_add(t, " ");
    table_number(t, b->memory[s] / (1 << 20), 0);
    text_add(t, " | ");
    board_verdicts_text(t, b, s);
    text_add(t, " |");
}

int32_t board_print_markdown(const board_list *list, char **out)
{
    text_buffer t = {0};
    for (size_t i = 0; i < list->length; i++) {
        const board *b = &list->items[i];
        text_print(&t, "%sTime to target in %s (", i ? "\n" : "", clock_units[list->clock]);
        markdown_text(&t, b->title);
        text_add(&t, "):\n\n| rank | submission | score |");
        for (size_t w = 0; w < b->num_workloads; w++) {
            text_add(&t, " ");
            markdown_text(&t, b->workloads[w]);
            text_add(&t, " | steps | reached |");
        }
        text_add(&t, " memory MiB | verified |\n|---|---|---|");
        for (size_t w = 0; w < b->num_workloads; w++)
            text_add(&t, "---|---|---|");
        text_add(&t, "---|---|");
        for (size_t k = 0; k < b->num_submissions; k++)
            markdown_row(&t, b, b->result.order[k]);
        text_add(&t, "\n");
    }
    return finish(&t, out);
}
