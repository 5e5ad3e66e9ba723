/* podium replay CASE.json...: golden optimizer trajectories through their .so. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/ranks.h"
#include "harness/hyperparameters.h"
#include "harness/replay.h"
#include "harness/replay_rules.h"

#define MAX_SETS 64

typedef struct options {
    const char *device, *precision, *submission, *layout, *against;
    const char *sets[MAX_SETS];
    size_t num_sets;
    int64_t threads;
    double tolerance; /* < 0: each case's own */
    bool quiet;
} options;

/* The value behind option argv[*i]. */
static int32_t take(int argc, char **argv, int *i, const char **out)
{
    if (*i + 1 >= argc)
        return podium_fail(PODIUM_EINVAL, "option '%s' needs a value", argv[*i]);
    *out = argv[++*i];
    return 0;
}

/* Moves the cases to the front of argv; returns their number or a negative status. */
static int32_t parse(int argc, char **argv, options *o)
{
    int32_t cases = 0;
    const char *text = "";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--device")) {
            TRY(take(argc, argv, &i, &o->device));
        } else if (!strcmp(argv[i], "--precision")) {
            TRY(take(argc, argv, &i, &o->precision));
        } else if (!strcmp(argv[i], "--submission")) {
            TRY(take(argc, argv, &i, &o->submission));
        } else if (!strcmp(argv[i], "--against")) {
            TRY(take(argc, argv, &i, &o->against));
        } else if (!strcmp(argv[i], "--set")) {
            if (o->num_sets == MAX_SETS)
                return podium_fail(PODIUM_EINVAL, "more than %d options --set", MAX_SETS);
            TRY(take(argc, argv, &i, &o->sets[o->num_sets]));
            o->num_sets++;
        } else if (!strcmp(argv[i], "--tolerance")) {
            TRY(take(argc, argv, &i, &text));
            if (!number_parse(text, &o->tolerance) || !(o->tolerance >= 0))
                return podium_fail(PODIUM_EINVAL, "--tolerance %s: expected a number >= 0", text);
        } else if (!strcmp(argv[i], "--parallel")) {
            TRY(take(argc, argv, &i, &o->layout));
        } else if (!strcmp(argv[i], "--threads")) {
            TRY(take(argc, argv, &i, &text));
            if (!integer_parse(text, &o->threads) || o->threads < 1 || o->threads > 4096)
                return podium_fail(PODIUM_EINVAL, "--threads %s: expected 1 to 4096", text);
        } else if (!strcmp(argv[i], "--quiet")) {
            o->quiet = true;
        } else if (argv[i][0] == '-') {
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        } else {
            argv[cases++] = argv[i];
        }
    }
    if (!cases)
        return podium_fail(PODIUM_EINVAL, "expected at least one CASE.json");
    if (strcmp(o->precision, "f32") && strcmp(o->precision, "bf16"))
        return podium_fail(PODIUM_EINVAL, "--precision %s: expected f32 or bf16", o->precision);
    if (!strcmp(o->precision, "bf16"))
        return podium_fail(PODIUM_ENOTSUP, "--precision bf16: a replay has no matrix product that "
                                           "could be in bf16");
    return cases;
}

/* Schedules and clipping, when the file at `path` is one of these: *is_rules. */
static int32_t check_rules(const char *path, const options *o, backend *b, double *worst,
                           bool *passed, bool *is_rules)
{
    json_t *json;
    double error = 0, tolerance = 0;
    TRY(json_read_file(&json, path));
    *is_rules = replay_is_rules(json);
    int32_t rc = *is_rules ? replay_rules(json, path, b, &error, &tolerance) : 0;
    json_decref(json);
    TRY(rc);
    if (!*is_rules)
        return 0;
    if (o->tolerance >= 0)
        tolerance = o->tolerance;
    bool good = error <= tolerance;
    if (!o->quiet || !good)
        printf("%-4s %-32s error %.2e (tolerance %.0e)\n", good ? "ok" : "FAIL", path, error,
               tolerance);
    *worst = error > *worst ? error : *worst;
    *passed = *passed && good;
    return 0;
}

/* With --against the case gives the problem, the prototype the trajectory.  A submission that is
 * not the case's optimizer cannot take its hyperparameters, nor the float32 error of its original.
 */
static int32_t expect_prototype(replay_case *c, const options *o, backend *b)
{
    char path[PATH_MAX];
    if (o->submission) {
        c->hyperparameters = NULL;
        c->float32_magnitude = 0;
    }
    int32_t rc = submission_find(o->against, path, sizeof path);
    if (!rc)
        rc = replay_expect(c, path, b);
    return rc ? podium_fail_in(rc, "%s", o->against) : 0;
}

static int32_t replay_one(const char *path, const options *o, backend *b, parallel *ranks,
                          double *worst, bool *passed)
{
    bool is_rules;
    TRY(check_rules(path, o, b, worst, passed, &is_rules));
    if (is_rules)
        return 0;
    replay_case *c;
    replay_result result;
    char so[PATH_MAX];
    TRY(parallel_agree(ranks, replay_load(&c, path)));
    c->sets = o->sets;
    c->num_sets = o->num_sets;
    int32_t rc = submission_find(o->submission ? o->submission : c->optimizer, so, sizeof so);
    if (!rc && o->against)
        rc = expect_prototype(c, o, b);
    rc = parallel_agree(ranks, rc);
    if (!rc)
        rc = replay_run_on(c, so, b, o->tolerance, ranks, &result);
    if (rc < 0) {
        replay_destroy(c);
        return podium_fail_in(rc, "%s", path);
    }
    if (!o->quiet || !result.passed)
        printf("%-4s %-32s error %.2e (tolerance %.0e), displacement %.2e, loss %.2e, "
               "%d of %d scalars %.2e, %lld gradients\n",
               result.passed ? "ok" : "FAIL", c->name, result.error, result.tolerance,
               result.displacement, result.loss, result.num_scalars, c->num_scalars, result.scalar,
               (long long)result.gradient_evaluations);
    if (result.gradient_evaluations != c->gradient_evaluations)
        printf("     %s: %lld gradient evaluations, expected %lld\n", c->name,
               (long long)result.gradient_evaluations, (long long)c->gradient_evaluations);
    *worst = result.error > *worst ? result.error : *worst;
    *passed = *passed && result.passed;
    replay_destroy(c);
    return 0;
}

/* All cases on the ranks of `ranks` (NULL: one). */
static int replay_all(int32_t cases, char **argv, const options *given, parallel *ranks)
{
    options o = *given;
    backend *b;
    TRY(parallel_agree(ranks, backend_open(&b, o.device, (int)o.threads)));
    double worst = 0;
    bool passed = true;
    int32_t rc = 0;
    for (int32_t i = 0; !rc && i < cases; i++)
        rc = replay_one(argv[i], &o, b, ranks, &worst, &passed);
    backend_close(b);
    if (rc)
        return rc;
    printf("max relative error %.3e\n", worst);
    return passed ? EXIT_DONE : EXIT_MEASURED_FAILED;
}

static int run(int argc, char **argv)
{
    options o = {.device = "cpu", .precision = "f32", .tolerance = -1, .threads = 1};
    int32_t cases = parse(argc, argv, &o);
    if (cases < 0)
        return cases;
    if (!o.layout)
        return replay_all(cases, argv, &o, NULL);
    comm *c;
    parallel ranks;
    TRY(comm_open(&c));
    int rc = parallel_init(&ranks, c, o.layout);
    if (rc >= 0) {
        ranks_speak_once(c);
        rc = replay_all(cases, argv, &o, &ranks);
        parallel_release(&ranks);
    }
    comm_close(c);
    return rc;
}

const command command_replay = {
    .name = "replay",
    .summary = "replay golden optimizer trajectories",
    .usage =
        "usage: podium replay CASE.json... [--device ref|cpu|cuda|hip] [--precision f32]\n"
        "                     [--tolerance E] [--submission X] [--threads N] [--parallel LAYOUT]\n"
        "                     [--quiet] [--against PROTOTYPE] [--set NAME=VALUE]...\n\n"
        "Replays each golden trajectory through build/optimizers/NAME.so (or X) and compares.\n"
        "On ref (double) the error is relative to the displacement and the limit is the\n"
        "case's; in f32 it is relative to the weights, limit 1e-5 or ten times the original's\n"
        "own float32 error. Numbers that the submission keeps under the original's names (d, lb, "
        "...)\n"
        "are compared too. schedules.json and clipping.json check the helpers of include/podium.\n"
        "--against compares with what PROTOTYPE does on the case instead, such as "
        "my.py:MyOptimizer\n"
        "whose port to C X is; then X and PROTOTYPE run at their defaults and --set, or, without\n"
        "--submission, at the hyperparameters of the case.\n"
        "The last line is the largest error; exit status 1 past a limit.\n\n"
        "With --parallel dp=N[,zero=1] under `mpirun -n N`, the ranks replay together: each has\n"
        "its part of every gradient (and, with zero=1, of the optimizer's state).\n",
    .run = run,
};
