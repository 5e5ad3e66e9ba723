/* A submission's state as one block: header, then x, its vectors, its arrays and its kept bytes,
 * each with name and size, so that a block of another submission or another model is refused.
 * Vectors are whole, however they are sharded; arrays and kept bytes are there once a rank. */
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

static size_t num_ranks(const runner *r)
{
    return r->config.parallel ? (size_t)r->config.parallel->size : 1;
}

static size_t own_rank(const runner *r)
{
    return r->config.parallel ? (size_t)r->config.parallel->rank : 0;
}

static size_t snapshot_size(const runner *r)
{
    size_t size = sizeof magic + 3 * sizeof(int64_t);
    for (int32_t i = 0; i < num_items(r); i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + r->items[vector_index(i)].size;
    for (int32_t i = 0; i < r->num_arrays; i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + r->array_items[i].size * num_ranks(r);
    for (int32_t i = 0; i < r->num_keeps; i++)
        size += PROTOCOL_MAX_NAME + sizeof(int64_t) + num_ranks(r) * r->keeps[i].size;
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

/* The vector of an item into the block. */
static int32_t put_vector(runner *r, size_t vector, pack *p)
{
    put_item(p, &r->items[vector]);
    if (p->bad || r->items[vector].size > p->size - p->at)
        return podium_fail(PODIUM_EINVAL, "a snapshot outgrew its size");
    TRY(runner_ranks_gather_copy(r, (int32_t)vector, p->data + p->at));
    p->at += r->items[vector].size;
    return 0;
}

/* Bytes that each rank has its own of, an array's or kept ones, into the block. */
static int32_t put_rows(runner *r, const runner_item *item, int32_t array, int32_t keep, pack *p)
{
    size_t n = num_ranks(r);
    put_item(p, item);
    if (p->bad || n * item->size > p->size - p->at)
        return podium_fail(PODIUM_EINVAL, "a snapshot outgrew its size");
    size_t start = p->at;
    p->at += own_rank(r) * item->size;
    if (array >= 0)
        pack_put(p, r->arrays + r->array_offset[array], item->size);
    else
        TRY(read_keep(r, keep, p));
    p->at = start + n * item->size;
    return n > 1 ? comm_collect(r->config.parallel->comm, p->data + start, item->size) : 0;
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
    int32_t rc = 0;
    if (r->config.parallel)
        rc = parallel_meet(r->config.parallel, (parallel_word){.kind = PARALLEL_SNAPSHOT});
    for (int32_t i = 0; !rc && i < num_items(r); i++)
        rc = put_vector(r, vector_index(i), &p);
    for (int32_t i = 0; !rc && i < r->num_arrays; i++)
        rc = put_rows(r, &r->array_items[i], i, -1, &p);
    for (int32_t i = 0; !rc && i < r->num_keeps; i++)
        rc = put_rows(r, &r->keeps[i], -1, i, &p);
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

/* p->at: this rank's row of the item; *end: behind all of them. */
static int32_t find_row(const runner *r, const runner_item *item, pack *p, size_t *end)
{
    TRY(expect_item(p, item));
    size_t n = num_ranks(r);
    if (n * item->size > p->size - p->at)
        return podium_fail(PODIUM_EINVAL, "snapshot of fewer than %zu ranks", n);
    *end = p->at + n * item->size;
    p->at += own_rank(r) * item->size;
    return 0;
}

int32_t runner_restore(runner *r, const void *bytes, size_t size)
{
    size_t end;
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
        size_t n;
        void *shard = runner_ranks_shard(r, (int32_t)v, &n);
        memcpy(shard, p.data + p.at + (size_t)r->shard.start * r->element, n);
        p.at += r->items[v].size;
    }
    for (int32_t i = 0; i < r->num_arrays; i++) {
        TRY(find_row(r, &r->array_items[i], &p, &end));
        pack_get(&p, r->arrays + r->array_offset[i], r->array_items[i].size);
        p.at = end;
    }
    for (int32_t i = 0; i < r->num_keeps; i++) {
        TRY(find_row(r, &r->keeps[i], &p, &end));
        TRY(write_keep(r, i, &p));
        p.at = end;
    }
    if (p.at != p.size)
        return podium_fail(PODIUM_EINVAL, "snapshot has %zu bytes too many", p.size - p.at);
    return 0;
}
