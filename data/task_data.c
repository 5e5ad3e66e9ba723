/* GLUE's TSV, SuperGLUE's JSON lines, plain TSV. */
#include "data/task_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/files.h"
#include "data/task_internal.h"
#include "data/text_lines.h"

#define MAX_COLUMNS 64
#define MAX_FILE_BYTES ((size_t)1 << 31)

/* "#N" is a column by number in a file without a header. */
const task_format task_formats[] = {
    {.name = "tsv", .first = "#1", .second = "#2?", .label = "#0"},
    {.name = "cola",
     .first = "#3",
     .label = "#1",
     .classes = "0|1",
     .first_unlabelled = "sentence"},
    {.name = "sst2", .first = "sentence", .label = "label", .classes = "0|1"},
    {.name = "mrpc",
     .first = "#1 String",
     .second = "#2 String",
     .label = "Quality",
     .classes = "0|1"},
    {.name = "qqp",
     .first = "question1",
     .second = "question2",
     .label = "is_duplicate",
     .classes = "0|1",
     .drops_short = 1},
    {.name = "stsb", .first = "sentence1", .second = "sentence2", .label = "score", .scores = 1},
    {.name = "mnli",
     .first = "sentence1",
     .second = "sentence2",
     .label = "gold_label",
     .classes = "entailment|neutral|contradiction"},
    {.name = "qnli",
     .first = "question",
     .second = "sentence",
     .label = "label",
     .classes = "entailment|not_entailment"},
    {.name = "rte",
     .first = "sentence1",
     .second = "sentence2",
     .label = "label",
     .classes = "entailment|not_entailment"},
    {.name = "wnli",
     .first = "sentence1",
     .second = "sentence2",
     .label = "label",
     .classes = "0|1"},
    {.name = "boolq",
     .first = "question",
     .second = "passage",
     .label = "label",
     .classes = "false|true",
     .layout = TASK_JSON},
    {.name = "cb",
     .first = "premise",
     .second = "hypothesis",
     .label = "label",
     .classes = "entailment|contradiction|neutral",
     .layout = TASK_JSON},
    {.name = "rte-superglue",
     .first = "premise",
     .second = "hypothesis",
     .label = "label",
     .classes = "entailment|not_entailment",
     .layout = TASK_JSON},
    {.name = "wic",
     .first = "sentence1",
     .second = "sentence2",
     .label = "label",
     .classes = "false|true",
     .layout = TASK_JSON},
    {.name = "copa", .label = "label", .classes = "0|1", .layout = TASK_COPA},
    {.name = "multirc", .label = "label", .classes = "0|1", .layout = TASK_MULTIRC},
    {.name = "wsc", .label = "label", .classes = "false|true", .layout = TASK_WSC},
    {0},
};

const task_format *task_format_find(const char *name)
{
    for (const task_format *f = task_formats; f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

void task_data_release(task_data *d)
{
    for (int64_t i = 0; i < d->count; i++) {
        free(d->examples[i].first);
        free(d->examples[i].second);
    }
    for (int32_t k = 0; k < d->class_count; k++)
        free(d->classes[k]);
    free(d->examples);
    *d = (task_data){0};
}

static int32_t no_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "cannot allocate examples");
}

static int32_t add_class(task_data *d, const char *name, size_t n)
{
    if (d->class_count == TASK_MAX_CLASSES)
        return podium_fail(PODIUM_EINVAL, "more than %d classes", TASK_MAX_CLASSES);
    char *copy = strndup(name, n);
    if (!copy)
        return no_memory();
    d->classes[d->class_count++] = copy;
    return 0;
}

static int32_t list_classes(task_data *d, const task_format *f)
{
    const char *at = d->class_count ? NULL : f->classes;
    while (at) {
        size_t n = strcspn(at, "|");
        TRY(add_class(d, at, n));
        at = at[n] ? at + n + 1 : NULL;
    }
    return 0;
}

/* NULL label: withheld. */
static int32_t read_label(task_data *d, const task_format *f, const char *label, task_example *e)
{
    e->label = -1;
    if (!label)
        return 0;
    if (f->scores) {
        e->has_score = number_parse(label, &e->score) && isfinite(e->score);
        return e->has_score ? 0
                            : podium_fail(PODIUM_EINVAL, "expected a score, got '%.40s'", label);
    }
    for (int32_t k = 0; k < d->class_count && e->label < 0; k++)
        if (!strcmp(d->classes[k], label))
            e->label = k;
    if (e->label >= 0)
        return 0;
    if (f->classes)
        return podium_fail(PODIUM_EINVAL, "expected a label of %s, got '%.40s'", f->classes, label);
    TRY(add_class(d, label, strlen(label)));
    e->label = d->class_count - 1;
    return 0;
}

int32_t task_add_example(task_data *d, const task_format *f, const char *first, const char *second,
                         const char *label)
{
    if (d->count == d->capacity) {
        int64_t capacity = d->capacity ? 2 * d->capacity : 256;
        task_example *larger = realloc(d->examples, (size_t)capacity * sizeof *larger);
        if (!larger)
            return no_memory();
        d->examples = larger;
        d->capacity = capacity;
    }
    task_example e = {0};
    TRY(read_label(d, f, label, &e));
    e.first = strdup(first);
    e.second = second ? strdup(second) : NULL;
    if (!e.first || (second && !e.second)) {
        free(e.first);
        return no_memory();
    }
    d->examples[d->count++] = e;
    return 0;
}

/* --- TSV -------------------------------------------------------------------------------------- */

static int split_columns(char *line, char *out[MAX_COLUMNS])
{
    int n = 0;
    for (char *at = line; at && n < MAX_COLUMNS;) {
        char *tab = strchr(at, '\t');
        if (tab)
            *tab = '\0';
        out[n++] = at;
        at = tab ? tab + 1 : NULL;
    }
    return n;
}

/* "#N" or "#N?" (may be absent): the number; -1: a name. */
static int column_number(const char *column)
{
    char *end;
    if (column[0] != '#' || column[1] < '0' || column[1] > '9')
        return -1;
    long n = strtol(column + 1, &end, 10);
    return !*end || !strcmp(end, "?") ? (int)n : -1;
}

static int find_name(const char *name, char *const *header, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(header[i], name))
            return i;
    return -1;
}

/* Where the columns of a file are; -1: there is none. */
typedef struct layout {
    int first, second, label;
    bool header;          /* the first line names columns */
    bool second_optional; /* a short row has none */
} layout;

/* The first sentence is in column `given`, a name of the header's. */
static int32_t by_header(const task_format *f, const char *given, char *const *header, int count,
                         layout *out)
{
    const char *missing = given;
    out->header = true;
    out->first = find_name(given, header, count);
    out->label = find_name(f->label, header, count);
    if (f->second)
        out->second = find_name(missing = f->second, header, count);
    if (out->first >= 0 && (!f->second || out->second >= 0))
        return 0;
    return podium_fail(PODIUM_EINVAL, "the header has no column '%s'",
                       out->first < 0 ? given : missing);
}

static int32_t find_columns(const task_format *f, char *const *header, int count, layout *out)
{
    *out = (layout){.first = column_number(f->first), .second = -1};
    bool unlabelled = f->first_unlabelled && count && !strcmp(header[0], "index") &&
                      find_name(f->first_unlabelled, header, count) >= 0;
    if (out->first < 0 || unlabelled)
        return by_header(f, unlabelled ? f->first_unlabelled : f->first, header, count, out);
    out->label = column_number(f->label);
    if (f->second) {
        out->second = column_number(f->second);
        out->second_optional = f->second[strlen(f->second) - 1] == '?';
    }
    return 0;
}

static int32_t parse_tsv(task_data *io, const task_format *f, text_lines *t, const char *name)
{
    char *columns[MAX_COLUMNS];
    layout at;
    if (!t->count)
        return 0;
    char *first_line = strdup(t->line[0]);
    if (!first_line)
        return no_memory();
    int32_t rc = find_columns(f, columns, split_columns(first_line, columns), &at);
    free(first_line);
    if (rc < 0)
        return podium_fail_in(rc, "%s:1", name);
    for (int64_t i = at.header; i < t->count; i++) {
        int n = split_columns(t->line[i], columns);
        bool pair = at.second >= 0 && (!at.second_optional || at.second < n);
        if (at.first >= n || at.label >= n || (pair && at.second >= n)) {
            if (f->drops_short)
                continue;
            return podium_fail(PODIUM_EINVAL, "%s:%lld: %d columns, too few", name,
                               (long long)i + 1, n);
        }
        rc = task_add_example(io, f, columns[at.first], pair ? columns[at.second] : NULL,
                              at.label >= 0 ? columns[at.label] : NULL);
        if (rc < 0)
            return podium_fail_in(rc, "%s:%lld", name, (long long)i + 1);
    }
    return 0;
}

int32_t task_data_parse(task_data *io, const task_format *format, const char *text, size_t length,
                        const char *name)
{
    text_lines t;
    char *copy = malloc(length + 1);
    if (!copy)
        return no_memory();
    if (length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) { /* a byte order mark (MRPC) */
        text += 3;
        length -= 3;
    }
    if (length)
        memcpy(copy, text, length);
    TRY(text_lines_split(&t, copy, length, name));
    int32_t rc = list_classes(io, format);
    if (rc == 0 && format->layout == TASK_TSV)
        rc = parse_tsv(io, format, &t, name);
    for (int64_t i = 0; rc == 0 && format->layout != TASK_TSV && i < t.count; i++) {
        char place[300];
        snprintf(place, sizeof place, "%.250s:%lld", name, (long long)i + 1);
        if (*t.line[i])
            rc = task_json_parse(io, format, t.line[i], place);
    }
    text_lines_release(&t);
    return rc;
}

int32_t task_data_read(task_data *io, const task_format *format, const char *path)
{
    uint8_t *text;
    size_t length;
    TRY(file_read_gz(path, MAX_FILE_BYTES, &text, &length));
    int32_t rc = task_data_parse(io, format, (char *)text, length, path);
    free(text);
    return rc;
}
