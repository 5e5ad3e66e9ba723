/* A training step of a ViT with AdamW on the cpu backend, for comparison with bench/peers.
 * usage: bench_step A|B f32|bf16 [threads [seconds]]   one line a measurement, for bench/run.sh
 *        bench_step profile A|B f32|bf16 [threads]     seconds per op kind
 *        bench_step peak [threads]                     GFLOP/s of a 1024^3 product, f32 and bf16
 * A: d 64, 4 layers, 4 heads, MLP 256, batch 64; B: d 192, 6 layers, 3 heads, MLP 768, batch 128;
 * both 49 tokens of 4x4 pixels, 62 classes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "engine/backend.h"
#include "engine/cpu/dnnl_api.h"
#include "engine/graph.h"
#include "engine/ops.h"
#include "engine/params.h"
#include "engine/philox.h"

enum { TOKENS = 49, SIDE = 28, PATCH = 4, CLASSES = 62, MAX_STEPS = 2000 };

typedef struct model_size {
    int64_t d, mlp, batch;
    int layers, heads;
} model_size;

static const model_size size_a = {64, 256, 64, 4, 4}, size_b = {192, 768, 128, 6, 3};

typedef struct bench {
    backend *b;
    params *p;
    graph *g;
    value images, labels, loss;
    program *adamw;
    void *x, *gradient, *m, *v; /* flat vectors of `length` */
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
        exit(1);
    }
}

/* --- the model ----------------------------------------------------------------------------- */

static value weight(bench *t, const char *block, int layer, const char *name, int64_t rows,
                    int64_t cols, param_init init)
{
    char full[64];
    snprintf(full, sizeof full, "%s%d.%s", block, layer, name);
    param spec = {.name = full, .kind = PODIUM_WEIGHT, .ndim = cols ? 2 : 1, .init = init};
    spec.shape[0] = rows;
    spec.shape[1] = cols;
    int32_t i = params_declare(t->p, &spec);
    require(i);
    return graph_parameter(t->g, i);
}

static value linear(bench *t, value x, const char *block, int layer, int64_t in, int64_t out,
                    activation act)
{
    value w = weight(t, block, layer, "weight", out, in, (param_init){.kind = INIT_XAVIER_UNIFORM});
    value b = weight(t, block, layer, "bias", out, 0, (param_init){.kind = INIT_ZERO});
    return op_linear(t->g, x, w, b, act);
}

/* Layer norm of x, or of x + added (then *sum gets it). */
static value norm(bench *t, value x, value added, value *sum, const char *block, int layer,
                  int64_t d)
{
    value scale = weight(t, block, layer, "scale", d, 0, (param_init){.kind = INIT_ONE});
    value bias = weight(t, block, layer, "bias", d, 0, (param_init){.kind = INIT_ZERO});
    if (added == NO_VALUE)
        return op_layer_norm(t->g, x, scale, bias, 1e-6);
    return op_add_layer_norm(t->g, x, added, scale, bias, 1e-6, sum);
}

static value positions(bench *t, int64_t d)
{
    double *table = malloc((size_t)(TOKENS * d) * sizeof *table);
    if (!table)
        abort();
    for (int64_t i = 0; i < TOKENS * d; i++)
        table[i] = sin((double)(i / d) * pow(10000, -(double)(i % d) / (double)d));
    value v = graph_constant(t->g, 3, (int64_t[]){1, TOKENS, d}, table);
    free(table);
    return v;
}

/* Pre-LN encoder, GELU (tanh form), global average pooling, tanh pre-logits. */
static value forward(bench *t, const model_size *s)
{
    value x = linear(t, op_patches(t->g, t->images, PATCH), "embed", 0, PATCH * PATCH, s->d,
                     ACT_NONE);
    value added = NO_VALUE;
    x = op_add(t->g, x, positions(t, s->d));
    for (int l = 0; l < s->layers; l++) {
        value h = norm(t, x, added, &x, "ln1.", l, s->d);
        value qkv = linear(t, h, "qkv", l, s->d, 3 * s->d, ACT_NONE);
        value a = op_attention_packed(t->g, qkv, s->heads, 0, NO_VALUE, false);
        value o = linear(t, a, "proj", l, s->d, s->d, ACT_NONE);
        h = norm(t, x, o, &x, "ln2.", l, s->d);
        added = linear(t, linear(t, h, "fc1.", l, s->d, s->mlp, ACT_GELU_TANH), "fc2.", l, s->mlp,
                       s->d, ACT_NONE);
    }
    value h = norm(t, x, added, &x, "final", 0, s->d);
    value pooled = op_reduce_mean(t->g, h, 1u << 1, false);
    return linear(t, linear(t, pooled, "prelogits", 0, s->d, s->d, ACT_TANH), "head", 0, s->d,
                  CLASSES, ACT_NONE);
}

static void open_bench(bench *t, const model_size *s, bool bf16, int threads)
{
    require(backend_open(&t->b, "cpu", threads));
    require(params_create(&t->p));
    graph_config config = {.backend = t->b,
                           .params = t->p,
                           .precision = bf16 ? PODIUM_BF16 : PODIUM_F32,
                           .training = true};
    require(graph_create(&t->g, &config));
    t->images = graph_input(t->g, "images", PODIUM_F32, 4, (int64_t[]){s->batch, 1, SIDE, SIDE});
    t->labels = graph_input(t->g, "labels", PODIUM_I32, 1, (int64_t[]){s->batch});
    t->loss = op_softmax_cross_entropy(t->g, forward(t, s), t->labels, NO_VALUE, NULL);
    graph_keep(t->g, t->loss);
    require(graph_backward(t->g, t->loss));
    require(graph_plan(t->g));
    t->length = params_vector_length(t->p);
    void **vectors[] = {&t->x, &t->gradient, &t->m, &t->v};
    for (int i = 0; i < 4; i++)
        require(t->b->alloc(t->b, (size_t)t->length * sizeof(float), vectors[i]));
    require(params_initialise(t->p, 1, PODIUM_F32, t->x, NULL));
    graph_bind(t->g, t->x, NULL, t->gradient);
    require(program_compile(&t->adamw, "v2 = c0*v2 + c1*v1; v3 = c2*v3 + c3*v1*v1;"
                                       "v0 = v0 - c4*v0 - c5*v2/(sqrt(v3)*c6 + c7)"));
}

static void set_batch(bench *t, const model_size *s)
{
    int64_t pixels = s->batch * SIDE * SIDE;
    float *images = malloc((size_t)pixels * sizeof *images);
    int32_t labels[128];
    if (!images)
        abort();
    philox stream = philox_make(3, 1);
    for (int64_t i = 0; i < pixels; i++)
        images[i] = (float)philox_uniform(&stream, (uint64_t)i);
    for (int64_t i = 0; i < s->batch; i++)
        labels[i] = (int32_t)(i % CLASSES);
    require(graph_set_input(t->g, t->images, images));
    require(graph_set_input(t->g, t->labels, labels));
    free(images);
}

static void close_bench(bench *t)
{
    graph_destroy(t->g);
    params_destroy(t->p);
    program_destroy(t->adamw);
    void *vectors[] = {t->x, t->gradient, t->m, t->v};
    for (int i = 0; i < 4; i++)
        t->b->free(t->b, vectors[i]);
    backend_close(t->b);
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

/* Median GFLOP/s of a 1024^3 product with packed weights. */
static double peak(int threads, bool bf16)
{
    enum { N = 1024, TIMES = 15 };
    dnnl_unit *u = NULL;
    product *p = NULL;
    require(dnnl_unit_create(&u, threads));
    product_spec s = {
        .batch_a = 1, .batch_b = 1, .m = N, .n = N, .k = N, .bf16 = bf16, .packed = true};
    if (bf16 && !dnnl_unit_has_bf16(u)) {
        dnnl_unit_destroy(u);
        return 0;
    }
    require(product_create(&p, u, &s));
    size_t bytes[] = {N * N * sizeof(float), product_packed_bytes(p), N * N * sizeof(float),
                      product_scratch_bytes(p)};
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
        require(product_run(p, 0, data[0], data[1], NULL, data[2], data[3]));
        seconds[i] = now() - start;
    }
    for (int i = 0; i < 4; i++)
        free(data[i]);
    product_destroy(p);
    dnnl_unit_destroy(u);
    return 2e-9 * N * N * N / median(seconds, TIMES);
}

static void measure(const model_size *s, const char *name, bool bf16, int threads, double budget)
{
    static double seconds[MAX_STEPS];
    bench t = {0};
    int n = 0;
    open_bench(&t, s, bf16, threads);
    set_batch(&t, s);
    step(&t);
    for (double end = now() + budget; (n < 3 || now() < end) && n < MAX_STEPS; n++)
        seconds[n] = step(&t);
    double loss, typical = median(seconds, n);
    require(graph_read(t.g, t.loss, &loss, 1));
    graph_stats stats = graph_get_stats(t.g);
    double flops = stats.forward_flops + stats.backward_flops;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    size_t planned = stats.arena_bytes + stats.constant_bytes +
                     4 * (size_t)t.length * sizeof(float);
    printf("podium %s %s ms %.3f gflops %.1f loss %.5f planned_mib %.1f resident_mib %.1f\n", name,
           bf16 ? "bf16" : "f32", 1e3 * typical, 1e-9 * flops / typical, loss,
           (double)planned / 0x1p20, (double)usage.ru_maxrss / 0x1p10);
    close_bench(&t);
}

static void profile(const model_size *s, bool bf16, int threads)
{
    enum { STEPS = 20 };
    bench t = {0};
    open_bench(&t, s, bf16, threads);
    set_batch(&t, s);
    step(&t);
    graph_profile(t.g, true);
    double total = 0, kernels = 0;
    for (int i = 0; i < STEPS; i++)
        total += step(&t);
    for (int32_t k = 0; k < OP_COUNT; k++)
        kernels += graph_profile_seconds(t.g, k);
    for (int32_t k = 0; k < OP_COUNT; k++) {
        double seconds = graph_profile_seconds(t.g, k);
        if (seconds > 0)
            printf("%-24s %9.3f ms %5.1f %%\n", op_kind_name(k), 1e3 * seconds / STEPS,
                   100 * seconds / total);
    }
    printf("%-24s %9.3f ms %5.1f %%\n%-24s %9.3f ms\n", "optimizer and the rest",
           1e3 * (total - kernels) / STEPS, 100 * (total - kernels) / total, "step",
           1e3 * total / STEPS);
    close_bench(&t);
}

static int usage_error(void)
{
    fprintf(stderr, "usage: bench_step [profile] A|B f32|bf16 [threads [seconds]]\n"
                    "       bench_step peak [threads]\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool profiled = argc > 1 && !strcmp(argv[1], "profile");
    char **a = argv + 1 + profiled;
    int n = argc - 1 - profiled;
    if (!profiled && n >= 1 && !strcmp(a[0], "peak")) {
        int threads = n > 1 ? (int)strtol(a[1], NULL, 10) : 2;
        printf("peak f32 %.1f bf16 %.1f\n", peak(threads, false), peak(threads, true));
        return 0;
    }
    if (n < 2 || (strcmp(a[0], "A") && strcmp(a[0], "B")) ||
        (strcmp(a[1], "f32") && strcmp(a[1], "bf16")))
        return usage_error();
    const model_size *s = a[0][0] == 'A' ? &size_a : &size_b;
    bool bf16 = !strcmp(a[1], "bf16");
    int threads = n > 2 ? (int)strtol(a[2], NULL, 10) : 2;
    double budget = n > 3 ? strtod(a[3], NULL) : 2;
    if (threads < 1)
        return usage_error();
    if (profiled)
        profile(s, bf16, threads);
    else
        measure(s, a[0], bf16, threads, budget);
    return 0;
}
