/* Checkpoints of one file or several. */
#include "data/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

typedef struct part {
    char *file; /* its name in the index, owned */
    safetensors *tensors;
} part;

struct checkpoint {
    part *parts;
    size_t count;
};

static int32_t no_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory for a checkpoint");
}

static int32_t add_part(checkpoint *c, const char *file, const char *path)
{
    part *larger = realloc(c->parts, (c->count + 1) * sizeof *larger);
    if (!larger)
        return no_memory();
    c->parts = larger;
    part *p = &c->parts[c->count];
    *p = (part){.file = strdup(file)};
    if (!p->file)
        return no_memory();
    c->count++;
    return safetensors_open(&p->tensors, path);
}

static part *find_part(const checkpoint *c, const char *file)
{
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->parts[i].file, file))
            return &c->parts[i];
    return NULL;
}

static int32_t open_entry(checkpoint *c, const char *index, const char *tensor, const char *file)
{
    char path[8192];
    if (!file)
        return podium_fail(PODIUM_EINVAL, "expected a file name");
    if (!find_part(c, file)) {
        TRY(path_sibling(path, sizeof path, index, file));
        TRY(add_part(c, file, path));
    }
    return safetensors_find(find_part(c, file)->tensors, tensor)
               ? PODIUM_OK
               : podium_fail(PODIUM_EINVAL, "'%s' has no such tensor", file);
}

static int32_t open_index(checkpoint *c, const char *path)
{
    json_t *root, *map, *file;
    const char *tensor;
    TRY(json_read_file(&root, path));
    int32_t rc = json_read_object(root, path, "weight_map", &map);
    if (!rc && !json_object_size(map))
        rc = podium_fail(PODIUM_EINVAL, "%s: field 'weight_map': expected tensors", path);
    if (!rc)
        json_object_foreach(map, tensor, file)
        {
            rc = open_entry(c, path, tensor, json_string_value(file));
            if (rc < 0) {
                podium_fail_in(rc, "%s: tensor '%s'", path, tensor);
                break;
            }
        }
    json_decref(root);
    return rc;
}

int32_t checkpoint_open(checkpoint **out, const char *path)
{
    size_t n = strlen(path);
    *out = NULL;
    checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return no_memory();
    int32_t rc = n > 5 && !strcmp(path + n - 5, ".json") ? open_index(c, path)
                                                         : add_part(c, path, path);
    if (rc < 0)
        checkpoint_close(c);
    else
        *out = c;
    return rc;
}

void checkpoint_close(checkpoint *c)
{
    for (size_t i = 0; c && i < c->count; i++) {
        free(c->parts[i].file);
        safetensors_close(c->parts[i].tensors);
    }
    if (c)
        free(c->parts);
    free(c);
}

const safetensor *checkpoint_find(const checkpoint *c, const char *name)
{
    const safetensor *t = NULL;
    for (size_t i = 0; i < c->count && !t; i++)
        t = safetensors_find(c->parts[i].tensors, name);
    return t;
}

size_t checkpoint_count(const checkpoint *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        n += safetensors_count(c->parts[i].tensors);
    return n;
}

const safetensor *checkpoint_item(const checkpoint *c, size_t i)
{
    size_t k = 0;
    while (i >= safetensors_count(c->parts[k].tensors))
        i -= safetensors_count(c->parts[k++].tensors);
    return safetensors_item(c->parts[k].tensors, i);
}
