/* Checked numbers, growing text, whole files, paths. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool number_parse(const char *text, double *out)
{
    if (!*text || isspace((unsigned char)*text))
        return false;
    char *end;
    double x = strtod(text, &end);
    if (*end || end == text)
        return false;
    *out = x;
    return true;
}

bool integer_parse(const char *text, int64_t *out)
{
    if (!*text || isspace((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (*end || end == text || errno)
        return false;
    *out = x;
    return true;
}

static bool text_reserve(text_buffer *b, size_t more)
{
    if (b->failed)
        return false;
    size_t need = b->length + more + 1;
    if (need <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(b->data, capacity);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

void text_append(text_buffer *b, const char *bytes, size_t n)
{
    if (!text_reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->length, bytes, n);
    b->length += n;
    b->data[b->length] = '\0';
}

void text_add(text_buffer *b, const char *s)
{
    text_append(b, s, strlen(s));
}

void text_print(text_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (text_reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->length, (size_t)n + 1, format, again);
        b->length += (size_t)n;
    }
    va_end(again);
}

void text_add_quoted(text_buffer *out, const char *text)
{
    text_add(out, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            text_print(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            text_print(out, "\\u%04x", *text);
        else
            text_append(out, text, 1);
    text_add(out, "\"");
}

void text_release(text_buffer *b)
{
    free(b->data);
    *b = (text_buffer){0};
}

static int32_t read_all(FILE *f, const char *path, size_t limit, text_buffer *b)
{
    char chunk[16384];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        if (b->length + n > limit)
            return podium_fail(PODIUM_EINVAL, "'%s' is larger than %zu bytes", path, limit);
        text_append(b, chunk, n);
    }
    if (ferror(f))
        return podium_fail(PODIUM_EIO, "cannot read '%s': %s", path, strerror(errno));
    text_append(b, "", 0);
    if (b->failed)
        return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", path);
    return 0;
}

int32_t file_read(const char *path, size_t limit, char **out, size_t *length)
{
    *out = NULL;
    *length = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot read '%s': %s", path, strerror(errno));
    text_buffer b = {0};
    int32_t rc = read_all(f, path, limit, &b);
    fclose(f);
    if (rc) {
        text_release(&b);
        return rc;
    }
    *out = b.data;
    *length = b.length;
    return 0;
}

static int32_t write_bytes(int fd, const char *path, const char *data, size_t length)
{
    while (length) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return podium_fail(PODIUM_EIO, "cannot write '%s': %s", path, strerror(errno));
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

static int32_t write_and_sync(int fd, const char *path, const file_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(write_bytes(fd, path, parts[i].data, parts[i].length));
    if (fsync(fd))
        return podium_fail(PODIUM_EIO, "cannot sync '%s': %s", path, strerror(errno));
    return 0;
}

int32_t file_write_atomic(const char *path, const void *data, size_t length)
{
    return file_write_parts(path, &(file_part){data, length}, 1);
}

int32_t file_write_parts(const char *path, const file_part *parts, size_t count)
{
    char new_path[4096];
    int n = snprintf(new_path, sizeof new_path, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof new_path)
        return podium_fail(PODIUM_EINVAL, "path '%s' is too long", path);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return podium_fail(PODIUM_EIO, "cannot create '%s': %s", new_path, strerror(errno));
    int32_t rc = write_and_sync(fd, new_path, parts, count);
    if (close(fd) && !rc)
        rc = podium_fail(PODIUM_EIO, "cannot close '%s': %s", new_path, strerror(errno));
    if (!rc && rename(new_path, path))
        rc = podium_fail(PODIUM_EIO, "cannot rename '%s': %s", new_path, strerror(errno));
    if (rc)
        unlink(new_path);
    return rc;
}

bool file_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

bool directory_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int32_t directory_create(const char *path)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return podium_fail(PODIUM_EINVAL, "path '%s' is empty or too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            return podium_fail(PODIUM_EIO, "cannot create '%s': %s", part, strerror(errno));
    }
    if (!directory_exists(path))
        return podium_fail(PODIUM_EIO, "'%s' is not a folder", path);
    return 0;
}

int32_t path_sibling(char *out, size_t size, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    int n = snprintf(out, size, "%.*s%s", folder, path, name);
    if (!*name || strchr(name, '/') || !strcmp(name, "..") || n < 0 || (size_t)n >= size)
        return podium_fail(PODIUM_EINVAL, "%s: '%s' is no file name beside it", path, name);
    return 0;
}

int32_t path_join(char *out, size_t size, const char *a, const char *b)
{
    int n = snprintf(out, size, "%s/%s", a, b);
    if (n < 0 || (size_t)n >= size)
        return podium_fail(PODIUM_EINVAL, "path '%s/%s' is too long", a, b);
    return 0;
}

int32_t path_of_executable(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0)
        return podium_fail(PODIUM_EIO, "cannot read /proc/self/exe: %s", strerror(errno));
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    return 0;
}
