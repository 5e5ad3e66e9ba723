/* Averages of the weights: EMA, polynomial and LAWA against their sums, and a swap that undoes
 * itself bit for bit. */
#include "podium/average.h"

#include <math.h>
#include <string.h>
#include "engine/program.h"
#include "tests/tap.h"

enum { N = 5, MAX_VECTORS = 24 };

/* A host whose vectors are rows of N doubles. */
static double vectors[MAX_VECTORS][N];
static int used;

static int32_t vec_create(const podium_host *h, const char *name, int32_t dtype, podium_vec **out)
{
    (void)h, (void)name, (void)dtype;
    memset(vectors[used], 0, sizeof vectors[used]);
    *out = (podium_vec *)(void *)vectors[used++];
    return 0;
}

static int32_t vec_copy(const podium_host *h, podium_vec *dst, const podium_vec *src)
{
    (void)h;
    memcpy(dst, src, sizeof vectors[0]);
    return 0;
}

static int32_t vec_run(const podium_host *h, const char *text, podium_vec *const *v, int32_t nv,
                       const double *c, int32_t nc)
{
    (void)h, (void)nv, (void)nc;
    program *p = NULL;
    TRY(program_compile(&p, text));
    program_args a = {
        .count = N, .dtype = PODIUM_F64, .vectors = (void *[]){v[0], v[1]}, .constants = c};
    int32_t rc = program_run_host(p, &a, 1);
    program_destroy(p);
    return rc;
}

static int32_t keep(const podium_host *h, const char *name, void *bytes, size_t size)
{
    (void)h, (void)name, (void)bytes, (void)size;
    return 0;
}

static int32_t fail(const podium_host *h, int32_t status, const char *text)
{
    (void)h, (void)text;
    return status;
}

static const podium_host host = {
    .vec_create = vec_create, .vec_copy = vec_copy, .vec_run = vec_run, .keep = keep, .fail = fail};

/* Element 2 of the weights after step t = 1, 2, ... */
static double weight(int t)
{
    return 3 + sin(1.7 * t);
}

/* The average of element 2 after `steps` steps. */
static double run(podium_average *a, double *x, int steps)
{
    for (int t = 1; t <= steps; t++) {
        x[2] = weight(t);
        podium_average_update(a, (podium_vec *)(void *)x, t - 1);
    }
    return ((double *)(void *)a->mean)[2];
}

int main(void)
{
    double x[N] = {1, 2, 3, 4, 5}, want, sum;
    podium_average a = {0};
    used = 0;
    ok(!podium_average_init(&a, &host, PODIUM_AVERAGE_EMA, 0.9, 0, 0) && used == 1,
       "a mean costs one vector");
    want = weight(1);
    for (int t = 2; t <= 9; t++)
        want = 0.9 * want + 0.1 * weight(t);
    close_to(run(&a, x, 9), want, 1e-14, "EMA starts at the first weights");
    double before[N], shown[N];
    memcpy(before, x, sizeof x);
    memcpy(shown, a.mean, sizeof shown);
    podium_average_swap(&a, (podium_vec *)(void *)x);
    ok(!memcmp(x, shown, sizeof x), "an evaluation sees the mean");
    podium_average_swap(&a, (podium_vec *)(void *)x);
    ok(!memcmp(x, before, sizeof x), "then the weights are back, bit for bit");

    a = (podium_average){0};
    podium_average_init(&a, &host, PODIUM_AVERAGE_POLYNOMIAL, 0, 0, 0);
    sum = 0;
    for (int t = 1; t <= 9; t++)
        sum += weight(t);
    close_to(run(&a, x, 9), sum / 9, 1e-14, "gamma 0 is the plain mean");

    a = (podium_average){0};
    podium_average_init(&a, &host, PODIUM_AVERAGE_LAWA, 0, 2, 3);
    close_to(run(&a, x, 1), weight(1), 0, "LAWA before its first snapshot shows the weights");
    a.taken = 0;
    close_to(run(&a, x, 4), (weight(2) + weight(4)) / 2, 1e-14, "then the mean of what there is");
    a.taken = 0;
    close_to(run(&a, x, 11), (weight(6) + weight(8) + weight(10)) / 3, 1e-14,
             "then of the last three");
    ok(podium_average_init(&a, &host, PODIUM_AVERAGE_LAWA, 0, 2, 1) == PODIUM_EINVAL,
       "a window of one is refused");
    return tap_done();
}
