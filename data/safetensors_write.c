/* Writes safetensors files. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/safetensors_types.h"

/* Widest elements first, so that every tensor begins at a multiple of its element. */
static const size_t widths[] = {8, 4, 2};

typedef struct writer {
    json_t *header;
    file_part *parts; /* prefix, header text, data of the tensors */
    size_t num_parts, bytes;
} writer;

static int32_t add_metadata(writer *w, const char *const *metadata)
{
    json_t *o = json_object();
    json_object_set_new(w->header, "__metadata__", o);
    for (; metadata[0]; metadata += 2)
        if (!metadata[1] || json_object_set_new(o, metadata[0], json_string(metadata[1])))
            return podium_fail(PODIUM_EINVAL, "metadata '%s': expected a UTF-8 text", metadata[0]);
    return PODIUM_OK;
}

static int32_t add_tensor(writer *w, const safetensor *given, const safetensor_type *type)
{
    safetensor t = *given;
    if (t.ndim < 0 || t.ndim > SAFETENSOR_MAX_DIMS || !safetensor_count_shape(&t))
        return podium_fail(PODIUM_EINVAL, "tensor '%s' has a bad shape", t.name);
    if (!*t.name || !strcmp(t.name, "__metadata__") || json_object_get(w->header, t.name))
        return podium_fail(PODIUM_EINVAL, "tensor name '%s' is %s", t.name,
                           !*t.name                             ? "empty"
                           : json_object_get(w->header, t.name) ? "used twice"
                                                                : "reserved");
    size_t bytes = (size_t)t.count * type->size;
    json_t *shape = json_array();
    for (int d = 0; d < t.ndim; d++)
        json_array_append_new(shape, json_integer(t.shape[d]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", type->text, "shape", shape,
                              "data_offsets", (json_int_t)w->bytes, (json_int_t)(w->bytes + bytes));
    if (!entry || json_object_set_new(w->header, t.name, entry))
        return podium_fail(PODIUM_EINVAL, "tensor name '%s' is not UTF-8", t.name);
    w->parts[w->num_parts++] = (file_part){t.data, bytes};
    w->bytes += bytes;
    return PODIUM_OK;
}

static int32_t add_tensors(writer *w, const safetensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!safetensor_type_of(tensors[i].dtype))
            return podium_fail(PODIUM_EINVAL, "tensor '%s' has type %d, which is not written",
                               tensors[i].name, tensors[i].dtype);
    for (size_t w_i = 0; w_i < sizeof widths / sizeof *widths; w_i++)
        for (size_t i = 0; i < count; i++) {
            const safetensor_type *type = safetensor_type_of(tensors[i].dtype);
            if (type->size == widths[w_i])
                TRY(add_tensor(w, &tensors[i], type));
        }
    return PODIUM_OK;
}

/* The header's text, padded with spaces so that the data begins at a multiple of 8 bytes. */
static int32_t write_file(writer *w, const char *path)
{
    char prefix[8];
    text_buffer text = {0};
    char *json = json_dumps(w->header, JSON_COMPACT);
    if (json)
        text_add(&text, json);
    free(json);
    while (text.data && !text.failed && text.length % 8)
        text_add(&text, " ");
    int32_t rc = !text.data || text.failed
                     ? podium_fail(PODIUM_ENOMEM, "no memory for the header of '%s'", path)
                     : PODIUM_OK;
    for (int i = 0; i < 8; i++)
        prefix[i] = (char)(text.length >> 8 * i & 255);
    w->parts[0] = (file_part){prefix, sizeof prefix};
    w->parts[1] = (file_part){text.data, text.length};
    if (!rc)
        rc = file_write_parts(path, w->parts, w->num_parts);
    text_release(&text);
    return rc;
}

int32_t safetensors_write(const char *path, const safetensor *tensors, size_t count,
                          const char *const *metadata)
{
    writer w = {
        .header = json_object(),
        .parts = calloc(count + 2, sizeof(file_part)),
        .num_parts = 2,
    };
    int32_t rc = w.header && w.parts ? PODIUM_OK
                                     : podium_fail(PODIUM_ENOMEM, "no memory to write '%s'", path);
    if (!rc && metadata)
        rc = add_metadata(&w, metadata);
    if (!rc)
        rc = add_tensors(&w, tensors, count);
    if (!rc)
        rc = write_file(&w, path);
    else
        podium_fail_in(rc, "cannot write '%s'", path);
    free(w.parts);
    json_decref(w.header);
    return rc;
}
