/* A submission's page: what it is, its settings, every trial with its record, how to repeat it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/site_internal.h"

/* A text of the header's submission, "" when it says none. */
static const char *said(const record *r, const char *key)
{
    const char *s = json_string_value(
        json_object_get(json_object_get(r->header, "submission"), key));
    return s ? s : "";
}

static const char *built(const record *r, const char *key)
{
    const char *s = json_string_value(json_object_get(json_object_get(r->header, "build"), key));
    return s ? s : "";
}

static void row(text_buffer *t, const char *name, const char *value)
{
    if (!value[0])
        return;
    text_print(t, "<tr><th scope=\"row\">%s</th><td class=\"long\">", name);
    html_text(t, value);
    text_add(t, "</td></tr>\n");
}

/* Hyperparameters of a record, a row each. */
static void settings(text_buffer *t, const record *r)
{
    json_t *values = json_object_get(json_object_get(r->header, "submission"), "hyperparameters");
    json_t *v;
    const char *key;
    if (!json_object_size(values))
        return;
    text_add(t, "<h2>Hyperparameters of its first trial</h2>\n<table>\n");
    json_object_foreach(values, key, v)
    {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        text_add(t, "<tr><th scope=\"row\">");
        html_text(t, key);
        text_add(t, "</th><td>");
        html_text(t, s ? s : "?");
        text_add(t, "</td></tr>\n");
        free(s);
    }
    text_add(t, "</table>\n");
}

static void reproduce(text_buffer *t, const board *b, size_t s)
{
    text_add(t, "<h2>Repeat it</h2>\n<pre>");
    site_command(t, b, s);
    text_add(t, "</pre>\n<p>A record is checked against a run of it here with "
                "<code>podium verify FILE</code>: bit for bit where the machine is alike, by a "
                "rank test elsewhere.</p>\n");
}

static void verdict(text_buffer *t, const record *r)
{
    bool bad = r->verdict == RECORD_DIFFERS || r->verdict == RECORD_CHANGED;
    text_print(t, bad ? "<td class=\"long\"><strong class=\"bad\">%s</strong>" : "<td>%s",
               record_verdict_names[r->verdict]);
    if (r->verdict == RECORD_DIFFERS && r->verdict_text) {
        text_add(t, ": ");
        html_text(t, r->verdict_text);
    }
    text_add(t, "</td>");
}

static void trial_row(text_buffer *t, const record *r, size_t file)
{
    int64_t hit = r->valid ? record_hit(r) : -1;
    const record_evaluation *e = hit >= 0 ? &r->evaluations[hit] : NULL;
    text_print(t,
               "<tr><td><a href=\"../records/%zu.jsonl\" download>%zu.jsonl</a></td>"
               "<td>%" PRId64 "</td><td>%" PRId64 "</td><td>%" PRIu64 "</td>",
               file, file, r->study, r->trial, r->seed);
    for (int c = 0; c < CLOCK_COUNT; c++)
        if (c != CLOCK_FLOPS)
            site_number(t, e ? e->clock[c] : INFINITY, "<td>%s</td>");
    site_number(t, r->optimizer_bytes / (1 << 20), "<td>%s</td>");
    verdict(t, r);
    text_add(t, "<td>");
    html_text(t, !r->valid ? "INVALID: " : e ? "target reached" : "not reached: ");
    html_text(t, r->valid && e ? "" : r->reason);
    text_add(t, "</td></tr>\n");
}

static void trials(text_buffer *t, const board *b, size_t s, size_t w, size_t first_file)
{
    text_print(t, "<h2 id=\"w%zu\">", w);
    html_text(t, b->workloads[w]);
    text_add(t, "</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"trials\">"
                "<table>\n<thead><tr><th scope=\"col\">record</th><th scope=\"col\">study</th>"
                "<th scope=\"col\">trial</th><th scope=\"col\">seed</th>"
                "<th scope=\"col\">reference steps</th><th scope=\"col\">seconds</th>"
                "<th scope=\"col\">steps</th><th scope=\"col\">gradients</th>"
                "<th scope=\"col\">memory MiB</th><th scope=\"col\">verified</th>"
                "<th scope=\"col\">end</th></tr></thead>\n"
                "<tbody>\n");
    for (size_t i = 0; i < b->num_records; i++)
        if ((size_t)b->submission_of[i] == s && (size_t)b->workload_of[i] == w)
            trial_row(t, b->records[i], first_file + i);
    text_add(t, "</tbody></table></div>\n");
}

/* A link where the record names a place on the web; any other text stays a text. */
static void link_row(text_buffer *t, const char *label, const char *target)
{
    if (strncmp(target, "https://", 8)) {
        row(t, label, target);
        return;
    }
    text_print(t, "<tr><th scope=\"row\">%s</th><td class=\"long\"><a rel=\"noopener\" href=\"",
               label);
    html_text(t, target);
    text_add(t, "\">");
    html_text(t, target);
    text_add(t, "</a></td></tr>\n");
}

static void source_row(text_buffer *t, const record *r)
{
    if (r->pack && strspn(r->submission_sha256, "0123456789abcdef") == 64)
        text_print(
            t,
            "<tr><th scope=\"row\">source</th><td class=\"long\"><a href=\"../packs/%s.tar.gz\" "
            "download>the pack: source, .so, records, checksums (they hold)</a></td></tr>\n",
            r->submission_sha256);
    link_row(t, "source", said(r, "source"));
}

int32_t site_submission(const board *b, size_t s, size_t page, size_t first_file, const char *dir)
{
    const record *first = site_first_record(b, s);
    text_buffer t = {0}, said_of = {0};
    char path[4096], threads[160];
    if (!first)
        return 0;
    site_head(&t, b->names[s]);
    text_add(&t, "<p><a href=\"../index.html\">Leaderboard</a>: ");
    html_text(&t, b->title);
    text_print(&t, "; rank %zu, score %.4f</p>\n<table>\n", b->rank[s], b->result.score[s]);
    row(&t, "authors", said(first, "authors"));
    row(&t, "version", said(first, "version"));
    source_row(&t, first);
    link_row(&t, "described at", said(first, "url"));
    row(&t, "sha256 of the .so", first->submission_sha256);
    snprintf(threads, sizeof threads, "%.100s, %" PRId64 " thread%s", first->cpu, first->threads,
             first->threads == 1 ? "" : "s");
    row(&t, "machine", threads);
    row(&t, "revision", built(first, "revision"));
    row(&t, "compiler", built(first, "compiler"));
    row(&t, "sandbox", first->sandbox);
    row(&t, "data", first->data_id);
    board_verdicts_text(&said_of, b, s);
    row(&t, "podium verify", said_of.data ? said_of.data : "");
    text_release(&said_of);
    text_add(&t, "</table>\n");
    settings(&t, first);
    reproduce(&t, b, s);
    for (size_t w = 0; w < b->num_workloads; w++)
        if (b->cells[s * b->num_workloads + w].trials)
            trials(&t, b, s, w, first_file);
    text_add(&t, "</body></html>\n");
    snprintf(path, sizeof path, "%s/submissions/%zu.html", dir, page);
    int32_t rc = t.failed ? podium_fail(PODIUM_ENOMEM, "cannot allocate a page")
                          : file_write_atomic(path, t.data, t.length);
    text_release(&t);
    return rc;
}
