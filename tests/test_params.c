/* The parameter table: layout, finding again, initial values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/params.h"
#include "tests/tap.h"

static int32_t declare(params *p, const char *name, int64_t rows, int64_t columns, param_init init)
{
    char text[32];
    size_t n = strlen(name);
    memcpy(text, name, n + 1);
    param q = {.name = text, .ndim = 2, .shape = {rows, columns}, .init = init};
    return params_declare(p, &q);
}

/* Mean, variance and largest magnitude of one parameter's values. */
static void moments(const double *x, int64_t n, double *mean, double *variance, double *most)
{
    double s = 0, s2 = 0;
    *most = 0;
    for (int64_t i = 0; i < n; i++) {
        s += x[i];
        s2 += x[i] * x[i];
        *most = fabs(x[i]) > *most ? fabs(x[i]) : *most;
    }
    *mean = s / (double)n;
    *variance = s2 / (double)n - *mean * *mean;
}

static void check_values(void)
{
    const int64_t out = 100, in = 300;
    static const struct {
        const char *name;
        param_init init;
        double variance, bound;
    } kinds[] = {
        {"normal", {INIT_NORMAL, 0.5, 0, 0}, 0.25, 4},
        {"uniform", {INIT_UNIFORM, 0.3, 0, 0}, 0.03, 0.3},
        {"xavier", {INIT_XAVIER_UNIFORM, 0, 0, 0}, 2.0 / 400, 0.12247448713915891},
        {"lecun",
         {INIT_LECUN_TRUNCATED, 0, 0, 0},
         1.0 / 300,
         2 * 0.057735026918962574 / 0.87962566},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        params *p;
        params_create(&p);
        declare(p, kinds[k].name, out, in, kinds[k].init);
        int64_t n = params_vector_length(p);
        double *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
        float *f = malloc((size_t)n * sizeof *f);
        double mean, variance, most;
        params_initialise(p, 1, PODIUM_F64, a, NULL);
        params_initialise(p, 1, PODIUM_F64, b, NULL);
        params_initialise(p, 1, PODIUM_F32, f, NULL);
        moments(a, out * in, &mean, &variance, &most);
        close_to(variance, kinds[k].variance, 0.03, "%s: variance", kinds[k].name);
        ok(fabs(mean) < 4 * sqrt(kinds[k].variance / (double)(out * in)), "%s: centred",
           kinds[k].name);
        ok(most <= kinds[k].bound && most > 0.8 * sqrt(kinds[k].variance), "%s: bounded",
           kinds[k].name);
        ok(!memcmp(a, b, (size_t)n * sizeof *a), "%s: the same again", kinds[k].name);
        bool same = true;
        for (int64_t i = 0; i < n; i++)
            same = same && f[i] == (float)a[i];
        ok(same, "%s: f32 is f64 rounded", kinds[k].name);
        params_initialise(p, 2, PODIUM_F64, b, NULL);
        ok(memcmp(a, b, (size_t)n * sizeof *a) != 0, "%s: another seed differs", kinds[k].name);
        free(a);
        free(b);
        free(f);
        params_destroy(p);
    }
}

static bool starts_with(const param *spec, const void *context)
{
    return spec->name[0] == *(const char *)context;
}

/* A rule sends parameters to the frozen vector whatever they say themselves. */
static void check_freezing(void)
{
    params *p;
    params_create(&p);
    params_freeze(p, starts_with, "a");
    int32_t a = declare(p, "a", 3, 5, (param_init){.kind = INIT_ONE});
    int32_t b = declare(p, "b", 2, 2, (param_init){.kind = INIT_ONE});
    ok(params_get(p, a)->frozen && !params_get(p, b)->frozen, "the rule decides what is frozen");
    ok(params_get(p, b)->offset == 0 && params_vector_length(p) == 16 &&
           params_frozen_length(p) == 16 && params_trainable_elements(p) == 4,
       "trainable parameters alone lie in the vector");
    ok(declare(p, "a", 3, 5, (param_init){0}) == a, "a frozen one is found again");
    params_freeze(p, NULL, NULL);
    ok(declare(p, "a", 3, 5, (param_init){0}) == PODIUM_EINVAL, "not as a trainable one");
    params_destroy(p);
}

int main(void)
{
    params *p;
    params_create(&p);
    int32_t a = declare(p, "a", 3, 5, (param_init){.kind = INIT_ONE});
    int32_t b = declare(p, "b", 2, 2, (param_init){.kind = INIT_CONSTANT, .a = 7});
    ok(a == 0 && b == 1 && params_get(p, b)->offset == 16, "segments start at multiples of 16");
    ok(params_vector_length(p) == 32 && params_trainable_elements(p) == 19,
       "length counts padding, elements do not");
    ok(declare(p, "a", 3, 5, (param_init){0}) == a, "declared again, it is found");
    ok(declare(p, "a", 5, 3, (param_init){0}) == PODIUM_EINVAL, "with another shape it is refused");
    params_close(p);
    ok(declare(p, "c", 1, 1, (param_init){0}) == PODIUM_EINVAL, "after closing nothing is added");
    ok(strstr(podium_error(), "'c'") != NULL, "and the message names it");
    float x[32];
    params_initialise(p, 0, PODIUM_F32, x, NULL);
    ok(x[0] == 1 && x[14] == 1 && x[15] == 0 && x[16] == 7 && x[19] == 7 && x[20] == 0,
       "constants are written and padding is zero");
    params_destroy(p);
    check_values();
    check_freezing();
    return tap_done();
}
