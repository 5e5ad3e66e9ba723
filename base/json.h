/* Reading JSON that programs wrote, on jansson: getters name the place and the field that is wrong.
 * JSON has no number for them, so "nan", "inf" and "-inf" stand as strings. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

/* Parses one value. `place` ("file" or "file:line") begins the messages.
 * Errors: PODIUM_EINVAL not JSON, nested too deep, or something after the value. */
int32_t json_read(json_t **out, const char *text, size_t length, const char *place);
int32_t json_read_file(json_t **out, const char *path);

/* Fields of an object; all are required.  Texts are borrowed from the object.
 * Errors: PODIUM_EINVAL "PLACE: field 'KEY': expected ..." */
int32_t json_read_number(const json_t *object, const char *place, const char *key, double *out);
int32_t json_read_integer(const json_t *object, const char *place, const char *key, int64_t min,
                          int64_t max, int64_t *out);
int32_t json_read_text(const json_t *object, const char *place, const char *key, const char **out);
int32_t json_read_flag(const json_t *object, const char *place, const char *key, bool *out);
int32_t json_read_object(const json_t *object, const char *place, const char *key, json_t **out);
int32_t json_read_array(const json_t *object, const char *place, const char *key, json_t **out);
bool json_number_of(const json_t *value, double *out); /* false: no number */

json_t *json_from_number(double x); /* a new reference: a real, or a string when not finite */

#endif
