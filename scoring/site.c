/* The leaderboard's page and the files beside it. */
#include "scoring/site_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/tuning_log.h"

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

void html_text_cut(text_buffer *t, const char *s, size_t most)
{
    char copy[256];
    size_t n = 0, characters = 0;
    while (s[n] && n + 1 < sizeof copy) {
        bool start = ((unsigned char)s[n] & 0xC0) != 0x80; /* not inside a character of UTF-8 */
        if (start && characters++ == most)
            break;
        n++;
    }
    memcpy(copy, s, n);
    copy[n] = '\0';
    html_text(t, copy);
    if (s[n])
        text_add(t, "&hellip;");
}

static const char style[] =
    ":root{--ink:#1b1f24;--paper:#fff;--soft:#57606a;--line:#d0d7de;--c0:#0b6bcb;--c1:#c4320a;"
    "--c2:#107c41;--c3:#8a3ffc;--c4:#9a6700;--c5:#bf3989;--c6:#05707a;--c7:#57606a}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9aa4ae;"
    "--line:#30363d;--c0:#58a6ff;--c1:#ff7b5c;--c2:#3fb950;--c3:#bc8cff;--c4:#e3b341;--c5:#f778ba;"
    "--c6:#39c5cf;--c7:#9aa4ae}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:80rem;margin:2rem auto;padding:0 1rem}\n"
    "a{color:var(--c0)}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".wide{overflow-x:auto;margin:1rem 0}caption{text-align:left;color:var(--soft)}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}tr>:nth-child(2){text-align:left}th[scope=row]{font-weight:inherit}"
    ":focus-visible{outline:2px solid var(--c0);outline-offset:2px}\n"
    "p,section>svg,.legend{max-width:60rem}caption "
    "span{position:sticky;left:0;display:inline-block;"
    "max-width:calc(100vw - 2rem)}svg{width:100%;height:auto;font-size:12px}svg "
    "text{fill:var(--soft)}"
    ".grid{stroke:var(--line);stroke-width:.5}.target{stroke:var(--ink);stroke-dasharray:6 4}"
    ".plots "
    "svg{font-size:20px}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr)"
    ");gap:1rem}"
    ".missed{fill:none;stroke:var(--soft)}"
    "polyline{fill:none;stroke-width:1.6}.trial{stroke-opacity:.35;stroke-width:1.2}"
    ".median{stroke-width:2.4}.long{white-space:normal;overflow-wrap:anywhere;text-align:left}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    ".goal{paint-order:stroke;stroke:var(--paper);stroke-width:4}"
    ".left{text-align:left;white-space:normal;min-width:14rem}.bad,.bad "
    "a{color:var(--c1);font-weight:600}"
    "details code{display:block;white-space:pre-wrap;width:22rem;overflow-wrap:anywhere}"
    "@media(max-width:40rem){svg{font-size:20px}}small{overflow-wrap:anywhere}"
    ".legend span{display:inline-block;margin-right:1.2rem}.legend "
    "i{display:inline-block;width:1.4rem;height:.25rem;"
    "margin-right:.4rem;vertical-align:middle}small,.legend{color:var(--soft)}\n";

static void add_style(text_buffer *t)
{
    text_print(t, "<style>\n%s", style);
    for (int i = 0; i < 8; i++)
        text_print(t,
                   "polyline.c%d{stroke:var(--c%d)}circle.c%d,rect.c%d{fill:var(--c%d)}"
                   "i.c%d{background:var(--c%d)}\n",
                   i, i, i, i, i, i, i);
    text_add(t, "</style>\n");
}

void site_number(text_buffer *t, double x, const char *format)
{
    char number[64];
    snprintf(number, sizeof number, x < 100 ? "%.2f" : "%.1f", x);
    text_print(t, format, isfinite(x) ? number : "&ndash;");
}

/* A number that leads to the records it came from. */
static void linked(text_buffer *t, double x, size_t page, size_t w)
{
    text_print(t, "<td><a href=\"submissions/%zu.html#w%zu\">", page, w);
    site_number(t, x, "%s");
    text_add(t, "</a></td>");
}

/* A cell that leads to the submission's page, where its records are. */
static void open_cell(text_buffer *t, size_t page, const char *class)
{
    text_print(t, "<td%s><a href=\"submissions/%zu.html\">", class, page);
}

/* Memory, verdicts, where the records come from, and the line that repeats them. */
static void origins(text_buffer *t, const board *b, size_t s, size_t page)
{
    const record *first = site_first_record(b, s);
    size_t count[RECORD_VERDICTS];
    board_verdicts(b, s, count);
    bool bad = count[RECORD_DIFFERS] || count[RECORD_CHANGED];
    open_cell(t, page, "");
    site_number(t, b->memory[s] / (1 << 20), "%s");
    text_add(t, "</a></td>");
    open_cell(t, page, bad ? " class=\"bad\"" : "");
    board_verdicts_text(t, b, s);
    text_add(t, "</a></td>");
    open_cell(t, page, " class=\"left\"");
    if (first) {
        const char *revision = json_string_value(
            json_object_get(json_object_get(first->header, "build"), "revision"));
        text_add(t, first->pack ? "pack, so " : "so ");
        html_text_cut(t, first->submission_sha256, 8);
        text_add(t, ", revision ");
        html_text_cut(t, revision ? revision : "unknown", 20);
        text_add(t, ", ");
        html_text_cut(t, first->cpu, 30);
    }
    text_add(t, "</a></td><td class=\"left\"><details><summary>command</summary><code>");
    site_command(t, b, s);
    text_add(t, "</code></details></td>");
}

static void ranking(text_buffer *t, const board *b, size_t first_page)
{
    size_t W = b->num_workloads;
    text_add(t,
             "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"ranking\"><table>\n"
             "<caption><span>");
    text_add(t, "Time to target, best score first; each number leads to the records it came "
                "from</span></caption>\n<thead><tr><th "
                "scope=\"col\">rank</th><th scope=\"col\">submission</th>"
                "<th scope=\"col\">score</th><th scope=\"col\">95 % interval</th>");
    for (size_t w = 0; w < W; w++) {
        text_add(t, "<th scope=\"col\">");
        html_text(t, b->workloads[w]);
        text_add(t, "</th><th scope=\"col\">steps</th><th scope=\"col\">ratio</th>"
                    "<th scope=\"col\">reached</th>");
    }
    text_add(t, "<th scope=\"col\">memory MiB</th><th scope=\"col\">verified</th>"
                "<th scope=\"col\">provenance</th><th scope=\"col\">repeat</th></tr></thead>\n"
                "<tbody>\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_print(t, "<tr><td>%zu</td><th scope=\"row\"><a href=\"submissions/%zu.html\">",
                   b->rank[s], first_page + s);
        html_text(t, b->names[s]);
        text_print(t, "</a></th><td><a href=\"submissions/%zu.html\">%.4f</a></td>", first_page + s,
                   b->result.score[s]);
        if (isnan(b->low[s]))
            text_add(t, "<td>&ndash;</td>");
        else
            text_print(t, "<td><a href=\"submissions/%zu.html\">%.4f to %.4f</a></td>",
                       first_page + s, b->low[s], b->high[s]);
        for (size_t w = 0; w < W; w++) {
            const board_cell *c = &b->cells[s * W + w];
            linked(t, b->result.time[s * W + w], first_page + s, w);
            linked(t, c->steps, first_page + s, w);
            linked(t, b->result.ratio[s * W + w], first_page + s, w);
            text_print(t, "<td><a href=\"submissions/%zu.html#w%zu\">%zu of %zu</a></td>",
                       first_page + s, w, c->reached, c->trials);
        }
        origins(t, b, s, first_page + s);
        text_add(t, "</tr>\n");
    }
    text_add(t, "</tbody></table></div>\n");
}

int32_t site_copy(const char *from, const char *to)
{
    char *bytes = NULL;
    size_t length;
    TRY(file_read(from, (size_t)1 << 30, &bytes, &length));
    int32_t rc = file_write_atomic(to, bytes, length);
    free(bytes);
    return rc;
}

/* The record, and the pack that it came in. */
static int32_t copy_record(const record *r, const char *dir, size_t number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/records/%zu.jsonl", dir, number);
    if (!r->pack)
        return site_copy(r->path, path);
    TRY(file_write_atomic(path, r->text, r->text_length));
    snprintf(path, sizeof path, "%s/packs", dir);
    TRY(directory_create(path));
    snprintf(path, sizeof path, "%s/packs/%.64s.tar.gz", dir, r->submission_sha256);
    return file_exists(path) ? 0 : site_copy(r->pack, path);
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

void site_head(text_buffer *t, const char *title)
{
    text_add(t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'unsafe-inline'; img-src data:\">\n"
                "<link rel=\"icon\" href=\"data:,\">\n<title>");
    html_text(t, title);
    text_add(t, "</title>\n");
    add_style(t);
    text_add(t, "</head><body>\n<h1>");
    html_text(t, title);
    text_add(t, "</h1>\n");
}

/* What the scores by every clock are, and whose rank they would change. */
static void clocks(text_buffer *t, const board *b, record_clock clock, size_t first_page)
{
    text_add(t, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"clocks\"><table>\n"
                "<caption><span>Score by clock; bold where the rank by score "
                "differs</span></caption>\n<thead>"
                "<tr><th scope=\"col\">rank</th><th scope=\"col\">submission</th>");
    for (int c = 0; c < CLOCK_COUNT; c++)
        text_print(t, "<th scope=\"col\">%s</th>", record_clock_names[c]);
    text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < b->num_submissions; k++) {
        size_t s = b->result.order[k];
        text_print(t, "<tr><td>%zu</td><th scope=\"row\">", b->rank[s]);
        html_text(t, b->names[s]);
        text_add(t, "</th>");
        for (int c = 0; c < CLOCK_COUNT; c++) {
            bool other = b->by_clock[c].rank[s] != b->by_clock[clock].rank[s];
            text_print(t,
                       other ? "<td><a href=\"submissions/%zu.html\"><b>%.4f</b></a></td>"
                             : "<td><a href=\"submissions/%zu.html\">%.4f</a></td>",
                       first_page + s, b->by_clock[c].score[s]);
        }
        text_add(t, "</tr>\n");
    }
    text_add(t, "</tbody></table></div>\n");
}

static void section(text_buffer *t, const board *b, record_clock clock, size_t first_page)
{
    text_add(t, "<section>\n<h2>");
    html_text(t, b->title);
    text_add(t, "</h2>\n");
    ranking(t, b, first_page);
    clocks(t, b, clock, first_page);
    text_add(t, "<h3>Performance profiles</h3>\n");
    chart_profile(t, b);
    for (size_t w = 0; w < b->num_workloads; w++) {
        text_add(t, "<h3>");
        html_text(t, b->workloads[w]);
        text_add(t, "</h3>\n");
        chart_bars(t, b, w, clock, first_page);
        chart_curves(t, b, w, clock);
        if (clock != CLOCK_STEPS)
            chart_curves(t, b, w, CLOCK_STEPS);
    }
    text_add(t, "</section>\n");
}

/* Sensitivity plots of a tuning log, and the log to download. */
static int32_t tuning_section(text_buffer *t, const char *log, size_t number, const char *dir)
{
    char path[4096], *text = NULL;
    size_t length = 0;
    tuning_log l;
    const char *slash = strrchr(log, '/');
    TRY(path_join(path, sizeof path, dir, "tuning"));
    TRY(directory_create(path));
    TRY(file_read(log, 256u << 20, &text, &length));
    snprintf(path, sizeof path, "%s/tuning/%zu.jsonl", dir, number);
    int32_t rc = file_write_atomic(path, text, length);
    if (!rc)
        rc = tuning_log_parse(&l, text, length, log);
    free(text);
    TRY(rc);
    text_add(t, "<section>\n<h2>Tuning: ");
    html_text(t, slash ? slash + 1 : log);
    text_print(
        t,
        "</h2>\n<p>Each point is a trial of the <a href=\"tuning/%zu.jsonl\" download>log</a>; "
        "its height is the lowest validation loss, filled ones reached the target.</p>\n",
        number);
    tuning_log_print(t, &l);
    text_add(t, "</section>\n");
    tuning_log_release(&l);
    return 0;
}

static int32_t write_page(const board_list *boards, const site_extras *extras, const char *dir)
{
    text_buffer t = {0};
    size_t page = 0;
    site_head(&t, "Podium leaderboard");
    text_add(
        &t,
        "<p>Time to target of training algorithms on fixed workloads. One reference step is the "
        "referee's own NadamW step of the workload on the same machine. The score is the area "
        "under the performance profile up to 4 times the fastest time; a workload and its held-out "
        "variants share one weight. Submissions that cannot be told apart share a rank. "
        "<a href=\"leaderboard.json\">leaderboard.json</a>, "
        "<a href=\"leaderboard.md\">leaderboard.md</a></p>\n");
    for (size_t i = 0; i < boards->length; i++) {
        section(&t, &boards->items[i], boards->clock, page);
        page += boards->items[i].num_submissions;
    }
    int32_t rc = 0;
    for (size_t i = 0; !rc && i < extras->num_tuning; i++)
        rc = tuning_section(&t, extras->tuning[i], i, dir);
    if (!rc)
        rc = site_tracks(&t, extras->tracks, extras->num_tracks, dir);
    for (size_t i = 0; i < boards->num_left_out; i++) {
        text_add(&t, i ? "<br>" : "<h2>Left out</h2>\n<p><small>");
        html_text(&t, boards->left_out[i]);
    }
    if (boards->num_left_out)
        text_add(&t, "</small></p>\n");
    text_add(&t, "</body></html>\n");
    char path[4096];
    if (rc == 0)
        rc = t.failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate the page")
                      : path_join(path, sizeof path, dir, "index.html");
    if (rc == 0)
        rc = file_write_atomic(path, t.data, t.length);
    text_release(&t);
    return rc;
}

static int32_t write_submissions(const board_list *boards, const char *dir)
{
    char path[4096];
    size_t file = 0, page = 0;
    TRY(path_join(path, sizeof path, dir, "submissions"));
    TRY(directory_create(path));
    for (size_t i = 0; i < boards->length; i++) {
        const board *b = &boards->items[i];
        for (size_t s = 0; s < b->num_submissions; s++)
            TRY(site_submission(b, s, page++, file, dir));
        file += b->num_records;
    }
    return 0;
}

int32_t site_write(const board_list *boards, const site_extras *extras, const char *dir)
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
    TRY(write_submissions(boards, dir));
    return write_page(boards, extras, dir);
}
