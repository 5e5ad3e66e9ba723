/* Reads and checks golden cases of beam search. */
#include "harness/beam_case.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int32_t beam_case_ids(const json_t *rows, const char *place, int64_t *columns, int32_t *out)
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
            json_int_t k = json_integer_value(id);
            if (!json_is_integer(id) || k > INT32_MAX || k < -INT32_MAX)
                return podium_fail(PODIUM_EINVAL, "%s: row %zu, place %zu: expected an id", place,
                                   r, i);
            if (out)
                *out++ = (int32_t)k;
        }
    }
    return PODIUM_OK;
}

static int32_t read_search(beam_case *c, const char *place)
{
    json_t *config;
    int64_t end;
    TRY(json_read_object(c->json, place, "config", &config));
    TRY(json_read_integer(config, place, "beam_size", 1, 32, &c->search.beam));
    TRY(json_read_integer(config, place, "max_decode_len", 1, 1 << 16, &c->search.max_length));
    TRY(json_read_integer(config, place, "eos_id", 0, INT32_MAX, &end));
    TRY(json_read_number(config, place, "alpha", &c->search.alpha));
    c->search.end_id = (int32_t)end;
    return PODIUM_OK;
}

/* out NULL: only the shape is checked, so that what is allocated next is no larger than the file.
 */
static int32_t read_sequences(const beam_case *c, const json_t *sequences, const char *place,
                              int32_t *out)
{
    size_t r;
    json_t *item;
    int64_t beam = c->search.beam, L = c->search.max_length;
    json_array_foreach(sequences, r, item)
    {
        if ((int64_t)json_array_size(item) != beam)
            return podium_fail(PODIUM_EINVAL, "%s: row %zu: expected %lld sequences", place, r,
                               (long long)beam);
        TRY(beam_case_ids(item, place, &L, out ? out + (int64_t)r * beam * L : NULL));
    }
    return PODIUM_OK;
}

static int32_t read_scores(const beam_case *c, const json_t *scores, const char *place)
{
    size_t r, beam = (size_t)c->search.beam;
    json_t *item;
    json_array_foreach(scores, r, item)
    {
        if (json_array_size(item) != beam)
            return podium_fail(PODIUM_EINVAL, "%s: row %zu: expected %zu scores", place, r, beam);
        for (size_t k = 0; k < beam; k++)
            if (!json_number_of(json_array_get(item, k), &c->want_scores[r * beam + k]))
                return podium_fail(PODIUM_EINVAL, "%s: row %zu: score %zu is no number", place, r,
                                   k);
    }
    return PODIUM_OK;
}

static int32_t read_expected(beam_case *c, const char *place)
{
    json_t *expected, *sequences, *scores;
    TRY(json_read_object(c->json, place, "expected", &expected));
    TRY(json_read_array(expected, place, "sequences", &sequences));
    TRY(json_read_array(expected, place, "scores", &scores));
    if ((int64_t)json_array_size(sequences) != c->rows ||
        (int64_t)json_array_size(scores) != c->rows)
        return podium_fail(PODIUM_EINVAL, "%s: expected sequences and scores of %lld rows", place,
                           (long long)c->rows);
    TRY(read_sequences(c, sequences, place, NULL));
    size_t n = (size_t)(c->rows * c->search.beam);
    c->want = malloc(n * (size_t)c->search.max_length * sizeof *c->want);
    c->want_scores = malloc(n * sizeof *c->want_scores);
    if (!c->want || !c->want_scores)
        return podium_fail(PODIUM_ENOMEM, "no memory for a case");
    TRY(read_sequences(c, sequences, place, c->want));
    return read_scores(c, scores, place);
}

static int32_t read_all(beam_case *c, const char *place)
{
    json_t *inputs;
    TRY(read_search(c, place));
    TRY(json_read_array(c->json, place, "inputs", &inputs));
    TRY(beam_case_ids(inputs, place, &c->length, NULL));
    c->rows = (int64_t)json_array_size(inputs);
    if (!c->rows)
        return podium_fail(PODIUM_EINVAL, "%s: field 'inputs': expected a source", place);
    c->ids = malloc((size_t)(c->rows * c->length) * sizeof *c->ids);
    if (!c->ids)
        return podium_fail(PODIUM_ENOMEM, "no memory for a case");
    TRY(beam_case_ids(inputs, place, &c->length, c->ids));
    TRY(read_expected(c, place));
    TRY(json_read_text(c->json, place, "parameters_of", &c->model));
    return !*c->model || strchr(c->model, '/')
               ? podium_fail(PODIUM_EINVAL,
                             "%s: field 'parameters_of': expected the name of a file beside it",
                             place)
               : PODIUM_OK;
}

int32_t beam_case_parse(beam_case *c, const char *text, size_t length, const char *place)
{
    *c = (beam_case){0};
    TRY(json_read(&c->json, text, length, place));
    return read_all(c, place);
}

int32_t beam_case_read(beam_case *c, const char *path)
{
    *c = (beam_case){0};
    TRY(json_read_file(&c->json, path));
    return read_all(c, path);
}

void beam_case_release(beam_case *c)
{
    json_decref(c->json);
    free(c->ids);
    free(c->want);
    free(c->want_scores);
    *c = (beam_case){0};
}
