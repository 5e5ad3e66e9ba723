/* Archives of submissions: written, and read back with every checksum compared. */
#include "scoring/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tar.h"
#include "scoring/verdict.h"

#define MAX_PACK_BYTES ((size_t)1 << 30)
#define SUMS "SHA256SUMS"

int32_t pack_add(pack_writer *p, const char *path_within, const void *data, size_t length)
{
    char hex[SHA256_HEX], name[600];
    int n = snprintf(name, sizeof name, "%s/%s", p->name, path_within);
    if (n < 0 || (size_t)n >= sizeof name || strchr(path_within, '\n') || strchr(path_within, '\\'))
        return podium_fail(PODIUM_EINVAL, "'%.80s' cannot go by this name into a pack",
                           path_within);
    sha256_of(data, length, hex);
    text_print(&p->sums, "%s  %s\n", hex, path_within);
    return tar_add(&p->archive, name, data, length);
}

int32_t pack_add_file(pack_writer *p, const char *path_within, const char *file)
{
    char *data = NULL;
    size_t length = 0;
    TRY(file_read(file, MAX_PACK_BYTES / 4, &data, &length));
    int32_t rc = pack_add(p, path_within, data, length);
    free(data);
    return rc;
}

int32_t pack_write(pack_writer *p, const char *path)
{
    char name[600];
    snprintf(name, sizeof name, "%s/" SUMS, p->name);
    int32_t rc = p->sums.failed || !p->sums.data
                     ? podium_fail(PODIUM_ENOMEM, "no memory for a pack")
                     : tar_add(&p->archive, name, p->sums.data, p->sums.length);
    if (!rc)
        rc = tar_end(&p->archive);
    if (!rc)
        rc = gzip_write(path, p->archive.data, p->archive.length);
    pack_release(p);
    return rc;
}

void pack_release(pack_writer *p)
{
    text_release(&p->archive);
    text_release(&p->sums);
}

bool pack_is(const char *path)
{
    unsigned char magic[2] = {0};
    FILE *f = file_exists(path) ? fopen(path, "rb") : NULL; /* what a pipe gives is gone then */
    bool is = f && fread(magic, 1, 2, f) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    if (f)
        fclose(f);
    return is;
}

/* The part of a name behind the pack's own folder; NULL: not in it. */
static const char *within(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && slash[1] ? slash + 1 : NULL;
}

/* The sum listed for a file; false: it is not listed. */
static bool listed_sum(const pack_reader *p, const char *name, char hex[SHA256_HEX])
{
    const char *at = p->sums, *end = p->sums + p->sums_length;
    size_t n = strlen(name);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop ? stop : end) - at);
        if (line == 66 + n && at[64] == ' ' && at[65] == ' ' && !memcmp(at + 66, name, n)) {
            memcpy(hex, at, 64);
            hex[64] = '\0';
            return true;
        }
        at += line + 1;
    }
    return false;
}

static size_t count_lines(const pack_reader *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->sums_length; i++)
        n += p->sums[i] == '\n';
    return n;
}

static int32_t check_sums(pack_reader *p)
{
    tar_reader t = {.data = p->data, .length = p->length};
    int32_t rc;
    while ((rc = tar_next(&t, p->path)) > 0) {
        const char *name = within(t.name);
        char want[SHA256_HEX], got[SHA256_HEX];
        if (!name)
            return podium_fail(PODIUM_EINVAL, "%s: '%s' is outside the submission's folder",
                               p->path, t.name);
        if (!strcmp(name, SUMS))
            continue;
        if (!listed_sum(p, name, want))
            return podium_fail(PODIUM_EINVAL, "%s: '%s' has no line in " SUMS, p->path, name);
        sha256_of(t.content, t.size, got);
        p->changed = strcmp(want, got) != 0;
        if (p->changed)
            return podium_fail(PODIUM_EINVAL,
                               "%s: '%s' was changed: its SHA-256 is not that of " SUMS, p->path,
                               name);
        if (!strcmp(name, "submission.so"))
            memcpy(p->so, got, sizeof got);
        p->files++;
    }
    TRY(rc);
    if (p->files != count_lines(p))
        return podium_fail(PODIUM_EINVAL, "%s: " SUMS " lists %zu files, %zu are there", p->path,
                           count_lines(p), p->files);
    return 0;
}

static int32_t find_sums(pack_reader *p)
{
    tar_reader t = {.data = p->data, .length = p->length};
    int32_t rc;
    while ((rc = tar_next(&t, p->path)) > 0) {
        const char *name = within(t.name);
        if (name && !strcmp(name, SUMS)) {
            p->sums = t.content;
            p->sums_length = t.size;
            return 0;
        }
    }
    TRY(rc);
    return podium_fail(PODIUM_EINVAL, "%s: no " SUMS " within", p->path);
}

static bool is_record(const char *name)
{
    size_t n = strlen(name);
    return !strncmp(name, "records/", 8) && n > 12 && !strcmp(name + n - 12, "/trial.jsonl");
}

/* The record at `place` within, its verdict read. */
static int32_t add_record(record_list *list, const pack_reader *p, const tar_reader *t,
                          const char *place)
{
    record *one;
    TRY(record_parse(&one, t->content, t->size, place));
    int32_t rc = strcmp(one->submission_sha256, p->so)
                     ? podium_fail(PODIUM_EINVAL,
                                   "%s: the record is of another .so than submission.so", place)
                     : record_keep_text(one, t->content, t->size, p->path);
    if (!rc)
        rc = verdict_read(one);
    if (!rc)
        rc = record_list_add(list, one);
    if (rc)
        record_destroy(one);
    return rc;
}

int32_t pack_open(pack_reader *p, const char *path)
{
    *p = (pack_reader){.path = path};
    TRY(gzip_read(path, MAX_PACK_BYTES, &p->data, &p->length));
    TRY(find_sums(p));
    return check_sums(p);
}

void pack_close(pack_reader *p)
{
    free(p->data);
    *p = (pack_reader){0};
}

int32_t pack_records(const pack_reader *p, record_list *list)
{
    tar_reader t = {.data = p->data, .length = p->length};
    size_t before = list->length;
    int32_t rc;
    while ((rc = tar_next(&t, p->path)) > 0) {
        char place[4500];
        const char *name = within(t.name);
        if (!name || !is_record(name))
            continue;
        int n = snprintf(place, sizeof place, "%s:%s", p->path, name);
        if (n < 0 || (size_t)n >= sizeof place)
            return podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", p->path);
        TRY(add_record(list, p, &t, place));
    }
    TRY(rc);
    return list->length == before ? podium_fail(PODIUM_EINVAL, "%s: no record within", p->path) : 0;
}

int32_t pack_unpack(const pack_reader *p, const char *folder)
{
    tar_reader t = {.data = p->data, .length = p->length};
    int32_t rc;
    while ((rc = tar_next(&t, p->path)) > 0) {
        char path[4600];
        const char *name = within(t.name);
        int n = snprintf(path, sizeof path, "%s/%s", folder, name ? name : "");
        if (!name || n < 0 || (size_t)n >= sizeof path)
            return podium_fail(PODIUM_EINVAL, "%s: '%s' cannot be unpacked", p->path, t.name);
        char *slash = strrchr(path, '/');
        *slash = '\0';
        TRY(directory_create(path));
        *slash = '/';
        TRY(file_write_atomic(path, t.content, t.size));
    }
    return rc;
}

int32_t pack_read(record_list *list, const char *path)
{
    pack_reader p;
    int32_t rc = pack_open(&p, path);
    if (!rc)
        rc = pack_records(&p, list);
    pack_close(&p);
    return rc;
}

const char *pack_place(const record *r)
{
    return r->pack ? r->path + strlen(r->pack) + 1 : NULL;
}
