/* Schedules step by step, and clipping through the helper on vectors of a backend. */
#include "harness/replay_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "podium/schedule.h"

#define MAX_NUMBERS 1000000

static bool has_schema(const json_t *json, const char *schema)
{
    const char *text = json_string_value(json_object_get(json, "schema"));
    return text && !strcmp(text, schema);
}

bool replay_is_rules(const json_t *json)
{
    return has_schema(json, "schedule-case/1") || has_schema(json, "clip-case/1");
}

/* The schedule a case names, from its factors. */
static int32_t read_schedule(const json_t *c, const char *place, podium_schedule *s)
{
    const char *name;
    int64_t hint;
    double warmup, steps, end;
    TRY(json_read_text(c, place, "name", &name));
    TRY(json_read_integer(c, place, "step_hint", 1, MAX_NUMBERS, &hint));
    TRY(json_read_number(c, place, "warmup_factor", &warmup));
    if (!strcmp(name, "warmup_cosine")) {
        podium_schedule_set(s, PODIUM_SCHEDULE_COSINE, hint, warmup, 0, 1, 0);
        return 0;
    }
    if (strcmp(name, "warmup_linear_decay"))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'name': expected warmup_cosine or warmup_linear_decay, got "
                           "'%s'",
                           place, name);
    TRY(json_read_number(c, place, "decay_steps_factor", &steps));
    TRY(json_read_number(c, place, "end_factor", &end));
    podium_schedule_set_linear(s, hint, warmup, steps, end);
    return 0;
}

static int32_t check_schedule(const json_t *c, const char *place, double *error, double *tolerance)
{
    podium_schedule s = {0};
    double rate;
    json_t *values;
    TRY(read_schedule(c, place, &s));
    TRY(json_read_number(c, place, "learning_rate", &rate));
    /* The helper starts at PyTorch's 1e-10 of the rate; JAX starts at 0. */
    bool torch = json_object_get(c, "values_pytorch");
    TRY(json_read_array(c, place, torch ? "values_pytorch" : "values_jax", &values));
    *tolerance = fmax(*tolerance, torch ? 1e-12 : 2e-10);
    for (size_t t = 0; t < json_array_size(values); t++) {
        double want;
        if (!json_number_of(json_array_get(values, t), &want))
            return podium_fail(PODIUM_EINVAL, "%s: step %zu: expected a number", place, t);
        *error = fmax(*error, fabs(podium_schedule_rate(&s, rate, (int64_t)t) - want) / rate);
    }
    return 0;
}

/* A host with one vector: the gradient, behind podium_vec. */
typedef struct clip_host {
    backend *backend;
    int64_t count;
} clip_host;

static int32_t run_program(const podium_host *h, const podium_program *given)
{
    clip_host *host = h->ctx;
    program *p = NULL;
    TRY(program_compile(&p, given->text));
    program_args a = {.count = host->count,
                      .dtype = host->backend->real,
                      .vectors = (void *[]){given->vectors[0]},
                      .constants = given->constants,
                      .sums = given->sums};
    int32_t rc = host->backend->program_run(host->backend, p, &a);
    program_destroy(p);
    return rc;
}

static int32_t run_text(const podium_host *h, const char *text, podium_vec *const *v, int32_t nv,
                        const double *c, int32_t nc)
{
    podium_program p = {
        .text = text, .vectors = v, .num_vectors = nv, .constants = c, .num_constants = nc};
    return run_program(h, &p);
}

/* Clips x [n] on the backend, in its element type. */
static int32_t clip(backend *b, double *x, int64_t n, double max_norm)
{
    clip_host c = {.backend = b, .count = n};
    podium_host host = {.ctx = &c, .vec_program = run_program, .vec_run = run_text};
    if (b->real == PODIUM_F64)
        return podium_clip_gradient(&host, (podium_vec *)(void *)x, max_norm);
    float *single = malloc((size_t)n * sizeof *single);
    if (!single)
        return podium_fail(PODIUM_ENOMEM, "no memory for a gradient");
    for (int64_t i = 0; i < n; i++)
        single[i] = (float)x[i];
    int32_t rc = podium_clip_gradient(&host, (podium_vec *)(void *)single, max_norm);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)single[i];
    free(single);
    return rc;
}

static int32_t check_clip(const json_t *c, const char *place, backend *b, double *error)
{
    double max_norm, want, largest = 1e-300, worst = 0;
    json_t *gradient, *clipped;
    TRY(json_read_number(c, place, "max_norm", &max_norm));
    TRY(json_read_array(c, place, "gradient", &gradient));
    TRY(json_read_array(c, place, "clipped", &clipped));
    size_t n = json_array_size(gradient);
    if (n < 1 || n > MAX_NUMBERS || json_array_size(clipped) != n)
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'clipped': expected as many numbers as the "
                           "gradient has",
                           place);
    double *x = calloc(n, sizeof *x);
    int32_t rc = x ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for a gradient");
    for (size_t i = 0; !rc && i < n; i++)
        if (!json_number_of(json_array_get(gradient, i), &x[i]))
            rc = podium_fail(PODIUM_EINVAL, "%s: field 'gradient'[%zu]: expected a number", place,
                             i);
    if (!rc)
        rc = clip(b, x, (int64_t)n, max_norm);
    for (size_t i = 0; !rc && i < n; i++) {
        if (!json_number_of(json_array_get(clipped, i), &want))
            rc = podium_fail(PODIUM_EINVAL, "%s: field 'clipped'[%zu]: expected a number", place,
                             i);
        largest = fmax(largest, fabs(want));
        worst = fmax(worst, fabs(x[i] - want));
    }
    *error = fmax(*error, worst / largest);
    free(x);
    return rc;
}

int32_t replay_rules(const json_t *json, const char *place, backend *b, double *error,
                     double *tolerance)
{
    json_t *cases;
    bool schedules = has_schema(json, "schedule-case/1");
    TRY(json_read_array(json, place, "cases", &cases));
    *error = 0;
    *tolerance = schedules ? 0 : b->real == PODIUM_F64 ? 1e-12 : 1e-6;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        char where[512];
        snprintf(where, sizeof where, "%s: case %zu", place, i);
        if (!json_is_object(c))
            return podium_fail(PODIUM_EINVAL, "%s: expected an object", where);
        TRY(schedules ? check_schedule(c, where, error, tolerance)
                      : check_clip(c, where, b, error));
    }
    return 0;
}
