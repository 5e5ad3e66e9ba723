/* Schedules and clipping against the AlgoPerf and PyTorch numbers, and the hyperparameters that an
 * optimizer gets from one line. */
#include "podium/schedule.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "engine/program.h"
#include "tests/tap.h"

static const podium_hyperparameter *const table[] = {PODIUM_SCHEDULE_HYPERPARAMETERS,
                                                     PODIUM_CLIP_HYPERPARAMETER, NULL};

static double field(const json_t *c, const char *name, double otherwise)
{
    const json_t *x = json_object_get(c, name);
    return x ? json_number_value(x) : otherwise;
}

/* Largest difference to values[t], relative to the peak rate. */
static double worst(const json_t *c, const char *values, const podium_schedule *s)
{
    const json_t *list = json_object_get(c, values);
    double rate = field(c, "learning_rate", NAN), most = json_array_size(list) ? 0 : INFINITY;
    for (size_t t = 0; t < json_array_size(list); t++) {
        double want = json_number_value(json_array_get(list, t));
        most = fmax(most, fabs(podium_schedule_rate(s, rate, (int64_t)t) - want) / rate);
    }
    return most;
}

static void test_golden(void)
{
    json_error_t error;
    json_t *root = json_load_file("tests/golden/optimizers/schedules.json", 0, &error);
    if (!ok(root != NULL, "reads schedules.json"))
        return;
    const json_t *cases = json_object_get(root, "cases");
    ok(json_array_size(cases) == 5, "five cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        bool cosine = !strcmp(json_string_value(json_object_get(c, "name")), "warmup_cosine");
        podium_schedule s;
        int64_t hint = (int64_t)field(c, "step_hint", 0);
        double warmup = field(c, "warmup_factor", 0);
        if (cosine)
            podium_schedule_set(&s, PODIUM_SCHEDULE_COSINE, hint, warmup, 0, 1, 0);
        else
            podium_schedule_set_linear(&s, hint, warmup, field(c, "decay_steps_factor", 1),
                                       field(c, "end_factor", 0));
        ok(cosine || s.end_step - s.start_step == (int64_t)field(c, "decay_steps", -1),
           "case %zu: decay steps", i);
        ok(s.warmup_steps == (int64_t)field(c, "warmup_steps", -1), "case %zu: warm-up steps", i);
        double e = worst(c, cosine ? "values_pytorch" : "values_jax", &s);
        /* PyTorch's recursion drifts by a few units in the last place; JAX starts at 0. */
        if (!ok(e < (cosine ? 1e-13 : 2e-10), "case %zu: every step's rate", i))
            tap_diag("worst difference %.3g of the peak rate", e);
    }
    json_decref(root);
}

static double factor(int32_t kind, int64_t t)
{
    podium_schedule s;
    podium_schedule_set(&s, kind, 1000, 0.1, 0.5, 1, 0.1);
    return podium_schedule_factor(&s, t);
}

static void test_shapes(void)
{
    for (int32_t kind = 0; kind < 5; kind++) {
        close_to(factor(kind, 0), 1e-10, 1e-12, "schedule %d warms up from 1e-10", kind);
        close_to(factor(kind, 50), 0.5, 1e-9, "schedule %d is half way at half the warm-up", kind);
        close_to(factor(kind, 100), 1, 0, "schedule %d reaches the rate", kind);
    }
    close_to(factor(PODIUM_SCHEDULE_CONSTANT, 5000), 1, 0, "constant stays");
    close_to(factor(PODIUM_SCHEDULE_INVERSE_SQRT, 400), 0.5, 1e-15, "inverse root of the step");
    close_to(factor(PODIUM_SCHEDULE_WARMUP_STABLE_DECAY, 500), 1, 0, "stable until decay_start");
    close_to(factor(PODIUM_SCHEDULE_WARMUP_STABLE_DECAY, 750), 0.55, 1e-15, "half decayed");
    close_to(factor(PODIUM_SCHEDULE_COSINE, 550), 0.55, 1e-15, "half a cosine");
    for (int32_t kind = 1; kind < 5; kind++)
        if (kind != PODIUM_SCHEDULE_INVERSE_SQRT)
            close_to(factor(kind, 3000), 0.1, 0, "schedule %d stays at end_factor", kind);
}

static char said[128];

static int32_t fail(const podium_host *h, int32_t status, const char *text)
{
    (void)h;
    snprintf(said, sizeof said, "%s", text);
    return status;
}

static void test_declaration(void)
{
    static const char *const names[] = {"schedule",  "warmup",     "decay_start",
                                        "decay_end", "end_factor", "grad_clip"};
    podium_value values[6];
    const podium_value *list[6];
    for (int i = 0; i < 6; i++) {
        is_text(table[i]->name, names[i], "declares %s", names[i]);
        values[i] = (podium_value){.type = table[i]->type, .number = table[i]->value};
        list[i] = &values[i];
    }
    ok(table[6] == NULL && isnan(table[5]->value) && table[5]->may_be_none, "no clipping at first");
    podium_host host = {.fail = fail};
    podium_schedule s;
    ok(podium_schedule_init(&s, &host, list, 100) == 0, "defaults are legal");
    ok(podium_schedule_factor(&s, 0) == 1 && podium_schedule_factor(&s, 1000) == 1,
       "and leave the rate alone");
    values[0].integer = PODIUM_SCHEDULE_COSINE;
    values[1].number = 0.5;
    values[3].number = 0.25;
    ok(podium_schedule_init(&s, &host, list, 100) == PODIUM_EINVAL && strstr(said, "decay_end"),
       "a decay that ends before it begins is refused");
}

/* A host with one vector of `count` doubles behind podium_vec. */
typedef struct toy {
    int64_t count;
    int runs;
} toy;

static int32_t run(const podium_host *h, const podium_program *given)
{
    toy *t = h->ctx;
    program *p = NULL;
    TRY(program_compile(&p, given->text));
    program_args a = {.count = t->count,
                      .dtype = PODIUM_F64,
                      .vectors = (void *[]){given->vectors[0]},
                      .constants = given->constants,
                      .sums = given->sums};
    int32_t rc = program_run_host(p, &a, 1);
    program_destroy(p);
    t->runs++;
    return rc;
}

static int32_t vec_run(const podium_host *h, const char *text, podium_vec *const *v, int32_t nv,
                       const double *c, int32_t nc)
{
    podium_program p = {
        .text = text, .vectors = v, .num_vectors = nv, .constants = c, .num_constants = nc};
    return run(h, &p);
}

static void test_clipping(void)
{
    json_error_t error;
    json_t *root = json_load_file("tests/golden/optimizers/clipping.json", 0, &error);
    const json_t *cases = json_object_get(root, "cases");
    ok(json_array_size(cases) == 3, "three clipping cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *g = json_object_get(c, "gradient");
        double x[64];
        toy t = {.count = (int64_t)json_array_size(g)};
        podium_host host = {.ctx = &t, .vec_program = run, .vec_run = vec_run};
        for (int64_t k = 0; k < t.count && k < 64; k++)
            x[k] = json_number_value(json_array_get(g, (size_t)k));
        podium_vec *v = (podium_vec *)(void *)x;
        ok(podium_clip_gradient(&host, v, NAN) == 0 && t.runs == 0, "no norm, no pass");
        ok(podium_clip_gradient(&host, v, field(c, "max_norm", 0)) == 0, "clips case %zu", i);
        const json_t *want = json_object_get(c, "clipped");
        for (int64_t k = 0; k < t.count && k < 64; k++)
            close_to(x[k], json_number_value(json_array_get(want, (size_t)k)), 1e-14,
                     "case %zu: element %d", i, (int)k);
    }
    json_decref(root);
}

int main(void)
{
    test_golden();
    test_shapes();
    test_declaration();
    test_clipping();
    return tap_done();
}
