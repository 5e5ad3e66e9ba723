/* Getters with places in their messages, on jansson. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_FILE_BYTES (256u << 20)

int32_t json_read(json_t **out, const char *text, size_t length, const char *place)
{
    json_error_t error;
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!*out)
        return podium_fail(PODIUM_EINVAL, "%s: not json: %s (line %d, column %d)", place,
                           error.text, error.line, error.column);
    return 0;
}

int32_t json_read_file(json_t **out, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    *out = NULL;
    TRY(file_read(path, MAX_FILE_BYTES, &text, &length));
    int32_t rc = json_read(out, text, length, path);
    free(text);
    return rc;
}

static int32_t get(const json_t *object, const char *place, const char *key, json_t **out)
{
    if (!json_is_object(object))
        return podium_fail(PODIUM_EINVAL, "%s: expected an object with the field '%s'", place, key);
    *out = json_object_get(object, key);
    if (!*out)
        return podium_fail(PODIUM_EINVAL, "%s: field '%s' is missing", place, key);
    return 0;
}

bool json_number_of(const json_t *value, double *out)
{
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return true;
    }
    const char *s = json_string_value(value);
    if (!s)
        return false;
    if (!strcmp(s, "nan"))
        *out = NAN;
    else if (!strcmp(s, "inf"))
        *out = INFINITY;
    else if (!strcmp(s, "-inf"))
        *out = -INFINITY;
    else
        return false;
    return true;
}

int32_t json_read_number(const json_t *object, const char *place, const char *key, double *out)
{
    json_t *v;
    TRY(get(object, place, key, &v));
    if (!json_number_of(v, out))
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected a number", place, key);
    return 0;
}

int32_t json_read_integer(const json_t *object, const char *place, const char *key, int64_t min,
                          int64_t max, int64_t *out)
{
    json_t *v;
    TRY(get(object, place, key, &v));
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return podium_fail(PODIUM_EINVAL,
                           "%s: field '%s': expected an integer from %" PRId64 " to %" PRId64,
                           place, key, min, max);
    *out = json_integer_value(v);
    return 0;
}

int32_t json_read_text(const json_t *object, const char *place, const char *key, const char **out)
{
    json_t *v;
    TRY(get(object, place, key, &v));
    if (!json_is_string(v))
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected text", place, key);
    *out = json_string_value(v);
    return 0;
}

int32_t json_read_flag(const json_t *object, const char *place, const char *key, bool *out)
{
    json_t *v;
    TRY(get(object, place, key, &v));
    if (!json_is_boolean(v))
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected true or false", place, key);
    *out = json_is_true(v);
    return 0;
}

int32_t json_read_object(const json_t *object, const char *place, const char *key, json_t **out)
{
    TRY(get(object, place, key, out));
    if (!json_is_object(*out))
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected an object", place, key);
    return 0;
}

int32_t json_read_array(const json_t *object, const char *place, const char *key, json_t **out)
{
    TRY(get(object, place, key, out));
    if (!json_is_array(*out))
        return podium_fail(PODIUM_EINVAL, "%s: field '%s': expected a list", place, key);
    return 0;
}

json_t *json_from_number(double x)
{
    if (isfinite(x))
        return json_real(x);
    return json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}
