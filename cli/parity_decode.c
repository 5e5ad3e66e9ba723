/* Golden cases of decoding: beam-case/1, and the greedy continuation of a language model's case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/parity.h"

/* Integers of a matrix [rows, *columns] in JSON; *columns 0: taken from the first row. */
static int32_t read_ids(const json_t *rows, const char *place, int64_t *columns, int32_t *out)
{
    size_t r, i;
    json_t *row, *id;
    json_array_foreach(rows, r, row)
    {
        if (!*columns)
            *columns = (int64_t)json_array_size(row);
        if (!json_is_array(row) || (int64_t)json_array_size(row) != *columns || !*columns)
            return podium_fail(PODIUM_EINVAL, "%s: row %zu: expected %lld ids", place, r,
                               (long long)*columns);
        json_array_foreach(row, i, id)
        {
            if (!json_is_integer(id) || llabs(json_integer_value(id)) > INT32_MAX)
                return podium_fail(PODIUM_EINVAL, "%s: row %zu, place %zu: expected an id", place,
                                   r, i);
            if (out)
                *out++ = (int32_t)json_integer_value(id);
        }
    }
    return PODIUM_OK;
}

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
    TRY(read_ids(rows, r->path, &length, NULL));
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
        rc = read_ids(rows, r->path, &length, want);
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

/* A beam case beside the model it searches. */
typedef struct beam_case {
    const char *path;
    json_t *json;
    parity_run model;
    workload_search search;
    int64_t rows, length;
    int32_t *ids, *want, *got; /* sources; sequences [rows, beam, max_length] */
    double *want_scores, *scores;
} beam_case;

static int32_t read_search(beam_case *c)
{
    json_t *config;
    int64_t end;
    TRY(json_read_object(c->json, c->path, "config", &config));
    TRY(json_read_integer(config, c->path, "beam_size", 1, 32, &c->search.beam));
    TRY(json_read_integer(config, c->path, "max_decode_len", 1, 1 << 16, &c->search.max_length));
    TRY(json_read_integer(config, c->path, "eos_id", 0, INT32_MAX, &end));
    TRY(json_read_number(config, c->path, "alpha", &c->search.alpha));
    c->search.end_id = (int32_t)end;
    return PODIUM_OK;
}

/* Sequences and scores that are expected. */
static int32_t read_expected(beam_case *c)
{
    json_t *expected, *sequences, *scores, *item;
    int64_t beam = c->search.beam, L = c->search.max_length;
    size_t r, k;
    TRY(json_read_object(c->json, c->path, "expected", &expected));
    TRY(json_read_array(expected, c->path, "sequences", &sequences));
    TRY(json_read_array(expected, c->path, "scores", &scores));
    if ((int64_t)json_array_size(sequences) != c->rows ||
        (int64_t)json_array_size(scores) != c->rows)
        return podium_fail(PODIUM_EINVAL, "%s: expected sequences and scores of %lld rows", c->path,
                           (long long)c->rows);
    json_array_foreach(sequences, r, item)
    {
        if ((int64_t)json_array_size(item) != beam)
            return podium_fail(PODIUM_EINVAL, "%s: row %zu: expected %lld sequences", c->path, r,
                               (long long)beam);
        TRY(read_ids(item, c->path, &L, c->want + (int64_t)r * beam * L));
    }
    json_array_foreach(scores, r, item) for (k = 0; k < (size_t)beam; k++)
    {
        if (!json_number_of(json_array_get(item, k), &c->want_scores[r * (size_t)beam + k]))
            return podium_fail(PODIUM_EINVAL, "%s: row %zu: expected %lld scores", c->path, r,
                               (long long)beam);
    }
    return PODIUM_OK;
}

static int32_t read_case(beam_case *c, backend *b, const parity_options *o, char *model,
                         size_t size)
{
    const char *name;
    json_t *inputs;
    TRY(json_read_file(&c->json, c->path));
    TRY(read_search(c));
    TRY(json_read_array(c->json, c->path, "inputs", &inputs));
    TRY(read_ids(inputs, c->path, &c->length, NULL));
    c->rows = (int64_t)json_array_size(inputs);
    size_t n = (size_t)(c->rows * c->search.beam), L = (size_t)c->search.max_length;
    c->ids = malloc((size_t)(c->rows * c->length + 1) * sizeof *c->ids);
    c->want = malloc((n * L + 1) * sizeof *c->want);
    c->got = malloc((n * L + 1) * sizeof *c->got);
    c->want_scores = malloc((n + 1) * sizeof *c->want_scores);
    c->scores = malloc((n + 1) * sizeof *c->scores);
    if (!c->ids || !c->want || !c->got || !c->want_scores || !c->scores)
        return podium_fail(PODIUM_ENOMEM, "no memory for a case");
    TRY(read_ids(inputs, c->path, &c->length, c->ids));
    TRY(read_expected(c));
    TRY(json_read_text(c->json, c->path, "parameters_of", &name));
    TRY(parity_beside(c->path, name, model, size));
    return parity_open(&c->model, model, b, o);
}

/* Sequences must be the same, scores within tolerance; -1e7 stands for no sequence. */
static double compare(const beam_case *c)
{
    int64_t n = c->rows * c->search.beam, L = c->search.max_length, differ = 0;
    double error = 0, size = 0;
    for (int64_t i = 0; i < n * L; i++)
        differ += c->got[i] != c->want[i];
    for (int64_t i = 0; i < n; i++) {
        bool real = c->want_scores[i] > -1e6;
        double e = fabs(c->scores[i] - c->want_scores[i]);
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
    beam_case c = {.path = path};
    char model[4096];
    double tolerance = 0;
    int32_t rc = read_case(&c, b, o, model, sizeof model);
    if (!rc && !c.model.workload->decode)
        rc = podium_fail(PODIUM_EINVAL, "%s: model '%s' makes no sequences", path,
                         c.model.workload->name);
    if (!rc)
        rc = parity_tolerance(c.json, path, b, o, &tolerance);
    workload_weights w = weights_of(&c.model, b, o);
    if (!rc)
        rc = c.model.workload->decode(c.model.task, &w, &c.search, c.rows, c.length, c.ids, c.got,
                                      c.scores);
    if (!rc) {
        printf("%s (%s)\n", path, b->name);
        *passed = parity_verdict(path, compare(&c), tolerance);
    }
    parity_close(&c.model, b);
    json_decref(c.json);
    free(c.ids);
    free(c.want);
    free(c.got);
    free(c.want_scores);
    free(c.scores);
    return rc;
}
