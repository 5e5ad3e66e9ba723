/* Layouts and meetings of ranks. */
#include "harness/parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"

static int32_t parse_layout(parallel *p, const char *layout)
{
    int dp = 0, zero = 0, end = 0,
        n = sscanf(layout, "dp=%9d%n,zero=%1d%n", &dp, &end, &zero, &end);
    if (n < 1 || layout[end] || zero < 0 || zero > 1 || dp < 1)
        return podium_fail(PODIUM_EINVAL, "--parallel '%s': expected dp=N or dp=N,zero=1", layout);
    if (dp != p->size)
        return podium_fail(PODIUM_EINVAL,
                           "--parallel '%s' on %d rank%s: start it by mpirun -n %d podium ...",
                           layout, p->size, p->size == 1 ? "" : "s", dp);
    p->zero = zero == 1;
    return 0;
}

int32_t parallel_init(parallel *p, comm *c, const char *layout)
{
    *p = (parallel){.comm = c, .rank = comm_rank(c), .size = comm_size(c)};
    TRY(parse_layout(p, layout));
    p->words = calloc((size_t)p->size, sizeof *p->words);
    p->texts = calloc((size_t)p->size, sizeof *p->texts);
    p->weights = calloc((size_t)p->size, sizeof *p->weights);
    if (p->words && p->texts && p->weights)
        return 0;
    parallel_release(p);
    return podium_fail(PODIUM_ENOMEM, "no memory for %d ranks", p->size);
}

void parallel_release(parallel *p)
{
    free(p->words);
    free(p->texts);
    free(p->weights);
    *p = (parallel){0};
}

void parallel_layout(const parallel *p, char *out, size_t size)
{
    snprintf(out, size, "dp=%d%s", p->size, p->zero ? ",zero=1" : "");
}

/* From here on every meeting fails alike, on every rank. */
static int32_t fail_all(parallel *p, int32_t status)
{
    p->failed = true;
    p->status = status;
    return podium_fail(status, "%s", p->reason);
}

/* Some rank failed: every rank learns why from the lowest of them. */
static int32_t share_failure(parallel *p, int32_t first)
{
    bool alike = true;
    for (int32_t r = 0; r < p->size; r++)
        alike = alike && p->words[r].status == p->words[0].status;
    snprintf(p->texts[p->rank], sizeof *p->texts, "%s",
             p->words[p->rank].status < 0 ? podium_error() : "");
    int32_t rc = comm_collect(p->comm, p->texts, sizeof *p->texts);
    if (rc) {
        snprintf(p->reason, sizeof p->reason, "%s", podium_error());
        return fail_all(p, rc);
    }
    if (alike)
        return podium_fail(p->words[first].status, "%s", p->texts[p->rank]);
    snprintf(p->reason, sizeof p->reason, "rank %d: %.*s", first, PARALLEL_TEXT - 32,
             p->texts[first]);
    return fail_all(p, p->words[first].status);
}

static const char *describe(const parallel_word *w)
{
    static const char *const names[] = {"",
                                        "an evaluation",
                                        "the end of an evaluation",
                                        "a program with sums",
                                        "all_sum",
                                        "a gather of parameters",
                                        "a checkpoint",
                                        "the end of its call",
                                        "a comparison",
                                        "the scores of an evaluation",
                                        "a mean gradient"};
    return w->kind > 0 && w->kind <= PARALLEL_MEAN_GRADIENT ? names[w->kind] : "?";
}

int32_t parallel_meet(parallel *p, parallel_word mine)
{
    if (p->failed)
        return podium_fail(p->status, "%s", p->reason);
    p->words[p->rank] = mine;
    char own[PARALLEL_TEXT] = "";
    if (mine.status < 0)
        snprintf(own, sizeof own, "%s", podium_error());
    int32_t rc = comm_collect(p->comm, p->words, sizeof *p->words);
    if (rc) {
        snprintf(p->reason, sizeof p->reason, "%s", podium_error());
        return fail_all(p, rc);
    }
    if (own[0])
        podium_fail(mine.status, "%s", own);
    for (int32_t r = 0; r < p->size; r++)
        if (p->words[r].status < 0)
            return share_failure(p, r);
    for (int32_t r = 1; r < p->size; r++) {
        const parallel_word *w = &p->words[r], *first = &p->words[0];
        if (w->kind == first->kind && w->a == first->a && w->b == first->b &&
            w->status == first->status)
            continue;
        snprintf(p->reason, sizeof p->reason,
                 "the ranks went different ways: rank 0 is at %s, rank %d at %s%s; a submission "
                 "must make the same calls on every rank",
                 describe(first), r, describe(w), w->kind == first->kind ? " of another kind" : "");
        return fail_all(p, PODIUM_EINVAL);
    }
    return 0;
}

int32_t parallel_agree(parallel *p, int32_t rc)
{
    if (!p)
        return rc;
    TRY(parallel_meet(p, (parallel_word){.kind = PARALLEL_STAGE, .status = rc}));
    return rc;
}

int32_t parallel_same(parallel *p, const uint8_t digest[32], const char *what)
{
    if (!p)
        return 0;
    parallel_word w = {.kind = PARALLEL_DIGEST};
    memcpy(w.x, digest, 32);
    TRY(parallel_meet(p, w));
    for (int32_t r = 1; r < p->size; r++)
        if (memcmp(p->words[r].x, p->words[0].x, 32)) {
            snprintf(p->reason, sizeof p->reason, "%s differ between rank 0 and rank %d", what, r);
            return fail_all(p, PODIUM_EDEVICE);
        }
    return 0;
}

comm_range parallel_share(const parallel *p, int64_t count)
{
    return p ? comm_share(count, 1, p->rank, p->size) : (comm_range){0, count};
}

int parallel_threads(const parallel *p, int asked)
{
    if (!p || asked > 0)
        return asked;
    int n = machine_threads() / comm_local_size(p->comm);
    return n > 0 ? n : 1;
}
