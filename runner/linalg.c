/* podium.linalg as the submission sees it: each call becomes one request; the referee checks it
 * again and does the work. */
#include "runner/runner.h"

static bool is_array(const podium_vec *v)
{
    const podium_vec *first = runner_the.arrays;
    return v >= first && v < first + runner_the.num_arrays && v == first + v->index;
}

static int32_t array_create(const podium_host *h, const char *name, int64_t count, podium_vec **out)
{
    runner_context *c = &runner_the;
    if (!host_is_legal() || !out)
        return PODIUM_EINVAL;
    if (!name || !*name || count < 1)
        return host_say(PODIUM_EINVAL, "array_create needs a name and at least one element");
    protocol_message *m = host_begin(PROTOCOL_ARRAY_CREATE);
    m->i[0] = count;
    int32_t rc = host_put_name(m, h, name, "array_create: the name is longer than 100 bytes");
    if (!rc)
        rc = host_request(c);
    if (rc)
        return rc;
    podium_vec *v = &c->arrays[c->num_arrays];
    v->index = (uint16_t)c->num_arrays++;
    v->data = c->arrays_map + c->control->message.i[1];
    v->length = count;
    *out = v;
    return 0;
}

static int32_t array_view(const podium_host *h, podium_vec *array, podium_tensor *out)
{
    (void)h;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    if (!is_array(array) || !out || out->struct_size < sizeof *out)
        return host_say(PODIUM_EINVAL, "array_view: no array, or wrong struct_size");
    *out = (podium_tensor){
        .struct_size = out->struct_size,
        .dtype = runner_the.task.dtype,
        .data = array->data,
        .shape = &array->length,
        .ndim = 1,
        .count = array->length,
    };
    return 0;
}

/* The last element of `b`, counted from its first, is within `room` elements. */
static bool fits(const podium_block *b, int64_t room)
{
    int64_t last = 0;
    for (int32_t d = 0; d < b->ndim; d++) {
        if (b->shape[d] < 1 || b->stride[d] < 0 || b->shape[d] > room ||
            (b->shape[d] > 1 && b->stride[d] > (room - 1 - last) / (b->shape[d] - 1)))
            return false;
        last += (b->shape[d] - 1) * b->stride[d];
    }
    return b->offset >= 0 && last < room - b->offset;
}

static int32_t put_block(protocol_block *out, const podium_block *b)
{
    const runner_context *c = &runner_the;
    if (!b || b->struct_size < sizeof *b || b->ndim < 1 || b->ndim > PODIUM_BLOCK_MAX_DIMS)
        return host_say(PODIUM_EINVAL, "linalg: wrong struct_size, or not 1 to 8 axes");
    bool array = is_array(b->v);
    if (!array && (!host_is_vector(b->v) || b->param >= c->task.num_params))
        return host_say(PODIUM_EINVAL, "linalg: no array, and no parameter of a vector");
    if (!fits(b, array ? b->v->length : c->task.params[b->param]->count))
        return host_say(PODIUM_EINVAL, "linalg: a block reaches outside its parameter or array");
    *out = (protocol_block){
        .is_array = array,
        .index = b->v->index,
        .ndim = b->ndim,
        .offset = b->offset + (array ? 0 : c->offsets[b->param]),
    };
    memcpy(out->shape, b->shape, sizeof out->shape);
    memcpy(out->stride, b->stride, sizeof out->stride);
    return 0;
}

/* One request.  order: [order_length], copied; values: [num_values] of the reply, NULL: ignored. */
static int32_t call(protocol_linalg *q, const podium_block *const *blocks, int32_t num_blocks,
                    const int32_t *order, double *values, int64_t num_values)
{
    runner_context *c = &runner_the;
    if (!host_is_legal())
        return PODIUM_EINVAL;
    for (int32_t i = 0; i < num_blocks; i++) {
        int32_t rc = put_block(&q->block[i], blocks[i]);
        if (rc)
            return rc;
    }
    size_t length = sizeof *q + (size_t)q->order_length * sizeof *order;
    if (length > PROTOCOL_BYTES || num_values * (int64_t)sizeof *values > PROTOCOL_BYTES)
        return host_say(PODIUM_EINVAL, "linalg: an axis is too long for this call");
    protocol_message *m = host_begin(PROTOCOL_LINALG);
    m->length = (uint32_t)length;
    memcpy(c->control->bytes, q, sizeof *q);
    if (q->order_length)
        memcpy(c->control->bytes + sizeof *q, order, (size_t)q->order_length * sizeof *order);
    int32_t rc = host_request(c);
    if (!rc && values)
        memcpy(values, c->control->bytes, (size_t)num_values * sizeof *values);
    return rc;
}

static int32_t product(const podium_host *h, double alpha, const podium_block *a, int32_t ta,
                       const podium_block *b, int32_t tb, double beta, const podium_block *out)
{
    (void)h;
    protocol_linalg q = {
        .op = PROTOCOL_PRODUCT, .flags = (ta != 0) | (tb != 0) << 1, .f = {alpha, beta}};
    return call(&q, (const podium_block *[]){a, b, out}, 3, NULL, NULL, 0);
}

static int32_t gram(const podium_host *h, double alpha, const podium_block *x, int32_t mode,
                    double beta, const podium_block *out)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_GRAM, .mode = mode, .f = {alpha, beta}};
    return call(&q, (const podium_block *[]){x, out}, 2, NULL, NULL, 0);
}

static int32_t contract(const podium_host *h, const podium_block *x, int32_t mode,
                        const podium_block *matrix, int32_t transposed, const podium_block *y)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_CONTRACT, .mode = mode, .flags = transposed != 0};
    return call(&q, (const podium_block *[]){x, matrix, y}, 3, NULL, NULL, 0);
}

static int32_t eigen(const podium_host *h, const podium_block *a, int32_t descending,
                     const podium_block *vectors, double *values)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_EIGEN, .flags = descending != 0};
    return call(&q, (const podium_block *[]){a, vectors}, 2, NULL, values,
                a && values ? a->shape[0] : 0);
}

static int32_t qr(const podium_host *h, const podium_block *a, const podium_block *out)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_QR};
    return call(&q, (const podium_block *[]){a, out}, 2, NULL, NULL, 0);
}

static int32_t inverse_root(const podium_host *h, const podium_block *a, double scale, double eps,
                            double exponent, const podium_block *out)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_INVERSE_ROOT, .f = {scale, eps, exponent}};
    return call(&q, (const podium_block *[]){a, out}, 2, NULL, NULL, 0);
}

static int32_t newton_schulz(const podium_host *h, const podium_block *x, int32_t steps, double a,
                             double b, double c, double eps)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_NEWTON_SCHULZ, .mode = steps, .f = {a, b, c, eps}};
    return call(&q, &x, 1, NULL, NULL, 0);
}

static int32_t dot(const podium_host *h, const podium_block *a, const podium_block *b, double *out)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_DOT};
    return call(&q, (const podium_block *[]){a, b}, 2, NULL, out, 1);
}

static int32_t column_dots(const podium_host *h, const podium_block *a, const podium_block *b,
                           double *out)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_COLUMN_DOTS};
    return call(&q, (const podium_block *[]){a, b}, 2, NULL, out,
                a && a->ndim == 2 ? a->shape[1] : 0);
}

static int32_t take(const podium_host *h, const podium_block *x, int32_t mode, const int32_t *order,
                    const podium_block *y)
{
    (void)h;
    bool valid = x && order && mode >= 0 && mode < x->ndim && mode < PODIUM_BLOCK_MAX_DIMS &&
                 x->shape[mode] > 0 && x->shape[mode] <= INT32_MAX;
    if (!valid)
        return host_is_legal() ? host_say(PODIUM_EINVAL, "take: no order, or no such axis")
                               : PODIUM_EINVAL;
    protocol_linalg q = {
        .op = PROTOCOL_TAKE, .mode = mode, .order_length = (int32_t)x->shape[mode]};
    return call(&q, (const podium_block *[]){x, y}, 2, order, NULL, 0);
}

static int32_t add(const podium_host *h, double alpha, const podium_block *x, double beta,
                   const podium_block *y)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_ADD, .f = {alpha, beta}};
    return call(&q, (const podium_block *[]){x, y}, 2, NULL, NULL, 0);
}

static int32_t axis_squares(const podium_host *h, double alpha, const podium_block *x, double beta,
                            const podium_block *rows, const podium_block *columns)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_AXIS_SQUARES, .f = {alpha, beta}};
    return call(&q, (const podium_block *[]){x, rows, columns}, 3, NULL, NULL, 0);
}

static int32_t axis_scale(const podium_host *h, const podium_block *x, const podium_block *rows,
                          const podium_block *columns, double *squares)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_AXIS_SCALE};
    return call(&q, (const podium_block *[]){x, rows, columns}, 3, NULL, squares, 1);
}

static int32_t gram_eigen(const podium_host *h, const podium_block *x, int32_t mode,
                          int32_t descending, const podium_block *vectors)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_GRAM_EIGEN, .mode = mode, .flags = descending != 0};
    return call(&q, (const podium_block *[]){x, vectors}, 2, NULL, NULL, 0);
}

static int32_t axis_normalise(const podium_host *h, double alpha, const podium_block *x,
                              double beta, double eps, const podium_block *rows,
                              const podium_block *columns, double *squares)
{
    (void)h;
    protocol_linalg q = {.op = PROTOCOL_AXIS_NORMALISE, .f = {alpha, beta, eps}};
    return call(&q, (const podium_block *[]){x, rows, columns}, 3, NULL, squares, 1);
}

const podium_linalg runner_linalg = {
    .struct_size = sizeof runner_linalg,
    .array_create = array_create,
    .array_view = array_view,
    .product = product,
    .gram = gram,
    .contract = contract,
    .eigen = eigen,
    .qr = qr,
    .inverse_root = inverse_root,
    .newton_schulz = newton_schulz,
    .dot = dot,
    .column_dots = column_dots,
    .take = take,
    .add = add,
    .axis_squares = axis_squares,
    .axis_scale = axis_scale,
    .gram_eigen = gram_eigen,
    .axis_normalise = axis_normalise,
};
