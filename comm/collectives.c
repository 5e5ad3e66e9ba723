/* Collectives over flat vectors, a bucket at a time.  A reduce-scatter sends each owner its piece
 * and lets the owner add in the order of the ranks; an all-reduce adds the all-gather. */
#include "comm/comm_internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

comm_range comm_share(int64_t count, int64_t unit, int32_t rank, int32_t size)
{
    int64_t units = (count + unit - 1) / unit;
    int64_t first = units * rank / size * unit, end = units * (rank + 1) / size * unit;
    end = end < count ? end : count;
    first = first < end ? first : end;
    return (comm_range){first, end - first};
}

int32_t comm_barrier(comm *c)
{
    return c->transport.barrier(c->transport.state);
}

#define PIECE ((size_t)1 << 30) /* bytes a transport takes at once */

int32_t comm_broadcast(comm *c, void *data, size_t bytes, int32_t root)
{
    for (size_t at = 0; at < bytes; at += PIECE) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        TRY(c->transport.broadcast(c->transport.state, (char *)data + at, (int32_t)n, root));
    }
    return 0;
}

int32_t comm_collect(comm *c, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += PIECE) {
        size_t n = bytes - done < PIECE ? bytes - done : PIECE;
        for (int32_t r = 0; r < c->transport.size; r++) {
            c->places[r] = (int64_t)((size_t)r * bytes + done);
            c->lengths[r] = (int32_t)n;
        }
        TRY(c->transport.gather(c->transport.state, data, c->places, c->lengths));
    }
    return 0;
}

int32_t comm_sum(comm *c, double *values, int64_t n, double *rows)
{
    if (c->transport.size == 1 || n == 0)
        return 0;
    size_t bytes = (size_t)n * sizeof *values;
    memcpy(rows + c->transport.rank * n, values, bytes);
    TRY(comm_collect(c, rows, bytes));
    memcpy(values, rows, bytes);
    for (int32_t r = 1; r < c->transport.size; r++)
        for (int64_t i = 0; i < n; i++)
            values[i] += rows[r * n + i];
    return 0;
}

/* Elements of each rank's piece of a bucket, and how many pieces the longest range has. */
static int64_t piece_of(const comm *c, size_t element)
{
    int64_t n = (int64_t)(c->bucket_bytes / element) / c->transport.size;
    return n < 1 ? 1 : n;
}

static int64_t longest(const comm *c, const comm_range *ranges)
{
    int64_t n = 0;
    for (int32_t r = 0; r < c->transport.size; r++)
        n = ranges[r].count > n ? ranges[r].count : n;
    return n;
}

/* The part of a range that pieces of `piece` elements from `at` on cover. */
static comm_range part(comm_range range, int64_t at, int64_t piece)
{
    int64_t n = range.count - at < piece ? range.count - at : piece;
    return (comm_range){range.start + at, n > 0 ? n : 0};
}

static int32_t reserve(comm *c, size_t bytes)
{
    if (c->bucket_room >= bytes)
        return 0;
    free(c->bucket);
    c->bucket_room = 0;
    c->bucket = malloc(bytes);
    if (!c->bucket)
        return podium_fail(PODIUM_ENOMEM, "no memory for a bucket of %zu bytes", bytes);
    c->bucket_room = bytes;
    return 0;
}

/* out[i] = sum over r, in order, of weights[r] rows[r][i]. */
#define DEFINE_ADD(REAL)                                                                         \
    static void add_##REAL(REAL *out, const REAL *rows, int64_t n, int32_t size,                 \
                           const double *weights)                                                \
    {                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                        \
            double sum = 0;                                                                      \
            for (int32_t r = 0; r < size; r++)                                                   \
                sum += weights ? weights[r] * (double)rows[r * n + i] : (double)rows[r * n + i]; \
            out[i] = (REAL)sum;                                                                  \
        }                                                                                        \
    }
DEFINE_ADD(float)
DEFINE_ADD(double)

static int32_t check_dtype(int32_t dtype)
{
    return dtype == PODIUM_F32 || dtype == PODIUM_F64
               ? 0
               : podium_fail(PODIUM_EINVAL, "a collective of dtype %d, expected f32 or f64", dtype);
}

/* Pieces [at, at + piece) of every range travel to their owners and are added there. */
static int32_t reduce_bucket(comm *c, int32_t dtype, void *data, const comm_range *ranges,
                             const double *weights, int64_t at, int64_t piece)
{
    int32_t size = c->transport.size;
    int64_t element = dtype == PODIUM_F64 ? 8 : 4;
    comm_range own = part(ranges[c->transport.rank], at, piece);
    for (int32_t r = 0; r < size; r++) {
        comm_range p = part(ranges[r], at, piece);
        c->places[r] = p.start * element;
        c->lengths[r] = (int32_t)(p.count * element);
        c->places[size + r] = r * own.count * element;
        c->lengths[size + r] = (int32_t)(own.count * element);
    }
    TRY(c->transport.exchange(c->transport.state, data, c->places, c->lengths, c->bucket,
                              c->places + size, c->lengths + size));
    if (dtype == PODIUM_F64)
        add_double((double *)data + own.start, c->bucket, own.count, size, weights);
    else
        add_float((float *)data + own.start, c->bucket, own.count, size, weights);
    return 0;
}

static int32_t gather_bucket(comm *c, int64_t element, void *data, const comm_range *ranges,
                             int64_t at, int64_t piece)
{
    for (int32_t r = 0; r < c->transport.size; r++) {
        comm_range p = part(ranges[r], at, piece);
        c->places[r] = p.start * element;
        c->lengths[r] = (int32_t)(p.count * element);
    }
    return c->transport.gather(c->transport.state, data, c->places, c->lengths);
}

static int32_t in_buckets(comm *c, int32_t dtype, void *data, const comm_range *ranges,
                          const double *weights, bool reduce, bool gather)
{
    TRY(check_dtype(dtype));
    size_t element = dtype == PODIUM_F64 ? 8 : 4;
    int64_t piece = piece_of(c, element), end = longest(c, ranges);
    if (reduce)
        TRY(reserve(c, (size_t)piece * (size_t)c->transport.size * element));
    for (int64_t at = 0; at < end; at += piece) {
        if (reduce)
            TRY(reduce_bucket(c, dtype, data, ranges, weights, at, piece));
        if (gather)
            TRY(gather_bucket(c, (int64_t)element, data, ranges, at, piece));
    }
    return 0;
}

int32_t comm_reduce_scatter(comm *c, int32_t dtype, void *data, const comm_range *ranges,
                            const double *weights)
{
    return in_buckets(c, dtype, data, ranges, weights, true, false);
}

int32_t comm_all_gather(comm *c, int32_t dtype, void *data, const comm_range *ranges)
{
    return in_buckets(c, dtype, data, ranges, NULL, false, true);
}

int32_t comm_all_reduce(comm *c, int32_t dtype, void *data, int64_t count, const double *weights)
{
    for (int32_t r = 0; r < c->transport.size; r++)
        c->ranges[r] = comm_share(count, 1, r, c->transport.size);
    return in_buckets(c, dtype, data, c->ranges, weights, true, true);
}
