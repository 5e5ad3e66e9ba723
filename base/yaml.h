/* YAML for what people write: a document as a tree of nodes with positions.  Getters check type and
 * range; yaml_finish reports every key nobody asked for, with its line and column. */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "base/text.h"

typedef enum { YAML_SCALAR, YAML_LIST, YAML_MAP } yaml_kind;
typedef struct yaml_document yaml_document;
typedef struct yaml_node yaml_node;

/* Errors: PODIUM_EINVAL "file:line:column: ..." ; PODIUM_EIO.  `name` is the name in messages. */
int32_t yaml_parse(yaml_document **out, const char *text, size_t length, const char *name);
int32_t yaml_parse_file(yaml_document **out, const char *path);
void yaml_destroy(yaml_document *d);
const yaml_node *yaml_root(const yaml_document *d);

yaml_kind yaml_node_kind(const yaml_node *n);
int yaml_line(const yaml_node *n);
/* podium_fail with "file:line:column: " of the node in front. */
int32_t yaml_fail(const yaml_node *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t yaml_length(const yaml_node *n);                   /* of a list or a map */
const yaml_node *yaml_item(const yaml_node *n, size_t i); /* list element, map value */
const char *yaml_key(const yaml_node *n, size_t i);       /* map key i; marks nothing */
/* The value under `key`, marked as used; NULL when absent (or n is NULL). */
const yaml_node *yaml_get(const yaml_node *n, const char *key);
const char *yaml_text(const yaml_node *n); /* of a scalar; borrowed from the document */

/* Typed getters of a map: the default is kept when the key is absent, unless required.
 * Errors: PODIUM_EINVAL naming file, line, key and what was expected. */
int32_t yaml_number(const yaml_node *map, const char *key, double min, double max, double *io);
int32_t yaml_integer(const yaml_node *map, const char *key, int64_t min, int64_t max, int64_t *io);
int32_t yaml_flag(const yaml_node *map, const char *key, bool *io);
int32_t yaml_string(const yaml_node *map, const char *key, const char **io);
/* One of `choices` (NULL-terminated); *io gets its index. */
int32_t yaml_choice(const yaml_node *map, const char *key, const char *const *choices, int *io);
int32_t yaml_require(const yaml_node *map, const char *key);
int32_t yaml_scalar_number(const yaml_node *scalar, double *out);
int32_t yaml_scalar_flag(const yaml_node *scalar, bool *out);

/* The map `base` with the values of `over` put over it, maps within maps likewise; owned by the
 * document.  Either may be NULL.  Errors: PODIUM_EINVAL not maps, PODIUM_ENOMEM. */
int32_t yaml_overlay(yaml_document *d, const yaml_node *base, const yaml_node *over,
                     const yaml_node **out);

/* Appends n (NULL: null) as JSON that depends on its values alone: keys sorted, numbers normalised,
 * no position, comment or style.  Marks nothing. */
void yaml_print_canonical(text_buffer *out, const yaml_node *n);

/* Marks a whole subtree as used (it is read by somebody else later). */
void yaml_mark(const yaml_node *n);
/* The first key below n that no getter asked for is an error. */
int32_t yaml_finish(const yaml_node *n);

#endif
