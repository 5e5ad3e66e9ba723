/* Reads safetensors files; every offset is checked against the file before it is used. */
#include "data/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/safetensors_types.h"

#define HEADER_MAX_BYTES 100000000 /* as the format's own reader */

/* What one tensor covers of the data section. */
typedef struct extent {
    size_t begin, end;
    const char *name;
} extent;

struct safetensors {
    safetensor *items;
    size_t count;
    json_t *header; /* holds the names */
    char *data;     /* the data section, aligned by malloc */
    size_t size;
};

void safetensors_close(safetensors *s)
{
    if (!s)
        return;
    json_decref(s->header);
    free(s->items);
    free(s->data);
    free(s);
}

size_t safetensors_count(const safetensors *s)
{
    return s->count;
}

const safetensor *safetensors_item(const safetensors *s, size_t i)
{
    return i < s->count ? &s->items[i] : NULL;
}

const char *safetensors_metadata(const safetensors *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

const safetensor *safetensors_find(const safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i].name, name))
            return &s->items[i];
    return NULL;
}

static int32_t read_shape(safetensor *t, const json_t *shape, const char *file)
{
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > SAFETENSOR_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL,
                           "%s: tensor '%s': shape: expected a list of at most %d extents", file,
                           t->name, SAFETENSOR_MAX_DIMS);
    t->ndim = (int)n;
    for (size_t d = 0; d < n; d++) {
        if (!json_is_integer(json_array_get(shape, d)))
            return podium_fail(PODIUM_EINVAL, "%s: tensor '%s': shape: extent %zu is no integer",
                               file, t->name, d);
        t->shape[d] = json_integer_value(json_array_get(shape, d));
    }
    if (safetensor_count_shape(t))
        return PODIUM_OK;
    return podium_fail(PODIUM_EINVAL, "%s: tensor '%s': shape: negative or too large", file,
                       t->name);
}

/* Where the tensor's bytes are, as the header says, inside the data section. */
static int32_t read_offsets(const safetensors *s, const json_t *entry, extent *e, const char *file)
{
    const json_t *range = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(range, 0), *end = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return podium_fail(PODIUM_EINVAL,
                           "%s: tensor '%s': data_offsets: expected two integers, begin and end",
                           file, e->name);
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > s->size)
        return podium_fail(PODIUM_EINVAL,
                           "%s: tensor '%s': data_offsets: bytes %lld to %lld of %zu bytes of data",
                           file, e->name, (long long)from, (long long)to, s->size);
    e->begin = (size_t)from;
    e->end = (size_t)to;
    return PODIUM_OK;
}

/* Appends one entry of the header, checked by itself. */
static int32_t read_entry(safetensors *s, const char *name, const json_t *entry, extent *e,
                          const char *file)
{
    safetensor t = {.name = name};
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    *e = (extent){.name = name};
    if (!text)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s': dtype: expected a type", file, name);
    const safetensor_type *type = safetensor_type_find(text);
    if (!type)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s': dtype: unknown type '%s'", file, name,
                           text);
    TRY(read_shape(&t, json_object_get(entry, "shape"), file));
    TRY(read_offsets(s, entry, e, file));
    if (e->end - e->begin != (size_t)t.count * type->size)
        return podium_fail(PODIUM_EINVAL,
                           "%s: tensor '%s': data_offsets: %zu bytes, but its shape and type %s "
                           "make %zu",
                           file, name, e->end - e->begin, text, (size_t)t.count * type->size);
    if (!type->dtype)
        return PODIUM_OK;
    if (t.count && e->begin % type->size)
        return podium_fail(PODIUM_EINVAL,
                           "%s: tensor '%s': data_offsets: begins at byte %zu, no multiple of the "
                           "%zu bytes of an element",
                           file, name, e->begin, type->size);
    t.dtype = type->dtype;
    t.data = s->data + e->begin;
    s->items[s->count++] = t;
    return PODIUM_OK;
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The extents must cover the data section once. */
static int32_t check_tiling(const safetensors *s, extent *e, size_t n, const char *file)
{
    size_t at = 0;
    if (n)
        qsort(e, n, sizeof *e, compare_extents);
    for (size_t i = 0; i < n; i++) {
        if (e[i].begin < at)
            return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' overlaps tensor '%s' at byte %zu",
                               file, e[i].name, e[i - 1].name, e[i].begin);
        if (e[i].begin > at)
            return podium_fail(PODIUM_EINVAL,
                               "%s: no tensor holds bytes %zu to %zu, before tensor '%s'", file, at,
                               e[i].begin, e[i].name);
        at = e[i].end;
    }
    if (at != s->size)
        return podium_fail(PODIUM_EINVAL, "%s: no tensor holds bytes %zu to %zu, the last", file,
                           at, s->size);
    return PODIUM_OK;
}

static int32_t check_metadata(const json_t *entry, const char *file)
{
    const char *key;
    json_t *text;
    bool good = json_is_object(entry);
    json_object_foreach((json_t *)entry, key, text) good = good && json_is_string(text);
    return good ? PODIUM_OK
                : podium_fail(PODIUM_EINVAL, "%s: __metadata__: expected texts by name", file);
}

static int32_t read_entries(safetensors *s, extent *extents, const char *file)
{
    const char *name;
    json_t *entry;
    size_t n = 0;
    json_object_foreach(s->header, name, entry)
    {
        if (!strcmp(name, "__metadata__"))
            TRY(check_metadata(entry, file));
        else
            TRY(read_entry(s, name, entry, &extents[n++], file));
    }
    return check_tiling(s, extents, n, file);
}

static int32_t parse_header(safetensors *s, const char *text, size_t length, const char *file)
{
    json_error_t error;
    s->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!s->header)
        return podium_fail(PODIUM_EINVAL, "%s: the header is not JSON: %s", file, error.text);
    if (!json_is_object(s->header))
        return podium_fail(PODIUM_EINVAL, "%s: the header is no JSON object", file);
    size_t n = json_object_size(s->header) + 1;
    extent *extents = calloc(n, sizeof *extents);
    s->items = calloc(n, sizeof *s->items);
    int32_t rc = extents && s->items
                     ? read_entries(s, extents, file)
                     : podium_fail(PODIUM_ENOMEM, "no memory for the tensors of '%s'", file);
    free(extents);
    return rc;
}

/* Bytes from memory or from a file, in order. */
typedef struct source {
    const unsigned char *bytes; /* what is left; NULL: read from `stream` */
    FILE *stream;
    size_t left;
} source;

static bool take(source *from, void *to, size_t n)
{
    if (n > from->left || (!from->bytes && n && fread(to, 1, n, from->stream) != n))
        return false;
    if (from->bytes) {
        memcpy(to, from->bytes, n);
        from->bytes += n;
    }
    from->left -= n;
    return true;
}

static int32_t read_parts(safetensors *s, source *from, char **header, const char *file)
{
    unsigned char prefix[8];
    uint64_t length = 0;
    size_t total = from->left;
    if (total < sizeof prefix)
        return podium_fail(PODIUM_EINVAL, "%s: no safetensors file: it has %zu bytes", file, total);
    if (!take(from, prefix, sizeof prefix))
        return podium_fail(PODIUM_EIO, "cannot read '%s'", file);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | prefix[i];
    if (length > from->left || length > HEADER_MAX_BYTES)
        return podium_fail(PODIUM_EINVAL,
                           "%s: no safetensors file: a header of %llu bytes in a file of %zu bytes",
                           file, (unsigned long long)length, total);
    s->size = from->left - (size_t)length;
    *header = malloc((size_t)length + 1);
    s->data = malloc(s->size + 1);
    if (!*header || !s->data)
        return podium_fail(PODIUM_ENOMEM, "no memory for the %zu bytes of '%s'", total, file);
    if (!take(from, *header, (size_t)length) || !take(from, s->data, s->size))
        return podium_fail(PODIUM_EIO, "cannot read '%s'", file);
    return parse_header(s, *header, (size_t)length, file);
}

static int32_t read_source(safetensors **out, source *from, const char *file)
{
    char *header = NULL;
    *out = NULL;
    safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", file);
    int32_t rc = read_parts(s, from, &header, file);
    free(header);
    if (rc < 0)
        safetensors_close(s);
    else
        *out = s;
    return rc;
}

int32_t safetensors_parse(safetensors **out, const void *bytes, size_t size, const char *name)
{
    return read_source(out, &(source){.bytes = bytes, .left = size}, name);
}

int32_t safetensors_open(safetensors **out, const char *path)
{
    long size = -1;
    *out = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0)
        size = ftell(f);
    int32_t rc = size < 0 || fseek(f, 0, SEEK_SET)
                     ? podium_fail(PODIUM_EIO, "cannot read '%s': %s", path, strerror(errno))
                     : read_source(out, &(source){.stream = f, .left = (size_t)size}, path);
    fclose(f);
    return rc;
}
