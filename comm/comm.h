/* Ranks and their collectives.  One process is one rank.  Started by mpirun (or srun), the ranks
 * speak MPI through libpodium_mpi.so, which is opened at run time; otherwise there is one rank.
 *
 * Only bytes travel; every sum is made here, in double, in the order of the ranks.  So a result
 * depends neither on timing, nor on the MPI library and its algorithms, nor on the bucket size, and
 * every rank has the same bits.  Volume is a ring's: 2 (N-1)/N of the data for an all-reduce.
 *
 * [collective]: every rank calls it, in the same order, with the same sizes.  All of it is
 * blocking. Errors of collectives: PODIUM_EDEVICE with MPI's text. */
#ifndef COMM_COMM_H
#define COMM_COMM_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct comm comm;

/* Elements [start, start + count) of a flat vector. */
typedef struct comm_range {
    int64_t start, count;
} comm_range;

/* The ranks of this job: MPI's when a launcher started this process, else one.  Errors:
 * PODIUM_ENOTSUP started by a launcher, yet this build has no MPI or it cannot be loaded. */
int32_t comm_open(comm **out);
/* One rank, whatever started the process. */
int32_t comm_open_local(comm **out);
/* [collective] NULL is fine. */
void comm_close(comm *c);
/* What MPI there is, "Open MPI v4.1.4, ...", without starting it; for `podium doctor`.
 * Errors: PODIUM_ENOTSUP with the reason. */
int32_t comm_describe_mpi(char *out, size_t size);

int32_t comm_rank(const comm *c);
int32_t comm_size(const comm *c);
int32_t comm_local_size(const comm *c); /* ranks on this host, this one included */
const char *comm_description(const comm *c);

/* Part `rank` of `count` elements cut into `size` even parts at multiples of `unit`. */
comm_range comm_share(int64_t count, int64_t unit, int32_t rank, int32_t size);

/* [collective] */
int32_t comm_barrier(comm *c);
int32_t comm_broadcast(comm *c, void *data, size_t bytes, int32_t root);
/* data: [size][bytes]; each rank has filled its own row, afterwards all have all.  [collective] */
int32_t comm_collect(comm *c, void *data, size_t bytes);
/* Sums n doubles over the ranks in place.  rows: scratch, [size][n].  [collective] */
int32_t comm_sum(comm *c, double *values, int64_t n, double *rows);

/* Flat vectors of dtype PODIUM_F32 or PODIUM_F64, in buckets of comm_set_bucket bytes.  ranges:
 * [size], what each rank owns, the same on every rank.  weights: [size] factors of the ranks' data,
 * NULL: 1.  The first call allocates room for a bucket.
 *
 * Reduce-scatter: data[own range] = sum over r of weights[r] data_r[own range]; the rest stays. */
int32_t comm_reduce_scatter(comm *c, int32_t dtype, void *data, const comm_range *ranges,
                            const double *weights);
/* All-gather: each range comes from its owner. */
int32_t comm_all_gather(comm *c, int32_t dtype, void *data, const comm_range *ranges);
/* data = sum over r of weights[r] data_r, the same bits as reduce-scatter and all-gather. */
int32_t comm_all_reduce(comm *c, int32_t dtype, void *data, int64_t count, const double *weights);
/* Bytes of a vector in flight at once (4 MiB); before the first collective.  Same on every rank. */
void comm_set_bucket(comm *c, size_t bytes);

#endif
