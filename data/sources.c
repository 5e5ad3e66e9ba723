/* Reads data/sources.yaml, compares files with it, fetches them with curl. */
#include "data/sources.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/text.h"
#include "base/yaml.h"
#include "data/files.h"
#include "data/md5.h"

#define SOURCE_MAX_BYTES ((size_t)1 << 32)

extern char **environ;

/* A plain file name: it is joined to a folder. */
static int32_t check_name(const yaml_node *n, const char *name)
{
    if (!*name || *name == '.' || strchr(name, '/'))
        return yaml_fail(n, "expected a file name without a folder, got '%s'", name);
    return PODIUM_OK;
}

static int32_t check_digits(const yaml_node *n, const char *sum, size_t digits)
{
    if (sum && (strlen(sum) != digits || strspn(sum, "0123456789abcdef") != digits))
        return yaml_fail(n, "expected %zu lower-case hexadecimal digits, got '%s'", digits, sum);
    return PODIUM_OK;
}

static int32_t read_file_entry(source_file *f, const yaml_node *n)
{
    if (yaml_node_kind(n) != YAML_MAP)
        return yaml_fail(n, "expected a map that describes a file");
    TRY(yaml_require(n, "name"));
    TRY(yaml_string(n, "name", &f->name));
    TRY(check_name(n, f->name));
    TRY(yaml_integer(n, "bytes", 1, (int64_t)SOURCE_MAX_BYTES, &f->bytes));
    TRY(yaml_string(n, "sha256", &f->sha256));
    TRY(yaml_string(n, "packed_md5", &f->packed_md5));
    TRY(check_digits(n, f->sha256, 64));
    return check_digits(n, f->packed_md5, 32);
}

static int32_t read_source(data_source *s, const yaml_node *n)
{
    if (yaml_node_kind(n) != YAML_MAP)
        return yaml_fail(n, "expected a map that describes data set '%s'", s->name);
    TRY(yaml_require(n, "origin"));
    TRY(yaml_require(n, "licence"));
    TRY(yaml_string(n, "origin", &s->origin));
    TRY(yaml_string(n, "licence", &s->licence));
    TRY(yaml_string(n, "url", &s->url));
    TRY(yaml_string(n, "sums", &s->sums));
    TRY(yaml_string(n, "manifest", &s->manifest));
    TRY(yaml_flag(n, "plain", &s->plain));
    TRY(yaml_string(n, "archive", &s->archive));
    TRY(yaml_string(n, "packed_md5", &s->packed_md5));
    TRY(check_digits(n, s->packed_md5, 32));
    if (s->archive)
        TRY(check_name(n, s->archive));
    if (s->sums)
        TRY(check_name(n, s->sums));
    if (s->plain && (s->archive || s->sums))
        return yaml_fail(n, "plain is of files alone, without 'archive' and 'sums'");
    const yaml_node *files = yaml_get(n, "files");
    if (!files == !s->sums)
        return yaml_fail(n, "expected either 'files' or 'sums' for data set '%s'", s->name);
    if (!files)
        return PODIUM_OK;
    s->count = yaml_length(files);
    if (yaml_node_kind(files) != YAML_LIST || s->count < 1 || s->count > SOURCE_MAX_FILES)
        return yaml_fail(files, "expected a list of 1 to %d files", SOURCE_MAX_FILES);
    for (size_t i = 0; i < s->count; i++)
        TRY(read_file_entry(&s->files[i], yaml_item(files, i)));
    return PODIUM_OK;
}

int32_t data_sources_read(data_sources *out, const char *path)
{
    *out = (data_sources){0};
    TRY(yaml_parse_file(&out->document, path));
    const yaml_node *root = yaml_root(out->document);
    if (yaml_node_kind(root) != YAML_MAP || yaml_length(root) > SOURCES_MAX)
        return yaml_fail(root, "expected a map of at most %d data sets", SOURCES_MAX);
    for (size_t i = 0; i < yaml_length(root); i++) {
        data_source *s = &out->items[out->count];
        s->name = yaml_key(root, i);
        TRY(read_source(s, yaml_get(root, s->name)));
        out->count++;
    }
    return yaml_finish(root);
}

void data_sources_release(data_sources *s)
{
    yaml_destroy(s->document);
    *s = (data_sources){0};
}

const data_source *data_source_find(const data_sources *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i].name, name))
            return &s->items[i];
    return NULL;
}

/* The sum that `path` must have. */
static int32_t verify_md5(const char *path, const char *want)
{
    char got[MD5_HEX];
    TRY(md5_of_file(path, got));
    if (strcmp(got, want))
        return podium_fail(PODIUM_EINVAL, "'%s' is corrupt: expected md5 %s, got %s", path, want,
                           got);
    return PODIUM_OK;
}

/* Size and SHA-256 of the unpacked bytes of `path`. */
static int32_t verify_unpacked(const source_file *f, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    char got[SHA256_HEX];
    TRY(file_read_gz(path, f->bytes ? (size_t)f->bytes + 1 : SOURCE_MAX_BYTES, &bytes, &length));
    sha256_of(bytes, length, got);
    free(bytes);
    if (f->bytes && length != (size_t)f->bytes)
        return podium_fail(
            PODIUM_EINVAL, "'%s' is corrupt: expected %lld bytes unpacked, got %s%zu", path,
            (long long)f->bytes, length > (size_t)f->bytes ? "at least " : "", length);
    if (f->sha256 && strcmp(got, f->sha256))
        return podium_fail(PODIUM_EINVAL, "'%s' is corrupt: expected sha256 %s unpacked, got %s",
                           path, f->sha256, got);
    return PODIUM_OK;
}

bool source_file_present(const source_file *f, const char *folder)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s.gz", folder, f->name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    if (file_exists(path))
        return true;
    path[n - 3] = '\0';
    return file_exists(path);
}

int32_t source_file_verify(const source_file *f, const char *folder, const char **how)
{
    char plain[4096], packed[4096], name[512];
    if (snprintf(name, sizeof name, "%s.gz", f->name) >= (int)sizeof name)
        return podium_fail(PODIUM_EINVAL, "the name '%s' is too long", f->name);
    TRY(path_join(plain, sizeof plain, folder, f->name));
    TRY(path_join(packed, sizeof packed, folder, name));
    *how = f->sha256 ? "sha256" : "size only, no sum of the unpacked file is known";
    /* The readers take the plain file first, so that is the one to check. */
    if (file_exists(plain))
        return verify_unpacked(f, plain);
    if (!file_exists(packed))
        return podium_fail(PODIUM_EIO, "'%s' is missing (nor is '%s' there)", plain, packed);
    if (!f->sha256 && f->packed_md5) {
        *how = "md5 of the .gz";
        TRY(verify_md5(packed, f->packed_md5));
    }
    return verify_unpacked(f, packed);
}

/* One "SHA256  NAME" line, end of line cut. */
static int32_t verify_line(const char *folder, const char *list, char *line)
{
    char path[4096], got[SHA256_HEX];
    if (strspn(line, "0123456789abcdef") != 64 || line[64] != ' ' || line[65] != ' ' || !line[66] ||
        line[66] == '.' || strchr(line + 66, '/'))
        return podium_fail(PODIUM_EINVAL, "'%s': expected 'SHA256  NAME', got '%.100s'", list,
                           line);
    line[64] = '\0';
    TRY(path_join(path, sizeof path, folder, line + 66));
    if (!file_exists(path))
        return podium_fail(PODIUM_EIO, "'%s' is missing", path);
    TRY(sha256_of_file(path, got));
    if (strcmp(got, line))
        return podium_fail(PODIUM_EINVAL, "'%s' is corrupt: expected sha256 %s, got %s", path, line,
                           got);
    return PODIUM_OK;
}

int32_t source_sums_verify(const char *folder, const char *sums, int *checked)
{
    char path[4096], *text = NULL;
    size_t length;
    int32_t rc = PODIUM_OK;
    *checked = 0;
    TRY(path_join(path, sizeof path, folder, sums));
    TRY(file_read(path, 1 << 20, &text, &length));
    for (char *line = text, *end; rc == 0 && *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        rc = verify_line(folder, path, line);
        *checked += rc == 0;
    }
    free(text);
    if (rc == 0 && *checked == 0)
        rc = podium_fail(PODIUM_EINVAL, "'%s' lists no files", path);
    return rc;
}

/* Runs a program from PATH and waits. Errors: PODIUM_EIO naming it and its exit status. */
static int32_t run_program(char *const argv[])
{
    pid_t child;
    int status, code = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
    if (code)
        return podium_fail(PODIUM_EIO, "cannot start '%s': %s", argv[0], strerror(code));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return podium_fail(PODIUM_EIO, "cannot wait for '%s': %s", argv[0], strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return podium_fail(PODIUM_EIO, "'%s' failed with status %d", argv[0],
                           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return PODIUM_OK;
}

int32_t source_fetch(const data_source *s, const source_file *f, const char *folder)
{
    char name[512], url[1024], path[4096], part[4104];
    const char *sum = f ? f->packed_md5 : s->packed_md5;
    if (!s->url)
        return podium_fail(PODIUM_EINVAL, "data set '%s' is not fetched: %s", s->name, s->origin);
    if (snprintf(name, sizeof name, "%s%s", f ? f->name : s->archive,
                 f && !s->plain ? ".gz" : "") >= (int)sizeof name ||
        snprintf(url, sizeof url, "%s%s", s->url, name) >= (int)sizeof url)
        return podium_fail(PODIUM_EINVAL, "the address of data set '%s' is too long", s->name);
    TRY(directory_create(folder));
    TRY(path_join(path, sizeof path, folder, name));
    snprintf(part, sizeof part, "%s.part", path);
    if (f || !file_exists(path)) {
        char *const curl[] = {"curl", "-fL", "-C", "-", "--retry", "3", "-o", part, url, NULL};
        int32_t rc = run_program(curl);
        if (rc < 0)
            return podium_fail_in(rc, "cannot fetch '%s'", url);
        rc = sum ? verify_md5(part, sum) : f ? verify_unpacked(f, part) : PODIUM_OK;
        if (rc < 0) {
            unlink(part); /* resuming damaged bytes would never end well */
            return rc;
        }
        if (rename(part, path))
            return podium_fail(PODIUM_EIO, "cannot rename '%s': %s", part, strerror(errno));
    } else if (sum) {
        TRY(verify_md5(path, sum));
    }
    if (f)
        return PODIUM_OK;
    char *const tar[] = {"tar",         "-xzf",  path, "-C", (char *)folder, "--strip-components=1",
                         "--wildcards", "*.bin", NULL};
    return run_program(tar);
}
