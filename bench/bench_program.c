/* A NadamW step over one flat f32 vector: the program runner against a hand-written OpenMP loop.
 * Medians of interleaved runs; prints the ratio for 1 and 2 threads.
 * usage: bench_program [millions of parameters, default 20] */
#include "engine/program_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { ROUNDS = 15, WAYS = 3 };

typedef struct problem {
    int64_t n;
    float *x, *g, *m, *v;
    double c[9];
} problem;

static const char text[] = "v2 = c0*v2 + c1*v1; v3 = c2*v3 + c3*v1*v1;"
                           "v0 = v0 - c4*v0 - c5*(c0*v2 + c1*v1)/(sqrt(v3)*c6 + c7)";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void hand_written(const problem *p, int threads)
{
    const float b1 = (float)p->c[0], a1 = (float)p->c[1], b2 = (float)p->c[2], a2 = (float)p->c[3];
    const float decay = (float)p->c[4], rate = (float)p->c[5];
    const float scale = (float)p->c[6], eps = (float)p->c[7];
    float *restrict x = p->x, *restrict m = p->m, *restrict v = p->v;
    const float *restrict g = p->g;
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < p->n; i++) {
        m[i] = b1 * m[i] + a1 * g[i];
        v[i] = b2 * v[i] + a2 * g[i] * g[i];
        x[i] = x[i] - decay * x[i] - rate * (b1 * m[i] + a1 * g[i]) / (sqrtf(v[i]) * scale + eps);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* way 0: by hand, 1: the runner as it is, 2: its interpreter.  Seconds of one step. */
static double once(const problem *p, program *compiled, int way, int threads)
{
    program_args a = {.count = p->n,
                      .dtype = PODIUM_F32,
                      .vectors = (void *[]){p->x, p->g, p->m, p->v},
                      .constants = p->c};
    program_native *native = compiled->native;
    double start = now();
    if (way == 0) {
        hand_written(p, threads);
    } else {
        if (way == 2)
            compiled->native = NULL;
        if (program_run_host(compiled, &a, threads)) {
            fprintf(stderr, "bench_program: %s\n", podium_error());
            exit(1);
        }
        compiled->native = native;
    }
    return now() - start;
}

static void measure(const problem *p, program *compiled, int threads)
{
    double seconds[WAYS][ROUNDS];
    for (int way = 0; way < WAYS; way++)
        once(p, compiled, way, threads);
    for (int round = 0; round < ROUNDS; round++)
        for (int way = 0; way < WAYS; way++)
            seconds[way][round] = once(p, compiled, way, threads);
    for (int way = 0; way < WAYS; way++)
        qsort(seconds[way], ROUNDS, sizeof(double), by_value);
    double hand = seconds[0][ROUNDS / 2];
    printf("program  threads %d  by hand %.1f ms (%.1f GB/s)  %s %.1f ms, ratio %.2f  "
           "interpreter %.1f ms, ratio %.2f\n",
           threads, 1e3 * hand, 28e-9 * (double)p->n / hand,
           compiled->native ? "native" : "interpreter", 1e3 * seconds[1][ROUNDS / 2],
           seconds[1][ROUNDS / 2] / hand, 1e3 * seconds[2][ROUNDS / 2],
           seconds[2][ROUNDS / 2] / hand);
}

int main(int argc, char **argv)
{
    int64_t millions = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    if (millions < 1 || millions > 1000) {
        fprintf(stderr, "usage: bench_program [millions of parameters, 1 to 1000]\n");
        return 2;
    }
    problem p = {.n = millions * 1000000, .c = {0.9, 0.1, 0.999, 0.001, 1e-5, 1e-3, 1.5, 1e-8}};
    float **all[] = {&p.x, &p.g, &p.m, &p.v};
    for (int k = 0; k < 4; k++) {
        *all[k] = aligned_alloc(64, (size_t)p.n * sizeof(float));
        if (!*all[k]) {
            fprintf(stderr, "bench_program: no memory for %lld elements\n", (long long)p.n);
            return 1;
        }
        for (int64_t i = 0; i < p.n; i++)
            (*all[k])[i] = (float)(i % 1000) * 1e-3F;
    }
    program *compiled = NULL;
    if (program_compile(&compiled, text)) {
        fprintf(stderr, "bench_program: %s\n", podium_error());
        return 1;
    }
    measure(&p, compiled, 1);
    measure(&p, compiled, 2);
    program_destroy(compiled);
    for (int k = 0; k < 4; k++)
        free(*all[k]);
    return 0;
}
