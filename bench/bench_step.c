/* A training step of a workload with AdamW on the cpu backend, for comparison with bench/peers.
 *
 * usage: bench_step CASE f32|bf16 [threads [seconds]]   one line; seconds "-": a line for each
 *                                                       number of seconds read, after "ready"
 *        bench_step profile CASE f32|bf16 [threads]     seconds per op kind
 *        bench_step describe CASE                       the model, as JSON for a peer
 *        bench_step list
 *        bench_step peak [threads]                      GFLOP/s of a 1024^3 product, f32, bf16
 *
 * A case is WORKLOAD-SIZE; vit-A and vit-B have sizes of their own (step_case.c). */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/step_case.h"
#include "engine/backend.h"
#include "engine/cpu/dnnl_api.h"
#include "engine/ops.h"

enum { MAX_STEPS = 20000 };

typedef struct bench {
    step_case model;
    backend *b;
    params *p;
    graph *g;
    workload_model recorded;
    program *adamw;
    void *x, *gradient, *m, *v; /* flat vectors of `length` */
    void *frozen;
    int64_t length;
    int64_t step;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void require(int32_t rc)
{
    if (rc < 0) {
        fprintf(stderr, "bench_step: %s\n", podium_error());
        exit(2);
    }
}

static void record(bench *t, bool bf16, int threads)
{
    require(backend_open(&t->b, "cpu", threads));
    require(params_create(&t->p));
    graph_config config = {.backend = t->b,
                           .params = t->p,
                           .precision = bf16 ? PODIUM_BF16 : PODIUM_F32,
                           .training = true};
    require(graph_create(&t->g, &config));
    require(t->model.kind->build(&t->model, t->g, &t->recorded));
    graph_keep(t->g, t->recorded.loss);
    require(graph_backward(t->g, t->recorded.loss));
    require(graph_plan(t->g));
}

static void open_bench(bench *t, const char *name, bool bf16, int threads)
{
    require(step_case_open(&t->model, name));
    record(t, bf16, threads);
    t->length = params_vector_length(t->p);
    void **vectors[] = {&t->x, &t->gradient, &t->m, &t->v};
    for (int i = 0; i < 4; i++)
        require(t->b->alloc(t->b, (size_t)t->length * sizeof(float), vectors[i]));
    if (params_frozen_length(t->p))
        require(t->b->alloc(t->b, (size_t)params_frozen_length(t->p) * sizeof(float), &t->frozen));
    require(params_initialise(t->p, 1, PODIUM_F32, t->x, t->frozen));
    graph_bind(t->g, t->x, t->frozen, t->gradient);
    require(program_compile(&t->adamw, "v2 = c0*v2 + c1*v1; v3 = c2*v3 + c3*v1*v1;"
                                       "v0 = v0 - c4*v0 - c5*v2/(sqrt(v3)*c6 + c7)"));
    require(t->model.kind->fill(&t->model, t->g, &t->recorded));
}

static void close_bench(bench *t)
{
    graph_destroy(t->g);
    params_destroy(t->p);
    program_destroy(t->adamw);
    void *vectors[] = {t->x, t->gradient, t->m, t->v};
    for (int i = 0; i < 4; i++)
        t->b->free(t->b, vectors[i]);
    if (t->frozen)
        t->b->free(t->b, t->frozen);
    backend_close(t->b);
    step_case_close(&t->model);
}

/* Loshchilov & Hutter 2019, alg. 2, with beta 0.9, 0.999, rate 1e-3, decay 0.01. */
static void adamw(bench *t)
{
    double k = (double)++t->step, rate = 1e-3;
    double c[] = {
        0.9, 0.1, 0.999, 0.001, rate * 0.01, rate / (1 - pow(0.9, k)), 1 / sqrt(1 - pow(0.999, k)),
        1e-8};
    program_args args = {.count = t->length,
                         .dtype = PODIUM_F32,
                         .vectors = (void *[]){t->x, t->gradient, t->m, t->v},
                         .constants = c};
    require(t->b->program_run(t->b, t->adamw, &args));
}

static double step(bench *t)
{
    graph_settings settings = {.seed = 1};
    double start = now();
    require(graph_run(t->g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings));
    adamw(t);
    return now() - start;
}

/* --- figures ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

/* Median GFLOP/s of a 1024^3 product with packed weights, the rows shared by the threads as linear
 * layers share them. */
static double peak(int threads, bool bf16)
{
    enum { N = 1024, TIMES = 15 };
    dnnl_unit *u = NULL;
    product *p = NULL;
    require(dnnl_unit_create(&u, threads));
    product_spec s = {.batch_a = 1,
                      .batch_b = 1,
                      .m = N / threads,
                      .n = N,
                      .k = N,
                      .bf16 = bf16,
                      .packed = true,
                      .sequential = true};
    if (bf16 && !dnnl_unit_has_bf16(u)) {
        dnnl_unit_destroy(u);
        return 0;
    }
    require(product_create(&p, u, &s));
    size_t need = product_scratch_bytes(p), share = (size_t)s.m * N;
    size_t bytes[] = {N * N * sizeof(float), product_packed_bytes(p), N * N * sizeof(float),
                      need * (size_t)threads};
    void *data[4];
    for (int i = 0; i < 4; i++) {
        data[i] = aligned_alloc(64, bytes[i] + 64);
        if (!data[i])
            abort();
        memset(data[i], 0, bytes[i]);
    }
    double seconds[TIMES];
    for (int i = 0; i < TIMES; i++) {
        double start = now();
#pragma omp parallel num_threads(threads)
        {
            size_t me = (size_t)omp_get_thread_num();
            require(product_run(p, (int)me, (char *)data[0] + me * share * (bf16 ? 2 : 4), data[1],
                                NULL, (float *)data[2] + me * share, (char *)data[3] + me * need));
        }
        seconds[i] = now() - start;
    }
    for (int i = 0; i < 4; i++)
        free(data[i]);
    product_destroy(p);
    dnnl_unit_destroy(u);
    return 2e-9 * (double)s.m * threads * N * N / median(seconds, TIMES);
}

/* Steps for `budget` seconds, three at least, as a line. */
static void measure(bench *t, const char *name, bool bf16, double budget)
{
    static double seconds[MAX_STEPS];
    int n = 0;
    for (double end = now() + budget; (n < 3 || now() < end) && n < MAX_STEPS; n++)
        seconds[n] = step(t);
    double loss, typical = median(seconds, n);
    require(graph_read(t->g, t->recorded.loss, &loss, 1));
    graph_stats stats = graph_get_stats(t->g);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t vectors = 4 * t->length + params_frozen_length(t->p);
    size_t planned = stats.arena_bytes + stats.constant_bytes + (size_t)vectors * sizeof(float);
    printf("podium %s %s ms %.3f gflops %.1f loss %.5f trained %lld planned_mib %.1f "
           "resident_mib %.1f\n",
           name, bf16 ? "bf16" : "f32", 1e3 * typical,
           1e-9 * (stats.forward_flops + stats.backward_flops) / typical, loss,
           (long long)params_trainable_elements(t->p), (double)planned / 0x1p20,
           (double)usage.ru_maxrss / 0x1p10);
    fflush(stdout);
}

/* One measurement for each line of seconds. */
static void serve(bench *t, const char *name, bool bf16)
{
    char line[64];
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        measure(t, name, bf16, strtod(line, NULL));
}

/* At least two seconds, after half a second in which libraries' threads come to rest. */
static void profile(bench *t)
{
    double total = 0, kernels = 0;
    while (total < 0.5)
        total += step(t);
    graph_profile(t->g, true);
    int steps = 0;
    for (total = 0; total < 2; steps++)
        total += step(t);
    for (int32_t k = 0; k < OP_COUNT; k++)
        kernels += graph_profile_seconds(t->g, k);
    for (int32_t k = 0; k < OP_COUNT; k++) {
        double seconds = graph_profile_seconds(t->g, k);
        if (seconds > 0)
            printf("%-24s %9.3f ms %5.1f %%\n", op_kind_name(k), 1e3 * seconds / steps,
                   100 * seconds / total);
    }
    printf("%-24s %9.3f ms %5.1f %%\n%-24s %9.3f ms\n", "optimizer and the rest",
           1e3 * (total - kernels) / steps, 100 * (total - kernels) / total, "step",
           1e3 * total / steps);
}

static int usage_error(void)
{
    fprintf(stderr, "usage: bench_step [profile] CASE f32|bf16 [threads [seconds|-]]\n"
                    "       bench_step describe CASE\n"
                    "       bench_step list\n"
                    "       bench_step peak [threads]\n");
    return 2;
}

static void describe(const char *name)
{
    step_case c;
    require(step_case_open(&c, name));
    json_t *j = c.kind->describe(&c);
    if (!j || json_dumpf(j, stdout, 0))
        abort();
    printf("\n");
    json_decref(j);
    step_case_close(&c);
}

/* The commands that train nothing; false: it is none of them. */
static bool told(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "list")) {
        for (int i = 0; step_case_names[i]; i++)
            printf("%s\n", step_case_names[i]);
        return true;
    }
    if (argc == 3 && !strcmp(argv[1], "describe")) {
        describe(argv[2]);
        return true;
    }
    if (argc < 2 || strcmp(argv[1], "peak"))
        return false;
    long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 2;
    if (threads < 1 || threads > 256) {
        fprintf(stderr, "bench_step: peak: expected 1 to 256 threads\n");
        exit(2);
    }
    printf("peak f32 %.1f bf16 %.1f\n", peak((int)threads, false), peak((int)threads, true));
    return true;
}

int main(int argc, char **argv)
{
    bool profiled = argc > 1 && !strcmp(argv[1], "profile");
    char **a = argv + 1 + profiled;
    int n = argc - 1 - profiled;
    if (told(argc, argv))
        return 0;
    if (n < 2 || (strcmp(a[1], "f32") && strcmp(a[1], "bf16")))
        return usage_error();
    bool bf16 = !strcmp(a[1], "bf16");
    int threads = n > 2 ? (int)strtol(a[2], NULL, 10) : 2;
    if (threads < 1)
        return usage_error();
    static bench t;
    open_bench(&t, a[0], bf16, threads);
    step(&t);
    if (profiled)
        profile(&t);
    else if (n > 3 && !strcmp(a[3], "-"))
        serve(&t, a[0], bf16);
    else
        measure(&t, a[0], bf16, n > 3 ? strtod(a[3], NULL) : 2);
    close_bench(&t);
    return 0;
}
