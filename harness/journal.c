/* Appending records, atomic checkpoints. */
#include "harness/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"

#define MAGIC "podium-checkpoint-1\n"
#define MAX_CHECKPOINT_BYTES ((size_t)1 << 40)
#define MAX_RECORD_BYTES ((size_t)64 << 20)

int32_t journal_open(journal *j, const char *folder)
{
    j->fd = -1;
    j->bytes = 0;
    TRY(path_join(j->path, sizeof j->path, folder, "trial.jsonl"));
    j->fd = open(j->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return podium_fail(PODIUM_EIO, "cannot open '%s': %s", j->path, strerror(errno));
    if (!flock(j->fd, LOCK_EX | LOCK_NB))
        return 0;
    /* a file system without locks: two writers go unnoticed there */
    if (errno != EWOULDBLOCK)
        return errno == ENOLCK || errno == EOPNOTSUPP
                   ? 0
                   : podium_fail(PODIUM_EIO, "cannot lock '%s': %s", j->path, strerror(errno));
    return podium_fail(PODIUM_EINVAL, "'%s' is being written by another process", j->path);
}

int32_t journal_cut(journal *j, int64_t keep)
{
    struct stat s;
    if (fstat(j->fd, &s) || s.st_size < keep)
        return podium_fail(PODIUM_EINVAL, "'%s' is shorter than its checkpoint says", j->path);
    if (ftruncate(j->fd, keep) || lseek(j->fd, keep, SEEK_SET) < 0)
        return podium_fail(PODIUM_EIO, "cannot cut '%s': %s", j->path, strerror(errno));
    j->bytes = keep;
    return 0;
}

static int32_t write_line(journal *j, const char *text, size_t n)
{
    while (n) {
        ssize_t done = write(j->fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return podium_fail(PODIUM_EIO, "cannot write '%s': %s", j->path, strerror(errno));
        text += done;
        n -= (size_t)done;
        j->bytes += done;
    }
    if (fsync(j->fd))
        return podium_fail(PODIUM_EIO, "cannot sync '%s': %s", j->path, strerror(errno));
    return 0;
}

int32_t journal_append(journal *j, json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(line);
    if (!text)
        return podium_fail(PODIUM_ENOMEM, "no memory for a line of '%s'", j->path);
    size_t n = strlen(text);
    text[n] = '\n'; /* in place of the zero byte: n + 1 bytes are written */
    int32_t rc = write_line(j, text, n + 1);
    free(text);
    return rc;
}

void journal_close(journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}

json_t *journal_read_end(const char *folder)
{
    char path[4096], *text = NULL;
    size_t n = 0;
    json_t *line = NULL;
    if (path_join(path, sizeof path, folder, "trial.jsonl") ||
        file_read(path, MAX_RECORD_BYTES, &text, &n) || !n || text[n - 1] != '\n') {
        free(text);
        return NULL;
    }
    size_t start = n - 1;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    if (!json_read(&line, text + start, n - start, path)) {
        const char *event = json_string_value(json_object_get(line, "event"));
        if (!event || strcmp(event, "end")) {
            json_decref(line);
            line = NULL;
        }
    }
    free(text);
    return line;
}

int32_t checkpoint_write(const char *folder, const void *state, size_t state_size,
                         const void *block, size_t block_size)
{
    char path[4096], hash[SHA256_HEX];
    TRY(path_join(path, sizeof path, folder, "checkpoint.bin"));
    size_t head = strlen(MAGIC) + SHA256_HEX, size = head + state_size + block_size;
    char *bytes = malloc(size);
    if (!bytes)
        return podium_fail(PODIUM_ENOMEM, "no memory for a checkpoint of %zu bytes", size);
    memcpy(bytes + head, state, state_size);
    memcpy(bytes + head + state_size, block, block_size);
    sha256_of(bytes + head, state_size + block_size, hash);
    memcpy(bytes, MAGIC, strlen(MAGIC));
    memcpy(bytes + strlen(MAGIC), hash, SHA256_HEX);
    int32_t rc = file_write_atomic(path, bytes, size);
    free(bytes);
    return rc;
}

static int32_t parse_checkpoint(const char *path, const char *bytes, size_t n, void *state,
                                size_t state_size, void **block, size_t *block_size)
{
    char hash[SHA256_HEX];
    size_t head = strlen(MAGIC) + SHA256_HEX;
    if (n < head + state_size || memcmp(bytes, MAGIC, strlen(MAGIC)))
        return podium_fail(PODIUM_EINVAL, "'%s' is no checkpoint of this version", path);
    sha256_of(bytes + head, n - head, hash);
    if (memcmp(hash, bytes + strlen(MAGIC), SHA256_HEX))
        return podium_fail(PODIUM_EINVAL, "'%s' is damaged: its checksum differs", path);
    *block_size = n - head - state_size;
    *block = malloc(*block_size + 1);
    if (!*block)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    memcpy(state, bytes + head, state_size);
    memcpy(*block, bytes + head + state_size, *block_size);
    return 0;
}

int32_t checkpoint_read(const char *folder, void *state, size_t state_size, void **block,
                        size_t *block_size, bool *found)
{
    char path[4096], *bytes = NULL;
    size_t n = 0;
    *found = false;
    TRY(path_join(path, sizeof path, folder, "checkpoint.bin"));
    if (!file_exists(path))
        return 0;
    TRY(file_read(path, MAX_CHECKPOINT_BYTES, &bytes, &n));
    int32_t rc = parse_checkpoint(path, bytes, n, state, state_size, block, block_size);
    free(bytes);
    *found = !rc;
    return rc;
}

void checkpoint_remove(const char *folder)
{
    char path[4096];
    if (!path_join(path, sizeof path, folder, "checkpoint.bin"))
        unlink(path);
}
