/* Submissions written in Python, "FILE.py:CLASS": served by `python3 -m podium.runner`
 * (python/podium) instead of podium-runner, over the same protocol.  No sandbox holds an
 * interpreter with the user's own packages, so their records are UNRANKED. */
#ifndef HARNESS_PYTHON_SUBMISSION_H
#define HARNESS_PYTHON_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

#define PYTHON_UNRANKED "written in Python, which no sandbox holds"

bool python_submission_is(const char *what);
/* "FILE.py:CLASS" with an absolute file.  Errors: PODIUM_EINVAL: no such file, no class. */
int32_t python_submission_find(const char *what, char *out, size_t size);
/* What a hash is taken of: FILE.py, or `what` when that is a .so. */
int32_t python_submission_file(const char *what, char *out, size_t size);

/* How to start the interpreter: $PODIUM_PYTHON, else python3 of $PATH, in our environment with the
 * package's folder added to PYTHONPATH. */
typedef struct python_command {
    char *argv[8];
    char **envp;
    char *path; /* PYTHONPATH=... */
    char parent[24], threads[40], library[4096];
} python_command;
/* Errors: PODIUM_EINVAL without the package's folder; PODIUM_ENOMEM. */
int32_t python_command_init(python_command *c, const char *library, int32_t threads);
void python_command_release(python_command *c);

#endif
