/* What the files of comm/ share. */
#ifndef COMM_COMM_INTERNAL_H
#define COMM_COMM_INTERNAL_H

#include "comm/comm.h"
#include "comm/transport.h"

struct comm {
    comm_transport transport;
    size_t bucket_bytes;
    void *bucket; /* what all ranks sent of one bucket, NULL before the first */
    size_t bucket_room;
    int64_t *places;    /* [2 size] where a rank's bytes leave from, then where they arrive */
    int32_t *lengths;   /* [2 size] their number */
    comm_range *ranges; /* [size] of an all-reduce */
};

#endif
