/* What the host calls of a runner mean on more than one rank.
 *
 * Data parallel: every rank has the whole of every vector; only evaluations communicate, so that
 * all ranks compute the same bits.  ZeRO-1 (Rajbhandari et al. 2020): a rank owns a range of every
 * vector and works on that; the gradient is reduce-scattered into it, sums over elements are added
 * over the ranks, and the parameters are gathered before anybody looks at all of them.  Vectors
 * keep their addresses; memory that no rank touches is not there. */
#include "harness/runner_internal.h"

#include <stdlib.h>

bool runner_needs_whole_tensors(const runner *r)
{
    for (int32_t i = 0; i < PROTOCOL_MAX_SLOTS; i++)
        if (r->slots[i].loaded && r->slots[i].submission.needs & PODIUM_NEEDS_WHOLE_TENSORS)
            return true;
    return false;
}

/* Start of the parameter that is nearest to `target`, or the end of the vector. */
static int64_t nearest_start(const runner *r, int64_t target)
{
    int32_t i = 0;
    while (i < r->config.num_params && r->params[i].offset + r->params[i].count / 2 < target)
        i++;
    return i < r->config.num_params ? r->params[i].offset : r->config.vector_length;
}

static void cut(runner *r)
{
    const parallel *p = r->config.parallel;
    int64_t length = r->config.vector_length, start = 0;
    bool whole = runner_needs_whole_tensors(r);
    for (int32_t k = 0; k < p->size; k++) {
        int64_t unit = 64 / (int64_t)r->element; /* views stay aligned */
        comm_range even = comm_share(length, unit, k, p->size);
        int64_t end = even.start + even.count;
        if (whole && k < p->size - 1)
            end = nearest_start(r, end);
        r->ranges[k] = (comm_range){start, end - start};
        start = end;
    }
}

int32_t runner_ranks_open(runner *r)
{
    const parallel *p = r->config.parallel;
    r->shard = (comm_range){0, r->config.vector_length};
    if (!p)
        return 0;
    if (!r->ranges) {
        r->ranges = calloc((size_t)p->size, sizeof *r->ranges);
        r->rows = calloc((size_t)p->size * r->num_numbers, sizeof *r->rows);
    }
    if (!r->ranges || !r->rows)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d ranks", p->size);
    if (!p->zero)
        return 0;
    cut(r);
    r->shard = r->ranges[p->rank];
    int64_t end = r->shard.start + r->shard.count;
    for (int32_t i = 0; i < r->config.num_params; i++) {
        int64_t from = r->params[i].offset, to = from + r->params[i].count;
        from = from > r->shard.start ? from : r->shard.start;
        to = to < end ? to : end;
        /* Of a parameter elsewhere nothing, at a place that keeps the segments in order. */
        from = from < end ? from : end;
        r->segments[i] = (program_segment){from, to > from ? to - from : 0};
    }
    return 0;
}

void runner_ranks_close(runner *r)
{
    free(r->ranges);
    free(r->rows);
}

static bool is_sharded(const runner *r)
{
    return r->config.parallel && r->config.parallel->zero;
}

static void *vector_at(const runner *r, int32_t index)
{
    return r->vectors + (size_t)index * r->stride;
}

void *runner_ranks_shard(const runner *r, int32_t index, size_t *bytes)
{
    *bytes = (size_t)r->shard.count * r->element;
    return (uint8_t *)vector_at(r, index) + (size_t)r->shard.start * r->element;
}

/* A vector that is evaluated at, or that takes a gradient, is there as a whole from now on. */
static void count_whole(runner *r, int32_t index)
{
    if (index < 2 || r->items[index].is_whole)
        return;
    r->items[index].is_whole = true;
    r->counters.vector_bytes += (r->config.vector_length - r->shard.count) * (int64_t)r->element;
}

int32_t runner_gather_x(runner *r)
{
    if (!is_sharded(r))
        return 0;
    parallel *p = r->config.parallel;
    TRY(parallel_meet(p, (parallel_word){.kind = PARALLEL_GATHER}));
    return comm_all_gather(p->comm, r->config.dtype, r->vectors, r->ranges);
}

/* Averages loss and gradient of the ranks, each by the weight of its examples. */
static int32_t average(runner *r, void *grad, podium_eval *io)
{
    parallel *p = r->config.parallel;
    double total = 0, loss = 0, examples = 0;
    for (int32_t k = 0; k < p->size; k++) {
        total += p->words[k].x[1];
        examples += p->words[k].x[2];
    }
    for (int32_t k = 0; k < p->size; k++) {
        double weight = p->words[k].x[1];
        p->weights[k] = total > 0 ? weight / total : 1.0 / p->size;
        if (weight > 0 || total <= 0) /* a rank without examples has no loss */
            loss += p->weights[k] * p->words[k].x[0];
    }
    io->loss = loss;
    io->num_examples = examples;
    if (!grad)
        return 0;
    if (total > 0 && p->weights[p->rank] == 0)
        memset(grad, 0, (size_t)r->config.vector_length * r->element);
    if (p->zero)
        return comm_reduce_scatter(p->comm, r->config.dtype, grad, r->ranges, p->weights);
    return comm_all_reduce(p->comm, r->config.dtype, grad, r->config.vector_length, p->weights);
}

int32_t runner_ranks_evaluate(runner *r, int32_t at, int32_t grad, uint32_t what, podium_eval *io)
{
    const runner_config *c = &r->config;
    parallel *p = c->parallel;
    void *x = vector_at(r, at), *g = what & PODIUM_GRAD ? vector_at(r, grad) : NULL;
    if (!p)
        return c->evaluate(c->evaluate_arg, x, g, what, io);
    if (p->zero && what & PODIUM_GRAD_LOCAL)
        return podium_fail(PODIUM_ENOTSUP, "evaluate: PODIUM_GRAD_LOCAL has no place in sharded "
                                           "vectors (zero=1), which hold a part of each gradient");
    TRY(parallel_meet(p, (parallel_word){
                             .kind = PARALLEL_EVALUATE,
                             .a = what,
                             .b = (int64_t)at << 32 | (g ? grad : 0),
                         }));
    if (p->zero) {
        count_whole(r, at);
        if (g)
            count_whole(r, grad);
        TRY(comm_all_gather(p->comm, c->dtype, x, r->ranges));
    }
    int32_t rc = c->evaluate(c->evaluate_arg, x, g, what, io);
    parallel_word mine = {.kind = PARALLEL_LOSS, .status = rc};
    mine.x[0] = io->loss;
    mine.x[1] = c->weight ? *c->weight : io->num_examples;
    mine.x[2] = io->num_examples;
    TRY(parallel_meet(p, mine));
    return average(r, what & PODIUM_GRAD_LOCAL ? NULL : g, io);
}

int32_t runner_ranks_sums(runner *r, int64_t number, size_t n)
{
    if (!is_sharded(r) || !n)
        return 0;
    parallel *p = r->config.parallel;
    TRY(parallel_meet(p, (parallel_word){.kind = PARALLEL_PROGRAM, .a = number, .b = (int64_t)n}));
    return comm_sum(p->comm, r->sums, (int64_t)n, r->rows);
}

int32_t runner_ranks_all_sum(runner *r, int64_t n)
{
    parallel *p = r->config.parallel;
    if (!p || !n)
        return 0;
    TRY(parallel_meet(p, (parallel_word){.kind = PARALLEL_ALL_SUM, .a = n}));
    return comm_sum(p->comm, r->sums, n, r->rows);
}

int32_t runner_ranks_gather_copy(runner *r, int32_t index, void *out)
{
    size_t bytes, start = (size_t)r->shard.start * r->element;
    const void *shard = runner_ranks_shard(r, index, &bytes);
    memcpy((uint8_t *)out + start, shard, bytes);
    if (!is_sharded(r))
        return 0;
    return comm_all_gather(r->config.parallel->comm, r->config.dtype, out, r->ranges);
}
