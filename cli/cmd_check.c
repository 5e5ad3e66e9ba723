/* podium check SUBMISSION: is it a good citizen? */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "harness/check.h"

#define MAX_SETTINGS 64

typedef struct settings {
    const char *text[MAX_SETTINGS];
    int count;
} settings;

static void report(void *arg, bool passed, const char *question, const char *finding)
{
    (void)arg;
    printf("%-5s %s\n", passed ? "ok" : "WRONG", question);
    if (!passed)
        printf("      %s\n", finding);
}

static int32_t configure(void *arg, hyperparameters *h)
{
    const settings *s = arg;
    for (int i = 0; i < s->count; i++)
        TRY(hyperparameters_set_text(h, s->text[i]));
    return 0;
}

static int32_t parse(int argc, char **argv, settings *s, check_options *o, const char **device,
                     const char **what)
{
    *what = NULL;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool is_option = argv[i][0] == '-';
        if (is_option && !next)
            return podium_fail(PODIUM_EINVAL, "option '%s' is unknown or needs a value", argv[i]);
        if (!strcmp(argv[i], "--set")) {
            if (s->count == MAX_SETTINGS)
                return podium_fail(PODIUM_EINVAL, "more than %d times --set", MAX_SETTINGS);
            s->text[s->count++] = next;
        } else if (!strcmp(argv[i], "--device")) {
            *device = next;
        } else if (!strcmp(argv[i], "--timeout")) {
            if (!number_parse(next, &o->timeout_seconds) || !(o->timeout_seconds > 0))
                return podium_fail(PODIUM_EINVAL, "--timeout %s: expected seconds above 0", next);
        } else if (!strcmp(argv[i], "--seed")) {
            int64_t seed;
            if (!integer_parse(next, &seed))
                return podium_fail(PODIUM_EINVAL, "--seed %s: expected an integer", next);
            o->seed = (uint64_t)seed;
        } else if (is_option) {
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        } else if (*what) {
            return podium_fail(PODIUM_EINVAL, "expected one submission, got '%s' too", argv[i]);
        } else {
            *what = argv[i];
        }
        i += is_option;
    }
    return *what ? 0 : podium_fail(PODIUM_EINVAL, "expected a submission");
}

static int run(int argc, char **argv)
{
    settings s = {.count = 0};
    check_options o = {
        .configure = configure,
        .configure_arg = &s,
        .report = report,
        .seed = 1,
    };
    const char *device = "ref", *what;
    char so[PATH_MAX];
    bool passed = false;
    TRY(parse(argc, argv, &s, &o, &device, &what));
    TRY(submission_find(what, so, sizeof so));
    TRY(backend_open(&o.backend, device, 1));
    int32_t rc = check_submission(so, &o, &passed);
    backend_close(o.backend);
    if (rc)
        return rc;
    printf("%s\n", passed ? "good: it can race" : "not yet: mend what is marked WRONG");
    return passed ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

const command command_check = {
    .name = "check",
    .summary = "is a submission a good citizen?",
    .usage =
        "usage: podium check SUBMISSION [--set NAME=VALUE]... [--device ref|cpu]\n"
        "                    [--timeout SECONDS] [--seed S]\n\n"
        "SUBMISSION is a .so, FILE.py:CLASS, a folder with submission.so, or the name of a built\n"
        "optimizer.\n"
        "Loads it, runs it on a toy problem, runs it again, kills it at random steps (chosen\n"
        "by --seed) and resumes it, and says in words what is wrong. Exit status 1 if\n"
        "anything is.\n",
    .run = run,
};
