/* The whole vision transformer and each of its held-out variants in double on `ref`: for every
 * parameter the gradient along a random direction, and at single elements, is the slope of the
 * loss by central differences.  The variants are those of the yaml, and all of them at once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "engine/philox.h"
#include "tests/tap.h"
#include "workloads/vit_model.h"

enum { BATCH = 3, CHANNELS = 2, ROWS = 12, COLUMNS = 8, CLASSES = 5, ELEMENTS = 4 };

static const graph_settings settings = {.label_smoothing = 0.1};

typedef struct model_run {
    backend *b;
    params *p;
    graph *g;
    workload_model m;
    double *x, *gradient;
    size_t n;
} model_run;

/* A small model with the variant's keys. */
static int32_t configure(vit_config *c, const char *variant)
{
    char text[256];
    yaml_document *doc = NULL;
    *c = (vit_config){
        .height = ROWS, .width_pixels = COLUMNS, .channels = CHANNELS, .classes = CLASSES};
    snprintf(text, sizeof text, "{patch: 4, width: 8, depth: 2, heads: 2, mlp: 12%s%s}",
             *variant ? ", " : "", variant);
    int32_t rc = yaml_parse(&doc, text, strlen(text), "variant");
    if (!rc)
        rc = vit_config_read(c, yaml_root(doc));
    yaml_destroy(doc);
    return rc;
}

/* Images and weights (the last example does not count), labels. */
static void set_inputs(model_run *r)
{
    static double images[BATCH * CHANNELS * ROWS * COLUMNS];
    const int32_t labels[BATCH] = {4, 0, 2};
    const double weights[BATCH] = {1, 0.5, 0};
    philox stream = philox_make(5, 1);
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        images[i] = philox_normal(&stream, i);
    graph_set_input(r->g, r->m.inputs[0], images);
    graph_set_input(r->g, r->m.inputs[1], labels);
    graph_set_input(r->g, r->m.inputs[2], weights);
}

static int32_t open_run(model_run *r, backend *b, const vit_config *c)
{
    *r = (model_run){.b = b};
    TRY(params_create(&r->p));
    TRY(graph_create(&r->g, &(graph_config){.backend = b, .params = r->p, .training = true}));
    TRY(vit_build(c, r->g, BATCH, &r->m));
    TRY(graph_backward(r->g, r->m.loss));
    TRY(graph_plan(r->g));
    r->n = (size_t)params_vector_length(r->p);
    r->x = aligned_alloc(64, r->n * 8 + 64 - r->n * 8 % 64);
    r->gradient = aligned_alloc(64, r->n * 8 + 64 - r->n * 8 % 64);
    if (!r->x || !r->gradient)
        return podium_fail(PODIUM_ENOMEM, "no memory for the parameters");
    params_initialise(r->p, 3, PODIUM_F64, r->x, NULL);
    philox stream = philox_make(6, 2);
    for (size_t i = 0; i < r->n; i++) /* away from the zero head, which hides the rest */
        r->x[i] += 0.3 * philox_normal(&stream, i);
    graph_bind(r->g, r->x, NULL, r->gradient);
    set_inputs(r);
    return PODIUM_OK;
}

static void close_run(model_run *r)
{
    graph_destroy(r->g);
    params_destroy(r->p);
    free(r->x);
    free(r->gradient);
}

static double loss(model_run *r)
{
    double out = NAN;
    if (graph_run(r->g, GRAPH_FORWARD, &settings) || graph_read(r->g, r->m.loss, &out, 1))
        return NAN;
    return out;
}

/* d loss / dt at x + t d, by the five-point rule (error h^4); d covers elements [at, at + n). */
static double slope(model_run *r, int64_t at, int64_t n, const double *d)
{
    static const double point[] = {-2, -1, 1, 2}, factor[] = {1, -8, 8, -1};
    const double h = 1e-4;
    double *keep = malloc((size_t)n * sizeof *keep), sum = 0;
    if (!keep)
        return NAN;
    memcpy(keep, r->x + at, (size_t)n * sizeof *keep);
    for (int k = 0; k < 4; k++) {
        for (int64_t i = 0; i < n; i++)
            r->x[at + i] = keep[i] + point[k] * h * d[i];
        sum += factor[k] * loss(r);
    }
    memcpy(r->x + at, keep, (size_t)n * sizeof *keep);
    free(keep);
    return sum / (12 * h);
}

/* The worst disagreement over parameter p: one direction through all of it, some elements. */
static double worst_of(model_run *r, const param *p, uint64_t stream)
{
    double *d = malloc((size_t)p->count * sizeof *d), dot = 0, one = 1, worst;
    const double *g = r->gradient + p->offset;
    philox random = philox_make(7, stream);
    if (!d)
        return NAN;
    for (int64_t i = 0; i < p->count; i++) {
        d[i] = philox_normal(&random, (uint64_t)i) / sqrt((double)p->count);
        dot += d[i] * g[i];
    }
    worst = fabs(slope(r, p->offset, p->count, d) - dot);
    for (int k = 0; k < ELEMENTS; k++) {
        int64_t i = philox_below(&random, (uint64_t)(p->count + k), (uint32_t)p->count);
        double e = fabs(slope(r, p->offset + i, 1, &one) - g[i]);
        worst = e > worst || isnan(e) ? e : worst;
    }
    free(d);
    return worst;
}

static void check(backend *b, const char *variant)
{
    vit_config c;
    model_run r = {0};
    const char *name = *variant ? variant : "the workload itself";
    if (ok(configure(&c, variant) == 0 && open_run(&r, b, &c) == 0 &&
               graph_run(r.g, GRAPH_FORWARD | GRAPH_BACKWARD, &settings) == 0,
           "%s builds and runs", name)) {
        double worst = 0, largest = 0, smallest = INFINITY;
        const char *where = "";
        for (int32_t i = 0; i < params_count(r.p); i++) {
            const param *p = params_get(r.p, i);
            double e = worst_of(&r, p, (uint64_t)i), size = 0;
            for (int64_t k = 0; k < p->count; k++)
                size = fmax(size, fabs(r.gradient[p->offset + k]));
            largest = fmax(largest, size);
            if (!strstr(p->name, "k.bias")) /* zero: a shift of all keys changes nothing */
                smallest = fmin(smallest, size);
            if (e > worst || isnan(e)) {
                worst = e;
                where = p->name;
            }
        }
        ok(worst < 1e-9 * fmax(1, largest), "%s: every gradient is the slope, worst %.1e at %s",
           name, worst, where);
        ok(smallest > 1e-5, "%s: and none is zero: %.1e to %.1e", name, smallest, largest);
    } else {
        tap_diag("%s", podium_error());
    }
    close_run(&r);
}

int main(void)
{
    static const char *const variants[] = {
        "",
        "glu: true",
        "post_ln: true",
        "map: true",
        "map: true, glu: true",
        "map: true, post_ln: true",
        "glu: true, post_ln: true, final_norm: true",
        "map: true, glu: true, post_ln: true",
        "map: true, pre_logits: 0",
    };
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        check(b, variants[i]);
    backend_close(b);
    return tap_done();
}
