/* One rank: nothing travels. */
#include "comm/transport.h"

#include <stdio.h>
#include <string.h>

static int32_t exchange(void *state, const void *send, const int64_t *send_at,
                        const int32_t *send_bytes, void *receive, const int64_t *receive_at,
                        const int32_t *receive_bytes)
{
    (void)state;
    (void)receive_bytes;
    if (send_bytes[0])
        memmove((char *)receive + receive_at[0], (const char *)send + send_at[0],
                (size_t)send_bytes[0]);
    return 0;
}

static int32_t gather(void *state, void *data, const int64_t *at, const int32_t *bytes)
{
    (void)state;
    (void)data;
    (void)at;
    (void)bytes;
    return 0;
}

static int32_t broadcast(void *state, void *data, int32_t bytes, int32_t root)
{
    (void)state;
    (void)data;
    (void)bytes;
    (void)root;
    return 0;
}

static int32_t barrier(void *state)
{
    (void)state;
    return 0;
}

static void close_nothing(void *state)
{
    (void)state;
}

int32_t comm_local_transport(comm_transport *out)
{
    *out = (comm_transport){
        .size = 1,
        .local_size = 1,
        .exchange = exchange,
        .gather = gather,
        .broadcast = broadcast,
        .barrier = barrier,
        .close = close_nothing,
    };
    snprintf(out->description, sizeof out->description, "one rank");
    return 0;
}
