/* The runner as a process: memory maps, start, death, freezing, resident memory. */
#include "harness/runner_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "harness/python_submission.h"

#define WAIT_SLICE_NS 20000000 /* how late a death or a deadline may be noticed */

/* A sealed memory file of `size` bytes, mapped. Sealed: a runner that shrank it would kill us. */
static int32_t map_sealed(const char *name, size_t size, int *fd, void **out)
{
    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)size) ||
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return podium_fail(PODIUM_ENOMEM, "cannot make a memory file of %zu bytes: %s", size,
                           strerror(errno));
    *out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
    if (*out == MAP_FAILED) {
        *out = NULL;
        return podium_fail(PODIUM_ENOMEM, "cannot map %zu bytes: %s", size, strerror(errno));
    }
    return 0;
}

/* May grow, not shrink: a runner that touched memory we took away would only harm itself, but one
 * that shrank the file would kill us. */
int32_t runner_map_arrays(runner *r)
{
    r->arrays_fd = memfd_create("podium-arrays", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r->arrays_fd < 0 || fcntl(r->arrays_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL))
        return podium_fail(PODIUM_ENOMEM, "cannot make a memory file: %s", strerror(errno));
    void *map = mmap(NULL, PROTOCOL_ARRAYS_BYTES, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_NORESERVE, r->arrays_fd, 0);
    if (map == MAP_FAILED)
        return podium_fail(PODIUM_ENOMEM, "cannot set %zu bytes of addresses aside: %s",
                           PROTOCOL_ARRAYS_BYTES, strerror(errno));
    r->arrays = map;
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    r->arrays_limit = memory / 4 < PROTOCOL_ARRAYS_BYTES ? memory / 4 : PROTOCOL_ARRAYS_BYTES;
    return 0;
}

int32_t runner_grow_arrays(runner *r, size_t bytes)
{
    if (bytes > r->arrays_limit - r->arrays_bytes)
        return podium_fail(
            PODIUM_ENOMEM,
            "%zu bytes of arrays beside %zu: a submission may have %zu, a quarter of "
            "the memory",
            bytes, r->arrays_bytes, r->arrays_limit);
    if (posix_fallocate(r->arrays_fd, (off_t)r->arrays_bytes, (off_t)bytes))
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu bytes of arrays", bytes);
    r->arrays_bytes += bytes;
    return 0;
}

int32_t runner_find_beside(const char *file, char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return podium_fail(PODIUM_EIO, "cannot read /proc/self/exe: %s", strerror(errno));
    self[n] = 0;
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(self, '/');
        if (!slash)
            break;
        *slash = 0;
        if ((size_t)snprintf(out, size, "%s/%s", self, file) < size && !access(out, R_OK))
            return 0;
    }
    return podium_fail(PODIUM_EIO, "cannot find '%s' beside this executable: run make", file);
}

/* podium-runner: from the configuration, the environment, or near this executable. */
static int32_t find_runner(const runner *r, char *out, size_t size)
{
    const char *given = r->config.runner_path ? r->config.runner_path : getenv("PODIUM_RUNNER");
    if (!given)
        return runner_find_beside("podium-runner", out, size);
    snprintf(out, size, "%s", given);
    if (!access(out, X_OK))
        return 0;
    return podium_fail(PODIUM_EIO, "cannot execute the runner '%s': %s", out, strerror(errno));
}

/* Descriptors 0 to 5 of the child; sources are moved above them first, so that no dup2 covers
 * another's source. */
static int32_t spawn_with(runner *r, const char *path, char *const *argv, char *const *envp)
{
    enum { DESCRIPTORS = 6 };
    int source[DESCRIPTORS], target = 0;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int from[DESCRIPTORS] = {null,          r->log_fd,     r->log_fd,
                             r->control_fd, r->vectors_fd, r->arrays_fd};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0); /* a Ctrl-C is the referee's to handle */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    for (; target < DESCRIPTORS; target++) {
        source[target] = fcntl(from[target], F_DUPFD_CLOEXEC, 16);
        if (source[target] < 0)
            break;
        posix_spawn_file_actions_adddup2(&actions, source[target], target);
    }
    int rc = target < DESCRIPTORS ? errno
                                  : posix_spawnp(&r->pid, path, &actions, &attributes, argv, envp);
    if (rc)
        r->pid = -1;
    while (target > 0)
        close(source[--target]);
    if (null >= 0)
        close(null);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (rc)
        return podium_fail(PODIUM_EIO, "cannot start '%s': %s", path, strerror(rc));
    return 0;
}

static int32_t spawn_native(runner *r, const char *path)
{
    char parent[24], threads[40];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(threads, sizeof threads, "OMP_NUM_THREADS=%d",
             r->config.threads > 0 ? r->config.threads : 1);
    char *argv[] = {(char *)"podium-runner", parent, NULL};
    char *envp[] = {(char *)"LC_ALL=C", threads,
                    (char *)"ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_abort=0:"
                            "handle_sigbus=0:handle_sigfpe=0:handle_sigill=0",
                    NULL};
    return spawn_with(r, path, argv, envp);
}

static int32_t spawn_python(runner *r)
{
    python_command command;
    char library[PATH_MAX];
    TRY(runner_find_beside("libpodium_runner.so", library, sizeof library));
    TRY(python_command_init(&command, library, r->config.threads));
    int32_t rc = spawn_with(r, command.argv[0], command.argv, command.envp);
    python_command_release(&command);
    return rc;
}

int32_t runner_spawn(runner *r)
{
    char path[PATH_MAX];
    bool is_python = python_submission_is(r->config.so_path);
    if (!is_python)
        TRY(find_runner(r, path, sizeof path));
    void *map;
    TRY(map_sealed("podium-control", r->control_bytes, &r->control_fd, &map));
    r->control = map;
    TRY(map_sealed("podium-vectors", r->vectors_bytes, &r->vectors_fd, &map));
    r->vectors = map;
    TRY(runner_map_arrays(r));
    r->log_fd = memfd_create("podium-log", MFD_CLOEXEC);
    if (r->log_fd < 0)
        return podium_fail(PODIUM_EIO, "cannot make the runner's log: %s", strerror(errno));
    fcntl(r->log_fd, F_SETFL, O_APPEND);
    r->control->magic = PROTOCOL_MAGIC;
    r->control->version = PROTOCOL_VERSION;
    r->control->num_numbers = (uint32_t)r->num_numbers;
    r->control->num_params = (uint32_t)r->config.num_params;
    r->control->extensions = r->config.backend->linalg ? PROTOCOL_HAS_LINALG : 0;
    return is_python ? spawn_python(r) : spawn_native(r, path);
}

void runner_unmap(runner *r)
{
    if (r->control)
        munmap(r->control, r->control_bytes);
    if (r->vectors)
        munmap(r->vectors, r->vectors_bytes);
    if (r->arrays)
        munmap(r->arrays, PROTOCOL_ARRAYS_BYTES);
    if (r->arrays_fd >= 0)
        close(r->arrays_fd);
    if (r->control_fd >= 0)
        close(r->control_fd);
    if (r->vectors_fd >= 0)
        close(r->vectors_fd);
    if (r->log_fd >= 0)
        close(r->log_fd);
}

const char *runner_doing(const runner *r, char *out, size_t size)
{
    static const char *const names[] = {
        [PROTOCOL_LOAD] = "loading",          [PROTOCOL_TASK] = "loading",
        [PROTOCOL_VALUES] = "loading",        [PROTOCOL_BATCH_SIZE] = "batch_size",
        [PROTOCOL_CREATE] = "create",         [PROTOCOL_BEFORE_EVAL] = "before_eval",
        [PROTOCOL_AFTER_EVAL] = "after_eval", [PROTOCOL_KEEP_READ] = "a checkpoint",
        [PROTOCOL_KEEP_WRITE] = "a restore",  [PROTOCOL_STOP] = "destroy",
    };
    if (r->command == PROTOCOL_STEP)
        snprintf(out, size, "step %lld", (long long)r->step);
    else if (r->command && r->command <= PROTOCOL_STOP)
        snprintf(out, size, "%s", names[r->command]);
    else
        snprintf(out, size, "no call");
    return out;
}

static void reap(runner *r)
{
    if (r->pid <= 0)
        return;
    kill(r->pid, SIGKILL);
    int status;
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->pid = -1;
}

int32_t runner_end_with(runner *r, runner_end end, int32_t status, const char *format, ...)
{
    if (r->end == RUNNER_ALIVE) {
        va_list args;
        va_start(args, format);
        vsnprintf(r->reason, sizeof r->reason, format, args);
        va_end(args);
        r->end = end;
    }
    reap(r);
    return podium_fail(status, "%s", r->reason);
}

/* The process is gone: says how. */
static int32_t died(runner *r, const siginfo_t *info)
{
    char doing[64];
    runner_doing(r, doing, sizeof doing);
    if (info->si_code == CLD_EXITED)
        return runner_end_with(r, RUNNER_EXITED, PODIUM_EDEVICE,
                               "the submission called exit(%d) in %s: return a status instead",
                               info->si_status, doing);
    const char *abbreviation = sigabbrev_np(info->si_status);
    return runner_end_with(r, RUNNER_CRASHED, PODIUM_EDEVICE,
                           "the submission crashed in %s: SIG%s (%s)", doing,
                           abbreviation ? abbreviation : "?", strsignal(info->si_status));
}

int32_t runner_wait(runner *r)
{
    protocol_control *c = r->control;
    for (;;) {
        int64_t left = r->deadline_ns - protocol_now_ns();
        if (left <= 0) {
            char doing[64];
            return runner_end_with(r, RUNNER_HUNG, PODIUM_EDEVICE,
                                   "the submission did not return from %s within %g seconds",
                                   runner_doing(r, doing, sizeof doing), r->config.timeout_seconds);
        }
        int64_t slice = left < WAIT_SLICE_NS ? left : WAIT_SLICE_NS;
        if (protocol_wait(&c->turn, &c->referee_sleeps, 0, slice))
            return 0;
        siginfo_t info = {0};
        if (!waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
            return died(r, &info);
    }
}

int32_t runner_freeze(runner *r)
{
    if (r->end != RUNNER_ALIVE)
        return podium_fail(PODIUM_EDEVICE, "%s", r->reason);
    if (r->frozen)
        return 0;
    kill(r->pid, SIGSTOP);
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)r->pid, &info, WSTOPPED | WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    if (info.si_code != CLD_STOPPED)
        return died(r, &info);
    /* Take the stop report, so that the next freeze waits for its own. */
    waitid(P_PID, (id_t)r->pid, &info, WSTOPPED | WNOHANG);
    r->frozen = true;
    return 0;
}

int32_t runner_thaw(runner *r)
{
    if (r->end != RUNNER_ALIVE)
        return podium_fail(PODIUM_EDEVICE, "%s", r->reason);
    if (r->frozen)
        kill(r->pid, SIGCONT);
    r->frozen = false;
    return 0;
}

void runner_kill(runner *r)
{
    if (r->end != RUNNER_ALIVE)
        return;
    r->end = RUNNER_STOPPED;
    snprintf(r->reason, sizeof r->reason, "killed by the referee");
    reap(r);
}

int runner_pid(const runner *r)
{
    return r->pid > 0 ? r->pid : -1;
}

int64_t runner_resident_bytes(const runner *r)
{
    char path[64], line[256];
    long long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)r->pid);
    FILE *f = r->pid > 0 ? fopen(path, "r") : NULL;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %lld kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib < 0 ? -1 : kib * 1024;
}

int64_t runner_resident_growth(const runner *r)
{
    int64_t now = runner_resident_bytes(r);
    return now < 0 || r->resident_base < 0 ? -1 : now - r->resident_base;
}

void runner_log(const runner *r, char *out, size_t size)
{
    off_t end = r->log_fd >= 0 ? lseek(r->log_fd, 0, SEEK_END) : 0;
    off_t start = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
    ssize_t n = end > 0 ? pread(r->log_fd, out, size - 1, start) : 0;
    out[n > 0 ? n : 0] = 0;
}
