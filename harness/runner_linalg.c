/* Serves arrays and linear algebra.  Blocks are checked against what they lie in before anything is
 * computed, from a copy of the request. */
#include "harness/runner_internal.h"

#include <assert.h>
#include <stdio.h>

#define MAX_ARRAYS_GROWN ((int64_t)1 << 33) /* elements of one array */

static_assert((int)PROTOCOL_PRODUCT == (int)LINALG_PRODUCT &&
                  (int)PROTOCOL_AXIS_NORMALISE == (int)LINALG_AXIS_NORMALISE &&
                  (int)PROTOCOL_BLOCKS == (int)LINALG_MAX_BLOCKS &&
                  (int)PROTOCOL_BLOCK_DIMS == (int)LINALG_MAX_DIMS,
              "the wire's numbers are the engine's");
static_assert(LINALG_MAX_ORDER * sizeof(double) <= PROTOCOL_BYTES, "values fit into a reply");

static int32_t create_array(runner *r, const char *name)
{
    int64_t count = r->message.i[0];
    if (r->command != PROTOCOL_CREATE)
        return podium_fail(PODIUM_EINVAL, "array_create('%s') outside create", name);
    if (runner_is_taken(r->array_items, r->num_arrays, name))
        return podium_fail(PODIUM_EINVAL, "array_create: the name '%s' is taken", name);
    if (!r->config.backend->linalg)
        return podium_fail(PODIUM_ENOTSUP, "array_create('%s'): no podium.linalg here", name);
    if (r->num_arrays == PROTOCOL_MAX_ARRAYS || count < 1 || count > MAX_ARRAYS_GROWN)
        return podium_fail(PODIUM_ENOMEM,
                           "array_create('%s'): %lld elements, or more than %d arrays", name,
                           (long long)count, PROTOCOL_MAX_ARRAYS);
    size_t bytes = (size_t)count * r->element, at = r->arrays_bytes;
    TRY(runner_grow_arrays(r, (bytes + 4095) / 4096 * 4096));
    runner_item *item = &r->array_items[r->num_arrays];
    snprintf(item->name, sizeof item->name, "%s", name);
    item->size = bytes;
    r->array_offset[r->num_arrays++] = at;
    r->counters.vector_bytes += (int64_t)bytes;
    return 0;
}

int32_t runner_serve_array(runner *r)
{
    const char *name = runner_copy_bytes(r);
    if (!runner_is_name(r, name))
        return runner_broke(r, "a bad array name");
    int32_t rc = create_array(r, name);
    runner_reply(r, rc);
    if (!rc) {
        r->control->message.i[0] = r->num_arrays - 1;
        r->control->message.i[1] = (int64_t)r->array_offset[r->num_arrays - 1];
    }
    return 0;
}

/* The block in our memory.  False: it reaches outside of what it lies in. */
static bool find_block(const runner *r, const protocol_block *b, linalg_block *out)
{
    int32_t most = b->is_array ? r->num_arrays : r->num_vectors;
    if (b->index < 0 || b->index >= most || b->ndim < 1 || b->ndim > LINALG_MAX_DIMS)
        return false;
    size_t size = b->is_array ? r->array_items[b->index].size : r->items[b->index].size;
    int64_t length = (int64_t)(size / r->element), last = 0, count = 1;
    if (b->offset < 0 || b->offset >= length)
        return false;
    int64_t room = length - b->offset;
    for (int32_t d = 0; d < b->ndim; d++) {
        int64_t n = b->shape[d], stride = b->stride[d];
        if (n < 1 || stride < 0 || n > room / count ||
            (n > 1 && stride > (room - 1 - last) / (n - 1)))
            return false;
        last += (n - 1) * stride;
        count *= n; /* no more elements than there is room: none is seen twice over and over */
        out->shape[d] = n;
        out->stride[d] = stride;
    }
    out->ndim = b->ndim;
    uint8_t *from = b->is_array ? r->arrays + r->array_offset[b->index]
                                : r->vectors + (size_t)b->index * r->stride;
    out->data = from + (size_t)b->offset * r->element;
    return true;
}

static void count_call(runner *r, const linalg_call *c)
{
    int64_t moved = linalg_moved(c);
    r->counters.bytes_moved += moved * (int64_t)r->element;
    r->counters.matrix_calls += moved == 0;
}

int32_t runner_serve_linalg(runner *r)
{
    protocol_linalg q;
    linalg_call call = {0};
    runner_copy_bytes(r);
    if (r->message.length < sizeof q)
        return runner_broke(r, "a linear algebra call cut short");
    memcpy(&q, r->bytes, sizeof q);
    int32_t blocks = linalg_num_blocks(q.op);
    if (!blocks || !r->config.backend->linalg || q.order_length < 0 ||
        r->message.length != sizeof q + (size_t)q.order_length * sizeof(int32_t))
        return runner_broke(r, "an unknown linear algebra call");
    call.op = q.op;
    call.mode = q.mode;
    call.flags = q.flags;
    memcpy(call.f, q.f, sizeof call.f);
    for (int32_t i = 0; i < blocks; i++)
        if (!find_block(r, &q.block[i], &call.block[i]))
            return runner_broke(r, "a block outside its vector or array");
    bool taken = q.op == LINALG_TAKE;
    if (taken &&
        (q.mode < 0 || q.mode >= q.block[0].ndim || q.order_length != call.block[0].shape[q.mode]))
        return runner_broke(r, "an order that does not fit its axis");
    /* The order lies behind the request in our copy; values go where the request was. */
    static_assert(sizeof q % sizeof(double) == 0, "what follows the request is aligned");
    call.order = (const int32_t *)(const void *)(r->bytes + sizeof q);
    call.values = (double *)(void *)r->bytes;
    int32_t rc = linalg_check(&call);
    if (!rc)
        rc = r->config.backend->linalg(r->config.backend, &call);
    if (!rc)
        count_call(r, &call);
    runner_reply(r, rc);
    if (!rc)
        memcpy(r->control->bytes, r->bytes, (size_t)linalg_num_values(&call) * sizeof(double));
    return 0;
}
