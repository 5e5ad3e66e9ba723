/* The exact form of `podium verify`: a record against a rerun of it, and against itself.  A rerun
 * has times of its own, so those of the record are held against each other: a segment's calibrated
 * time follows from its seconds and the reference steps on its two sides. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/revision.h"
#include "cli/verify.h"

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* ---- the header --------------------------------------------------------------------------- */

static bool same_value(const json_t *a, const json_t *b)
{
    double x, y;
    if (json_number_of(a, &x) && json_number_of(b, &y))
        return same_number(x, y);
    return json_equal(a, b);
}

static void print_value(text_buffer *say, const json_t *value)
{
    char *s = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    text_print(say, "%.80s", s ? s : "nothing");
    free(s);
}

/* What decides what was trained: the machine and the build are in the form, and the rest of the
 * header is what the rerun was given. */
static bool headers_differ(const record *r, const record *again, text_buffer *say)
{
    static const struct {
        const char *section, *key;
    } fields[] = {
        {"submission", "declared_name"}, {"submission", "version"},
        {"submission", "authors"},       {"submission", "batch_size"},
        {"submission", "defaults_only"}, {"submission", "hyperparameters"},
        {"workload", "parameters"},      {"workload", "batch_size"},
        {"workload", "step_hint"},       {"workload", "eval_every_examples"},
        {"workload", "budget_steps"},    {"workload", "target"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *section = fields[i].section, *key = fields[i].key;
        const json_t *a = json_object_get(json_object_get(r->header, section), key);
        const json_t *b = json_object_get(json_object_get(again->header, section), key);
        if (!a || same_value(a, b))
            continue;
        text_print(say, "header, %s.%s: ", section, key);
        print_value(say, a);
        text_add(say, " in the record, ");
        print_value(say, b);
        text_add(say, " here");
        return true;
    }
    return false;
}

/* ---- evaluations -------------------------------------------------------------------------- */

/* Names the first field that differs. */
static bool evaluation_differs(const record_evaluation *a, const record_evaluation *b,
                               size_t number, text_buffer *say)
{
    const struct {
        const char *name;
        int64_t recorded, here;
    } counts[] = {
        {"step", a->step, b->step},
        {"examples", a->examples, b->examples},
        {"gradient_evaluations", a->gradient_evaluations, b->gradient_evaluations},
    };
    const struct {
        const char *name;
        double recorded, here;
    } metrics[] = {
        {"loss", a->loss, b->loss},
        {"accuracy", a->quality, b->quality},
        {"model_flops", a->clock[CLOCK_FLOPS], b->clock[CLOCK_FLOPS]},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].recorded != counts[i].here) {
            text_print(say,
                       "evaluation %zu (step %" PRId64 "), %s: %" PRId64 " in the record, %" PRId64
                       " here",
                       number, a->step, counts[i].name, counts[i].recorded, counts[i].here);
            return true;
        }
    if (strcmp(a->hash, b->hash)) {
        text_print(say,
                   "evaluation %zu (step %" PRId64 "), hash: %.16s... in the record, %.16s... here",
                   number, a->step, a->hash, b->hash);
        return true;
    }
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (!same_number(metrics[i].recorded, metrics[i].here)) {
            text_print(say,
                       "evaluation %zu (step %" PRId64 "), %s: %.17g in the record, %.17g here",
                       number, a->step, metrics[i].name, metrics[i].recorded, metrics[i].here);
            return true;
        }
    return false;
}

/* ---- the record against itself ------------------------------------------------------------ */

static bool times_contradict(const record *r, text_buffer *say)
{
    for (size_t i = 1; i < r->num_evaluations; i++) {
        const record_evaluation *a = &r->evaluations[i - 1], *b = &r->evaluations[i];
        double seconds = b->clock[CLOCK_WALL] - a->clock[CLOCK_WALL];
        double step = 0.5 * (a->reference_step_seconds + b->reference_step_seconds);
        double follows = a->clock[CLOCK_CALIBRATED] + seconds / step;
        if (fabs(b->clock[CLOCK_CALIBRATED] - follows) <= 1e-9 * follows)
            continue;
        text_print(say,
                   "evaluation %zu (step %" PRId64 "), calibrated: %.17g in the record, %.17g "
                   "follows from wall_seconds and reference_step_seconds",
                   i + 1, b->step, b->clock[CLOCK_CALIBRATED], follows);
        return true;
    }
    return false;
}

static bool end_contradicts(const record *r, text_buffer *say)
{
    int64_t hit = record_hit(r);
    const json_t *target = r->end ? json_object_get(r->end, "time_to_target") : NULL;
    const struct {
        const char *key;
        double at_hit;
    } fields[] = {
        {"step", hit < 0 ? NAN : (double)r->evaluations[hit].step},
        {"wall_seconds", hit < 0 ? NAN : r->evaluations[hit].clock[CLOCK_WALL]},
        {"calibrated", hit < 0 ? NAN : r->evaluations[hit].clock[CLOCK_CALIBRATED]},
    };
    for (size_t i = 0; hit >= 0 && target && i < sizeof fields / sizeof *fields; i++) {
        double x;
        if (json_number_of(json_object_get(target, fields[i].key), &x) && x == fields[i].at_hit)
            continue;
        text_print(say, "end, time_to_target.%s: ", fields[i].key);
        print_value(say, json_object_get(target, fields[i].key));
        text_print(say, " in the record, evaluation %" PRId64 " says %.17g", hit + 1,
                   fields[i].at_hit);
        return true;
    }
    double total, host, growth;
    if (!r->end || !json_number_of(json_object_get(r->end, "optimizer_bytes"), &total) ||
        !json_number_of(json_object_get(r->end, "host_bytes"), &host) ||
        !json_number_of(json_object_get(r->end, "runner_growth_bytes"), &growth) ||
        total == host + fmax(growth, 0))
        return false;
    text_print(say, "end, optimizer_bytes: %.0f in the record, its parts add up to %.0f", total,
               host + fmax(growth, 0));
    return true;
}

bool verify_contradicts(const record *r, text_buffer *say)
{
    return times_contradict(r, say) || end_contradicts(r, say);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* A run that stopped for the time it took may be shorter: clocks are not compared. */
static bool ended_by_time(const record *r, bool keep_going)
{
    return !r->end || keep_going || !strcmp(r->reason, "budget exhausted") ||
           strstr(r->reason, "did not return");
}

/* A search ended it by the rule that its header names, for how other trials did: what it holds is
 * compared, a rerun knows no others. */
static bool ended_by_halving(const record *r)
{
    const char *search = json_string_value(json_object_get(r->header, "search"));
    return r->end && !strncmp(r->reason, "halved: ", 8) && search &&
           strstr(search, "successive halving");
}

static bool ends_differ(const record *r, const record *again, bool keep_going, text_buffer *say)
{
    size_t n = r->num_evaluations, m = again->num_evaluations;
    const record *shorter = n < m ? r : again;
    double a, b;
    if (n != m && !ended_by_time(shorter, keep_going) && !(n < m && ended_by_halving(r))) {
        text_print(say, "end: %zu evaluations in the record, %zu here", n, m);
        return true;
    }
    if (n == m && r->end && !ended_by_time(r, keep_going) && !ended_by_time(again, keep_going) &&
        (r->valid != again->valid || r->reached != again->reached)) {
        text_print(say, "end, status: %s%s in the record, %s%s here",
                   r->valid ? "VALID" : "INVALID", r->reached ? ", reached" : "",
                   again->valid ? "VALID" : "INVALID", again->reached ? ", reached" : "");
        return true;
    }
    if (r->end && r->valid && again->end && again->valid &&
        json_number_of(json_object_get(r->end, "host_bytes"), &a) &&
        json_number_of(json_object_get(again->end, "host_bytes"), &b) && a != b) {
        text_print(say, "end, host_bytes: %.0f in the record, %.0f here", a, b);
        return true;
    }
    return false;
}

/* What else may be the reason of a difference. */
static void note_build(const record *r, text_buffer *say)
{
    const char *revision, *compiler;
    if (verify_text(r, "build", "revision", &revision) ||
        verify_text(r, "build", "compiler", &compiler))
        return;
    if (strcmp(revision, podium_revision) || strcmp(compiler, __VERSION__))
        text_print(say, "\n  it was made by revision %s, compiler %s; this is %s, %s", revision,
                   compiler, podium_revision, __VERSION__);
}

bool verify_agree(const record *r, const record *again, const char *rebuilt, text_buffer *say)
{
    size_t n = r->num_evaluations, m = again->num_evaluations, common = n < m ? n : m;
    /* A trial that is told to run on after the target ends by its budget. */
    bool keep_going = json_is_true(json_object_get(r->header, "keep_going"));
    bool differ = headers_differ(r, again, say);
    for (size_t i = 0; i < common && !differ; i++)
        differ = evaluation_differs(&r->evaluations[i], &again->evaluations[i], i + 1, say);
    differ = differ || ends_differ(r, again, keep_going, say);
    if (differ)
        note_build(r, say);
    else if (n == m)
        text_print(say, "exact: all %zu evaluations agree bit for bit", n);
    else
        text_print(say,
                   "exact: the %zu evaluations that both contain agree bit for bit (%zu in the "
                   "record)",
                   common, n);
    if (rebuilt[0])
        text_print(say, "\n  by another build of the submission: sha256 %.16s..., not %.16s...",
                   rebuilt, r->submission_sha256);
    return !differ;
}
