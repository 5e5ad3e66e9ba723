/* YAML documents as trees with positions, on libyaml's event parser.  Anchors, aliases, tags and
 * several documents in one file are refused: nothing of ours needs them, and an alias lets a small
 * file stand for a huge tree. */
#include "base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

#define MAX_DEPTH 64
#define MAX_FILE_BYTES (16u << 20)

struct yaml_node {
    yaml_kind kind;
    int line, column; /* from 1 */
    const yaml_document *doc;
    bool quoted;             /* of a scalar */
    char *text;              /* of a scalar */
    size_t length, capacity; /* of a list or a map */
    yaml_node **items;
    yaml_node **keys; /* of a map: scalars */
    bool *used;       /* of a map: asked for; written through a const node */
};

struct yaml_document {
    char *name;
    yaml_node *root;
    yaml_node *overlays; /* a list: trees made by yaml_overlay */
};

static void node_destroy(yaml_node *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->length; i++) {
        node_destroy(n->items[i]);
        if (n->keys)
            node_destroy(n->keys[i]);
    }
    free(n->items);
    free(n->keys);
    free(n->used);
    free(n->text);
    free(n);
}

static int32_t out_of_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory to read yaml");
}

/* Appends a child; takes ownership of both, also on failure. */
static int32_t node_append(yaml_node *n, yaml_node *key, yaml_node *item)
{
    if (n->length == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 8;
        yaml_node **items = realloc(n->items, capacity * sizeof *items);
        if (items)
            n->items = items;
        yaml_node **keys = n->kind == YAML_MAP ? realloc(n->keys, capacity * sizeof *keys) : NULL;
        if (keys)
            n->keys = keys;
        bool *used = n->kind == YAML_MAP ? realloc(n->used, capacity * sizeof *used) : NULL;
        if (used)
            n->used = used;
        if (!items || (n->kind == YAML_MAP && (!keys || !used))) {
            node_destroy(key);
            node_destroy(item);
            return out_of_memory();
        }
        n->capacity = capacity;
    }
    n->items[n->length] = item;
    if (n->kind == YAML_MAP) {
        n->keys[n->length] = key;
        n->used[n->length] = false;
    }
    n->length++;
    return 0;
}

static yaml_node *node_create(const yaml_document *d, yaml_kind kind, const yaml_event_t *event)
{
    yaml_node *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->kind = kind;
    n->doc = d;
    n->line = (int)event->start_mark.line + 1;
    n->column = (int)event->start_mark.column + 1;
    return n;
}

static int32_t next_event(yaml_parser_t *parser, const yaml_document *d, yaml_event_t *event)
{
    if (yaml_parser_parse(parser, event))
        return 0;
    yaml_mark_t at = parser->problem_mark;
    return podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: not yaml: %s", d->name, at.line + 1,
                       at.column + 1, parser->problem ? parser->problem : "no reason given");
}

static int32_t read_node(yaml_parser_t *parser, const yaml_document *d, yaml_event_t *event,
                         int depth, yaml_node **out);

static int32_t read_scalar(const yaml_document *d, const yaml_event_t *event, yaml_node **out)
{
    yaml_node *n = node_create(d, YAML_SCALAR, event);
    if (!n)
        return out_of_memory();
    *out = n;
    n->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->text = malloc(event->data.scalar.length + 1);
    if (!n->text)
        return out_of_memory();
    memcpy(n->text, event->data.scalar.value, event->data.scalar.length);
    n->text[event->data.scalar.length] = '\0';
    if (strlen(n->text) != event->data.scalar.length)
        return yaml_fail(n, "expected text without a zero byte");
    return 0;
}

static int32_t read_key(yaml_parser_t *parser, yaml_node *map, yaml_event_t *event, yaml_node **out)
{
    if (event->type != YAML_SCALAR_EVENT)
        return podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: expected a plain key", map->doc->name,
                           event->start_mark.line + 1, event->start_mark.column + 1);
    TRY(read_node(parser, map->doc, event, 0, out));
    for (size_t i = 0; i < map->length; i++)
        if (!strcmp(map->keys[i]->text, (*out)->text))
            return yaml_fail(*out, "key '%s' appears twice, first in line %d", (*out)->text,
                             map->keys[i]->line);
    return 0;
}

static int32_t read_children(yaml_parser_t *parser, yaml_node *n, int depth)
{
    yaml_event_type_t end = n->kind == YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        yaml_event_t event;
        yaml_node *key = NULL, *item = NULL;
        TRY(next_event(parser, n->doc, &event));
        if (event.type == end) {
            yaml_event_delete(&event);
            return 0;
        }
        int32_t rc = 0;
        if (n->kind == YAML_MAP) {
            rc = read_key(parser, n, &event, &key);
            yaml_event_delete(&event);
            if (!rc)
                rc = next_event(parser, n->doc, &event);
            if (rc) {
                node_destroy(key);
                return rc;
            }
        }
        rc = read_node(parser, n->doc, &event, depth, &item);
        yaml_event_delete(&event);
        if (rc) {
            node_destroy(key);
            node_destroy(item);
            return rc;
        }
        TRY(node_append(n, key, item));
    }
}

/* *out may be set after a failure: the caller destroys it. */
static int32_t read_node(yaml_parser_t *parser, const yaml_document *d, yaml_event_t *event,
                         int depth, yaml_node **out)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    yaml_kind kind = YAML_SCALAR;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        kind = YAML_LIST;
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        kind = YAML_MAP;
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else {
        return podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: expected a value; aliases are not read",
                           d->name, event->start_mark.line + 1, event->start_mark.column + 1);
    }
    if (anchor || tag)
        return podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: anchors and tags are not read", d->name,
                           event->start_mark.line + 1, event->start_mark.column + 1);
    if (depth >= MAX_DEPTH)
        return podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: more than %d levels", d->name,
                           event->start_mark.line + 1, event->start_mark.column + 1, MAX_DEPTH);
    if (kind == YAML_SCALAR)
        return read_scalar(d, event, out);
    *out = node_create(d, kind, event);
    if (!*out)
        return out_of_memory();
    return read_children(parser, *out, depth + 1);
}

static int32_t expect_event(yaml_parser_t *parser, const yaml_document *d, yaml_event_type_t type,
                            const char *what)
{
    yaml_event_t event;
    TRY(next_event(parser, d, &event));
    int32_t rc = 0;
    if (event.type != type)
        rc = podium_fail(PODIUM_EINVAL, "%s:%zu:%zu: expected %s", d->name,
                         event.start_mark.line + 1, event.start_mark.column + 1, what);
    yaml_event_delete(&event);
    return rc;
}

static int32_t read_document(yaml_parser_t *parser, yaml_document *d)
{
    yaml_event_t event;
    TRY(expect_event(parser, d, YAML_STREAM_START_EVENT, "a yaml stream"));
    TRY(expect_event(parser, d, YAML_DOCUMENT_START_EVENT, "a value, the file is empty"));
    TRY(next_event(parser, d, &event));
    int32_t rc = read_node(parser, d, &event, 0, &d->root);
    yaml_event_delete(&event);
    TRY(rc);
    TRY(expect_event(parser, d, YAML_DOCUMENT_END_EVENT, "the end of the document"));
    return expect_event(parser, d, YAML_STREAM_END_EVENT, "one document a file");
}

int32_t yaml_parse(yaml_document **out, const char *text, size_t length, const char *name)
{
    *out = NULL;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return out_of_memory();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int32_t rc = 0;
    yaml_document *d = calloc(1, sizeof *d);
    if (!d || !(d->name = strdup(name)))
        rc = out_of_memory();
    else
        rc = read_document(&parser, d);
    yaml_parser_delete(&parser);
    if (rc) {
        yaml_destroy(d);
        return rc;
    }
    *out = d;
    return 0;
}

int32_t yaml_parse_file(yaml_document **out, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    *out = NULL;
    TRY(file_read(path, MAX_FILE_BYTES, &text, &length));
    int32_t rc = yaml_parse(out, text, length, path);
    free(text);
    return rc;
}

void yaml_destroy(yaml_document *d)
{
    if (!d)
        return;
    node_destroy(d->root);
    node_destroy(d->overlays);
    free(d->name);
    free(d);
}

const yaml_node *yaml_root(const yaml_document *d)
{
    return d->root;
}

yaml_kind yaml_node_kind(const yaml_node *n)
{
    return n->kind;
}

int yaml_line(const yaml_node *n)
{
    return n->line;
}

int32_t yaml_fail(const yaml_node *n, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return podium_fail(PODIUM_EINVAL, "%s:%d:%d: %s", n->doc->name, n->line, n->column, text);
}

size_t yaml_length(const yaml_node *n)
{
    return n->length;
}

const yaml_node *yaml_item(const yaml_node *n, size_t i)
{
    return i < n->length ? n->items[i] : NULL;
}

const char *yaml_key(const yaml_node *n, size_t i)
{
    return n->kind == YAML_MAP && i < n->length ? n->keys[i]->text : NULL;
}

const yaml_node *yaml_get(const yaml_node *n, const char *key)
{
    if (!n || n->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < n->length; i++)
        if (!strcmp(n->keys[i]->text, key)) {
            n->used[i] = true;
            return n->items[i];
        }
    return NULL;
}

const char *yaml_text(const yaml_node *n)
{
    return n && n->kind == YAML_SCALAR ? n->text : NULL;
}

/* The scalar under `key`; NULL in *out when absent. Errors: PODIUM_EINVAL not a scalar. */
static int32_t get_scalar(const yaml_node *map, const char *key, const char *wanted,
                          const yaml_node **out)
{
    *out = yaml_get(map, key);
    if (*out && (*out)->kind != YAML_SCALAR)
        return yaml_fail(*out, "'%s': expected %s", key, wanted);
    return 0;
}

int32_t yaml_scalar_number(const yaml_node *scalar, double *out)
{
    if (scalar->kind != YAML_SCALAR || scalar->quoted || !number_parse(scalar->text, out))
        return yaml_fail(scalar, "expected a number%s%s", scalar->text ? ", got " : "",
                         scalar->text ? scalar->text : "");
    return 0;
}

int32_t yaml_scalar_flag(const yaml_node *scalar, bool *out)
{
    if (scalar->kind == YAML_SCALAR && !scalar->quoted) {
        if (!strcmp(scalar->text, "true") || !strcmp(scalar->text, "yes")) {
            *out = true;
            return 0;
        }
        if (!strcmp(scalar->text, "false") || !strcmp(scalar->text, "no")) {
            *out = false;
            return 0;
        }
    }
    return yaml_fail(scalar, "expected true or false%s%s", scalar->text ? ", got " : "",
                     scalar->text ? scalar->text : "");
}

int32_t yaml_number(const yaml_node *map, const char *key, double min, double max, double *io)
{
    const yaml_node *n;
    double x;
    TRY(get_scalar(map, key, "a number", &n));
    if (!n)
        return 0;
    if (n->quoted || !number_parse(n->text, &x))
        return yaml_fail(n, "'%s': expected a number, got '%s'", key, n->text);
    if (!(x >= min && x <= max))
        return yaml_fail(n, "'%s': expected a number from %g to %g, got %s", key, min, max,
                         n->text);
    *io = x;
    return 0;
}

int32_t yaml_integer(const yaml_node *map, const char *key, int64_t min, int64_t max, int64_t *io)
{
    const yaml_node *n;
    int64_t x;
    TRY(get_scalar(map, key, "an integer", &n));
    if (!n)
        return 0;
    if (n->quoted || !integer_parse(n->text, &x))
        return yaml_fail(n, "'%s': expected an integer, got '%s'", key, n->text);
    if (x < min || x > max)
        return yaml_fail(n, "'%s': expected an integer from %" PRId64 " to %" PRId64 ", got %s",
                         key, min, max, n->text);
    *io = x;
    return 0;
}

int32_t yaml_flag(const yaml_node *map, const char *key, bool *io)
{
    const yaml_node *n;
    TRY(get_scalar(map, key, "true or false", &n));
    if (n && yaml_scalar_flag(n, io))
        return yaml_fail(n, "'%s': expected true or false, got '%s'", key, n->text);
    return 0;
}

int32_t yaml_string(const yaml_node *map, const char *key, const char **io)
{
    const yaml_node *n;
    TRY(get_scalar(map, key, "text", &n));
    if (n)
        *io = n->text;
    return 0;
}

int32_t yaml_choice(const yaml_node *map, const char *key, const char *const *choices, int *io)
{
    const yaml_node *n;
    TRY(get_scalar(map, key, "one word", &n));
    if (!n)
        return 0;
    char list[512] = "";
    size_t used = 0;
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], n->text)) {
            *io = i;
            return 0;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                     choices[i]);
    }
    return yaml_fail(n, "'%s': expected one of %s, got '%s'", key, list, n->text);
}

int32_t yaml_require(const yaml_node *map, const char *key)
{
    if (map->kind != YAML_MAP)
        return yaml_fail(map, "expected a map with the key '%s'", key);
    for (size_t i = 0; i < map->length; i++)
        if (!strcmp(map->keys[i]->text, key))
            return 0;
    return yaml_fail(map, "key '%s' is missing", key);
}

static int32_t clone(const yaml_node *from, yaml_node **out)
{
    yaml_node *n = calloc(1, sizeof *n);
    *out = n;
    if (!n)
        return out_of_memory();
    n->kind = from->kind;
    n->line = from->line;
    n->column = from->column;
    n->doc = from->doc;
    n->quoted = from->quoted;
    if (from->text && !(n->text = strdup(from->text)))
        return out_of_memory();
    for (size_t i = 0; i < from->length; i++) {
        yaml_node *key = NULL, *item = NULL;
        int32_t rc = from->keys ? clone(from->keys[i], &key) : 0;
        if (!rc)
            rc = clone(from->items[i], &item);
        if (rc) {
            node_destroy(key);
            node_destroy(item);
            return rc;
        }
        TRY(node_append(n, key, item));
    }
    return 0;
}

static int32_t overlay(yaml_node *to, const yaml_node *over)
{
    for (size_t i = 0; i < over->length; i++) {
        size_t k = 0;
        while (k < to->length && strcmp(to->keys[k]->text, over->keys[i]->text))
            k++;
        bool maps = k < to->length && to->items[k]->kind == YAML_MAP &&
                    over->items[i]->kind == YAML_MAP;
        if (maps) {
            TRY(overlay(to->items[k], over->items[i]));
            continue;
        }
        yaml_node *key = NULL, *item = NULL;
        int32_t rc = clone(over->items[i], &item);
        if (!rc && k == to->length)
            rc = clone(over->keys[i], &key);
        if (rc) {
            node_destroy(key);
            node_destroy(item);
            return rc;
        }
        if (k == to->length) {
            TRY(node_append(to, key, item));
        } else {
            node_destroy(to->items[k]);
            to->items[k] = item;
        }
    }
    return 0;
}

int32_t yaml_overlay(yaml_document *d, const yaml_node *base, const yaml_node *over,
                     const yaml_node **out)
{
    yaml_node *n = NULL;
    *out = base ? base : over;
    if (base && base->kind != YAML_MAP)
        return yaml_fail(base, "expected a map");
    if (over && over->kind != YAML_MAP)
        return yaml_fail(over, "expected a map");
    if (!base || !over)
        return 0;
    if (!d->overlays && !(d->overlays = calloc(1, sizeof *d->overlays)))
        return out_of_memory();
    d->overlays->kind = YAML_LIST;
    int32_t rc = clone(base, &n);
    if (!rc)
        rc = overlay(n, over);
    if (rc) {
        node_destroy(n);
        return rc;
    }
    *out = n;
    return node_append(d->overlays, NULL, n);
}

static void print_scalar(text_buffer *out, const yaml_node *n)
{
    double x;
    if (!n->quoted && number_parse(n->text, &x))
        text_print(out, "%.17g", x);
    else
        text_add_quoted(out, n->text);
}

static void print_map(text_buffer *out, const yaml_node *n)
{
    /* Keys are few and differ: each turn takes the next one in order. */
    const char *last = NULL;
    for (size_t done = 0; done < n->length; done++) {
        size_t next = n->length;
        for (size_t i = 0; i < n->length; i++)
            if ((!last || strcmp(n->keys[i]->text, last) > 0) &&
                (next == n->length || strcmp(n->keys[i]->text, n->keys[next]->text) < 0))
                next = i;
        last = n->keys[next]->text;
        text_add(out, done ? "," : "");
        text_add_quoted(out, last);
        text_add(out, ":");
        yaml_print_canonical(out, n->items[next]);
    }
}

void yaml_print_canonical(text_buffer *out, const yaml_node *n)
{
    if (!n) {
        text_add(out, "null");
    } else if (n->kind == YAML_SCALAR) {
        print_scalar(out, n);
    } else if (n->kind == YAML_MAP) {
        text_add(out, "{");
        print_map(out, n);
        text_add(out, "}");
    } else {
        text_add(out, "[");
        for (size_t i = 0; i < n->length; i++) {
            text_add(out, i ? "," : "");
            yaml_print_canonical(out, n->items[i]);
        }
        text_add(out, "]");
    }
}

void yaml_mark(const yaml_node *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->length; i++) {
        if (n->used)
            n->used[i] = true;
        yaml_mark(n->items[i]);
    }
}

int32_t yaml_finish(const yaml_node *n)
{
    if (!n)
        return 0;
    for (size_t i = 0; i < n->length; i++) {
        if (n->used && !n->used[i])
            return yaml_fail(n->keys[i], "unknown key '%s'", n->keys[i]->text);
        TRY(yaml_finish(n->items[i]));
    }
    return 0;
}
