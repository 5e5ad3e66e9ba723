/* Going on with a text by the likeliest token, the whole text again for each: for checks, not for
 * speed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "workloads/gpt_decode.h"

typedef struct continuation {
    graph *graph;
    workload_model model;
    double *logits;
} continuation;

static int32_t init(continuation *t, const gpt_config *c, const workload_weights *w, int64_t rows)
{
    graph_config config = {.backend = w->backend, .params = w->params, .precision = w->precision};
    TRY(graph_create(&t->graph, &config));
    TRY(gpt_build(c, t->graph, rows, &t->model));
    graph_keep(t->graph, t->model.logits);
    TRY(graph_plan(t->graph));
    graph_bind(t->graph, w->x, w->frozen, NULL);
    t->logits = malloc((size_t)(rows * c->length * c->vocab) * sizeof *t->logits);
    return t->logits ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for the logits");
}

/* The likeliest token after `place`, and its log-probability. */
static int32_t likeliest(const double *logits, int64_t V, double *log_prob)
{
    int64_t best = 0;
    double sum = 0;
    for (int64_t v = 1; v < V; v++)
        if (logits[v] > logits[best])
            best = v;
    for (int64_t v = 0; v < V; v++)
        sum += exp(logits[v] - logits[best]);
    *log_prob = -log(sum);
    return (int32_t)best;
}

static int32_t go_on(continuation *t, const gpt_config *c, int64_t rows, int64_t place,
                     int32_t end_id, int32_t *sequences, double *scores)
{
    graph_settings settings = {0};
    int64_t L = c->length, V = c->vocab;
    TRY(graph_set_input(t->graph, t->model.inputs[0], sequences));
    TRY(graph_set_input(t->graph, t->model.inputs[1], sequences));
    TRY(graph_run(t->graph, GRAPH_FORWARD, &settings));
    TRY(graph_read(t->graph, t->model.logits, t->logits, rows * L * V));
    for (int64_t r = 0; r < rows; r++) {
        int32_t *row = sequences + r * L;
        double log_prob;
        int32_t token = likeliest(t->logits + (r * L + place) * V, V, &log_prob);
        bool ended = end_id >= 0 && row[place] == end_id;
        scores[r] += ended ? 0 : log_prob;
        for (int64_t i = place + 1; i < L; i++) /* later tokens do not reach back */
            row[i] = ended ? end_id : token;
    }
    return PODIUM_OK;
}

int32_t gpt_decode(const gpt_config *config, const workload_weights *w, const workload_search *s,
                   int64_t rows, int64_t length, const int32_t *ids, int32_t *sequences,
                   double *scores)
{
    gpt_config c = *config;
    continuation t = {0};
    c.length = s->max_length;
    if (s->beam != 1)
        return podium_fail(PODIUM_ENOTSUP, "a language model goes on with one beam, not %lld",
                           (long long)s->beam);
    if (length < 1 || length > s->max_length)
        return podium_fail(PODIUM_EINVAL, "a text of %lld tokens to go on with to %lld",
                           (long long)length, (long long)s->max_length);
    for (int64_t r = 0; r < rows; r++) {
        memset(sequences + r * c.length, 0, (size_t)c.length * sizeof *sequences);
        memcpy(sequences + r * c.length, ids + r * length, (size_t)length * sizeof *ids);
        scores[r] = 0;
    }
    int32_t rc = init(&t, &c, w, rows);
    for (int64_t place = length - 1; !rc && place + 1 < c.length; place++)
        rc = go_on(&t, &c, rows, place, s->end_id, sequences, scores);
    graph_destroy(t.graph);
    free(t.logits);
    return rc;
}
