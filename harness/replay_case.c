/* Reads replay-case/1 files: every length is checked against the shapes before it is used. */
#include "harness/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define MAX_ELEMENTS 1000000
#define MAX_STEPS 100000

/* Array `key` of exactly `count` numbers. */
static int32_t read_numbers(const json_t *object, const char *place, const char *key, int64_t count,
                            double **out)
{
    json_t *array;
    TRY(json_read_array(object, place, key, &array));
    if ((int64_t)json_array_size(array) != count)
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected %lld numbers, got %zu", place,
                           key, (long long)count, json_array_size(array));
    free(*out);
    *out = calloc((size_t)count + 1, sizeof **out);
    if (!*out)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld numbers", (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (!json_number_of(json_array_get(array, (size_t)i), &(*out)[i]))
            return podium_fail(PODIUM_EINVAL, "%s: field '%s'[%lld]: expected a number", place, key,
                               (long long)i);
    return 0;
}

/* Array of `rows` arrays of `columns` numbers, row-major. */
static int32_t read_matrix(const json_t *object, const char *place, const char *key, int64_t rows,
                           int64_t columns, double **out)
{
    json_t *array;
    TRY(json_read_array(object, place, key, &array));
    if ((int64_t)json_array_size(array) != rows)
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected %lld rows, got %zu", place, key,
                           (long long)rows, json_array_size(array));
    free(*out);
    *out = calloc((size_t)(rows * columns) + 1, sizeof **out);
    if (!*out)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld numbers",
                           (long long)(rows * columns));
    for (int64_t i = 0; i < rows; i++) {
        const json_t *row = json_array_get(array, (size_t)i);
        if (!json_is_array(row) || (int64_t)json_array_size(row) != columns)
            return podium_fail(PODIUM_EINVAL, "%s: field '%s'[%lld]: expected %lld numbers", place,
                               key, (long long)i, (long long)columns);
        for (int64_t k = 0; k < columns; k++)
            if (!json_number_of(json_array_get(row, (size_t)k), &(*out)[i * columns + k]))
                return podium_fail(PODIUM_EINVAL, "%s: field '%s'[%lld][%lld]: expected a number",
                                   place, key, (long long)i, (long long)k);
    }
    return 0;
}

static int32_t read_shape(runner_param *p, const json_t *spec, const char *place)
{
    json_t *shape;
    TRY(json_read_array(spec, place, "shape", &shape));
    size_t ndim = json_array_size(shape);
    if (ndim > RUNNER_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL, "%s: field 'shape': expected at most %d extents", place,
                           RUNNER_MAX_DIMS);
    p->ndim = (int32_t)ndim;
    p->count = 1;
    for (size_t i = 0; i < ndim; i++) {
        p->shape[i] = json_integer_value(json_array_get(shape, i));
        if (p->shape[i] < 1 || p->shape[i] > MAX_ELEMENTS / p->count)
            return podium_fail(PODIUM_EINVAL,
                               "%s: field 'shape': extents from 1, at most %d "
                               "elements",
                               place, MAX_ELEMENTS);
        p->count *= p->shape[i];
    }
    return 0;
}

static int32_t read_kind(const json_t *spec, const char *place, int32_t *out)
{
    const char *kind;
    TRY(json_read_text(spec, place, "kind", &kind));
    *out = !strcmp(kind, "weight")        ? PODIUM_WEIGHT
           : !strcmp(kind, "bias")        ? PODIUM_BIAS
           : !strcmp(kind, "conv_weight") ? PODIUM_CONV_WEIGHT
                                          : -1;
    if (*out >= 0)
        return 0;
    return podium_fail(PODIUM_EINVAL,
                       "%s: field 'kind': expected weight, bias or conv_weight, got "
                       "'%s'",
                       place, kind);
}

static int32_t read_params(replay_case *c, const char *place)
{
    json_t *list;
    TRY(json_read_array(c->json, place, "parameters", &list));
    size_t count = json_array_size(list);
    if (count < 1 || count > 4096)
        return podium_fail(PODIUM_EINVAL, "%s: field 'parameters': expected 1 to 4096", place);
    c->params = calloc(count, sizeof *c->params);
    c->start = calloc(MAX_ELEMENTS, sizeof *c->start);
    if (!c->params || !c->start)
        return podium_fail(PODIUM_ENOMEM, "no memory for the parameters");
    for (size_t i = 0; i < count; i++) {
        const json_t *spec = json_array_get(list, i);
        runner_param *p = &c->params[i];
        double *values = NULL;
        if (!json_is_object(spec))
            return podium_fail(PODIUM_EINVAL, "%s: field 'parameters'[%zu]: expected an object",
                               place, i);
        TRY(read_shape(p, spec, place));
        TRY(read_kind(spec, place, &p->kind));
        if (c->n + p->count > MAX_ELEMENTS)
            return podium_fail(PODIUM_EINVAL, "%s: more than %d elements", place, MAX_ELEMENTS);
        int32_t rc = read_numbers(spec, place, "values", p->count, &values);
        if (!rc)
            memcpy(c->start + c->n, values, (size_t)p->count * sizeof *values);
        free(values);
        TRY(rc);
        p->offset = c->vector_length;
        c->vector_length += (p->count + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
        c->n += p->count;
        c->num_params++;
    }
    return 0;
}

static int32_t read_softmax(replay_case *c, const json_t *p, const char *place)
{
    c->problem = REPLAY_SOFTMAX;
    TRY(json_read_integer(p, place, "n", 1, MAX_ELEMENTS, &c->num_rows));
    TRY(json_read_integer(p, place, "d", 1, MAX_ELEMENTS / c->num_rows, &c->d));
    TRY(json_read_integer(p, place, "classes", 1, MAX_ELEMENTS / c->d, &c->classes));
    if (c->num_params != 2 || c->params[0].count != c->classes * c->d ||
        c->params[1].count != c->classes)
        return podium_fail(PODIUM_EINVAL,
                           "%s: softmax regression needs a weight [%lld, %lld] and "
                           "a bias [%lld]",
                           place, (long long)c->classes, (long long)c->d, (long long)c->classes);
    const json_t *m = json_object_get(p, "minibatch");
    if (m && !json_is_null(m))
        TRY(json_read_integer(p, place, "minibatch", 1, c->num_rows, &c->minibatch));
    TRY(read_numbers(p, place, "x", c->num_rows * c->d, &c->rows));
    double *labels = NULL;
    int32_t rc = read_numbers(p, place, "y", c->num_rows, &labels);
    c->labels = calloc((size_t)c->num_rows, sizeof *c->labels);
    for (int64_t i = 0; !rc && c->labels && i < c->num_rows; i++) {
        if (!(labels[i] >= 0 && labels[i] < (double)c->classes))
            rc = podium_fail(PODIUM_EINVAL, "%s: field 'y'[%lld]: expected a class below %lld",
                             place, (long long)i, (long long)c->classes);
        else
            c->labels[i] = (int64_t)labels[i];
    }
    free(labels);
    return rc || c->labels ? rc : podium_fail(PODIUM_ENOMEM, "no memory for labels");
}

static int32_t read_problem(replay_case *c, const char *place)
{
    json_t *p;
    const char *type;
    TRY(json_read_object(c->json, place, "problem", &p));
    TRY(json_read_text(p, place, "type", &type));
    if (!strcmp(type, "softmax_regression"))
        return read_softmax(c, p, place);
    if (!strcmp(type, "quadratic")) {
        c->problem = REPLAY_QUADRATIC;
        TRY(read_numbers(p, place, "A", c->n * c->n, &c->a));
        TRY(read_numbers(p, place, "b", c->n, &c->b));
        return json_read_number(p, place, "c", &c->c);
    }
    if (strcmp(type, "gradients"))
        return podium_fail(PODIUM_EINVAL,
                           "%s: field 'type': expected gradients, quadratic or "
                           "softmax_regression, got '%s'",
                           place, type);
    c->problem = REPLAY_GRADIENTS;
    if (json_object_get(p, "losses"))
        TRY(read_numbers(p, place, "losses", c->steps, &c->losses));
    return read_matrix(p, place, "gradients", c->steps, c->n, &c->gradients);
}

static int32_t read_scalars(replay_case *c, json_t *scalars, const char *place)
{
    const char *name;
    json_t *values;
    if (json_object_size(scalars) > REPLAY_MAX_SCALARS)
        return podium_fail(PODIUM_EINVAL, "%s: field 'scalars': expected at most %d", place,
                           REPLAY_MAX_SCALARS);
    json_object_foreach(scalars, name, values)
    {
        replay_scalar *s = &c->scalars[c->num_scalars++];
        s->name = name;
        TRY(read_numbers(scalars, place, name, c->steps, &s->want));
    }
    return 0;
}

static int32_t read_case(replay_case *c, const char *place)
{
    const char *schema;
    json_t *part;
    if (!json_is_object(c->json))
        return podium_fail(PODIUM_EINVAL, "%s: expected an object", place);
    TRY(json_read_text(c->json, place, "schema", &schema));
    if (strcmp(schema, "replay-case/1"))
        return podium_fail(PODIUM_EINVAL, "%s: field 'schema': expected replay-case/1, got '%s'",
                           place, schema);
    TRY(json_read_text(c->json, place, "name", &c->name));
    TRY(json_read_text(c->json, place, "optimizer", &c->optimizer));
    TRY(json_read_object(c->json, place, "hyperparameters", &part));
    c->hyperparameters = part;
    TRY(read_params(c, place));
    TRY(json_read_integer(c->json, place, "steps", 1, MAX_STEPS, &c->steps));
    TRY(json_read_integer(c->json, place, "gradient_evaluations", 0, 100 * MAX_STEPS,
                          &c->gradient_evaluations));
    TRY(json_read_number(c->json, place, "tolerance", &c->tolerance));
    TRY(read_problem(c, place));
    TRY(json_read_object(c->json, place, "expected", &part));
    TRY(read_matrix(part, place, "parameters", c->steps, c->n, &c->want));
    if (json_object_get(part, "eval_parameters"))
        TRY(read_matrix(part, place, "eval_parameters", c->steps, c->n, &c->want_eval));
    if (json_object_get(part, "loss"))
        TRY(read_numbers(part, place, "loss", c->steps, &c->want_loss));
    if (json_object_get(part, "scalars")) {
        json_t *scalars;
        TRY(json_read_object(part, place, "scalars", &scalars));
        TRY(read_scalars(c, scalars, place));
    }
    if (json_object_get(c->json, "float32_error")) {
        TRY(json_read_object(c->json, place, "float32_error", &part));
        TRY(json_read_number(part, place, "magnitude", &c->float32_magnitude));
    }
    return 0;
}

static int32_t finish(replay_case **out, json_t *json, const char *place)
{
    replay_case *c = calloc(1, sizeof *c);
    if (!c) {
        json_decref(json);
        return podium_fail(PODIUM_ENOMEM, "no memory for a case");
    }
    c->json = json;
    int32_t rc = read_case(c, place);
    if (rc)
        replay_destroy(c);
    else
        *out = c;
    return rc;
}

int32_t replay_parse(replay_case **out, const char *text, size_t length, const char *place)
{
    json_t *json;
    *out = NULL;
    TRY(json_read(&json, text, length, place));
    return finish(out, json, place);
}

int32_t replay_load(replay_case **out, const char *path)
{
    json_t *json;
    *out = NULL;
    TRY(json_read_file(&json, path));
    return finish(out, json, path);
}

void replay_destroy(replay_case *c)
{
    if (!c)
        return;
    free(c->params);
    free(c->start);
    free(c->gradients);
    free(c->losses);
    free(c->a);
    free(c->b);
    free(c->rows);
    free(c->labels);
    free(c->want);
    free(c->want_eval);
    free(c->want_loss);
    for (int32_t i = 0; i < c->num_scalars; i++)
        free(c->scalars[i].want);
    json_decref(c->json);
    free(c);
}

static double quadratic(const replay_case *c, const double *x, double *gradient)
{
    double loss = c->c;
    for (int64_t i = 0; i < c->n; i++) {
        double ax = 0;
        for (int64_t k = 0; k < c->n; k++)
            ax += c->a[i * c->n + k] * x[k];
        loss += (0.5 * ax - c->b[i]) * x[i];
        if (gradient)
            gradient[i] = ax - c->b[i];
    }
    return loss;
}

/* Mean cross-entropy over a part of the step's rows: rows (step m + i) mod n for a minibatch of m.
 */
static double softmax(const replay_case *c, int64_t step, const double *x, double *gradient,
                      double *p, comm_range part)
{
    const double *bias = x + c->classes * c->d;
    int64_t m = c->minibatch;
    double loss = 0;
    if (gradient)
        memset(gradient, 0, (size_t)c->n * sizeof *gradient);
    for (int64_t i = part.start; i < part.start + part.count; i++) {
        int64_t row = c->minibatch ? (step * m + i) % c->num_rows : i;
        const double *in = c->rows + row * c->d;
        double top = -INFINITY, sum = 0;
        for (int64_t k = 0; k < c->classes; k++) {
            p[k] = bias[k];
            for (int64_t j = 0; j < c->d; j++)
                p[k] += x[k * c->d + j] * in[j];
            top = p[k] > top ? p[k] : top;
        }
        for (int64_t k = 0; k < c->classes; k++)
            sum += exp(p[k] - top);
        loss += top + log(sum) - p[c->labels[row]];
        for (int64_t k = 0; gradient && k < c->classes; k++) {
            double dlogit = (exp(p[k] - top) / sum - (k == c->labels[row])) / (double)part.count;
            gradient[c->classes * c->d + k] += dlogit;
            for (int64_t j = 0; j < c->d; j++)
                gradient[k * c->d + j] += dlogit * in[j];
        }
    }
    return part.count ? loss / (double)part.count : 0;
}

static int64_t rows_of(const replay_case *c)
{
    return c->minibatch ? c->minibatch : c->num_rows;
}

double replay_loss(const replay_case *c, int64_t step, const double *x, double *gradient,
                   double *scratch)
{
    if (c->problem == REPLAY_QUADRATIC)
        return quadratic(c, x, gradient);
    if (c->problem == REPLAY_SOFTMAX)
        return softmax(c, step, x, gradient, scratch, (comm_range){0, rows_of(c)});
    if (gradient)
        memcpy(gradient, c->gradients + step * c->n, (size_t)c->n * sizeof *gradient);
    return c->losses ? c->losses[step] : 0;
}

double replay_loss_part(const replay_case *c, int64_t step, const double *x, double *gradient,
                        double *scratch, int32_t rank, int32_t size, double *weight)
{
    *weight = 1;
    if (c->problem == REPLAY_SOFTMAX) {
        comm_range part = comm_share(rows_of(c), 1, rank, size);
        *weight = (double)part.count;
        return softmax(c, step, x, gradient, scratch, part);
    }
    double loss = replay_loss(c, step, x, gradient, scratch);
    for (int64_t i = 0; gradient && i < c->n; i++)
        gradient[i] = i % size == rank ? gradient[i] * size : 0;
    return rank == 0 ? loss * size : 0;
}
