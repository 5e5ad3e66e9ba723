/* The leaderboard's page and the files beside it. */
#include "scoring/site.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void html_text(text_buffer *t, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            text_add(t, "&amp;");
            break;
        case '<':
            text_add(t, "&lt;");
            break;
        case '>':
            text_add(t, "&gt;");
            break;
        case '"':
            text_add(t, "&quot;");
            break;
        case '\'':
            text_add(t, "&#39;");
            break;
        default:
            text_append(t, s, 1);
        }
    }
}

static const char style[] =
    ":root{--ink:#1b1f24;--paper:#fff;--soft:#57606a;--line:#d0d7de;--c0:#0b6bcb;--c1:#c4320a;"
    "--c2:#107c41;--c3:#8a3ffc;--c4:#9a6700;--c5:#bf3989;--c6:#05707a;--c7:#57606a}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9aa4ae;"
    "--line:#30363d;--c0:#58a6ff;--c1:#ff7b5c;--c2:#3fb950;--c3:#bc8cff;--c4:#e3b341;--c5:#f778ba;"
    "--c6:#39c5cf;--c7:#9aa4ae}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
    "a{color:var(--c0)}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".wide{overflow-x:auto}caption{text-align:left;color:var(--soft)}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}tr>:nth-child(2){text-align:left}th[scope=row]{font-weight:inherit}"
    ":focus-visible{outline:2px solid var(--c0);outline-offset:2px}\n"
    "svg{width:100%;height:auto;font-size:12px}svg text{fill:var(--soft)}"
    ".grid{stroke:var(--line);stroke-width:.5}.target{stroke:var(--ink);stroke-dasharray:6 4}"
    "polyline{fill:none;stroke-width:1.6}"
    ".goal{paint-order:stroke;stroke:var(--paper);stroke-width:4}"
    "@media(max-width:40rem){svg{font-size:18px}}small{overflow-wrap:anywhere}"
    ".legend span{display:inline-block;margin-right:1.2rem}.legend "
    "i{display:inline-block;width:1.4rem;height:.25rem;"
    "margin-right:.4rem;vertical-align:middle}small,.legend{color:var(--soft)}\n";

static void add_style(text_buffer *t)
{
    text_print(t, "<style>\n%s", style);
    for (int i = 0; i < 8; i++)
        text_print(t,
                   "polyline.c%d{stroke:var(--c%d)}circle.c%d{fill:var(--c%d)}"
                   "i.c%d{background:var(--c%d)}\n",
                   i, i, i, i, i, i);
    text_add(t, "</style>\n");
}

static void cell_number(text_buffer *t, double x, const char *format)
{
    char number[64];
    snprintf(number, sizeof number, x < 100 ? "%.2f" : "%.1f", x);
    text_print(t, format, isfinite(x) ? number : "&ndash;");
}

static void ranking(text_buffer *t, const board *b)
{
    size_t W = b->num_workloads;
    text_add(t,
             "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"ranking\"><table>\n"
             "<caption>");
    text_add(t, "Time to target, best score first</caption>\n<thead><tr><th "
                "scope=\"col\">rank</th><th scope=\"col\">submission</th>"
                "<th scope=\"col\">score</th><th scope=\"col\">95 % interval</th>");
    for (size_t w = 0; w < W; w++) {
        text_add(t, "<th scope=\"col\">");
        html_text(t, b->workloads[w]);
        text_add(t, "</th><th scope=\"col\">steps</th><th scope=\"col\">ratio</th>"
                    "<th scope=\"col\">reached</th>");
    }
    text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_print(t, "<tr><td>%zu</td><th scope=\"row\"><a href=\"#s%zu\">", b->rank[s], s);
        html_text(t, b->names[s]);
        text_print(t, "</a></th><td>%.4f</td>", b->result.score[s]);
        if (isnan(b->low[s]))
            text_add(t, "<td>&ndash;</td>");
        else
            text_print(t, "<td>%.4f to %.4f</td>", b->low[s], b->high[s]);
        for (size_t w = 0; w < W; w++) {
            const board_cell *c = &b->cells[s * W + w];
            cell_number(t, b->result.time[s * W + w], "<td>%s</td>");
            cell_number(t, c->steps, "<td>%s</td>");
            cell_number(t, b->result.ratio[s * W + w], "<td>%s</td>");
            text_print(t, "<td>%zu of %zu</td>", c->reached, c->trials);
        }
        text_add(t, "</tr>\n");
    }
    text_add(t, "</tbody></table></div>\n");
}

/* Hyperparameters of the header as "name value, ...". */
static void settings(text_buffer *t, const record *r)
{
    json_t *submission = json_object_get(r->header, "submission");
    json_t *values = json_object_get(submission, "hyperparameters"), *v;
    const char *key;
    bool first = true;
    json_object_foreach(values, key, v)
    {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        text_add(t, first ? "" : ", ");
        html_text(t, key);
        text_add(t, " ");
        html_text(t, s ? s : "?");
        free(s);
        first = false;
    }
}

static void trials(text_buffer *t, const board *b, size_t s, size_t first_file)
{
    text_print(t, "<h3 id=\"s%zu\">", s);
    html_text(t, b->names[s]);
    text_add(
        t,
        "</h3>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"trials\"><table>\n"
        "<tr><th scope=\"col\">record</th><th scope=\"col\">workload</th><th "
        "scope=\"col\">study</th>"
        "<th scope=\"col\">trial</th><th scope=\"col\">reference steps</th>"
        "<th scope=\"col\">seconds</th><th scope=\"col\">steps</th>"
        "<th scope=\"col\">end</th></tr>\n");
    const record *last = NULL;
    for (size_t i = 0; i < b->num_records; i++) {
        const record *r = last = (size_t)b->submission_of[i] == s ? b->records[i] : last;
        if ((size_t)b->submission_of[i] != s)
            continue;
        int64_t hit = r->valid ? record_hit(r) : -1;
        const record_evaluation *e = hit >= 0 ? &r->evaluations[hit] : NULL;
        text_print(t, "<tr><td><a href=\"records/%zu.jsonl\">%zu</a></td><td>", first_file + i,
                   first_file + i);
        html_text(t, b->workloads[b->workload_of[i]]);
        text_print(t, "</td><td>%lld</td><td>%lld</td>", (long long)r->study, (long long)r->trial);
        cell_number(t, e ? e->clock[CLOCK_CALIBRATED] : INFINITY, "<td>%s</td>");
        cell_number(t, e ? e->clock[CLOCK_WALL] : INFINITY, "<td>%s</td>");
        cell_number(t, e ? (double)e->step : INFINITY, "<td>%s</td>");
        text_add(t, "<td>");
        html_text(t, !r->valid ? "INVALID: " : e ? "target reached" : "not reached: ");
        html_text(t, r->valid && e ? "" : r->reason);
        text_add(t, "</td></tr>\n");
    }
    text_add(t, "</table></div>\n<p><small>");
    if (last) {
        settings(t, last);
        text_add(t, "<br>sha256 of the .so ");
        html_text(t, last->submission_sha256);
        text_add(t, "<br>");
        html_text(t, last->cpu);
        text_print(t, ", %lld threads; data ", (long long)last->threads);
        html_text(t, last->data_id);
    }
    text_add(t, "</small></p>\n");
}

static int32_t copy_record(const record *r, const char *dir, size_t number)
{
    char path[4096], *bytes = NULL;
    size_t length;
    snprintf(path, sizeof path, "%s/records/%zu.jsonl", dir, number);
    TRY(file_read(r->path, 64u << 20, &bytes, &length));
    int32_t rc = file_write_atomic(path, bytes, length);
    free(bytes);
    return rc;
}

static int32_t write_table(const board_list *boards, const char *dir, const char *name,
                           int32_t (*print)(const board_list *, char **))
{
    char path[4096], *text = NULL;
    TRY(path_join(path, sizeof path, dir, name));
    TRY(print(boards, &text));
    int32_t rc = file_write_atomic(path, text, strlen(text));
    free(text);
    return rc;
}

static int32_t write_page(const board_list *boards, const char *dir)
{
    text_buffer t = {0};
    size_t file = 0;
    text_add(&t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<title>Podium leaderboard</title>\n");
    add_style(&t);
    text_add(
        &t,
        "</head><body>\n<h1>Podium leaderboard</h1>\n"
        "<p>Time to target of training algorithms on fixed workloads. One reference step is the "
        "referee's own NadamW step of the workload on the same machine. The score is the area "
        "under the performance profile up to 4 times the fastest time. "
        "<a href=\"leaderboard.json\">leaderboard.json</a>, "
        "<a href=\"leaderboard.md\">leaderboard.md</a></p>\n");
    for (size_t i = 0; i < boards->length; i++) {
        const board *b = &boards->items[i];
        text_add(&t, "<section>\n<h2>");
        html_text(&t, b->title);
        text_add(&t, "</h2>\n");
        ranking(&t, b);
        for (size_t w = 0; w < b->num_workloads; w++) {
            text_add(&t, "<h3>");
            html_text(&t, b->workloads[w]);
            text_add(&t, "</h3>\n");
            chart_curves(&t, b, w, boards->clock);
        }
        for (size_t k = 0; k < b->num_submissions; k++)
            trials(&t, b, b->result.order[k], file);
        text_add(&t, "</section>\n");
        file += b->num_records;
    }
    for (size_t i = 0; i < boards->num_left_out; i++) {
        text_add(&t, i ? "<br>" : "<h2>Left out</h2>\n<p>");
        html_text(&t, boards->left_out[i]);
    }
    text_add(&t, "</body></html>\n");
    char path[4096];
    int32_t rc = t.failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate the page")
                          : path_join(path, sizeof path, dir, "index.html");
    if (rc == 0)
        rc = file_write_atomic(path, t.data, t.length);
    text_release(&t);
    return rc;
}

int32_t site_write(const board_list *boards, const char *dir)
{
    char path[4096];
    TRY(path_join(path, sizeof path, dir, "records"));
    TRY(directory_create(path));
    size_t file = 0;
    for (size_t i = 0; i < boards->length; i++)
        for (size_t k = 0; k < boards->items[i].num_records; k++)
            TRY(copy_record(boards->items[i].records[k], dir, file++));
    TRY(write_table(boards, dir, "leaderboard.json", board_print_json));
    TRY(write_table(boards, dir, "leaderboard.md", board_print_markdown));
    return write_page(boards, dir);
}
