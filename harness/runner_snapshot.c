/* A submission's state as one block: header, then x, its vectors, its arrays and its kept bytes,
 * each with name and size, so that a block of another submission or another model is refused. */
#include "harness/runner_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char magic[8] = "podsnap2";

static size_t vector_index(int32_t item)
{
    return item == 0 ? 0 : (size_t)item + 1; /* g is scratch: not part of the state */
}

static int32_t num_items(const runner *r)
{
    return r->num_vectors - 1;
}

static size_t snapshot_size(const runner *r)
{
    size_t size = sizeof magic + 3 * sizeof(int64_t);
    for (int32_t i = 0; i < num_items(r); i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + r->items[vector_index(i)].size;
    for (int32_t i = 0; i < r->num_arrays; i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + r->array_items[i].size;
    for (int32_t i = 0; i < r->num_keeps; i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + r->keeps[i].size;
    return size;
}

static void put_item(pack *p, const runner_item *item)
{
    char name[PROTOCOL_MAX_NAME] = "";
    snprintf(name, sizeof name, "%s", item->name);
    pack_put(p, name, sizeof name);
    pack_put_integer(p, (int64_t)item->size);
}

/* Kept bytes of the runner, in pieces of at most PROTOCOL_BYTES. */
static int32_t read_keep(runner *r, int32_t number, pack *p)
{
    for (size_t at = 0; at < r->keeps[number].size;) {
        size_t n = r->keeps[number].size - at;
        if (n > PROTOCOL_BYTES)
            n = PROTOCOL_BYTES;
        int64_t i[3] = {number, (int64_t)at, (int64_t)n};
        TRY(runner_command(r, PROTOCOL_KEEP_READ, i, 3, NULL, NULL, 0));
        if (r->message.length != n)
            return runner_end_with(r, RUNNER_PROTOCOL, PODIUM_EPROTOCOL,
                                   "the submission broke the runner's protocol: %u kept bytes, "
                                   "expected %zu",
                                   r->message.length, n);
        pack_put(p, r->bytes, n);
        at += n;
    }
    return 0;
}

static int32_t find_number(const runner *r, const char *name)
{
    int32_t i = 0;
    while (i < r->num_keeps && !(r->keeps[i].is_number && !strcmp(r->keeps[i].name, name)))
        i++;
    return i;
}

bool runner_keeps_number(const runner *r, const char *name)
{
    return find_number(r, name) < r->num_keeps;
}

int32_t runner_number(runner *r, const char *name, double *out)
{
    int32_t i = find_number(r, name);
    if (i == r->num_keeps)
        return podium_fail(PODIUM_EINVAL, "the submission keeps no number '%s'", name);
    pack p = {.data = (uint8_t *)out, .size = sizeof *out};
    return read_keep(r, i, &p);
}

int32_t runner_snapshot(runner *r, void **bytes, size_t *size)
{
    *bytes = NULL;
    pack p = {.size = snapshot_size(r)};
    p.data = malloc(p.size);
    if (!p.data)
        return podium_fail(PODIUM_ENOMEM, "no memory for a snapshot of %zu bytes", p.size);
    pack_put(&p, magic, sizeof magic);
    pack_put_integer(&p, num_items(r));
    pack_put_integer(&p, r->num_arrays);
    pack_put_integer(&p, r->num_keeps);
    for (int32_t i = 0; i < num_items(r); i++) {
        size_t v = vector_index(i);
        put_item(&p, &r->items[v]);
        pack_put(&p, r->vectors + v * r->stride, r->items[v].size);
    }
    for (int32_t i = 0; i < r->num_arrays; i++) {
        put_item(&p, &r->array_items[i]);
        pack_put(&p, r->arrays + r->array_offset[i], r->array_items[i].size);
    }
    int32_t rc = 0;
    for (int32_t i = 0; !rc && i < r->num_keeps; i++) {
        put_item(&p, &r->keeps[i]);
        rc = read_keep(r, i, &p);
    }
    if (rc) {
        free(p.data);
        return rc;
    }
    *bytes = p.data;
    *size = p.at;
    return 0;
}

static int32_t expect_item(pack *p, const runner_item *item)
{
    char name[PROTOCOL_MAX_NAME + 1] = "";
    pack_get(p, name, PROTOCOL_MAX_NAME);
    int64_t size = pack_get_integer(p);
    if (p->bad || strcmp(name, item->name) || size != (int64_t)item->size ||
        item->size > p->size - p->at)
        return podium_fail(PODIUM_EINVAL,
                           "snapshot holds '%s' of %lld bytes where the submission has '%s' of "
                           "%zu bytes",
                           name, (long long)size, item->name, item->size);
    return 0;
}

static int32_t write_keep(runner *r, int32_t number, pack *p)
{
    for (size_t at = 0; at < r->keeps[number].size;) {
        size_t n = r->keeps[number].size - at;
        if (n > PROTOCOL_BYTES)
            n = PROTOCOL_BYTES;
        int64_t i[2] = {number, (int64_t)at};
        TRY(runner_command(r, PROTOCOL_KEEP_WRITE, i, 2, NULL, p->data + p->at, n));
        p->at += n;
        at += n;
    }
    return 0;
}

int32_t runner_restore(runner *r, const void *bytes, size_t size)
{
    pack p = {.data = (uint8_t *)bytes, .size = size};
    char head[sizeof magic];
    pack_get(&p, head, sizeof head);
    int64_t vectors = pack_get_integer(&p), arrays = pack_get_integer(&p);
    int64_t keeps = pack_get_integer(&p);
    if (p.bad || memcmp(head, magic, sizeof magic))
        return podium_fail(PODIUM_EINVAL, "not a snapshot of a runner");
    if (vectors != num_items(r) || arrays != r->num_arrays || keeps != r->num_keeps)
        return podium_fail(PODIUM_EINVAL,
                           "snapshot of %lld vectors, %lld arrays and %lld kept pieces, the "
                           "submission has %d, %d and %d",
                           (long long)vectors, (long long)arrays, (long long)keeps, num_items(r),
                           r->num_arrays, r->num_keeps);
    for (int32_t i = 0; i < num_items(r); i++) {
        size_t v = vector_index(i);
        TRY(expect_item(&p, &r->items[v]));
        pack_get(&p, r->vectors + v * r->stride, r->items[v].size);
    }
    for (int32_t i = 0; i < r->num_arrays; i++) {
        TRY(expect_item(&p, &r->array_items[i]));
        pack_get(&p, r->arrays + r->array_offset[i], r->array_items[i].size);
    }
    for (int32_t i = 0; i < r->num_keeps; i++) {
        TRY(expect_item(&p, &r->keeps[i]));
        TRY(write_keep(r, i, &p));
    }
    if (p.at != p.size)
        return podium_fail(PODIUM_EINVAL, "snapshot has %zu bytes too many", p.size - p.at);
    return 0;
}
