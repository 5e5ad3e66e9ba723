/* The search; one row at a time, all rows in lock-step because the model runs them together. */
#include "workloads/beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING (-1e7) /* log-probability of what does not exist yet */

typedef struct candidate {
    double score;    /* what it is sorted by */
    double log_prob; /* of the sequence */
    int64_t parent;  /* live sequence of this row that it extends, or finished one */
    int32_t token;
    bool finished;
} candidate;

typedef struct search {
    const beam_model *model;
    const workload_search *options;
    int64_t rows, K, L;
    int32_t *live, *done;  /* [rows, K, L] */
    double *live_prob;     /* [rows, K], rising */
    double *done_score;    /* [rows, K], rising */
    bool *is_done;         /* [rows, K] */
    int32_t *spare;        /* [2, K, L] */
    double *logits;        /* [rows K, V] */
    int64_t *parents;      /* [rows K] */
    int32_t *tokens;       /* [rows K] */
    candidate *candidates; /* [2 K] of one row, best first */
} search;

static void search_release(search *s)
{
    void *all[] = {s->live,  s->done,   s->live_prob, s->done_score, s->is_done,
                   s->spare, s->logits, s->parents,   s->tokens,     s->candidates};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static int32_t search_init(search *s)
{
    size_t n = (size_t)(s->rows * s->K), L = (size_t)s->L, V = (size_t)s->model->vocab;
    s->live = calloc(n * L, sizeof *s->live);
    s->done = calloc(n * L, sizeof *s->done);
    s->live_prob = malloc(n * sizeof *s->live_prob);
    s->done_score = malloc(n * sizeof *s->done_score);
    s->is_done = calloc(n, sizeof *s->is_done);
    s->spare = malloc(2 * (size_t)s->K * L * sizeof *s->spare);
    s->logits = malloc(n * V * sizeof *s->logits);
    s->parents = malloc(n * sizeof *s->parents);
    s->tokens = calloc(n, sizeof *s->tokens);
    s->candidates = malloc(2 * (size_t)s->K * sizeof *s->candidates);
    if (!s->live || !s->done || !s->live_prob || !s->done_score || !s->is_done || !s->spare ||
        !s->logits || !s->parents || !s->tokens || !s->candidates)
        return podium_fail(PODIUM_ENOMEM, "no memory for a search of %lld rows",
                           (long long)s->rows);
    for (size_t i = 0; i < n; i++) {
        s->live_prob[i] = i % (size_t)s->K ? NOTHING
                                           : 0; /* one empty sequence a row to begin with */
        s->done_score[i] = NOTHING;
        s->parents[i] = (int64_t)i;
    }
    return PODIUM_OK;
}

static double penalty(const search *s, int64_t length)
{
    return pow((5.0 + (double)length) / 6.0, s->options->alpha);
}

/* No live sequence of any row can still beat a finished one. */
static bool settled(const search *s)
{
    for (int64_t r = 0; r < s->rows; r++) {
        double best = s->live_prob[(r + 1) * s->K - 1] / penalty(s, s->L), worst = INFINITY;
        for (int64_t k = r * s->K; k < (r + 1) * s->K; k++)
            worst = fmin(worst, s->is_done[k] ? s->done_score[k] : NOTHING);
        if (!(worst > best))
            return false;
    }
    return true;
}

static double log_sum_exp(const double *x, int64_t n)
{
    double max = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        max = fmax(max, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - max);
    return max + log(sum);
}

/* Puts c into the list of at most `most`, best first; an equal one that came first stays ahead. */
static int64_t insert(candidate *list, int64_t n, int64_t most, candidate c)
{
    int64_t at = n;
    while (at > 0 && list[at - 1].score < c.score)
        at--;
    if (at >= most)
        return n;
    int64_t kept = n < most ? n : most - 1;
    memmove(list + at + 1, list + at, (size_t)(kept - at) * sizeof *list);
    list[at] = c;
    return kept + 1;
}

/* The 2 K best extensions of the live sequences of a row. */
static void extend(search *s, int64_t r)
{
    int64_t V = s->model->vocab, n = 0;
    for (int64_t k = 0; k < s->K; k++) {
        const double *logits = s->logits + (r * s->K + k) * V;
        double shift = s->live_prob[r * s->K + k] - log_sum_exp(logits, V);
        for (int64_t v = 0; v < V; v++) {
            double p = logits[v] + shift;
            if (n == 2 * s->K && p <= s->candidates[n - 1].score)
                continue;
            candidate c = {.score = p,
                           .log_prob = p,
                           .parent = k,
                           .token = (int32_t)v,
                           .finished = v == s->options->end_id};
            n = insert(s->candidates, n, 2 * s->K, c);
        }
    }
}

/* A live sequence of row r with a token at `place` and on to the end. */
static void grown(const search *s, int64_t r, const candidate *c, int64_t place, int32_t *to)
{
    memcpy(to, s->live + (r * s->K + c->parent) * s->L, (size_t)place * sizeof *to);
    for (int64_t i = place; i < s->L; i++)
        to[i] = c->token;
}

/* Finished candidates compete with the row's finished sequences. */
static void keep_finished(search *s, int64_t r, int64_t place)
{
    candidate best[64];
    int64_t n = 0, K = s->K, at = r * K;
    bool flags[32];
    double scores[32];
    for (int64_t k = 0; k < K; k++)
        n = insert(best, n, K, (candidate){.score = s->done_score[at + k], .parent = -1 - k});
    for (int64_t i = 0; i < 2 * K; i++) {
        candidate c = s->candidates[i];
        c.score = c.log_prob / penalty(s, place) + (c.finished ? 0 : NOTHING);
        n = insert(best, n, K, c);
    }
    for (int64_t k = 0; k < K; k++) { /* rising */
        const candidate *c = &best[K - 1 - k];
        int32_t *to = s->spare + k * s->L;
        if (c->parent < 0)
            memcpy(to, s->done + (at - 1 - c->parent) * s->L, (size_t)s->L * sizeof *to);
        else
            grown(s, r, c, place, to);
        flags[k] = c->parent < 0 ? s->is_done[at - 1 - c->parent] : c->finished;
        scores[k] = c->score;
    }
    memcpy(s->done + at * s->L, s->spare, (size_t)(K * s->L) * sizeof *s->done);
    memcpy(s->is_done + at, flags, (size_t)K * sizeof *flags);
    memcpy(s->done_score + at, scores, (size_t)K * sizeof *scores);
}

/* The K best candidates that have not ended live on, rising. */
static void keep_live(search *s, int64_t r, int64_t place)
{
    candidate best[64];
    int64_t n = 0, K = s->K, at = r * K;
    for (int64_t i = 0; i < 2 * K; i++) {
        candidate c = s->candidates[i];
        c.score = c.log_prob + (c.finished ? NOTHING : 0);
        n = insert(best, n, K, c);
    }
    for (int64_t k = 0; k < K; k++) {
        const candidate *c = &best[K - 1 - k];
        grown(s, r, c, place, s->spare + k * s->L);
        s->live_prob[at + k] = c->score;
        s->parents[at + k] = at + c->parent;
        s->tokens[at + k] = c->token;
    }
    memcpy(s->live + at * s->L, s->spare, (size_t)(K * s->L) * sizeof *s->live);
}

static void answer(const search *s, int32_t *sequences, double *scores)
{
    for (int64_t r = 0; r < s->rows; r++) {
        int64_t at = r * s->K;
        bool any = false;
        for (int64_t k = 0; k < s->K; k++)
            any = any || s->is_done[at + k];
        memcpy(sequences + at * s->L, (any ? s->done : s->live) + at * s->L,
               (size_t)(s->K * s->L) * sizeof *sequences);
        memcpy(scores + at, (any ? s->done_score : s->live_prob) + at,
               (size_t)s->K * sizeof *scores);
    }
}

int32_t beam_search(const beam_model *m, const workload_search *o, int64_t rows, int32_t *sequences,
                    double *scores)
{
    search s = {.model = m, .options = o, .rows = rows, .K = o->beam, .L = o->max_length};
    if (o->beam < 1 || o->beam > 32 || m->vocab < 2 * o->beam || o->max_length < 1)
        return podium_fail(
            PODIUM_EINVAL,
            "a beam of %lld to length %lld over %lld tokens: expected a beam of 1 to "
            "32, at most half the tokens, and a length of 1 or more",
            (long long)o->beam, (long long)o->max_length, (long long)m->vocab);
    int32_t rc = search_init(&s);
    for (int64_t index = 0; !rc && index < s.L - 1 && !settled(&s); index++) {
        rc = m->step(m->self, index, s.parents, s.tokens, s.logits);
        for (int64_t r = 0; !rc && r < rows; r++) {
            extend(&s, r);
            keep_finished(&s, r, index + 1);
            keep_live(&s, r, index + 1);
        }
    }
    if (!rc)
        answer(&s, sequences, scores);
    search_release(&s);
    return rc;
}
