/* Golden cases of a published encoder whose weights are not stored with the case: its hidden
 * states, sentence vectors and their similarities, from --weights DIR/model.safetensors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/text.h"
#include "cli/parity.h"
#include "workloads/backbone.h"
#include "workloads/compacter_case.h"

enum { MAX_BLOCKS = 64 };

typedef struct hidden_run {
    compacter_case golden;
    params *params;
    graph *graph;
    value ids, mask;
    value blocks[MAX_BLOCKS + 1]; /* the embedding's norm, then each block */
    value pooled, embedding, similarity;
    void *x, *frozen;
    double worst;
} hidden_run;

/* DIR/model.safetensors; a file of another sum is said, not refused: packages differ in metadata.
 */
static int32_t weights_path(const json_t *json, const parity_options *o, char *out, size_t size)
{
    char sum[SHA256_HEX];
    const char *want = json_string_value(
        json_object_get(json_object_get(json, "weights"), "sha256"));
    if (!o->weights)
        return podium_fail(PODIUM_EINVAL,
                           "the case needs published weights: --weights DIR or PODIUM_WEIGHTS, a "
                           "folder with model.safetensors");
    TRY(path_join(out, size, o->weights, "model.safetensors"));
    if (!file_exists(out))
        return podium_fail(PODIUM_EINVAL, "the case needs published weights: no file '%s'", out);
    TRY(sha256_of_file(out, sum));
    if (want && strcmp(want, sum))
        printf("  note: %s has the SHA-256 %s, the case was made with %s\n", out, sum, want);
    return PODIUM_OK;
}

static int32_t record(hidden_run *r, const compacter_config *c, int64_t B, int64_t T)
{
    graph *g = r->graph;
    int64_t shape[2] = {B, T};
    nn_adaptation none = {0};
    if (c->bert.depth > MAX_BLOCKS)
        return podium_fail(PODIUM_EINVAL, "%lld blocks, expected at most %d",
                           (long long)c->bert.depth, MAX_BLOCKS);
    r->ids = graph_input(g, "input_ids", PODIUM_I32, 2, shape);
    r->mask = graph_input(g, "attention_mask", PODIUM_I32, 2, shape);
    value x = nn_bert(g, &c->bert, &none, r->ids, NO_VALUE, r->mask, r->blocks);
    r->pooled = compacter_pooled(c, g, x, r->mask);
    value square = op_reduce_sum(g, op_unary(g, UNARY_SQUARE, r->pooled), 2, true);
    r->embedding = op_mul(g, r->pooled, op_unary(g, UNARY_RSQRT, square));
    r->similarity = op_matmul(g, r->embedding, r->embedding, false, true);
    for (int i = 0; i <= (int)c->bert.depth; i++)
        graph_keep(g, r->blocks[i]);
    graph_keep(g, r->pooled);
    graph_keep(g, r->embedding);
    graph_keep(g, r->similarity);
    return graph_plan(g);
}

static int32_t load(hidden_run *r, backend *b, const char *weights)
{
    size_t real = b->real == PODIUM_F64 ? 8 : 4;
    size_t bytes = (size_t)params_vector_length(r->params) * real;
    void *host = calloc(1, bytes + 64);
    if (!host)
        return podium_fail(PODIUM_ENOMEM, "no memory for %zu bytes of weights", bytes);
    int32_t rc = backbone_load(r->params, weights, b->real, host, NULL);
    if (!rc)
        rc = b->alloc(b, bytes + 64, &r->x);
    if (!rc)
        rc = b->copy_in(b, r->x, host, bytes);
    free(host);
    if (!rc)
        graph_bind(r->graph, r->x, NULL, NULL);
    return rc;
}

/* Compares got (want->count numbers); rows of C numbers where the mask is 0 are left out. */
static void compare(hidden_run *r, const char *what, const double *got, const safetensor *want,
                    const int32_t *mask, int64_t C)
{
    double error = 0, size = 0;
    for (int64_t i = 0; i < want->count; i++) {
        if (mask && !mask[i / C])
            continue;
        double w = safetensor_number(want, i), e = fabs(got[i] - w);
        error = e > error || isnan(e) ? e : error;
        size = fabs(w) > size ? fabs(w) : size;
    }
    error = error == 0 ? 0 : error / size;
    r->worst = error > r->worst || isnan(error) ? error : r->worst;
    printf("  %-28s %.3e\n", what, error);
}

static int32_t find(const safetensors *s, const json_t *names, const char *what, int64_t count,
                    const safetensor **out)
{
    const char *name = json_string_value(json_object_get(names, what));
    *out = name ? safetensors_find(s, name) : NULL;
    if (*out && (*out)->count == count)
        return PODIUM_OK;
    return podium_fail(PODIUM_EINVAL, "expected.%s: no tensor of %lld elements", what,
                       (long long)count);
}

static int32_t compare_value(hidden_run *r, const safetensors *s, const json_t *expected,
                             const char *what, value v, const int32_t *mask, int64_t C)
{
    const safetensor *want;
    int64_t n = graph_count(r->graph, v);
    if (!json_object_get(expected, what))
        return PODIUM_OK;
    TRY(find(s, expected, what, n, &want));
    double *got = malloc((size_t)n * sizeof *got);
    int32_t rc = got ? graph_read(r->graph, v, got, n)
                     : podium_fail(PODIUM_ENOMEM, "no memory for %s", what);
    if (!rc)
        compare(r, what, got, want, mask, C);
    free(got);
    return rc;
}

/* The first token after the embedding and each block, [depth + 1, B, C]. */
static int32_t compare_first_tokens(hidden_run *r, const safetensors *s, const json_t *names,
                                    const compacter_config *c, int64_t B, int64_t T)
{
    const safetensor *want;
    int64_t C = c->bert.width, depth = c->bert.depth;
    if (!json_object_get(names, "hidden_first_token"))
        return PODIUM_OK;
    TRY(find(s, names, "hidden_first_token", (depth + 1) * B * C, &want));
    double *all = malloc((size_t)(B * T * C) * sizeof *all);
    double *got = malloc((size_t)want->count * sizeof *got);
    int32_t rc = all && got ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for states");
    for (int64_t i = 0; !rc && i <= depth; i++) {
        rc = graph_read(r->graph, r->blocks[i], all, B * T * C);
        for (int64_t n = 0; !rc && n < B; n++)
            memcpy(got + (i * B + n) * C, all + n * T * C, (size_t)C * sizeof *got);
    }
    if (!rc)
        compare(r, "hidden_first_token", got, want, NULL, C);
    free(all);
    free(got);
    return rc;
}

static int32_t run_states(hidden_run *r, const json_t *json, const safetensors *s, backend *b,
                          const parity_options *o)
{
    char weights[4096];
    const safetensor *ids = safetensors_find(s, "input_ids");
    const safetensor *mask = safetensors_find(s, "attention_mask");
    if (!ids || !mask || ids->ndim != 2 || ids->dtype != PODIUM_I32 || mask->dtype != PODIUM_I32 ||
        mask->count != ids->count || ids->count < 1)
        return podium_fail(PODIUM_EINVAL, "inputs: expected input_ids and attention_mask, i32");
    TRY(weights_path(json, o, weights, sizeof weights));
    const compacter_config *c = &r->golden.model;
    int64_t B = ids->shape[0], T = ids->shape[1], C = c->bert.width;
    TRY(params_create(&r->params));
    TRY(graph_create(
        &r->graph, &(graph_config){.backend = b, .params = r->params, .precision = o->precision}));
    TRY(record(r, c, B, T));
    TRY(load(r, b, weights));
    TRY(graph_set_input(r->graph, r->ids, ids->data));
    TRY(graph_set_input(r->graph, r->mask, mask->data));
    TRY(graph_run(r->graph, GRAPH_FORWARD, &(graph_settings){0}));
    const json_t *expected = json_object_get(json, "expected");
    value last = r->blocks[c->bert.depth];
    TRY(compare_value(r, s, expected, "last_hidden", last, mask->data, C));
    TRY(compare_value(r, s, expected, "mean_pool", r->pooled, NULL, C));
    TRY(compare_value(r, s, expected, "embedding", r->embedding, NULL, C));
    TRY(compare_value(r, s, expected, "similarity", r->similarity, NULL, C));
    return compare_first_tokens(r, s, json_object_get(expected, "intermediates"), c, B, T);
}

int32_t parity_run_hidden(const char *path, json_t *json, const safetensors *tensors, backend *b,
                          const parity_options *o, bool *passed)
{
    hidden_run r = {0};
    double tolerance;
    json_t *config = json_object_get(json, "config");
    json_object_set_new(config, "model", json_string("bert_encoder"));
    printf("%s (%s)\n", path, b->name);
    int32_t rc = parity_tolerance(json, path, b, o, &tolerance);
    if (!rc)
        rc = compacter_case_read(&r.golden, config);
    if (!rc)
        rc = run_states(&r, json, tensors, b, o);
    graph_destroy(r.graph);
    params_destroy(r.params);
    if (r.x)
        b->free(b, r.x);
    if (rc < 0)
        return podium_fail_in(rc, "%s", path);
    *passed = parity_verdict(path, r.worst, tolerance);
    return PODIUM_OK;
}
