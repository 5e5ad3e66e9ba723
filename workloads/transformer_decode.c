/* Beam search over the transformer: the sources are encoded once; keys and values of the sequences
 * so far lie in host memory, where a step reorders them as the beams do. */
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "workloads/beam.h"
#include "workloads/transformer_decode.h"

enum { ROWS_AT_ONCE = 32 };

typedef struct decoder {
    const transformer_config *config;
    const workload_weights *weights;
    int64_t rows, beam, past; /* sources, sequences of each, cached tokens at most */
    graph *source_graph, *step_graph;
    transformer_source source;
    transformer_step step;
    size_t real;         /* bytes of a real */
    char *cache, *spare; /* [2 layers, rows beam, past, C] */
    double *wide;        /* conversions */
    char *narrow;        /* [rows beam, S, C] */
    int32_t *positions, *seen;
} decoder;

static void decoder_release(decoder *d)
{
    graph_destroy(d->source_graph);
    graph_destroy(d->step_graph);
    void *all[] = {d->cache, d->spare, d->wide, d->narrow, d->positions, d->seen};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static int32_t open_graph(const workload_weights *w, graph **g)
{
    graph_config config = {.backend = w->backend, .params = w->params, .precision = w->precision};
    return graph_create(g, &config);
}

static int32_t decoder_init(decoder *d)
{
    const transformer_config *c = d->config;
    const workload_weights *w = d->weights;
    int64_t R = d->rows * d->beam, most = d->past > c->source ? d->past : c->source;
    size_t cache = (size_t)(2 * c->decoder_layers * R * d->past * c->width);
    TRY(open_graph(w, &d->source_graph));
    TRY(transformer_build_source(c, d->source_graph, d->rows, &d->source));
    TRY(graph_plan(d->source_graph));
    TRY(open_graph(w, &d->step_graph));
    TRY(transformer_build_step(c, d->step_graph, R, d->past, &d->step));
    TRY(graph_plan(d->step_graph));
    d->real = w->backend->real == PODIUM_F64 ? sizeof(double) : sizeof(float);
    d->cache = calloc(cache, d->real);
    d->spare = calloc(cache, d->real);
    d->wide = malloc((size_t)(R * most * c->width) * sizeof *d->wide);
    d->narrow = malloc((size_t)(R * most * c->width) * d->real);
    d->positions = malloc((size_t)R * sizeof *d->positions);
    d->seen = calloc((size_t)d->past + 1, sizeof *d->seen);
    if (!d->cache || !d->spare || !d->wide || !d->narrow || !d->positions || !d->seen)
        return podium_fail(PODIUM_ENOMEM, "no memory to decode %lld sequences", (long long)R);
    graph_bind(d->source_graph, w->x, w->frozen, NULL);
    graph_bind(d->step_graph, w->x, w->frozen, NULL);
    return PODIUM_OK;
}

static void store(const decoder *d, char *to, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (d->real == sizeof(double))
            ((double *)(void *)to)[i] = from[i];
        else
            ((float *)(void *)to)[i] = (float)from[i];
}

/* Keys or values of the sources, each row repeated for its beams. */
static int32_t give_source(decoder *d, value from, value to)
{
    int64_t row = d->config->source * d->config->width;
    TRY(graph_read(d->source_graph, from, d->wide, d->rows * row));
    for (int64_t r = 0; r < d->rows * d->beam; r++)
        store(d, d->narrow + (size_t)(r * row) * d->real, d->wide + r / d->beam * row, row);
    return graph_set_input(d->step_graph, to, d->narrow);
}

static int32_t encode(decoder *d, const int32_t *ids)
{
    graph_settings settings = {0};
    int64_t S = d->config->source, R = d->rows * d->beam;
    int32_t *repeated = malloc((size_t)(R * S) * sizeof *repeated);
    if (!repeated)
        return podium_fail(PODIUM_ENOMEM, "no memory for the sources");
    for (int64_t r = 0; r < R; r++)
        memcpy(repeated + r * S, ids + r / d->beam * S, (size_t)S * sizeof *ids);
    int32_t rc = graph_set_input(d->source_graph, d->source.inputs, ids);
    if (!rc)
        rc = graph_set_input(d->step_graph, d->step.source, repeated);
    free(repeated);
    TRY(rc);
    TRY(graph_run(d->source_graph, GRAPH_FORWARD, &settings));
    for (int64_t i = 0; i < d->config->decoder_layers; i++) {
        TRY(give_source(d, d->source.keys[i], d->step.cross_keys[i]));
        TRY(give_source(d, d->source.values[i], d->step.cross_values[i]));
    }
    return PODIUM_OK;
}

/* Sequence i becomes what sequence parents[i] was, up to `index` tokens. */
static void reorder(decoder *d, int64_t index, const int64_t *parents)
{
    int64_t R = d->rows * d->beam;
    size_t row = (size_t)(d->past * d->config->width) * d->real;
    size_t used = (size_t)(index * d->config->width) * d->real;
    for (int64_t layer = 0; layer < 2 * d->config->decoder_layers; layer++)
        for (int64_t r = 0; r < R; r++)
            memcpy(d->spare + (size_t)(layer * R + r) * row,
                   d->cache + (size_t)(layer * R + parents[r]) * row, used);
    char *swap = d->cache;
    d->cache = d->spare;
    d->spare = swap;
}

/* The newest token's keys or values join the cache at `index`. */
static int32_t remember(decoder *d, int64_t layer, int64_t index, value made)
{
    int64_t R = d->rows * d->beam, C = d->config->width;
    TRY(graph_read(d->step_graph, made, d->wide, R * C));
    for (int64_t r = 0; r < R; r++)
        store(d, d->cache + (size_t)(((layer * R + r) * d->past + index) * C) * d->real,
              d->wide + r * C, C);
    return PODIUM_OK;
}

static int32_t step(void *self, int64_t index, const int64_t *parents, const int32_t *tokens,
                    double *logits)
{
    decoder *d = self;
    graph_settings settings = {0};
    const transformer_step *s = &d->step;
    int64_t R = d->rows * d->beam, layers = d->config->decoder_layers;
    size_t layer = (size_t)(R * d->past * d->config->width) * d->real;
    reorder(d, index, parents);
    for (int64_t r = 0; r < R; r++)
        d->positions[r] = (int32_t)index;
    for (int64_t j = 0; j < d->past; j++)
        d->seen[j] = j < index;
    d->seen[d->past] = 1;
    TRY(graph_set_input(d->step_graph, s->token, tokens));
    TRY(graph_set_input(d->step_graph, s->position, d->positions));
    TRY(graph_set_input(d->step_graph, s->seen, d->seen));
    for (int64_t i = 0; i < layers; i++) {
        char *keys = d->cache + (size_t)(2 * i) * layer;
        TRY(graph_set_input(d->step_graph, s->past_keys[i], keys));
        TRY(graph_set_input(d->step_graph, s->past_values[i], keys + layer));
    }
    TRY(graph_run(d->step_graph, GRAPH_FORWARD, &settings));
    for (int64_t i = 0; i < layers; i++) {
        TRY(remember(d, 2 * i, index, s->new_keys[i]));
        TRY(remember(d, 2 * i + 1, index, s->new_values[i]));
    }
    return graph_read(d->step_graph, s->logits, logits, R * d->config->vocab);
}

/* All rows of one size of batch. */
static int32_t decode_chunk(const transformer_config *c, const workload_weights *w,
                            const workload_search *s, int64_t rows, const int32_t *ids,
                            int32_t *sequences, double *scores)
{
    decoder d = {.config = c, .weights = w, .rows = rows, .beam = s->beam};
    d.past = s->max_length > 1 ? s->max_length - 1 : 1;
    beam_model m = {.self = &d, .vocab = c->vocab, .step = step};
    int32_t rc = decoder_init(&d);
    if (!rc)
        rc = encode(&d, ids);
    if (!rc)
        rc = beam_search(&m, s, rows, sequences, scores);
    decoder_release(&d);
    return rc;
}

int32_t transformer_decode(const transformer_config *config, const workload_weights *w,
                           const workload_search *s, int64_t rows, int64_t length,
                           const int32_t *ids, int32_t *sequences, double *scores)
{
    transformer_config c = *config;
    c.source = length;
    for (int64_t at = 0; at < rows; at += ROWS_AT_ONCE) {
        int64_t n = rows - at < ROWS_AT_ONCE ? rows - at : ROWS_AT_ONCE;
        TRY(decode_chunk(&c, w, s, n, ids + at * length, sequences + at * s->beam * s->max_length,
                         scores + at * s->beam));
    }
    return PODIUM_OK;
}
