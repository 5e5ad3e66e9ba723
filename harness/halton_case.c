/* Golden cases of the quasi-random search. */
#include "harness/halton_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "harness/search_space.h"

static void expect(double *worst, double got, const json_t *want)
{
    double x = NAN;
    if (!want || !json_number_of(want, &x) || isnan(x) || isnan(got)) {
        *worst = INFINITY;
        return;
    }
    double error = fabs(got - x) / fmax(1, fabs(x));
    *worst = fmax(*worst, error);
}

/* --- the sequence -------------------------------------------------------------------------- */

static int32_t check_axis(const json_t *c, const char *place, int32_t d, const halton_axis *axis,
                          double *worst)
{
    json_t *primes, *digits, *shifts, *first;
    char key[16];
    TRY(json_read_array(c, place, "primes", &primes));
    TRY(json_read_object(c, place, "first_12_of_digit_permutation_after_leading_0", &digits));
    TRY(json_read_object(c, place, "shift", &shifts));
    snprintf(key, sizeof key, "%d", axis->base);
    expect(worst, axis->base, json_array_get(primes, (size_t)d));
    expect(worst, axis->shift, json_object_get(shifts, key));
    TRY(json_read_array(digits, place, key, &first));
    for (size_t i = 0; i < json_array_size(first); i++)
        expect(worst, axis->digits[i + 1], json_array_get(first, i));
    return 0;
}

static int32_t check_points(const json_t *c, const char *place, int32_t dims, int32_t samples,
                            const halton_axis *axes, double *worst)
{
    json_t *raw, *shuffled;
    TRY(json_read_array(c, place, "raw", &raw));
    TRY(json_read_array(c, place, "shuffled_seed42", &shuffled));
    if ((int32_t)json_array_size(raw) != samples || (int32_t)json_array_size(shuffled) != samples)
        return podium_fail(PODIUM_EINVAL, "%s: expected %d points", place, samples);
    int32_t *order = malloc((size_t)samples * sizeof *order);
    if (!order)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d points", samples);
    halton_order(42, samples, order);
    for (int32_t i = 0; i < samples; i++)
        for (int32_t d = 0; d < dims; d++) {
            expect(worst, halton_axis_value(&axes[d], i),
                   json_array_get(json_array_get(raw, (size_t)i), (size_t)d));
            expect(worst, halton_axis_value(&axes[d], order[i]),
                   json_array_get(json_array_get(shuffled, (size_t)i), (size_t)d));
        }
    free(order);
    return 0;
}

static int32_t check_sequence(const json_t *c, const char *place, double *worst)
{
    int64_t dims, samples;
    TRY(json_read_integer(c, place, "num_dims", 1, HALTON_MAX_DIMS, &dims));
    TRY(json_read_integer(c, place, "num_samples", 1, 1 << 20, &samples));
    halton_axis *axes = malloc((size_t)dims * sizeof *axes);
    if (!axes)
        return podium_fail(PODIUM_ENOMEM, "no memory for %lld axes", (long long)dims);
    int32_t rc = 0;
    for (int32_t d = 0; d < dims && !rc; d++) {
        rc = halton_axis_init(&axes[d], d, (int32_t)dims);
        if (!rc)
            rc = check_axis(c, place, d, &axes[d], worst);
    }
    if (!rc)
        rc = check_points(c, place, (int32_t)dims, (int32_t)samples, axes, worst);
    free(axes);
    return rc;
}

/* --- search spaces -------------------------------------------------------------------------- */

static int32_t check_point(const search_space *s, int64_t i, const char *place, const json_t *want,
                           double *worst)
{
    text_buffer text = {0};
    json_t *got = NULL;
    const char *name;
    json_t *value;
    int32_t rc = search_space_print(s, i, &text);
    if (!rc && text.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for a point");
    if (!rc)
        rc = json_read(&got, text.data, text.length, place);
    if (!rc && json_object_size(got) != json_object_size(want))
        *worst = INFINITY;
    if (!rc)
        json_object_foreach(got, name, value)
        {
            const json_t *expected = json_object_get(want, name);
            double x;
            if (json_number_of(value, &x))
                expect(worst, x, expected);
            else if (!json_equal(value, expected))
                *worst = INFINITY;
        }
    json_decref(got);
    text_release(&text);
    return rc;
}

static int32_t check_space(const json_t *entry, const char *place, double *worst)
{
    json_t *points, *written = json_object_get(entry, "search_space");
    yaml_document *document = NULL;
    search_space s = {0};
    TRY(json_read_array(entry, place, "points_unshuffled", &points));
    /* The space goes through the reader that submissions use: JSON is yaml. */
    char *text = written ? json_dumps(written, JSON_REAL_PRECISION(17)) : NULL;
    if (!text)
        return podium_fail(PODIUM_EINVAL, "%s: field 'search_space': expected a space", place);
    int32_t rc = yaml_parse(&document, text, strlen(text), place);
    if (!rc)
        rc = search_space_init(&s, yaml_root(document));
    for (size_t i = 0; i < json_array_size(points) && !rc; i++)
        rc = check_point(&s, (int64_t)i, place, json_array_get(points, i), worst);
    search_space_release(&s);
    yaml_destroy(document);
    free(text);
    return rc;
}

static int32_t check_file(const json_t *root, const char *path, double *worst)
{
    const char *name;
    json_t *cases, *spaces, *item;
    char place[512];
    size_t i;
    TRY(json_read_array(root, path, "cases", &cases));
    TRY(json_read_object(root, path, "search_spaces", &spaces));
    json_array_foreach(cases, i, item)
    {
        snprintf(place, sizeof place, "%s: cases[%zu]", path, i);
        TRY(check_sequence(item, place, worst));
    }
    json_object_foreach(spaces, name, item)
    {
        snprintf(place, sizeof place, "%s: search_spaces.%s", path, name);
        TRY(check_space(item, place, worst));
    }
    return 0;
}

int32_t halton_case_check(const char *path, double *worst)
{
    json_t *root = NULL;
    *worst = 0;
    int32_t rc = json_read_file(&root, path);
    if (!rc)
        rc = check_file(root, path, worst);
    json_decref(root);
    return rc;
}
