/* Archives of submissions: written, and read back with every checksum compared. */
#include "scoring/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/tar.h"

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
    FILE *f = directory_exists(path) ? NULL : fopen(path, "rb");
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

typedef struct reading {
    const char *path;
    char *data;
    size_t length;
    const char *sums; /* the text of SHA256SUMS, borrowed from data */
    size_t sums_length;
    char so[SHA256_HEX]; /* of submission.so; "" none */
    size_t files;
} reading;

/* The sum listed for a file; false: it is not listed. */
static bool listed_sum(const reading *r, const char *name, char hex[SHA256_HEX])
{
    const char *at = r->sums, *end = r->sums + r->sums_length;
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

static size_t count_lines(const reading *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->sums_length; i++)
        n += r->sums[i] == '\n';
    return n;
}

static int32_t check_sums(reading *r)
{
    tar_reader t = {.data = r->data, .length = r->length};
    int32_t rc;
    while ((rc = tar_next(&t, r->path)) > 0) {
        const char *name = within(t.name);
        char want[SHA256_HEX], got[SHA256_HEX];
        if (!name)
            return podium_fail(PODIUM_EINVAL, "%s: '%s' is outside the submission's folder",
                               r->path, t.name);
        if (!strcmp(name, SUMS))
            continue;
        if (!listed_sum(r, name, want))
            return podium_fail(PODIUM_EINVAL, "%s: '%s' has no line in " SUMS, r->path, name);
        sha256_of(t.content, t.size, got);
        if (strcmp(want, got))
            return podium_fail(PODIUM_EINVAL,
                               "%s: '%s' was changed: its SHA-256 is not that of " SUMS, r->path,
                               name);
        if (!strcmp(name, "submission.so"))
            memcpy(r->so, got, sizeof got);
        r->files++;
    }
    TRY(rc);
    if (r->files != count_lines(r))
        return podium_fail(PODIUM_EINVAL, "%s: " SUMS " lists %zu files, %zu are there", r->path,
                           count_lines(r), r->files);
    return 0;
}

static int32_t find_sums(reading *r)
{
    tar_reader t = {.data = r->data, .length = r->length};
    int32_t rc;
    while ((rc = tar_next(&t, r->path)) > 0) {
        const char *name = within(t.name);
        if (name && !strcmp(name, SUMS)) {
            r->sums = t.content;
            r->sums_length = t.size;
            return 0;
        }
    }
    TRY(rc);
    return podium_fail(PODIUM_EINVAL, "%s: no " SUMS " within", r->path);
}

static bool is_record(const char *name)
{
    size_t n = strlen(name);
    return !strncmp(name, "records/", 8) && n > 12 && !strcmp(name + n - 12, "/trial.jsonl");
}

static int32_t add_records(record_list *list, const reading *r)
{
    tar_reader t = {.data = r->data, .length = r->length};
    int32_t rc;
    while ((rc = tar_next(&t, r->path)) > 0) {
        char place[4500];
        const char *name = within(t.name);
        record *one;
        if (!name || !is_record(name))
            continue;
        snprintf(place, sizeof place, "%.4000s:%s", r->path, name);
        TRY(record_parse(&one, t.content, t.size, place));
        if (strcmp(one->submission_sha256, r->so)) {
            record_destroy(one);
            return podium_fail(PODIUM_EINVAL, "%s: the record is of another .so than submission.so",
                               place);
        }
        rc = record_keep_text(one, t.content, t.size, r->path);
        if (!rc)
            rc = record_list_add(list, one);
        if (rc) {
            record_destroy(one);
            return rc;
        }
    }
    return rc;
}

int32_t pack_read(record_list *list, const char *path)
{
    reading r = {.path = path};
    size_t before = list->length;
    TRY(gzip_read(path, MAX_PACK_BYTES, &r.data, &r.length));
    int32_t rc = find_sums(&r);
    if (!rc)
        rc = check_sums(&r);
    if (!rc)
        rc = add_records(list, &r);
    free(r.data);
    if (!rc && list->length == before)
        rc = podium_fail(PODIUM_EINVAL, "%s: no record within", path);
    return rc;
}
