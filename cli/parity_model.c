/* Golden cases of models: logits, loss, gradients. */
#include "cli/parity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "harness/parity_case.h"

static int32_t case_read(parity_run *r)
{
    char path[4096];
    TRY(parity_case_read(&r->json, r->path));
    const char *file = json_string_value(json_object_get(r->json, "tensors"));
    TRY(path_sibling(path, sizeof path, r->path, file));
    return safetensors_open(&r->tensors, path);
}

static int32_t find_tensor(const parity_run *r, const char *name, const safetensor **out)
{
    *out = name ? safetensors_find(r->tensors, name) : NULL;
    return *out ? PODIUM_OK
                : podium_fail(PODIUM_EINVAL, "%s: no tensor '%s'", r->path, name ? name : "(none)");
}

/* The tensor of an input by any of its names ("a|b"); NULL when the case lists none of them. */
static int32_t input_tensor(const parity_run *r, const char *names, const safetensor **out)
{
    *out = NULL;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(r->json, "inputs"), i, item)
    {
        const char *name = json_string_value(item);
        for (const char *p = names; name && p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
            size_t n = strcspn(p, "|");
            if (strlen(name) == n && !strncmp(name, p, n))
                return find_tensor(r, name, out);
        }
    }
    return PODIUM_OK;
}

/* The workload that runs cases of this model: of its name, or one that lists it. */
static const workload *find_model(const char *name)
{
    for (const workload_entry *e = workload_registry; e->name; e++) {
        const char *const *more = e->workload->case_models;
        if (!e->workload->open_case)
            continue;
        if (!strcmp(e->name, name))
            return e->workload;
        for (; more && *more; more++)
            if (!strcmp(*more, name))
                return e->workload;
    }
    return NULL;
}

/* Opens the model of the case and tells it the extents of the case's inputs. */
static int32_t open_task(parity_run *r)
{
    const char *name = json_string_value(json_object_get(r->json, "model"));
    json_t *config = json_object_get(r->json, "config");
    r->workload = name ? find_model(name) : NULL;
    if (!r->workload)
        return podium_fail(PODIUM_EINVAL, "%s: no model '%s' to run cases of", r->path,
                           name ? name : "(absent)");
    if (!json_is_object(config))
        return podium_fail(PODIUM_EINVAL, "%s: config: expected an object", r->path);
    json_t *frozen = json_object_get(r->json, "frozen");
    json_object_set_new(config, "model", json_string(name));
    if (frozen)
        json_object_set(config, "frozen", frozen);
    int32_t rc = workload_open_case(&r->task, r->workload, config);
    if (rc < 0)
        return podium_fail_in(rc, "%s", r->path);
    for (int i = 0; r->workload->case_input && r->workload->input_names[i]; i++) {
        const safetensor *t;
        TRY(input_tensor(r, r->workload->input_names[i], &t));
        rc = t ? r->workload->case_input(r->task, i, t->ndim, t->shape) : PODIUM_OK;
        if (rc < 0)
            return podium_fail_in(rc, "%s: input '%s'", r->path, t->name);
    }
    return PODIUM_OK;
}

static int32_t open_model(parity_run *r, backend *b, const parity_options *o)
{
    TRY(open_task(r));
    const safetensor *first;
    TRY(input_tensor(r, r->workload->input_names[0], &first));
    if (!first || first->ndim < 1 || first->shape[0] < 1)
        return podium_fail(PODIUM_EINVAL, "%s: no input '%s'", r->path,
                           r->workload->input_names[0]);
    TRY(params_create(&r->params));
    graph_config config = {
        .backend = b, .params = r->params, .precision = o->precision, .training = true};
    TRY(graph_create(&r->graph, &config));
    r->rows = first->shape[0];
    TRY(r->workload->build(r->task, r->graph, r->rows, &r->model));
    graph_keep(r->graph, r->model.logits);
    TRY(graph_backward(r->graph, r->model.loss));
    return graph_plan(r->graph);
}

static void store(const backend *b, void *to, int64_t i, double x)
{
    if (b->real == PODIUM_F64)
        ((double *)to)[i] = x;
    else
        ((float *)to)[i] = (float)x;
}

/* Copies the case's parameters into host vectors and from there to the device. */
static int32_t load_parameters(parity_run *r, backend *b)
{
    r->real = b->real == PODIUM_F64 ? 8 : 4;
    size_t bytes = (size_t)params_vector_length(r->params) * r->real;
    size_t frozen = (size_t)params_frozen_length(r->params) * r->real;
    TRY(b->alloc(b, bytes + 64, &r->x));
    TRY(b->alloc(b, bytes + 64, &r->gradient));
    TRY(b->alloc(b, frozen + 64, &r->frozen));
    for (int32_t i = 0; i < params_count(r->params); i++) {
        const param *p = params_get(r->params, i);
        const safetensor *t;
        TRY(find_tensor(r, p->name, &t));
        if (t->count != p->count || (t->dtype != PODIUM_F32 && t->dtype != PODIUM_F64))
            return podium_fail(PODIUM_EINVAL, "%s: parameter '%s' has %lld elements, expected %lld",
                               r->path, p->name, (long long)t->count, (long long)p->count);
        void *host = malloc((size_t)p->count * r->real);
        if (!host)
            return podium_fail(PODIUM_ENOMEM, "no memory for parameter '%s'", p->name);
        for (int64_t k = 0; k < p->count; k++)
            store(b, host, k, safetensor_number(t, k));
        char *to = (char *)(p->frozen ? r->frozen : r->x) + (size_t)p->offset * r->real;
        int32_t rc = b->copy_in(b, to, host, (size_t)p->count * r->real);
        free(host);
        TRY(rc);
    }
    graph_bind(r->graph, r->x, r->frozen, r->gradient);
    return PODIUM_OK;
}

/* One input from the case; weights that the case leaves out are ones. */
static int32_t load_input(parity_run *r, int i)
{
    value v = r->model.inputs[i];
    const char *names = r->workload->input_names[i];
    const safetensor *t;
    int64_t n = graph_count(r->graph, v);
    bool ids = graph_dtype(r->graph, v) == PODIUM_I32;
    TRY(input_tensor(r, names, &t));
    if (!t && strcmp(names, "weights"))
        return podium_fail(PODIUM_EINVAL, "%s: no input '%s'", r->path, names);
    if (t && (t->count != n || (t->dtype == PODIUM_I32) != ids))
        return podium_fail(PODIUM_EINVAL,
                           "%s: input '%s' has %lld elements or another type, "
                           "expected %lld %s",
                           r->path, t->name, (long long)t->count, (long long)n,
                           ids ? "i32" : "f32");
    if (ids)
        return graph_set_input(r->graph, v, t->data);
    float *data = malloc((size_t)n * sizeof *data);
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "no memory for input '%s'", names);
    for (int64_t k = 0; k < n; k++)
        data[k] = t ? (float)safetensor_number(t, k) : 1.0f;
    int32_t rc = graph_set_input_f32(r->graph, v, data);
    free(data);
    return rc;
}

/* max |got - want| / max(max |want|, floor), printed and kept as the worst; rows whose mask is 0
 * are left out (mask may be NULL, or parts want into rows evenly). */
static void compare(parity_run *r, const char *what, const double *got, const safetensor *want,
                    double floor, const safetensor *mask)
{
    double error = 0, size = floor;
    int64_t row = mask ? want->count / mask->count : 1;
    for (int64_t i = 0; i < want->count; i++) {
        if (mask && safetensor_number(mask, i / row) == 0)
            continue;
        double w = safetensor_number(want, i), e = fabs(got[i] - w);
        error = e > error || isnan(e) ? e : error;
        size = fabs(w) > size ? fabs(w) : size;
    }
    error = error == 0 ? 0 : error / size;
    r->worst = error > r->worst || isnan(error) ? error : r->worst;
    printf("  %-28s %.3e\n", what, error);
}

static int32_t compare_value(parity_run *r, const char *what, value v, const char *mask_name)
{
    const json_t *expected = json_object_get(r->json, "expected");
    const safetensor *want, *mask = NULL;
    TRY(find_tensor(r, json_string_value(json_object_get(expected, what)), &want));
    if (mask_name)
        TRY(find_tensor(r, mask_name, &mask));
    int64_t n = graph_count(r->graph, v);
    if (n != want->count)
        return podium_fail(PODIUM_EINVAL, "%s: expected %s have %lld elements, the model's %lld",
                           r->path, what, (long long)want->count, (long long)n);
    if (mask && (!mask->count || n % mask->count))
        return podium_fail(PODIUM_EINVAL, "%s: %lld %s are not %lld rows of '%s'", r->path,
                           (long long)n, what, (long long)mask->count, mask_name);
    double *got = malloc((size_t)n * sizeof *got);
    if (!got)
        return podium_fail(PODIUM_ENOMEM, "no memory for %s", what);
    int32_t rc = graph_read(r->graph, v, got, n);
    if (!rc)
        compare(r, what, got, want, 0, mask);
    free(got);
    return rc;
}

static int32_t compare_gradient(parity_run *r, backend *b, const char *name,
                                const char *tensor_name, double floor)
{
    const safetensor *want;
    TRY(find_tensor(r, tensor_name, &want));
    const param *p = params_get(r->params, params_find(r->params, name));
    if (!p || p->frozen || p->count != want->count)
        return podium_fail(PODIUM_EINVAL, "%s: the model has no gradient like that of '%s'",
                           r->path, name);
    size_t bytes = (size_t)p->count * r->real;
    void *host = malloc(bytes);
    double *got = malloc((size_t)p->count * sizeof *got);
    int32_t rc = host && got ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for a gradient");
    if (!rc)
        rc = b->copy_out(b, host, (char *)r->gradient + (size_t)p->offset * r->real, bytes);
    for (int64_t k = 0; !rc && k < p->count; k++)
        got[k] = b->real == PODIUM_F64 ? ((double *)host)[k] : (double)((float *)host)[k];
    if (!rc)
        compare(r, name, got, want, floor, NULL);
    free(host);
    free(got);
    return rc;
}

static int32_t compare_all(parity_run *r, backend *b)
{
    const json_t *expected = json_object_get(r->json, "expected");
    double floor = json_number_value(json_object_get(r->json, "gradient_floor"));
    TRY(compare_value(r, "logits", r->model.logits,
                      json_string_value(json_object_get(expected, "logits_mask"))));
    TRY(compare_value(r, "loss", r->model.loss, NULL));
    json_t *gradients = json_object_get(expected, "gradients"), *item;
    const char *name;
    size_t count = json_object_size(gradients);
    for (int32_t i = 0; i < params_count(r->params); i++)
        count -= params_get(r->params, i)->frozen ? 0 : 1;
    if (!json_is_object(gradients) || count != 0)
        return podium_fail(PODIUM_EINVAL,
                           "%s: expected.gradients: not one for each trainable "
                           "parameter",
                           r->path);
    json_object_foreach(gradients, name, item)
        TRY(compare_gradient(r, b, name, json_string_value(item), floor));
    return PODIUM_OK;
}

int32_t parity_tolerance(const json_t *json, const char *path, const backend *b,
                         const parity_options *o, double *out)
{
    const char *key = b->real == PODIUM_F64 ? "f64" : "f32";
    const json_t *given = json_object_get(json, "tolerance");
    *out = o->tolerance;
    if (!isnan(*out))
        return PODIUM_OK;
    if (o->precision == PODIUM_BF16)
        *out = 3e-2;
    else if (given)
        *out = json_number_value(json_object_get(given, key));
    else
        *out = b->real == PODIUM_F64 ? 1e-9 : 2e-4;
    return *out > 0 ? PODIUM_OK
                    : podium_fail(PODIUM_EINVAL, "%s: tolerance.%s: expected a positive number",
                                  path, key);
}

bool parity_verdict(const char *path, double worst, double tolerance)
{
    bool passed = worst <= tolerance;
    printf("%s %s: max relative error %.3e, tolerance %.1e\n", passed ? "PASS" : "FAIL", path,
           worst, tolerance);
    return passed;
}

/* The model of a case that is read. */
static int32_t open_read_case(parity_run *r, backend *b, const parity_options *o)
{
    TRY(open_model(r, b, o));
    return load_parameters(r, b);
}

int32_t parity_open(parity_run *r, const char *path, backend *b, const parity_options *o)
{
    *r = (parity_run){.path = path};
    TRY(case_read(r));
    return open_read_case(r, b, o);
}

void parity_close(parity_run *r, backend *b)
{
    graph_destroy(r->graph);
    params_destroy(r->params);
    void *vectors[] = {r->x, r->gradient, r->frozen};
    for (int i = 0; i < 3; i++)
        if (vectors[i])
            b->free(b, vectors[i]);
    workload_close(r->workload, r->task);
    safetensors_close(r->tensors);
    json_decref(r->json);
}

static int32_t run_steps(parity_run *r, const char *path, backend *b, const parity_options *o,
                         bool *passed)
{
    double tolerance;
    TRY(open_read_case(r, b, o));
    TRY(parity_tolerance(r->json, path, b, o, &tolerance));
    for (int i = 0; i < r->model.num_inputs; i++)
        TRY(load_input(r, i));
    const json_t *config = json_object_get(r->json, "config");
    graph_settings settings = {
        .dropout = json_number_value(json_object_get(config, "dropout")),
        .label_smoothing = json_number_value(json_object_get(config, "label_smoothing")),
    };
    printf("%s (%s)\n", path, b->name);
    TRY(graph_run(r->graph, GRAPH_FORWARD | GRAPH_BACKWARD, &settings));
    TRY(compare_all(r, b));
    TRY(parity_greedy(r, b, o));
    *passed = parity_verdict(path, r->worst, tolerance);
    return PODIUM_OK;
}

int32_t parity_run_model(const char *path, backend *b, const parity_options *o, bool *passed)
{
    parity_run r = {.path = path};
    int32_t rc = case_read(&r);
    if (!rc && json_object_get(r.json, "weights"))
        rc = parity_run_hidden(path, r.json, r.tensors, b, o, passed);
    else if (!rc)
        rc = run_steps(&r, path, b, o, passed);
    parity_close(&r, b);
    return rc;
}
