/* The widenet workload: parameter and FLOP counts, gradients of the whole model in double, products
 * by expert that do not depend on the thread count, evaluation without capacity, training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/philox.h"
#include "tests/tap.h"
#include "workloads/widenet_model.h"

/* A recorded model with its vectors. */
typedef struct model_run {
    params *p;
    graph *g;
    workload_model m;
    int64_t n;
    void *x, *grad;
} model_run;

static int32_t run_open(model_run *r, backend *b, const widenet_config *c, int64_t batch,
                        bool training, bool lowered, bool backward)
{
    *r = (model_run){0};
    graph_config config = {.backend = b, .training = training, .lowered = lowered};
    TRY(params_create(&r->p));
    config.params = r->p;
    TRY(graph_create(&r->g, &config));
    TRY(widenet_build(c, r->g, batch, &r->m));
    if (backward)
        TRY(graph_backward(r->g, r->m.loss));
    TRY(graph_plan(r->g));
    r->n = params_vector_length(r->p);
    return PODIUM_OK;
}

static int32_t run_bind(model_run *r, backend *b, uint64_t seed)
{
    r->x = calloc((size_t)r->n, sizeof(double));
    r->grad = calloc((size_t)r->n, sizeof(double));
    if (!r->x || !r->grad)
        return podium_fail(PODIUM_ENOMEM, "no memory for the test's vectors");
    graph_bind(r->g, r->x, NULL, r->grad);
    return params_initialise(r->p, seed, b->real, r->x, NULL);
}

static void run_close(model_run *r)
{
    graph_destroy(r->g);
    params_destroy(r->p);
    free(r->x);
    free(r->grad);
}

/* Random images, labels 0, 1, 2, ...; the last example has weight `last`. */
static void feed(const model_run *r, const widenet_config *c, float last, int64_t shift)
{
    int64_t B = r->m.batch, pixels = graph_count(r->g, r->m.inputs[0]) / B;
    float *images = malloc((size_t)(B * pixels) * sizeof *images), weights[16];
    const value *answers = r->m.inputs + r->m.num_inputs - 2;
    int32_t labels[16];
    philox rng = philox_make(4, 4);
    for (int64_t n = 0; n < B; n++) {
        int64_t from = (n + shift) % B;
        for (int64_t i = 0; i < pixels; i++)
            images[n * pixels + i] = (float)philox_normal(&rng, (uint64_t)(from * pixels + i));
        labels[n] = (int32_t)(from % c->classes);
        weights[n] = n + 1 == B ? last : 1;
    }
    if (c->text) {
        int32_t ids[64], mask[64];
        for (int32_t i = 0; i < B * c->tokens; i++) {
            ids[i] = i * i % (int32_t)c->vocabulary;
            mask[i] = i % c->tokens < 3 + i / c->tokens;
        }
        graph_set_input(r->g, r->m.inputs[0], ids);
        graph_set_input(r->g, r->m.inputs[1], mask);
    } else {
        graph_set_input_f32(r->g, r->m.inputs[0], images);
    }
    graph_set_input(r->g, answers[0], labels);
    graph_set_input_f32(r->g, answers[1], weights);
    free(images);
}

/* --- counts ---------------------------------------------------------------------------------- */

static widenet_config paper_size(int64_t width, int64_t hidden, int64_t depth)
{
    return (widenet_config){.height = 224,
                            .width_pixels = 224,
                            .channels = 3,
                            .classes = 1000,
                            .patch = 16,
                            .width = width,
                            .depth = depth,
                            .heads = width / 64,
                            .hidden = hidden,
                            .groups = 1,
                            .experts = 4,
                            .moe_every = 1,
                            .top_k = 2,
                            .pre_logits = width,
                            .final_norm = true,
                            .balance = 0.01,
                            .eps = 1e-6,
                            .act = ACT_GELU_TANH,
                            .pre_act = ACT_TANH};
}

/* What blocks share counts once, the norms once a block. */
static int64_t parameters(const widenet_config *c)
{
    int64_t C = c->width, H = c->hidden, E = c->experts, T = c->height / c->patch, out = c->classes;
    int64_t sets = c->groups ? c->groups : c->depth, P = c->channels * c->patch * c->patch;
    int64_t attention = 4 * (C * C + C), mlp = 2 * C * H + H + C;
    int64_t block = attention + (E ? E * mlp + E * C : mlp);
    return P * C + C + T * T * C + sets * block + c->depth * 4 * C + 2 * C + C * C + C + C * out +
           out;
}

/* Multiply-adds count 2; each token visits top_k experts. */
static double forward_flops(const widenet_config *c)
{
    double C = (double)c->width, T = (double)(c->height / c->patch * (c->height / c->patch));
    double E = (double)c->experts, patch = (double)(c->channels * c->patch * c->patch);
    double visits = c->experts ? (double)c->top_k : 1;
    double block = 8 * C * C + 4 * T * C + 2 * C * E + visits * 4 * C * (double)c->hidden;
    return T * (2 * patch * C + (double)c->depth * block) + 2 * C * C + 2 * C * (double)c->classes;
}

static void check_counts(backend *b, const char *what, const widenet_config *c, int64_t want)
{
    model_run r;
    if (!ok(run_open(&r, b, c, 1, false, false, false) == 0, "%s records: %s", what,
            podium_error()))
        return;
    int64_t n = params_trainable_elements(r.p);
    ok(n == parameters(c), "%s has the parameters of the formula: %lld", what, (long long)n);
    if (want)
        ok(n == want, "and of the table");
    close_to(graph_get_stats(r.g).forward_flops, forward_flops(c), 1e-12,
             "%s has the FLOPs of the formula", what);
    run_close(&r);
}

static void test_counts(backend *b)
{
    widenet_config base = paper_size(768, 4096, 12), large = paper_size(1024, 4096, 24);
    widenet_config huge = paper_size(1280, 5120, 32), vit = paper_size(768, 3072, 12);
    widenet_config moe = vit, albert = vit;
    check_counts(b, "WideNet-B", &base, 29689832);
    check_counts(b, "WideNet-L", &large, 40940520);
    check_counts(b, "WideNet-H", &huge, 63340520);
    vit.groups = vit.experts = moe.groups = albert.experts = 0;
    check_counts(b, "an unshared rival", &vit, 0);
    check_counts(b, "an unshared rival with experts", &moe, 0);
    check_counts(b, "a shared rival without experts", &albert, 0);
}

/* --- gradients ------------------------------------------------------------------------------- */

static widenet_config small(void)
{
    return (widenet_config){.height = 6,
                            .width_pixels = 4,
                            .channels = 2,
                            .classes = 5,
                            .patch = 2,
                            .width = 6,
                            .depth = 4,
                            .heads = 2,
                            .hidden = 7,
                            .groups = 1,
                            .experts = 3,
                            .moe_every = 1,
                            .top_k = 2,
                            .pre_logits = 6,
                            .final_norm = true,
                            .capacity_slots = -1,
                            .noise = 1.0 / 3,
                            .balance = 0.3,
                            .eps = 1e-6,
                            .act = ACT_GELU_TANH,
                            .pre_act = ACT_TANH};
}

static const graph_settings settings = {.seed = 7, .dropout = 0.2, .label_smoothing = 0.1};

static double loss_of(model_run *r)
{
    double loss = NAN;
    if (graph_run(r->g, GRAPH_FORWARD, &settings) < 0 || graph_read(r->g, r->m.loss, &loss, 1) < 0)
        return NAN;
    return loss;
}

static const double STEP = 2e-5;

/* Largest difference between the gradient and the slope of the loss, over the largest slope; every
 * third parameter. */
static double slope_error(model_run *r)
{
    double error = 0, largest = 1e-3, *x = r->x, *grad = r->grad;
    if (graph_run(r->g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings) < 0)
        return INFINITY;
    for (int64_t i = 0; i < r->n; i += 3) {
        double at = x[i], slope = 0;
        for (int k = -2; k <= 2; k++) { /* fourth order: a norm over few columns is very curved */
            static const double weight[5] = {1.0 / 12, -2.0 / 3, 0, 2.0 / 3, -1.0 / 12};
            x[i] = at + k * STEP;
            slope += k ? weight[k + 2] * loss_of(r) / STEP : 0;
        }
        x[i] = at;
        error = fmax(error, fabs(grad[i] - slope));
        largest = fmax(largest, fabs(slope));
    }
    return isfinite(error) ? error / largest : INFINITY;
}

static void check_gradient(backend *b, const char *what, const widenet_config *c)
{
    double *first = NULL;
    for (int lowered = 0; lowered < 2; lowered++) {
        model_run r;
        if (!ok(run_open(&r, b, c, 3, true, lowered, true) == 0 && run_bind(&r, b, 5) == 0,
                "%s records: %s", what, podium_error())) {
            run_close(&r);
            continue;
        }
        double *x = r.x; /* off the initial values, so that every path counts */
        philox rng = philox_make(6, 6);
        for (int64_t i = 0; i < r.n; i++)
            x[i] += 0.3 * philox_normal(&rng, (uint64_t)i);
        feed(&r, c, 0.5F, 0);
        double e = slope_error(&r);
        if (!ok(e < 2e-7, "%s: gradient is the slope of the loss%s", what,
                lowered ? ", from primitives" : ""))
            tap_diag("error %g", e);
        if (!lowered) {
            first = r.grad;
            r.grad = NULL;
        } else if (first) {
            double worst = 0, largest = 0;
            for (int64_t i = 0; i < r.n; i++) {
                worst = fmax(worst, fabs(first[i] - ((double *)r.grad)[i]));
                largest = fmax(largest, fabs(first[i]));
            }
            ok(worst < 1e-12 * largest, "%s: both forms have the same gradient", what);
        }
        run_close(&r);
    }
    free(first);
}

static void test_gradients(backend *b)
{
    widenet_config c = small();
    check_gradient(b, "one group", &c);
    c.groups = 2;
    c.shared_norms = c.dropout = true;
    check_gradient(b, "two groups, shared norms, dropout", &c);
    c = small();
    c.renormalise = c.limited = true;
    c.capacity_slots = 8;
    check_gradient(b, "renormalised gates, capacity", &c);
    c = small();
    c.activation_after_fc2 = c.zero_class_token = c.limited = true;
    c.capacity_factor = 1.2;
    c.lost_slots = 1;
    check_gradient(b, "the released code", &c);
    c = small();
    c.groups = 0;
    c.moe_every = 2;
    c.top_k = 1;
    check_gradient(b, "experts in every second block", &c);
    c = small();
    c.experts = 0;
    c.post_ln = true;
    c.final_norm = false;
    check_gradient(b, "shared without experts, post-LN", &c);
    c = small();
    c.text = true;
    c.vocabulary = 11;
    c.tokens = 6;
    c.embedding = 4;
    check_gradient(b, "text with a factorised embedding", &c);
}

/* --- routing --------------------------------------------------------------------------------- */

/* Gradient and loss of products by expert on the cpu, as raw bytes in out (n floats). */
static int64_t grouped_bits(int threads, int32_t precision, int64_t K, float *out)
{
    enum { L = 150, E = 5, N = 128 };
    backend *b = NULL;
    params *p = NULL;
    graph *g = NULL;
    int32_t ids[L];
    float *x = NULL;
    int64_t n = -1;
    if (backend_open(&b, "cpu", threads) < 0 || params_create(&p) < 0 ||
        graph_create(&g,
                     &(graph_config){
                         .backend = b, .params = p, .precision = precision, .training = true}) < 0)
        goto done;
    param spec[3] = {{.name = "x", .ndim = 2, .shape = {L, K}, .init = {INIT_NORMAL, 1, 0, 0}},
                     {.name = "w", .ndim = 2, .shape = {E * N, K}, .init = {INIT_NORMAL, 1, 0, 0}},
                     {.name = "b", .ndim = 1, .shape = {E * N}, .init = {INIT_NORMAL, 1, 0, 0}}};
    value v[3], in = graph_input(g, "ids", PODIUM_I32, 2, (int64_t[]){L, 1});
    for (int i = 0; i < 3; i++)
        v[i] = graph_parameter(g, params_declare(p, &spec[i]));
    dispatch d = op_dispatch(g, in, E, 40);
    value y = op_grouped_linear(g, v[0], v[1], v[2], d.offsets, ACT_GELU_TANH);
    value loss = op_reduce_sum(g, op_mul(g, y, y), 3, false);
    graph_keep(g, loss);
    if (graph_backward(g, loss) < 0 || graph_plan(g) < 0)
        goto done;
    n = params_vector_length(p);
    x = aligned_alloc(64, (size_t)n * sizeof *x);
    params_initialise(p, 3, PODIUM_F32, x, NULL);
    graph_bind(g, x, NULL, out);
    for (int32_t i = 0; i < L; i++)
        ids[i] = i * i % 7 % E;
    graph_set_input(g, in, ids);
    if (graph_run(g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings) < 0)
        n = -1;
done:
    graph_destroy(g);
    params_destroy(p);
    backend_close(b);
    free(x);
    return n;
}

static void test_threads(void)
{
    static const int64_t widths[] = {48, 37}; /* a multiple of a vector's length, and not */
    enum { ROOM = 1 << 16 };
    float *one = aligned_alloc(64, ROOM * sizeof *one),
          *more = aligned_alloc(64, ROOM * sizeof *more);
    for (int k = 0; k < 4; k++) {
        int32_t precision = k < 2 ? PODIUM_F32 : PODIUM_BF16;
        memset(one, 0, ROOM * sizeof *one);
        int64_t n = grouped_bits(1, precision, widths[k % 2], one);
        if (n < 0 && precision == PODIUM_BF16) {
            tap_skip(2, podium_error());
            continue;
        }
        for (int threads = 2; threads < 4; threads++) {
            memset(more, 0, ROOM * sizeof *more);
            ok(n > 0 && grouped_bits(threads, precision, widths[k % 2], more) == n &&
                   !memcmp(one, more, (size_t)n * sizeof *one),
               "products by expert, K %d, %s: %d threads give the bits of one", (int)widths[k % 2],
               k < 2 ? "f32" : "bf16", threads);
        }
    }
    free(one);
    free(more);
}

/* Example n of a batch rotated by one is example n + 1: its logits are the same without capacity.
 */
static void test_evaluation(backend *b)
{
    widenet_config c = small();
    double logits[2][20];
    double spread[2] = {0, 0};
    c.limited = true;
    c.capacity_slots = 3;
    for (int training = 0; training < 2; training++) {
        model_run r;
        c.noise = 0;
        ok(run_open(&r, b, &c, 4, training, false, false) == 0 && run_bind(&r, b, 5) == 0,
           "a model with a tight capacity records");
        for (int shift = 0; shift < 2; shift++) {
            feed(&r, &c, 1, shift);
            graph_run(r.g, GRAPH_FORWARD, &(graph_settings){0});
            graph_read(r.g, r.m.logits, logits[shift], 20);
        }
        for (int n = 0; n < 4; n++)
            for (int v = 0; v < 5; v++)
                spread[training] = fmax(
                    spread[training], fabs(logits[0][(n + 1) % 4 * 5 + v] - logits[1][n * 5 + v]));
        run_close(&r);
    }
    ok(spread[0] < 1e-12, "evaluation does not depend on the order of the batch");
    ok(spread[1] > 1e-6, "training with a capacity does: the first come first");
}

/* --- training -------------------------------------------------------------------------------- */

static void test_training(void)
{
    const workload_entry *e = workload_find("widenet");
    yaml_document *doc = NULL;
    workload_task *t = NULL;
    backend *b = NULL;
    if (!ok(e && yaml_parse(&doc, e->yaml, strlen(e->yaml), "widenet.yaml") == 0,
            "widenet is there"))
        return;
    const yaml_node *mini = yaml_get(yaml_get(yaml_root(doc), "sizes"), "mini");
    if (!ok(workload_open(&t, e->workload, yaml_get(mini, "model"), yaml_get(mini, "data"), "data",
                          &(data_key){.enabled = true, .words = {1, 2}}) == 0 &&
                backend_open(&b, "cpu", 2) == 0,
            "mini opens: %s", podium_error()))
        return;
    params *p = NULL;
    graph *g = NULL;
    workload_model m;
    params_create(&p);
    graph_create(&g, &(graph_config){.backend = b, .params = p, .training = true});
    ok(e->workload->build(t, g, 256, &m) == 0 && graph_backward(g, m.loss) == 0 &&
           graph_plan(g) == 0,
       "it builds: %s", podium_error());
    size_t n = (size_t)params_vector_length(p);
    float *x = aligned_alloc(64, n * 4 + 64), *grad = aligned_alloc(64, n * 4 + 64);
    params_initialise(p, 3, PODIUM_F32, x, NULL);
    graph_bind(g, x, NULL, grad);
    workload_batch batch;
    double first = 0, loss = 0;
    for (int64_t s = 0; s < 15; s++) {
        graph_settings step = {.seed = (uint64_t)s};
        e->workload->train_batch(t, 9, s, 256, 0, 256, &batch);
        graph_set_input_f32(g, m.inputs[0], batch.data[0]);
        graph_set_input(g, m.inputs[1], batch.data[1]);
        graph_set_input_f32(g, m.inputs[2], batch.data[2]);
        graph_run(g, GRAPH_FORWARD | GRAPH_BACKWARD, &step);
        graph_read(g, m.loss, &loss, 1);
        first = s ? first : loss;
        for (size_t i = 0; i < n; i++)
            x[i] -= 0.05F * grad[i];
    }
    ok(loss < first - 0.3, "fifteen steps of SGD lower the training loss: %.3f to %.3f", first,
       loss);
    graph_destroy(g);
    params_destroy(p);
    backend_close(b);
    workload_close(e->workload, t);
    yaml_destroy(doc);
    free(x);
    free(grad);
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    test_counts(b);
    test_gradients(b);
    test_evaluation(b);
    backend_close(b);
    test_threads();
    test_training();
    return tap_done();
}
