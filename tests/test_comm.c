/* Collectives on as many ranks as mpirun starts (tests/ranks.t: 1, 2, 3 and 4; alone: one): every
 * rank gets the same bits, whatever the bucket. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"
#include "tests/tap.h"

enum { COUNT = 1003 };

static comm *ranks;

/* A point holds when it does on every rank. */
static void all_ok(bool here, const char *what)
{
    double rows[64], failed = here ? 0 : 1;
    comm_sum(ranks, &failed, 1, rows);
    ok(failed == 0, "%s", what);
}

/* Element i of rank r: numbers whose sum depends on the order it is made in. */
static double element(int32_t r, int64_t i)
{
    return sin((double)(i + 1) * (r + 1.37)) * pow(10, (double)((i + 3 * r) % 7) - 3);
}

static double weight(int32_t r)
{
    return 1.0 / (2 + r);
}

/* What rank order in double gives. */
static double wanted(int64_t i, bool weighted, bool single)
{
    double sum = 0;
    for (int32_t r = 0; r < comm_size(ranks); r++) {
        double x = single ? (double)(float)element(r, i) : element(r, i);
        sum += weighted ? weight(r) * x : x;
    }
    return single ? (double)(float)sum : sum;
}

static void fill(double *d, float *f)
{
    for (int64_t i = 0; i < COUNT; i++) {
        d[i] = element(comm_rank(ranks), i);
        f[i] = (float)d[i];
    }
}

static void check_all_reduce(size_t bucket)
{
    double d[COUNT], weights[64];
    float f[COUNT];
    bool good = true, good_f = true;
    for (int32_t r = 0; r < comm_size(ranks); r++)
        weights[r] = weight(r);
    comm_set_bucket(ranks, bucket);
    fill(d, f);
    good = !comm_all_reduce(ranks, PODIUM_F64, d, COUNT, NULL) &&
           !comm_all_reduce(ranks, PODIUM_F32, f, COUNT, weights);
    for (int64_t i = 0; i < COUNT; i++) {
        good = good && d[i] == wanted(i, false, false);
        good_f = good_f && (double)f[i] == wanted(i, true, true);
    }
    char what[128];
    snprintf(what, sizeof what, "an all-reduce in buckets of %zu bytes adds in order of ranks",
             bucket);
    all_ok(good, what);
    snprintf(what, sizeof what, "and so it does with weights, in f32, %zu bytes", bucket);
    all_ok(good_f, what);
}

/* Ranges of different lengths, one of them empty. */
static void make_ranges(comm_range *ranges)
{
    int64_t at = 0, size = comm_size(ranks);
    for (int32_t r = 0; r < size; r++) {
        int64_t n = r == size - 1 ? COUNT - at : r == 1 ? 0 : COUNT / (size + r);
        ranges[r] = (comm_range){at, n};
        at += n;
    }
}

static void check_shards(size_t bucket)
{
    double d[COUNT];
    float f[COUNT];
    comm_range ranges[64];
    make_ranges(ranges);
    comm_set_bucket(ranks, bucket);
    fill(d, f);
    comm_range own = ranges[comm_rank(ranks)];
    bool good = !comm_reduce_scatter(ranks, PODIUM_F64, d, ranges, NULL), untouched = true;
    for (int64_t i = 0; i < COUNT; i++) {
        bool mine = i >= own.start && i < own.start + own.count;
        good = good && (!mine || d[i] == wanted(i, false, false));
        untouched = untouched && (mine || d[i] == element(comm_rank(ranks), i));
    }
    all_ok(good, "a reduce-scatter gives each rank the sums of its range");
    all_ok(untouched, "and leaves the rest alone");
    good = !comm_all_gather(ranks, PODIUM_F64, d, ranges);
    for (int64_t i = 0; i < COUNT; i++)
        good = good && d[i] == wanted(i, false, false);
    all_ok(good, "an all-gather after it is an all-reduce, bit for bit");
}

static void check_small(void)
{
    int32_t size = comm_size(ranks), rank = comm_rank(ranks);
    char text[32] = "";
    if (rank == size - 1)
        snprintf(text, sizeof text, "from %d", size - 1);
    bool good = !comm_broadcast(ranks, text, sizeof text, size - 1);
    int from = -1;
    good = good && sscanf(text, "from %d", &from) == 1 && from == size - 1;
    all_ok(good, "a broadcast reaches every rank");
    int32_t rows[64];
    rows[rank] = 10 * rank;
    good = !comm_collect(ranks, rows, sizeof *rows);
    for (int32_t r = 0; r < size; r++)
        good = good && rows[r] == 10 * r;
    all_ok(good, "each rank's row reaches every rank");
    all_ok(!comm_barrier(ranks), "a barrier ends");
    all_ok(comm_all_reduce(ranks, PODIUM_I32, rows, 1, NULL) == PODIUM_EINVAL,
           "integers are refused");
}

static void check_share(void)
{
    int64_t at = 0;
    bool good = true;
    for (int32_t r = 0; r < 7; r++) {
        comm_range s = comm_share(1000, 16, r, 7);
        good = good && s.start == at && s.start % 16 == 0 && s.count >= 128 && s.count <= 144;
        at += s.count;
    }
    all_ok(good && at == 1000, "shares are even, cut at multiples of the unit, and cover all");
}

int main(void)
{
    if (comm_open(&ranks)) {
        printf("1..0 # SKIP %s\n", podium_error());
        return 0;
    }
    if (comm_rank(ranks) && !freopen("/dev/null", "w", stdout))
        return 1; /* one rank speaks */
    printf("# %d ranks, %d on this host: %s\n", comm_size(ranks), comm_local_size(ranks),
           comm_description(ranks));
    check_share();
    check_small();
    check_all_reduce(1);
    check_all_reduce(100);
    check_all_reduce((size_t)4 << 20);
    check_shards(64);
    check_shards((size_t)4 << 20);
    int status = tap_done();
    comm_close(ranks);
    return status;
}
