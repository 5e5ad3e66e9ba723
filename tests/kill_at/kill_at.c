/* Preloaded into `podium run` by tests/resume.t: dies as in a power failure, at a chosen moment.
 *   KILL_AT=write:N   half of the N-th write() gets through
 *   KILL_AT=fsync:N   before the N-th fsync(),   KILL_AT=synced:N  after it
 *   KILL_AT=rename:N  before the N-th rename(),  KILL_AT=renamed:N after it */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One count a kind of call; true at the chosen one. */
static int is_time(const char *what, int *count)
{
    const char *when = getenv("KILL_AT");
    size_t n = strlen(what);
    ++*count;
    return when && !strncmp(when, what, n) && when[n] == ':' &&
           strtol(when + n + 1, NULL, 10) == *count;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    static int count;
    if (is_time("write", &count)) {
        syscall(SYS_write, fd, bytes, n / 2);
        raise(SIGKILL);
    }
    return syscall(SYS_write, fd, bytes, n);
}

int fsync(int fd)
{
    static int before, after;
    if (is_time("fsync", &before))
        raise(SIGKILL);
    int rc = (int)syscall(SYS_fsync, fd);
    if (is_time("synced", &after))
        raise(SIGKILL);
    return rc;
}

int rename(const char *from, const char *to)
{
    static int before, after;
    if (is_time("rename", &before))
        raise(SIGKILL);
    int rc = (int)syscall(SYS_renameat, -100, from, -100, to); /* AT_FDCWD */
    if (is_time("renamed", &after))
        raise(SIGKILL);
    return rc;
}
