/* Golden model cases (schema parity-case/1): the JSON beside a safetensors file, checked before
 * anything of it is used. */
#ifndef HARNESS_PARITY_CASE_H
#define HARNESS_PARITY_CASE_H

#include <jansson.h>
#include "base/status.h"

/* Reads a case; the caller decrefs *out.  What holds then: `model` and `tensors` are texts, the
 * latter a file name without a folder; `config` is an object; `inputs`, `parameters` and `frozen`
 * are lists of texts, no name twice (all but inputs may be absent); `expected` is an object of
 * texts, `expected.gradients` and `.intermediates` objects of texts; `gradient_floor` (absent: 0)
 * is a number >= 0, `tolerance` an object of positive numbers. Errors: PODIUM_EIO; PODIUM_EINVAL
 * "FILE: field 'KEY': expected ...", JSON errors with their line.
 */
int32_t parity_case_read(json_t **out, const char *path);
/* The same from memory; `place` begins the messages. */
int32_t parity_case_parse(json_t **out, const char *text, size_t length, const char *place);

#endif
