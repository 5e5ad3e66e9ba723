/* The place of the tracks on the page: questions other than time to target.  A track writes its
 * table as JSON (schema podium-track/1), and the page shows it without knowing what it measures:
 *
 *   {"schema", "track": "pruning", "title", "text", "command": how it was made,
 *    "columns": [NAME, ...], "rows": [{"values": [text or number, ...], "source": FILE}, ...]}
 *
 * `source`, if given, is the file a row came from, relative to the table's; it is copied beside.
 * It must lie in the table's folder or below, wherever links lead. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "scoring/site_internal.h"

#define SCHEMA "podium-track/1"
#define MOST_ROWS 10000

typedef struct table {
    const char *file, *dir;
    size_t number; /* of the table on the page */
    json_t *columns, *rows;
} table;

/* A file within the table's folder: no way out of it. */
static bool stays_within(const char *path)
{
    return path[0] && path[0] != '/' && strcmp(path, "..") && strncmp(path, "../", 3) &&
           !strstr(path, "/../") && !(strlen(path) > 2 && !strcmp(path + strlen(path) - 3, "/.."));
}

/* The file that `source` leads to, links followed: they may lead out as well.  `place` names the
 * row. Errors: PODIUM_EINVAL there is none, it is no regular file or outside the table's folder. */
static int32_t find_source(const table *k, const char *source, const char *place,
                           char real[PATH_MAX])
{
    char from[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(k->file, '/');
    int length = slash ? (int)(slash + 1 - k->file) : 0;
    int n = snprintf(from, sizeof from, "%.*s%s", length, k->file, source);
    int m = snprintf(folder, sizeof folder, "%.*s.", length, k->file);
    if (n < 0 || (size_t)n >= sizeof from || m < 0 || (size_t)m >= sizeof folder)
        return podium_fail(PODIUM_EINVAL, "%s: field 'source': the path is too long", place);
    if (!realpath(from, real))
        return podium_fail(PODIUM_EINVAL, "%s: field 'source': '%.80s': %s", place, source,
                           strerror(errno));
    if (!realpath(folder, from))
        return podium_fail(PODIUM_EIO, "cannot resolve '%s': %s", folder, strerror(errno));
    size_t inside = strlen(from);
    if (strncmp(real, from, inside) || (real[inside] != '/' && inside > 1))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'source': '%.80s' is a link to '%.200s', outside the table's "
                           "folder",
                           place, source, real);
    return file_exists(real)
               ? 0
               : podium_fail(PODIUM_EINVAL, "%s: field 'source': '%.80s' is no regular file", place,
                             source);
}

static int32_t copy_source(const table *k, const char *source, size_t row, const char *place)
{
    char from[PATH_MAX], to[4096];
    if (!stays_within(source))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'source': '%.80s' is outside the table's folder", place,
                           source);
    TRY(find_source(k, source, place, from));
    int n = snprintf(to, sizeof to, "%s/tracks/%zu-%zu.jsonl", k->dir, k->number, row);
    if (n < 0 || (size_t)n >= sizeof to)
        return podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", k->dir);
    return site_copy(from, to);
}

static int32_t add_value(text_buffer *t, const json_t *v, const char *place)
{
    double x;
    char number[64];
    if (json_number_of(v, &x)) {
        snprintf(number, sizeof number, "%.6g", x);
        text_add(t, isfinite(x) ? number : "&ndash;");
    } else if (json_is_string(v)) {
        html_text(t, json_string_value(v));
    } else {
        return podium_fail(PODIUM_EINVAL, "%s: field 'values': expected texts and numbers", place);
    }
    return 0;
}

static int32_t add_row(text_buffer *t, const table *k, size_t row)
{
    char place[4200];
    json_t *values, *one = json_array_get(k->rows, row);
    const char *source = json_string_value(json_object_get(one, "source"));
    snprintf(place, sizeof place, "%.4000s: row %zu", k->file, row + 1);
    TRY(json_read_array(one, place, "values", &values));
    if (json_array_size(values) != json_array_size(k->columns))
        return podium_fail(PODIUM_EINVAL, "%s: %zu values, expected %zu", place,
                           json_array_size(values), json_array_size(k->columns));
    if (source)
        TRY(copy_source(k, source, row, place));
    text_add(t, "<tr>");
    for (size_t c = 0; c < json_array_size(values); c++) {
        text_add(t, c ? "<td>" : "<th scope=\"row\">");
        if (source)
            text_print(t, "<a href=\"tracks/%zu-%zu.jsonl\">", k->number, row);
        TRY(add_value(t, json_array_get(values, c), place));
        text_add(t, source ? "</a>" : "");
        text_add(t, c ? "</td>" : "</th>");
    }
    text_add(t, "</tr>\n");
    return 0;
}

static int32_t add_table(text_buffer *t, table *k, const json_t *root)
{
    const char *schema, *title, *text, *command;
    TRY(json_read_text(root, k->file, "schema", &schema));
    if (strcmp(schema, SCHEMA))
        return podium_fail(PODIUM_EINVAL, "%s: schema '%.40s', expected '%s'", k->file, schema,
                           SCHEMA);
    TRY(json_read_text(root, k->file, "title", &title));
    TRY(json_read_text(root, k->file, "text", &text));
    TRY(json_read_text(root, k->file, "command", &command));
    TRY(json_read_array(root, k->file, "columns", &k->columns));
    TRY(json_read_array(root, k->file, "rows", &k->rows));
    if (!json_array_size(k->columns) || json_array_size(k->rows) > MOST_ROWS)
        return podium_fail(PODIUM_EINVAL, "%s: field 'rows': expected columns and at most %d rows",
                           k->file, MOST_ROWS);
    text_add(t, "<h3>");
    html_text(t, title);
    text_add(t, "</h3>\n<p>");
    html_text(t, text);
    text_add(t, "</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"track\">"
                "<table>\n<thead><tr>");
    for (size_t c = 0; c < json_array_size(k->columns); c++) {
        const char *name = json_string_value(json_array_get(k->columns, c));
        if (!name)
            return podium_fail(PODIUM_EINVAL, "%s: field 'columns': expected texts", k->file);
        text_add(t, "<th scope=\"col\">");
        html_text(t, name);
        text_add(t, "</th>");
    }
    text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < json_array_size(k->rows); row++)
        TRY(add_row(t, k, row));
    text_print(t,
               "</tbody></table></div>\n<p><a href=\"tracks/%zu.json\" download>table</a>, by "
               "<code>",
               k->number);
    html_text(t, command);
    text_add(t, "</code></p>\n");
    return 0;
}

static int32_t add_file(text_buffer *t, const char *file, size_t number, const char *dir)
{
    char path[4096];
    json_t *root = NULL;
    table k = {.file = file, .dir = dir, .number = number};
    TRY(json_read_file(&root, file));
    int32_t rc = add_table(t, &k, root);
    json_decref(root);
    TRY(rc);
    int n = snprintf(path, sizeof path, "%s/tracks/%zu.json", dir, number);
    return n < 0 || (size_t)n >= sizeof path
               ? podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", dir)
               : site_copy(file, path);
}

int32_t site_tracks(text_buffer *t, const char *const *files, size_t count, const char *dir)
{
    char path[4096];
    text_add(t, "<section id=\"tracks\">\n<h2>Tracks</h2>\n<p>Questions other than time to target: "
                "pruning, compression, inference, distributed training.</p>\n");
    if (!count)
        text_add(t, "<p>This page was made without a table of a track.</p>\n");
    TRY(path_join(path, sizeof path, dir, "tracks"));
    if (count)
        TRY(directory_create(path));
    for (size_t i = 0; i < count; i++)
        TRY(add_file(t, files[i], i, dir));
    text_add(t, "</section>\n");
    return 0;
}
