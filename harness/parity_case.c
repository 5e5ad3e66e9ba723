/* Reads and checks golden model cases. */
#include "harness/parity_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define CASE_MAX_BYTES ((size_t)64 << 20)

static int32_t wrong(const char *place, const char *key, const char *expected)
{
    return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected %s", place, key, expected);
}

/* A list of texts that differ; NULL: absent. */
static int32_t check_names(const json_t *list, const char *place, const char *key)
{
    size_t i;
    json_t *item;
    int32_t rc = PODIUM_OK;
    if (!list)
        return rc;
    if (!json_is_array(list))
        return wrong(place, key, "a list of names");
    json_t *seen = json_object();
    if (!seen)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", place);
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(item);
        if (!rc && (!name || !*name))
            rc = wrong(place, key, "a list of names");
        else if (!rc && json_object_get(seen, name))
            rc = podium_fail(PODIUM_EINVAL, "%s: field '%s': '%s' is there twice", place, key,
                             name);
        else if (!rc && json_object_set_new(seen, name, json_true()))
            rc = podium_fail(PODIUM_ENOMEM, "no memory for '%s'", place);
    }
    json_decref(seen);
    return rc;
}

/* Names of tensors by what they hold; NULL: absent. */
static int32_t check_texts(const json_t *map, const char *place, const char *key)
{
    const char *name;
    json_t *item;
    if (map && !json_is_object(map))
        return wrong(place, key, "an object of tensor names");
    json_object_foreach((json_t *)map, name, item) if (!json_is_string(item)) return podium_fail(
        PODIUM_EINVAL, "%s: field '%s.%s': expected the name of a tensor", place, key, name);
    return PODIUM_OK;
}

static int32_t check_expected(const json_t *expected, const char *place)
{
    const char *name;
    json_t *item;
    if (!json_is_object(expected))
        return wrong(place, "expected", "an object");
    TRY(check_texts(json_object_get(expected, "gradients"), place, "expected.gradients"));
    TRY(check_texts(json_object_get(expected, "intermediates"), place, "expected.intermediates"));
    json_object_foreach(
        (json_t *)expected, name,
        item) if (strcmp(name, "gradients") && strcmp(name, "intermediates") &&
                  !json_is_string(item)) return podium_fail(PODIUM_EINVAL,
                                                            "%s: field 'expected.%s': expected the "
                                                            "name of a tensor",
                                                            place, name);
    return PODIUM_OK;
}

static int32_t check_numbers(const json_t *root, const char *place)
{
    const char *name;
    const json_t *floor = json_object_get(root, "gradient_floor"),
                 *tolerance = json_object_get(root, "tolerance");
    json_t *item;
    if (floor && !(json_is_number(floor) && json_number_value(floor) >= 0))
        return wrong(place, "gradient_floor", "a number of at least 0");
    if (tolerance && !json_is_object(tolerance))
        return wrong(place, "tolerance", "an object of numbers");
    json_object_foreach(
        (json_t *)tolerance, name,
        item) if (!json_is_number(item) ||
                  !(json_number_value(item) >
                    0)) return podium_fail(PODIUM_EINVAL,
                                           "%s: field 'tolerance.%s': expected a positive number",
                                           place, name);
    return PODIUM_OK;
}

static int32_t check(const json_t *root, const char *place)
{
    const char *schema = json_string_value(json_object_get(root, "schema"));
    const char *tensors = json_string_value(json_object_get(root, "tensors"));
    const char *model = json_string_value(json_object_get(root, "model"));
    if (!schema || strcmp(schema, "parity-case/1"))
        return podium_fail(PODIUM_EINVAL, "%s: schema is '%s', expected 'parity-case/1'", place,
                           schema ? schema : "(absent)");
    if (!tensors || !*tensors || *tensors == '.' || strchr(tensors, '/'))
        return wrong(place, "tensors", "a file name without a folder");
    if (!model || !*model)
        return wrong(place, "model", "a name");
    if (!json_is_object(json_object_get(root, "config")))
        return wrong(place, "config", "an object");
    if (!json_object_get(root, "inputs"))
        return wrong(place, "inputs", "a list of names");
    TRY(check_names(json_object_get(root, "inputs"), place, "inputs"));
    TRY(check_names(json_object_get(root, "parameters"), place, "parameters"));
    TRY(check_names(json_object_get(root, "frozen"), place, "frozen"));
    TRY(check_expected(json_object_get(root, "expected"), place));
    return check_numbers(root, place);
}

int32_t parity_case_parse(json_t **out, const char *text, size_t length, const char *place)
{
    json_t *root = NULL;
    *out = NULL;
    TRY(json_read(&root, text, length, place));
    int32_t rc = check(root, place);
    if (rc)
        json_decref(root);
    else
        *out = root;
    return rc;
}

int32_t parity_case_read(json_t **out, const char *path)
{
    char *text;
    size_t length;
    *out = NULL;
    TRY(file_read(path, CASE_MAX_BYTES, &text, &length));
    int32_t rc = parity_case_parse(out, text, length, path);
    free(text);
    return rc;
}
