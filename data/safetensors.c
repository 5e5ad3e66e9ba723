/* The safetensors reader; every offset is checked against the file before it is used. */
#include "data/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct safetensors {
    safetensor *items;
    size_t count;
    json_t *header; /* holds the names */
    char *data;     /* the data section, aligned by malloc */
    size_t size;
};

typedef struct type_entry {
    const char *text;
    int32_t dtype;
    size_t size;
} type_entry;

static const type_entry types[] = {
    {"F32", PODIUM_F32, 4}, {"F64", PODIUM_F64, 8},   {"I32", PODIUM_I32, 4},
    {"F16", PODIUM_F16, 2}, {"BF16", PODIUM_BF16, 2},
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

const safetensor *safetensors_find(const safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i].name, name))
            return &s->items[i];
    return NULL;
}

double safetensor_number(const safetensor *t, int64_t i)
{
    switch (t->dtype) {
    case PODIUM_F64:
        return ((const double *)t->data)[i];
    case PODIUM_F32:
        return (double)((const float *)t->data)[i];
    default:
        return ((const int32_t *)t->data)[i];
    }
}

static int32_t read_shape(safetensor *t, const json_t *shape, const char *file)
{
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > SAFETENSOR_MAX_DIMS)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' has no valid shape", file, t->name);
    t->ndim = (int)n;
    t->count = 1;
    for (size_t d = 0; d < n; d++) {
        json_int_t extent = json_integer_value(json_array_get(shape, d));
        if (!json_is_integer(json_array_get(shape, d)) || extent < 0 ||
            (extent > 0 && t->count > INT64_MAX / 16 / extent))
            return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' has a bad extent", file, t->name);
        t->shape[d] = extent;
        t->count *= extent;
    }
    return PODIUM_OK;
}

/* Appends one entry of the header; one of an unknown type is passed over. */
static int32_t read_entry(safetensors *s, const char *name, const json_t *entry, const char *file)
{
    safetensor t = {.name = name};
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    const type_entry *type = NULL;
    for (size_t i = 0; text && i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(text, types[i].text))
            type = &types[i];
    if (!text)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' has no dtype", file, name);
    if (!type)
        return PODIUM_OK;
    t.dtype = type->dtype;
    TRY(read_shape(&t, json_object_get(entry, "shape"), file));
    const json_t *range = json_object_get(entry, "data_offsets");
    json_int_t begin = json_integer_value(json_array_get(range, 0));
    json_int_t end = json_integer_value(json_array_get(range, 1));
    if (json_array_size(range) != 2 || begin < 0 || end < begin || (size_t)end > s->size ||
        (size_t)(end - begin) != (size_t)t.count * type->size || (size_t)begin % type->size)
        return podium_fail(PODIUM_EINVAL, "%s: tensor '%s' does not fit its data offsets", file,
                           name);
    t.data = s->data + begin;
    s->items[s->count++] = t;
    return PODIUM_OK;
}

static int32_t parse_header(safetensors *s, const char *text, size_t length, const char *file)
{
    json_error_t error;
    s->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(s->header))
        return podium_fail(PODIUM_EINVAL, "%s: the header is not JSON: %s", file, error.text);
    s->items = calloc(json_object_size(s->header) + 1, sizeof *s->items);
    if (!s->items)
        return podium_fail(PODIUM_ENOMEM, "no memory for the tensors of '%s'", file);
    const char *name;
    json_t *entry;
    json_object_foreach(s->header, name, entry) if (strcmp(name, "__metadata__"))
        TRY(read_entry(s, name, entry, file));
    return PODIUM_OK;
}

int32_t safetensors_parse(safetensors **out, const void *bytes, size_t size, const char *name)
{
    const unsigned char *b = bytes;
    uint64_t length = 0;
    *out = NULL;
    for (int i = 7; size >= 8 && i >= 0; i--)
        length = length << 8 | b[i];
    if (size < 8 || length > size - 8)
        return podium_fail(PODIUM_EINVAL, "%s: no safetensors file: it has %zu bytes", name, size);
    safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", name);
    s->size = size - 8 - (size_t)length;
    s->data = malloc(s->size + 1);
    int32_t rc = s->data ? PODIUM_OK : podium_fail(PODIUM_ENOMEM, "no memory for '%s'", name);
    if (!rc) {
        memcpy(s->data, b + 8 + length, s->size);
        rc = parse_header(s, (const char *)b + 8, (size_t)length, name);
    }
    if (rc < 0)
        safetensors_close(s);
    else
        *out = s;
    return rc;
}

int32_t safetensors_open(safetensors **out, const char *path)
{
    char *bytes = NULL;
    long size = -1;
    *out = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0)
        size = ftell(f);
    int32_t rc = PODIUM_OK;
    if (size < 0 || fseek(f, 0, SEEK_SET) || !(bytes = malloc((size_t)size + 1)) ||
        fread(bytes, 1, (size_t)size, f) != (size_t)size)
        rc = podium_fail(PODIUM_EIO, "cannot read '%s'", path);
    fclose(f);
    if (!rc)
        rc = safetensors_parse(out, bytes, (size_t)size, path);
    free(bytes);
    return rc;
}
