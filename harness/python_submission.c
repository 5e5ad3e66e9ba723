/* Names of submissions in Python, and the command line of their runner. */
#include "harness/python_submission.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/text.h"

extern char **environ;

/* The colon behind FILE.py, or NULL. */
static const char *colon_of(const char *what)
{
    const char *at = strstr(what, ".py:");
    return at ? at + 3 : NULL;
}

bool python_submission_is(const char *what)
{
    return what && colon_of(what);
}

static bool is_identifier(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

int32_t python_submission_file(const char *what, char *out, size_t size)
{
    const char *colon = colon_of(what);
    size_t n = colon ? (size_t)(colon - what) : strlen(what);
    if (n >= size)
        return podium_fail(PODIUM_EINVAL, "path '%s' is too long", what);
    memcpy(out, what, n);
    out[n] = '\0';
    return 0;
}

int32_t python_submission_find(const char *what, char *out, size_t size)
{
    const char *colon = colon_of(what);
    char file[PATH_MAX], full[PATH_MAX];
    TRY(python_submission_file(what, file, sizeof file));
    if (!file_exists(file) || !realpath(file, full))
        return podium_fail(PODIUM_EINVAL, "no Python file '%s'", file);
    if (!colon || !is_identifier(colon + 1))
        return podium_fail(PODIUM_EINVAL, "'%s': expected FILE.py:CLASS", what);
    if ((size_t)snprintf(out, size, "%s%s", full, colon) >= size)
        return podium_fail(PODIUM_EINVAL, "path '%s' is too long", what);
    return 0;
}

static bool replaced(const char *variable)
{
    return !strncmp(variable, "PYTHONPATH=", 11) || !strncmp(variable, "OMP_NUM_THREADS=", 16);
}

int32_t python_command_init(python_command *c, const char *library, int32_t threads)
{
    char home[4000];
    const char *python = getenv("PODIUM_PYTHON"), *path = getenv("PYTHONPATH");
    text_buffer b = {0};
    size_t n = 0, used = 0;
    *c = (python_command){0};
    TRY(home_find("python/podium/runner.py", home, sizeof home));
    while (environ[n])
        n++;
    text_print(&b, "PYTHONPATH=%s/python%s%s", home, path && *path ? ":" : "", path ? path : "");
    c->envp = calloc(n + 3, sizeof *c->envp);
    if (!c->envp || b.failed) {
        text_release(&b);
        free(c->envp);
        return podium_fail(PODIUM_ENOMEM, "no memory for Python's environment");
    }
    c->path = b.data;
    for (size_t i = 0; i < n; i++)
        if (!replaced(environ[i]))
            c->envp[used++] = environ[i];
    snprintf(c->threads, sizeof c->threads, "OMP_NUM_THREADS=%d", threads > 0 ? threads : 1);
    c->envp[used++] = c->threads;
    c->envp[used++] = c->path;
    snprintf(c->parent, sizeof c->parent, "%ld", (long)getpid());
    snprintf(c->library, sizeof c->library, "%s", library);
    /* -u: what it prints must be in the log when it is killed; -B: no files beside the sources. */
    char *argv[] = {(char *)(python && *python ? python : "python3"),
                    (char *)"-B",
                    (char *)"-u",
                    (char *)"-m",
                    (char *)"podium.runner",
                    c->parent,
                    c->library,
                    NULL};
    memcpy(c->argv, argv, sizeof argv);
    return 0;
}

void python_command_release(python_command *c)
{
    free(c->envp);
    free(c->path);
}
