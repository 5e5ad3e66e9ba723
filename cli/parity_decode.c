/* Golden cases of decoding: beam-case/1, and the greedy continuation of a language model's case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/parity.h"
#include "harness/beam_case.h"

static workload_weights weights_of(const parity_run *r, backend *b, const parity_options *o)
{
    return (workload_weights){.backend = b,
                              .params = r->params,
                              .precision = o->precision,
                              .x = r->x,
                              .frozen = r->frozen};
}

/* --- greedy ------------------------------------------------------------------------------- */

int32_t parity_greedy(parity_run *r, backend *b, const parity_options *o)
{
    const json_t *greedy = json_object_get(r->json, "greedy");
    json_t *rows;
    int64_t prompt, length = 0;
    if (!greedy || !r->workload->decode)
        return PODIUM_OK;
    TRY(json_read_integer(greedy, r->path, "prompt_length", 1, 1 << 20, &prompt));
    TRY(json_read_array(greedy, r->path, "ids", &rows));
    TRY(beam_case_ids(rows, r->path, &length, NULL));
    int64_t n = (int64_t)json_array_size(rows);
    if (prompt > length)
        return podium_fail(PODIUM_EINVAL, "%s: greedy: a prompt of %lld of %lld tokens", r->path,
                           (long long)prompt, (long long)length);
    int32_t *want = malloc((size_t)(n * length) * sizeof *want);
    int32_t *got = malloc((size_t)(n * length) * sizeof *got);
    int32_t *ids = malloc((size_t)(n * prompt) * sizeof *ids);
    double *scores = malloc((size_t)n * sizeof *scores);
    int32_t rc = want && got && ids && scores ? PODIUM_OK
                                              : podium_fail(PODIUM_ENOMEM, "no memory for a case");
    if (!rc)
        rc = beam_case_ids(rows, r->path, &length, want);
    for (int64_t i = 0; !rc && i < n; i++)
        memcpy(ids + i * prompt, want + i * length, (size_t)prompt * sizeof *ids);
    workload_weights w = weights_of(r, b, o);
    workload_search s = {.beam = 1, .max_length = length, .end_id = -1};
    if (!rc)
        rc = r->workload->decode(r->task, &w, &s, n, prompt, ids, got, scores);
    if (!rc) {
        int64_t differ = 0;
        for (int64_t i = 0; i < n * length; i++)
            differ += got[i] != want[i];
        printf("  %-28s %lld of %lld tokens differ\n", "greedy", (long long)differ,
               (long long)(n * length));
        if (differ)
            r->worst = INFINITY;
    }
    free(want);
    free(got);
    free(ids);
    free(scores);
    return rc;
}

/* --- beam --------------------------------------------------------------------------------- */

/* A beam case, the model it searches and what that finds. */
typedef struct beam_run {
    beam_case given;
    parity_run model;
    int32_t *got;   /* [rows, beam, max_length] */
    double *scores; /* [rows, beam] */
} beam_run;

static int32_t open_beam(beam_run *c, const char *path, backend *b, const parity_options *o)
{
    char model[4096];
    TRY(beam_case_read(&c->given, path));
    size_t n = (size_t)(c->given.rows * c->given.search.beam);
    c->got = malloc(n * (size_t)c->given.search.max_length * sizeof *c->got);
    c->scores = malloc(n * sizeof *c->scores);
    if (!c->got || !c->scores)
        return podium_fail(PODIUM_ENOMEM, "no memory for a case");
    TRY(path_sibling(model, sizeof model, path, c->given.model));
    TRY(parity_open(&c->model, model, b, o));
    return c->model.workload->decode
               ? PODIUM_OK
               : podium_fail(PODIUM_EINVAL, "%s: model '%s' makes no sequences", path,
                             c->model.workload->name);
}

/* Sequences must be the same, scores within tolerance; -1e7 stands for no sequence. */
static double compare(const beam_run *run)
{
    const beam_case *c = &run->given;
    int64_t n = c->rows * c->search.beam, L = c->search.max_length, differ = 0;
    double error = 0, size = 0;
    for (int64_t i = 0; i < n * L; i++)
        differ += run->got[i] != c->want[i];
    for (int64_t i = 0; i < n; i++) {
        bool real = c->want_scores[i] > -1e6;
        double e = fabs(run->scores[i] - c->want_scores[i]);
        error = e > error || isnan(e) ? e : error;
        size = real ? fmax(size, fabs(c->want_scores[i])) : size;
    }
    printf("  %-28s %lld of %lld tokens differ\n", "sequences", (long long)differ,
           (long long)(n * L));
    error = error == 0 ? 0 : error / size;
    printf("  %-28s %.3e\n", "scores", error);
    return differ ? INFINITY : error;
}

int32_t parity_run_beam(const char *path, backend *b, const parity_options *o, bool *passed)
{
    beam_run c = {0};
    double tolerance = 0;
    int32_t rc = open_beam(&c, path, b, o);
    if (!rc)
        rc = parity_tolerance(c.given.json, path, b, o, &tolerance);
    workload_weights w = weights_of(&c.model, b, o);
    const beam_case *g = &c.given;
    if (!rc)
        rc = c.model.workload->decode(c.model.task, &w, &g->search, g->rows, g->length, g->ids,
                                      c.got, c.scores);
    if (!rc) {
        printf("%s (%s)\n", path, b->name);
        *passed = parity_verdict(path, compare(&c), tolerance);
    }
    parity_close(&c.model, b);
    beam_case_release(&c.given);
    free(c.got);
    free(c.scores);
    return rc;
}
