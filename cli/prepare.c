/* Runs `podium data` for who races. */
#include "cli/prepare.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/home.h"
#include "base/text.h"
#include "harness/preparation.h"

extern char **environ;

static int32_t make_debian_text(const char *given)
{
    char folder[3072], path[4096];
    pid_t child;
    int status = 0;
    TRY(path_of_executable(folder, sizeof folder));
    TRY(path_join(path, sizeof path, folder, "podium"));
    char *words[] = {path, "data", "debian-text", given ? "--dir" : NULL, (char *)given, NULL};
    fflush(NULL);
    if (posix_spawn(&child, path, NULL, NULL, words, environ) ||
        waitpid(child, &status, 0) != child)
        return podium_fail(PODIUM_EIO, "cannot run '%s data debian-text'", path);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : podium_fail(PODIUM_EIO,
                             "debian-text could not be prepared: it needs apt and its mirror; "
                             "--no-prepare leaves out the workloads that read it");
}

static int32_t say_missing(const workload_entry *w, const preparation *p)
{
    text_buffer why = {0};
    preparation_print(p, &why);
    if (!why.failed)
        fprintf(stderr, "podium run: leaves out %s, not prepared: %s\n", w->name, why.data);
    text_release(&why);
    return 0;
}

int32_t prepare_size(const workload_entry *entry, const char *size, const char *given, bool make,
                     bool *ready)
{
    preparation p;
    *ready = false;
    int32_t rc = preparation_init(&p, entry, size, given);
    if (!rc && make && p.apt_alone) {
        fprintf(stderr, "podium run: %s needs %s, which apt makes\n", entry->name, p.missing.data);
        rc = make_debian_text(given);
        preparation_release(&p);
        if (rc)
            return rc;
        rc = preparation_init(&p, entry, size, given);
    }
    *ready = !rc && preparation_is_done(&p);
    if (!rc && !*ready)
        rc = say_missing(entry, &p);
    preparation_release(&p);
    return rc;
}
