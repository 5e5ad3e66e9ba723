/* apt-get into a private folder, apt-helper to read what it fetched. */
#include <errno.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/debian_text.h"

#define APT_HELPER "/usr/lib/apt/apt-helper"
#define MAX_INDEX_BYTES ((size_t)1 << 29)

extern char **environ;

/* Starts a program; its output goes to `out` (a descriptor), errors too when `both`. */
static int32_t start(char *const argv[], int out, bool both, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (both)
        posix_spawn_file_actions_adddup2(&actions, out, 2);
    int rc = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc ? podium_fail(PODIUM_EIO, "cannot run %s: %s", argv[0], strerror(rc)) : 0;
}

/* Runs a program and takes what it prints; *code gets its exit status. */
static int32_t capture(char *const argv[], bool both, text_buffer *out, int *code)
{
    int ends[2];
    pid_t pid;
    if (pipe(ends) < 0)
        return podium_fail(PODIUM_EIO, "cannot make a pipe: %s", strerror(errno));
    int32_t rc = start(argv, ends[1], both, &pid);
    close(ends[1]);
    if (rc == 0) {
        char *block = malloc(1 << 20);
        ssize_t n = 0;
        while (block && (n = read(ends[0], block, 1 << 20)) > 0 && out->length < MAX_INDEX_BYTES)
            text_append(out, block, (size_t)n);
        free(block);
        if (!block || out->failed)
            rc = podium_fail(PODIUM_ENOMEM, "cannot allocate what %s prints", argv[0]);
        else if (n)
            rc = podium_fail(PODIUM_EIO, "cannot read what %s prints", argv[0]);
    }
    close(ends[0]);
    int status = -1;
    if (rc == 0 || out->length)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    *code = status;
    return rc;
}

/* The last line of apt's output that begins with E: or W:, for the message. */
static void complaint(const text_buffer *output, char *line, size_t size)
{
    snprintf(line, size, "no reason given");
    for (const char *at = output->data; at && *at;) {
        size_t n = strcspn(at, "\n");
        if (n > 2 && (*at == 'E' || *at == 'W') && at[1] == ':')
            snprintf(line, size, "%.*s", (int)(n < size ? n : size - 1), at);
        at += n + (at[n] == '\n');
    }
}

/* apt-get update for the languages en and de, everything private below `folder`.  One of several
 * sources may fail: `why` gets what apt said and the caller looks at what is there. */
static int32_t update(const char *folder, char *why, size_t size)
{
    char lists[4200], cache[4200], user[64], cached[4200];
    char *argv[] = {
        "apt-get", "update",
        "-o",      lists,
        "-o",      cache,
        "-o",      user,
        "-o",      "Acquire::Languages=en,de",
        "-o",      "Acquire::Languages::=en",
        "-o",      "Acquire::Languages::=de",
        "-o",      "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
        "-o",      "APT::Update::Post-Invoke::=true",
        NULL,
    };
    snprintf(lists, sizeof lists, "Dir::State::lists=%s/lists", folder);
    snprintf(cache, sizeof cache, "Dir::Cache=%s/cache", folder);
    snprintf(user, sizeof user, "APT::Sandbox::User=");
    snprintf(cached, sizeof cached, "%s/lists/partial", folder);
    TRY(directory_create(cached));
    snprintf(cached, sizeof cached, "%s/cache/archives/partial", folder);
    TRY(directory_create(cached));
    text_buffer output = {0};
    int code;
    int32_t rc = capture(argv, true, &output, &code);
    if (rc == 0 && code != 0)
        complaint(&output, why, size);
    text_release(&output);
    return rc;
}

/* Reads every index file of one language; *files counts them. */
static int32_t read_indices(debian_text *d, const char *folder, int language, size_t *files)
{
    char pattern[4200];
    glob_t found;
    int32_t rc = 0;
    snprintf(pattern, sizeof pattern, "%s/lists/*_i18n_Translation-%s*", folder,
             language ? "de" : "en");
    if (glob(pattern, 0, NULL, &found) != 0) {
        *files = 0;
        return 0;
    }
    *files = found.gl_pathc;
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
        char *argv[] = {APT_HELPER, "cat-file", found.gl_pathv[i], NULL};
        text_buffer text = {0};
        int code;
        rc = capture(argv, false, &text, &code);
        if (rc == 0 && code != 0)
            rc = podium_fail(PODIUM_EIO, "%s cannot unpack '%s'", APT_HELPER, found.gl_pathv[i]);
        if (rc == 0)
            rc = debian_text_parse(d, language, text.data ? text.data : "", text.length,
                                   found.gl_pathv[i]);
        text_release(&text);
    }
    globfree(&found);
    return rc;
}

static void remove_folder(const char *folder)
{
    char copy[4096];
    char *argv[] = {"rm", "-rf", "--", copy, NULL};
    text_buffer output = {0};
    int code;
    snprintf(copy, sizeof copy, "%s", folder);
    capture(argv, true, &output, &code);
    text_release(&output);
}

int32_t debian_text_build(const char *manifest, const char *folder, debian_counts *counts)
{
    char work[4096], why[300] = "apt's sources have none; a Debian mirror has them";
    size_t english = 0, german = 0;
    debian_text d = {0};
    TRY(path_join(work, sizeof work, folder, "apt"));
    TRY(directory_create(work));
    int32_t rc = update(work, why, sizeof why);
    if (rc == 0)
        rc = read_indices(&d, work, 0, &english);
    if (rc == 0)
        rc = read_indices(&d, work, 1, &german);
    if (rc == 0 && (!english || !german))
        rc = podium_fail(PODIUM_EIO,
                         "apt-get brought no translated package descriptions "
                         "(i18n/Translation-en, -de): %s",
                         why);
    if (rc == 0)
        rc = debian_text_write(&d, manifest, folder, counts);
    debian_text_release(&d);
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", podium_error());
    remove_folder(work);
    return rc < 0 ? podium_fail(rc, "%s", reason) : 0;
}
