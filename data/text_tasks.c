/* From descriptions and translations to rows with classes. */
#include "data/text_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/text_lines.h"

#define TEXT_BYTES 400 /* of a long text */

static const char *const splits[] = {"train", "test", "valid"};
static const char *const topical[] = {
    "games", "sound", "video",    "science", "math", "web",
    "net",   "admin", "graphics", "text",    "mail", "electronics",
};
enum { SECTIONS = sizeof topical / sizeof *topical };
enum { TASK_SECTIONS, TASK_MATCH, TASK_SOURCE, TASK_TRANSLATION, TASKS };
static const char *const tasks[TASKS] = {"sections", "match", "same-source", "translation"};

typedef struct description {
    const char *section, *line, *text; /* borrowed from the lines; text may be empty */
    long group;                        /* the source package */
    int64_t index;
} description;

typedef struct descriptions {
    text_lines lines;
    description *row;
    int64_t count;
} descriptions;

static int32_t parse(char *line, description *d)
{
    char *group = strchr(line, '\t'), *end = NULL;
    char *first = group ? strchr(group + 1, '\t') : NULL;
    char *rest = first ? strchr(first + 1, '\t') : NULL;
    if (!rest)
        return podium_fail(PODIUM_EINVAL, "expected section, source group, short line, long text");
    *group++ = *first++ = *rest++ = '\0';
    d->group = strtol(group, &end, 10);
    if (!*group || *end)
        return podium_fail(PODIUM_EINVAL, "expected the number of a source group, got '%.20s'",
                           group);
    for (char *c = rest; *c; c++) /* columns end at tabs */
        *c = *c == '\t' ? ' ' : *c;
    d->section = line;
    d->line = first;
    d->text = rest;
    return 0;
}

static int32_t read_descriptions(descriptions *d, const char *from, const char *split)
{
    char name[64];
    snprintf(name, sizeof name, "descriptions-%s.tsv", split);
    TRY(text_lines_read(&d->lines, from, name, NULL));
    d->row = calloc((size_t)d->lines.count + 1, sizeof *d->row);
    if (!d->row)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate descriptions");
    d->count = d->lines.count;
    for (int64_t i = 0; i < d->count; i++) {
        d->row[i].index = i;
        int32_t rc = parse(d->lines.line[i], &d->row[i]);
        if (rc < 0)
            return podium_fail_in(rc, "%s/%s:%lld", from, name, (long long)i + 1);
    }
    return 0;
}

static void release(descriptions *d)
{
    text_lines_release(&d->lines);
    free(d->row);
}

static void write_text(const descriptions *d, text_buffer *out)
{
    for (int64_t i = 0; i < d->count; i++)
        text_print(out, "%s. %s\n", d->row[i].line, d->row[i].text);
}

static void write_sections(const descriptions *d, text_buffer *out)
{
    int64_t taken[SECTIONS] = {0};
    for (int64_t i = 0; i < d->count; i++)
        for (int k = 0; k < SECTIONS; k++)
            if (!strcmp(d->row[i].section, topical[k]) && taken[k] < SECTION_MAX_ROWS) {
                text_print(out, "%s\t%s\n", topical[k], d->row[i].line);
                taken[k]++;
            }
}

/* The next description, around the end, of the same section and another source package; with a long
 * text if asked.  NULL: none. */
static const description *another(const descriptions *d, const description *of, bool with_text)
{
    for (int64_t k = 1; k < d->count; k++) {
        const description *r = &d->row[(of->index + k) % d->count];
        if (r->group != of->group && (!with_text || *r->text) && !strcmp(r->section, of->section))
            return r;
    }
    return NULL;
}

/* A long text's beginning; no character is cut in two. */
static int beginning(const char *text)
{
    size_t n = strlen(text);
    if (n <= TEXT_BYTES)
        return (int)n;
    for (n = TEXT_BYTES; n && ((uint8_t)text[n] & 0xC0) == 0x80;)
        n--;
    return (int)n;
}

static void write_match(const descriptions *d, text_buffer *out)
{
    int64_t taken = 0;
    for (int64_t i = 0; i < d->count && taken < MATCH_MAX_ROWS; i++) {
        const description *r = &d->row[i];
        const description *text = !*r->text ? NULL : taken % 2 ? another(d, r, true) : r;
        if (!text)
            continue;
        text_print(out, "%s\t%s\t%.*s\n", text == r ? "yes" : "no", r->line, beginning(text->text),
                   text->text);
        taken++;
    }
}

static int by_group(const void *a, const void *b)
{
    const description *x = *(const description *const *)a, *y = *(const description *const *)b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Two short lines of a package, then the first of them with one of another package. */
static int32_t write_same_source(const descriptions *d, text_buffer *out)
{
    const description **sorted = malloc((size_t)(d->count + 1) * sizeof *sorted);
    if (!sorted)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate descriptions");
    for (int64_t i = 0; i < d->count; i++)
        sorted[i] = &d->row[i];
    qsort(sorted, (size_t)d->count, sizeof *sorted, by_group);
    int64_t pairs = 0;
    for (int64_t i = 0; i + 1 < d->count;) {
        const description *a = sorted[i], *b = sorted[i + 1];
        const description *other = a->group == b->group ? another(d, a, false) : NULL;
        pairs = i && sorted[i - 1]->group == a->group ? pairs : 0;
        if (other && pairs < SOURCE_MAX_PAIRS) {
            text_print(out, "yes\t%s\t%s\n", a->line, b->line);
            text_print(out, "no\t%s\t%s\n", a->line, other->line);
            pairs++;
        }
        i += a->group == b->group ? 2 : 1;
    }
    free(sorted);
    return 0;
}

static int32_t write_translation(const char *from, const char *split, text_buffer *out)
{
    static const char *const languages[] = {"en", "de"};
    text_lines side[2] = {0};
    char name[32];
    int32_t rc = 0;
    for (int s = 0; s < 2 && rc == 0; s++) {
        snprintf(name, sizeof name, "%s.%s", split, languages[s]);
        rc = text_lines_read(&side[s], from, name, NULL);
    }
    int64_t n = side[0].count;
    if (rc == 0 && n != side[1].count)
        rc = podium_fail(PODIUM_EINVAL, "%s/%s: %lld lines of en and %lld of de, expected as many",
                         from, split, (long long)n, (long long)side[1].count);
    for (int64_t i = 0; i < n && rc == 0; i++)
        text_print(out, "%s\t%s\t%s\n", i % 2 ? "no" : "yes", side[0].line[i],
                   side[1].line[i % 2 ? (i + 1) % n : i]);
    text_lines_release(&side[0]);
    text_lines_release(&side[1]);
    return rc;
}

static int32_t write_file(const char *base, const char *folder, const char *name,
                          const text_buffer *text)
{
    char inside[4096], path[4200];
    if (text->failed)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate '%s/%s'", folder, name);
    TRY(path_join(inside, sizeof inside, base, folder));
    TRY(directory_create(inside));
    TRY(path_join(path, sizeof path, inside, name));
    return file_write_atomic(path, text->length ? text->data : "", text->length);
}

static int32_t make_rows(const descriptions *d, const char *from, const char *split,
                         text_buffer rows[TASKS])
{
    write_sections(d, &rows[TASK_SECTIONS]);
    write_match(d, &rows[TASK_MATCH]);
    TRY(write_same_source(d, &rows[TASK_SOURCE]));
    return write_translation(from, split, &rows[TASK_TRANSLATION]);
}

static int32_t write_split(const char *from, const char *base, const char *split)
{
    char name[32];
    descriptions d = {0};
    text_buffer rows[TASKS] = {0}, text = {0};
    snprintf(name, sizeof name, "%s.tsv", split);
    int32_t rc = read_descriptions(&d, from, split);
    if (rc == 0)
        rc = make_rows(&d, from, split, rows);
    if (rc == 0 && !strcmp(split, "train")) {
        write_text(&d, &text);
        rc = write_file(base, "descriptions", "train.txt", &text);
    }
    for (int k = 0; k < TASKS; k++) {
        if (rc == 0)
            rc = write_file(base, tasks[k], name, &rows[k]);
        text_release(&rows[k]);
    }
    text_release(&text);
    release(&d);
    return rc;
}

int32_t text_tasks_write(const char *from, const char *base)
{
    for (size_t s = 0; s < sizeof splits / sizeof *splits; s++)
        TRY(write_split(from, base, splits[s]));
    return 0;
}

bool text_tasks_present(const char *base)
{
    char path[4096]; /* what is written last */
    return path_join(path, sizeof path, base, "translation/valid.tsv") == 0 && file_exists(path);
}
