/* Reading index files, aligning sentences, writing the set. */
#include "data/debian_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "data/text_lines.h"

#define MAX_PARTS 2048 /* paragraphs or sentences of a description */

enum { ENGLISH, GERMAN };

void debian_text_release(debian_text *d)
{
    const int32_t counts[] = {d->english.count, d->german.count};
    for (int k = 0; k < 2; k++) {
        for (int32_t i = 0; i < counts[k] && d->texts[k]; i++)
            free(d->texts[k][i]);
        free(d->texts[k]);
    }
    vocabulary_release(&d->english);
    vocabulary_release(&d->german);
    *d = (debian_text){0};
}

static int32_t keep(debian_text *d, int language, const char *md5, const text_buffer *text)
{
    vocabulary *v = language == ENGLISH ? &d->english : &d->german;
    if (vocabulary_find(v, md5, 32) >= 0)
        return 0;
    if (v->count == d->capacity[language]) {
        int64_t capacity = v->count ? 2 * (int64_t)v->count : 1024;
        char **larger = realloc(d->texts[language], (size_t)capacity * sizeof *larger);
        if (!larger)
            return podium_fail(PODIUM_ENOMEM, "cannot allocate descriptions");
        d->texts[language] = larger;
        d->capacity[language] = capacity;
    }
    char *copy = text->failed ? NULL : malloc(text->length + 1);
    if (!copy)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate descriptions");
    memcpy(copy, text->length ? text->data : "", text->length + 1);
    int32_t rc = vocabulary_add(v, md5, 32);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    d->texts[language][v->count - 1] = copy;
    return 0;
}

/* What follows "FIELD: " in the line, NULL: another field. */
static const char *field(const char *line, size_t n, const char *name)
{
    size_t k = strlen(name);
    return n >= k && !memcmp(line, name, k) ? line + k : NULL;
}

int32_t debian_text_parse(debian_text *d, int language, const char *text, size_t length,
                          const char *name)
{
    const char *key = language == ENGLISH ? "Description-en: " : "Description-de: ";
    char md5[33] = "";
    text_buffer body = {0};
    bool inside = false;
    int32_t rc = 0;
    int64_t number = 1;
    for (size_t at = 0; at <= length && rc == 0; number++) {
        const char *line = text + at, *end = at < length ? memchr(line, '\n', length - at) : NULL;
        size_t n = end ? (size_t)(end - line) : length - at;
        const char *sum = field(line, n, "Description-md5: ");
        const char *start = field(line, n, key);
        if (memchr(line, 0, n))
            rc = podium_fail(PODIUM_EINVAL, "%s:%lld: a zero byte", name, (long long)number);
        else if (n == 0) { /* the end of a stanza */
            if (body.length && strlen(md5) != 32)
                rc = podium_fail(PODIUM_EINVAL, "%s:%lld: no Description-md5 in this stanza", name,
                                 (long long)number);
            else if (body.length)
                rc = keep(d, language, md5, &body);
            body.length = 0;
            md5[0] = '\0';
        } else if (sum && n == strlen("Description-md5: ") + 32) {
            memcpy(md5, sum, 32);
            md5[32] = '\0';
        } else if (start) {
            text_append(&body, start, n - (size_t)(start - line));
        } else if (inside && *line == ' ') {
            text_append(&body, "\n", 1);
            text_append(&body, line + 1, n - 1);
        }
        inside = start || (inside && n && *line == ' ');
        at += n + 1;
    }
    text_release(&body);
    return rc;
}

/* --- alignment -------------------------------------------------------------------------------- */

/* Cuts `text` in place into paragraphs of running text: " ." ends one, lines that are indented or
 * begin a list stand alone.  out[0] is the short line.  Returns how many, -1: too many. */
static int paragraphs(char *text, char *out[MAX_PARTS])
{
    int count = 0;
    bool open = false;
    char *write = text;
    for (char *line = text, *next; line; line = next) {
        char *end = strchr(line, '\n');
        next = end ? end + 1 : NULL;
        size_t n = end ? (size_t)(end - line) : strlen(line);
        bool first = line == text, stop = !first && n == 1 && *line == '.';
        bool apart = !first && n &&
                     (*line == ' ' ||
                      ((*line == '*' || *line == '-' || *line == '+') && n > 1 && line[1] == ' '));
        if (stop || !n) {
            open = false;
            continue;
        }
        if (apart || !open) {
            if (count == MAX_PARTS)
                return -1;
            if (!first)
                *write++ = '\0';
            out[count++] = write;
        } else {
            *write++ = ' ';
        }
        memmove(write, line, n);
        write += n;
        open = !first;
    }
    *write = '\0';
    return count;
}

/* Several spaces become one, those at the ends vanish. */
static void squeeze(char *s)
{
    char *out = s;
    for (const char *c = s; *c; c++)
        if (*c != ' ' && *c != '\t')
            *out++ = *c;
        else if (out > s && out[-1] != ' ')
            *out++ = ' ';
    if (out > s && out[-1] == ' ')
        out--;
    *out = '\0';
}

/* A capital letter begins here: ASCII, or Latin-1 in UTF-8. */
static bool capital(const char *s)
{
    uint8_t a = (uint8_t)s[0], b = a ? (uint8_t)s[1] : 0;
    return (a >= 'A' && a <= 'Z') || (a == 0xC3 && b >= 0x80 && b <= 0x9E && b != 0x97);
}

/* Cuts in place behind [.!?] before a space and a capital. */
static int sentences(char *text, char *out[MAX_PARTS])
{
    int count = 1;
    out[0] = text;
    for (char *c = text; *c; c++)
        if ((*c == '.' || *c == '!' || *c == '?') && c[1] == ' ' && capital(c + 2)) {
            if (count == MAX_PARTS)
                return -1;
            c[1] = '\0';
            out[count++] = ++c + 1;
        }
    return count;
}

static int64_t words(const char *s)
{
    int64_t n = *s != '\0';
    for (; *s; s++)
        n += *s == ' ';
    return n;
}

static int32_t offer(const char *en, const char *de, debian_pair *each, void *context)
{
    double ratio = (double)strlen(de) / (double)(strlen(en) ? strlen(en) : 1);
    int64_t n = words(en), m = words(de);
    bool fine = n >= 2 && n <= 60 && m >= 2 && m <= 60 && ratio >= 0.5 && ratio <= 2.2 &&
                strcmp(en, de) && !strchr(en, '\t') && !strchr(de, '\t');
    return fine ? each(context, en, de) : 0;
}

static int32_t offer_paragraph(char *en, char *de, debian_pair *each, void *context)
{
    char *a[MAX_PARTS], *b[MAX_PARTS];
    squeeze(en);
    squeeze(de);
    char *en_copy = strdup(en), *de_copy = strdup(de);
    int32_t rc = en_copy && de_copy ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate sentences");
    int n = rc ? -1 : sentences(en_copy, a), m = rc ? -1 : sentences(de_copy, b);
    if (rc == 0 && n == m && n > 0)
        for (int i = 0; i < n && rc == 0; i++)
            rc = offer(a[i], b[i], each, context);
    else if (rc == 0)
        rc = offer(en, de, each, context);
    free(en_copy);
    free(de_copy);
    return rc;
}

int32_t debian_text_pairs(const debian_text *d, const char *md5, debian_pair *each, void *context)
{
    int32_t e = vocabulary_find(&d->english, md5, 32), g = vocabulary_find(&d->german, md5, 32);
    if (e < 0 || g < 0)
        return 0;
    char *a[MAX_PARTS], *b[MAX_PARTS];
    char *en = strdup(d->texts[ENGLISH][e]), *de = strdup(d->texts[GERMAN][g]);
    int32_t rc = en && de ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate paragraphs");
    int n = rc ? 0 : paragraphs(en, a), m = rc ? 0 : paragraphs(de, b);
    for (int i = 0; i < n && i < m && rc == 0; i++)
        if (i == 0 || n == m)
            rc = offer_paragraph(a[i], b[i], each, context);
    free(en);
    free(de);
    return rc;
}

void debian_pair_hash(const char *english, const char *german, char hash[13])
{
    sha256 h;
    uint8_t digest[32];
    char hex[SHA256_HEX];
    sha256_init(&h);
    sha256_update(&h, english, strlen(english));
    sha256_update(&h, "\t", 1);
    sha256_update(&h, german, strlen(german));
    sha256_final(&h, digest);
    sha256_hex(digest, hex);
    snprintf(hash, 13, "%.12s", hex);
}

/* --- the set ---------------------------------------------------------------------------------- */

typedef struct collection {
    vocabulary wanted;        /* 12 digits: pairs, then descriptions */
    char **english, **german; /* [wanted.count], owned; of a description the texts */
} collection;

/* One line of the manifest. */
typedef struct entry {
    char kind, split, hash[13], section[32];
    long group;
} entry;

static int32_t parse_entry(const char *line, const char *name, int64_t number, entry *e)
{
    char rest;
    *e = (entry){0};
    int n = sscanf(line, "%c %c %12s %31s %ld %c", &e->kind, &e->split, e->hash, e->section,
                   &e->group, &rest);
    bool good = n >= 3 && strlen(e->hash) == 12 && strspn(e->hash, "0123456789abcdef") == 12 &&
                strchr("tve", e->split) &&
                ((e->kind == 'p' && n == 3) || (e->kind == 'd' && n == 5));
    return good ? 0
                : podium_fail(PODIUM_EINVAL,
                              "%s:%lld: expected 'p t|v|e HASH' or 'd t|v|e MD5 SECTION GROUP'",
                              name, (long long)number);
}

static int32_t collect_pair(void *context, const char *english, const char *german)
{
    collection *c = context;
    char key[14] = "p";
    debian_pair_hash(english, german, key + 1);
    int32_t i = vocabulary_find(&c->wanted, key, 13);
    if (i < 0 || c->english[i])
        return 0;
    c->english[i] = strdup(english);
    c->german[i] = strdup(german);
    return c->english[i] && c->german[i] ? 0
                                         : podium_fail(PODIUM_ENOMEM, "cannot allocate sentences");
}

/* Running text of a description: paragraphs joined by spaces; *rest is what follows the short line.
 */
static char *flatten(const char *text, char **rest)
{
    char *parts[MAX_PARTS], *copy = strdup(text);
    int n = copy ? paragraphs(copy, parts) : -1;
    text_buffer b = {0};
    size_t split = 0;
    for (int i = 0; i < n; i++) {
        squeeze(parts[i]);
        if (i > 1)
            text_add(&b, " ");
        text_add(&b, parts[i]);
        if (i == 0) {
            text_append(&b, "", 1); /* ends the short line */
            split = b.length;
        }
    }
    free(copy);
    if (n < 1 || b.failed) {
        text_release(&b);
        return NULL;
    }
    for (size_t i = 0; i < b.length; i++)
        b.data[i] = b.data[i] == '\t' ? ' ' : b.data[i];
    *rest = b.data + split;
    return b.data;
}

static int32_t collect(const debian_text *d, collection *c)
{
    c->english = calloc((size_t)c->wanted.count + 1, sizeof *c->english);
    c->german = calloc((size_t)c->wanted.count + 1, sizeof *c->german);
    if (!c->english || !c->german)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate sentences");
    for (int32_t i = 0; i < d->english.count; i++) {
        size_t n;
        char md5[33], key[14] = "d";
        memcpy(md5, vocabulary_text(&d->english, i, &n), 32);
        md5[32] = '\0';
        TRY(debian_text_pairs(d, md5, collect_pair, c));
        memcpy(key + 1, md5, 12);
        int32_t at = vocabulary_find(&c->wanted, key, 13);
        if (at >= 0 && !c->english[at])
            c->english[at] = strdup(d->texts[ENGLISH][i]);
    }
    return 0;
}

static int split_number(char letter)
{
    return letter == 't' ? 0 : letter == 'v' ? 1 : 2;
}

/* files[0..2]: .de, [3..5]: .en, [6..8]: descriptions */
static int32_t write_entries(const text_lines *manifest, const char *name, const collection *c,
                             text_buffer files[9], debian_counts *counts)
{
    for (int64_t i = 0; i < manifest->count; i++) {
        entry e;
        TRY(parse_entry(manifest->line[i], name, i + 1, &e));
        int s = split_number(e.split);
        const char *english = c->english[i];
        if (e.kind == 'p') {
            counts->wanted_pairs++;
            counts->pairs += english != NULL;
            if (english) {
                text_print(&files[s], "%s\n", c->german[i]);
                text_print(&files[3 + s], "%s\n", english);
            }
            continue;
        }
        char *rest, *flat = english ? flatten(english, &rest) : NULL;
        counts->wanted_descriptions++;
        counts->descriptions += flat != NULL;
        if (flat)
            text_print(&files[6 + s], "%s\t%ld\t%s\t%s\n", e.section, e.group, flat, rest);
        free(flat);
    }
    return 0;
}

static int32_t read_manifest(const text_lines *manifest, const char *name, vocabulary *wanted)
{
    for (int64_t i = 0; i < manifest->count; i++) {
        entry e;
        char key[14];
        TRY(parse_entry(manifest->line[i], name, i + 1, &e));
        snprintf(key, sizeof key, "%c%s", e.kind, e.hash);
        int32_t rc = vocabulary_add(wanted, key, 13);
        if (rc < 0)
            return podium_fail_in(rc, "%s:%lld: %s", name, (long long)i + 1, e.hash);
    }
    return 0;
}

static int32_t write_files(const text_buffer files[9], const char *folder)
{
    static const char *const names[] = {
        "train.de",
        "valid.de",
        "test.de",
        "train.en",
        "valid.en",
        "test.en",
        "descriptions-train.tsv",
        "descriptions-valid.tsv",
        "descriptions-test.tsv",
    };
    char path[4096];
    TRY(directory_create(folder));
    for (int i = 0; i < 9; i++) {
        if (files[i].failed)
            return podium_fail(PODIUM_ENOMEM, "cannot allocate '%s'", names[i]);
        TRY(path_join(path, sizeof path, folder, names[i]));
        TRY(file_write_atomic(path, files[i].length ? files[i].data : "", files[i].length));
    }
    return 0;
}

int32_t debian_text_write(const debian_text *d, const char *manifest, const char *folder,
                          debian_counts *counts)
{
    char path[4096];
    text_lines lines = {0};
    collection c = {0};
    text_buffer files[9] = {0};
    *counts = (debian_counts){0};
    const char *slash = strrchr(manifest, '/');
    snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - manifest) : 1,
             slash ? manifest : ".");
    int32_t rc = text_lines_read(&lines, path, slash ? slash + 1 : manifest, NULL);
    if (rc == 0)
        rc = read_manifest(&lines, manifest, &c.wanted);
    if (rc == 0)
        rc = collect(d, &c);
    if (rc == 0)
        rc = write_entries(&lines, manifest, &c, files, counts);
    if (rc == 0 && counts->pairs + counts->descriptions == 0)
        rc = podium_fail(PODIUM_EIO,
                         "none of the %lld sentences wanted is in this distribution's "
                         "descriptions",
                         (long long)counts->wanted_pairs);
    if (rc == 0)
        rc = write_files(files, folder);
    for (int i = 0; i < 9; i++)
        text_release(&files[i]);
    for (int32_t i = 0; i < c.wanted.count && c.english && c.german; i++) {
        free(c.english[i]);
        free(c.german[i]);
    }
    free(c.english);
    free(c.german);
    vocabulary_release(&c.wanted);
    text_lines_release(&lines);
    return rc;
}
