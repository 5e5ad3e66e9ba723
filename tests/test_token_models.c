/* Whole models of tokens in double: every variant's gradient is the slope of its loss, the forms
 * with fused ops and with primitives agree, and a decoder never looks ahead. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "engine/philox.h"
#include "tests/tap.h"
#include "workloads/gpt_model.h"
#include "workloads/transformer_model.h"

enum { BATCH = 2, LENGTH = 5, VOCAB = 11 };

typedef struct variant {
    const char *name;
    bool is_gpt;
    transformer_config transformer;
    gpt_config gpt;
} variant;

/* clang-format off */
static const variant variants[] = {
    {.name = "transformer", .transformer = {.dropout = true}},
    {.name = "transformer, post-LN", .transformer = {.post_ln = true}},
    {.name = "transformer, gated by tanh",
     .transformer = {.glu = true, .act = ACT_TANH, .dropout = true}},
    {.name = "transformer, hot attention with biases",
     .transformer = {.temperature = 4, .attention_bias = true}},
    {.name = "transformer, packed", .transformer = {.packed = true, .embedding_scale = 2}},
    {.name = "transformer of odd width", .transformer = {.width = 9, .heads = 3}},
    {.name = "gpt, tied", .is_gpt = true, .gpt = {.tied = true}},
    {.name = "gpt, grouped keys", .is_gpt = true,
     .gpt = {.key_heads = 2, .head_width = 4, .attention_bias = true, .mlp_bias = true}},
    {.name = "gpt, GPT-2's layout", .is_gpt = true,
     .gpt = {.gpt2 = true, .tied = true, .attention_bias = true, .mlp_bias = true, .dropout = true}},
};
/* clang-format on */

static int64_t or_else(int64_t given, int64_t usual)
{
    return given ? given : usual;
}

/* What the list leaves out. */
static variant completed(const variant *from)
{
    variant v = *from;
    transformer_config *t = &v.transformer;
    gpt_config *c = &v.gpt;
    t->vocab = c->vocab = VOCAB;
    t->target = c->length = LENGTH;
    t->source = 4;
    t->width = or_else(t->width, 6);
    t->heads = or_else(t->heads, 2);
    t->mlp = 7;
    t->encoder_layers = 2;
    t->decoder_layers = 1;
    t->max_length = 16;
    t->act = t->act == ACT_NONE ? ACT_RELU : t->act;
    t->final_norm = !t->post_ln;
    t->temperature = t->temperature > 0 ? t->temperature : 1;
    t->embedding_scale = t->embedding_scale > 0 ? t->embedding_scale : 1;
    t->eps = c->eps = 1e-6;
    c->width = 8;
    c->depth = 2;
    c->heads = 4;
    c->key_heads = or_else(c->key_heads, 4);
    c->head_width = or_else(c->head_width, 2);
    c->mlp = 9;
    c->max_length = 8;
    c->final_norm = true;
    c->rope_theta = 10000;
    return v;
}

typedef struct run {
    params *p;
    graph *g;
    workload_model m;
    int64_t n;
    double *x, *grad;
} run;

static const graph_settings settings = {.seed = 5, .dropout = 0.2, .label_smoothing = 0.1};

static void run_close(run *r)
{
    graph_destroy(r->g);
    params_destroy(r->p);
    free(r->x);
    free(r->grad);
}

static int32_t build(const variant *v, graph *g, workload_model *m)
{
    return v->is_gpt ? gpt_build(&v->gpt, g, BATCH, m)
                     : transformer_build(&v->transformer, g, BATCH, m);
}

/* Ids with padding at the end; positions and segments of two packed pairs. */
static void fill(run *r)
{
    int32_t ids[64];
    for (int i = 0; i < r->m.num_inputs; i++) {
        value v = r->m.inputs[i];
        int64_t T = graph_shape(r->g, v)[1], n = graph_count(r->g, v);
        float weights[64];
        philox random = philox_make(3, (uint64_t)i);
        for (int64_t k = 0; k < n; k++) {
            int64_t t = k % T;
            bool pad = k / T == 1 && t == T - 1;
            weights[k] = pad ? 0 : 1;
            ids[k] = i < 2 || i == 3
                         ? (pad ? 0 : 1 + (int32_t)philox_below(&random, (uint64_t)k, VOCAB - 1))
                     : i < 6 ? (int32_t)(t % 3)
                             : (int32_t)(1 + t / 3);
        }
        if (graph_dtype(r->g, v) == PODIUM_I32)
            graph_set_input(r->g, v, ids);
        else
            graph_set_input_f32(r->g, v, weights);
    }
}

static int32_t run_open(run *r, const variant *v, backend *b, bool lowered)
{
    *r = (run){0};
    TRY(params_create(&r->p));
    graph_config config = {.backend = b, .params = r->p, .training = true, .lowered = lowered};
    TRY(graph_create(&r->g, &config));
    TRY(build(v, r->g, &r->m));
    graph_keep(r->g, r->m.logits);
    TRY(graph_backward(r->g, r->m.loss));
    TRY(graph_plan(r->g));
    r->n = params_vector_length(r->p);
    r->x = calloc((size_t)r->n, sizeof(double));
    r->grad = calloc((size_t)r->n, sizeof(double));
    TRY(params_initialise(r->p, 3, PODIUM_F64, r->x, NULL));
    for (int64_t i = 0; i < r->n; i++) { /* no parameter at a symmetric point */
        philox random = philox_make(4, 0);
        r->x[i] += 0.1 * philox_normal(&random, (uint64_t)i);
    }
    graph_bind(r->g, r->x, NULL, r->grad);
    fill(r);
    return graph_run(r->g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings);
}

static double loss_of(run *r)
{
    double loss = NAN;
    graph_run(r->g, GRAPH_FORWARD, &settings);
    graph_read(r->g, r->m.loss, &loss, 1);
    return loss;
}

/* The largest error of central differences over every 7th parameter, against the largest slope. */
static double slope_error(run *r)
{
    double worst = 0, size = 1e-3;
    const double h = 1e-5;
    for (int64_t i = 0; i < r->n; i += 7) {
        double x = r->x[i];
        r->x[i] = x + h;
        double up = loss_of(r);
        r->x[i] = x - h;
        double slope = (up - loss_of(r)) / (2 * h);
        r->x[i] = x;
        worst = fmax(worst, fabs(slope - r->grad[i]));
        size = fmax(size, fabs(slope));
        if (isnan(slope))
            return INFINITY;
    }
    return worst / size;
}

/* Logits before the last position must not move with the last token. */
static double peeking(run *r, const variant *v)
{
    int64_t n = BATCH * LENGTH * VOCAB, row = LENGTH * VOCAB;
    double before[BATCH * LENGTH * VOCAB], after[BATCH * LENGTH * VOCAB], most = 0;
    int32_t ids[BATCH * LENGTH];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < BATCH * LENGTH; i++)
            ids[i] = 1 + i % LENGTH + (i % LENGTH == LENGTH - 1 ? k : 0);
        graph_set_input(r->g, r->m.inputs[v->is_gpt ? 0 : 1], ids);
        graph_run(r->g, GRAPH_FORWARD, &settings);
        graph_read(r->g, r->m.logits, k ? after : before, n);
    }
    for (int64_t i = 0; i < n; i++)
        if (i % row < row - VOCAB)
            most = fmax(most, fabs(after[i] - before[i]));
    return most;
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        const variant full = completed(&variants[i]), *v = &full;
        run fused, lowered;
        if (ok(run_open(&fused, v, b, false) == 0, "%s is built: %s", v->name, podium_error())) {
            double e = slope_error(&fused);
            if (!ok(e < 1e-6, "%s: its gradient is the slope of the loss", v->name))
                tap_diag("error %g", e);
            if (ok(run_open(&lowered, v, b, true) == 0 && lowered.n == fused.n,
                   "%s: and from primitives", v->name)) {
                double worst = 0;
                graph_run(fused.g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings);
                for (int64_t k = 0; k < fused.n; k++)
                    worst = fmax(worst, fabs(fused.grad[k] - lowered.grad[k]));
                ok(worst < 1e-11, "%s: both forms have the same gradient (%.1e)", v->name, worst);
            }
            run_close(&lowered);
            ok(peeking(&fused, v) == 0, "%s: no position sees a later token", v->name);
        }
        run_close(&fused);
    }
    backend_close(b);
    return tap_done();
}
