/* MPI as a transport: built as libpodium_mpi.so where mpicc is found, opened at run time.  The only
 * file that sees mpi.h.  It moves bytes; sums are made in collectives.c. */
#include "comm/transport.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define EDEVICE (-4)
#define ENOMEMORY (-2)

typedef struct mpi_state {
    comm_services services;
    MPI_Comm comm;
    int rank, size;
    MPI_Request *requests; /* [2 size] */
} mpi_state;

static int32_t check(const mpi_state *s, const char *what, int rc)
{
    if (rc == MPI_SUCCESS)
        return 0;
    char why[MPI_MAX_ERROR_STRING] = "", text[MPI_MAX_ERROR_STRING + 64];
    int n = 0;
    MPI_Error_string(rc, why, &n);
    snprintf(text, sizeof text, "%s failed: %s", what, why);
    return s->services.fail(EDEVICE, text);
}

/* Alltoallv takes int offsets, which a long vector outgrows; a message a pair does not. */
static int32_t exchange(void *state, const void *send, const int64_t *send_at,
                        const int32_t *send_bytes, void *receive, const int64_t *receive_at,
                        const int32_t *receive_bytes)
{
    mpi_state *s = state;
    int n = 0, rc = MPI_SUCCESS;
    for (int i = 1; i < s->size && !rc; i++) {
        int from = (s->rank + s->size - i) % s->size;
        if (receive_bytes[from])
            rc = MPI_Irecv((char *)receive + receive_at[from], receive_bytes[from], MPI_BYTE, from,
                           0, s->comm, &s->requests[n++]);
    }
    for (int i = 1; i < s->size && !rc; i++) {
        int to = (s->rank + i) % s->size;
        if (send_bytes[to])
            rc = MPI_Isend((const char *)send + send_at[to], send_bytes[to], MPI_BYTE, to, 0,
                           s->comm, &s->requests[n++]);
    }
    if (!rc)
        rc = MPI_Waitall(n, s->requests, MPI_STATUSES_IGNORE);
    if (!rc && send_bytes[s->rank])
        memmove((char *)receive + receive_at[s->rank], (const char *)send + send_at[s->rank],
                (size_t)send_bytes[s->rank]);
    return check(s, "an exchange between ranks", rc);
}

static int32_t gather(void *state, void *data, const int64_t *at, const int32_t *bytes)
{
    mpi_state *s = state;
    int n = 0, rc = MPI_SUCCESS;
    for (int i = 1; i < s->size && !rc; i++) {
        int from = (s->rank + s->size - i) % s->size, to = (s->rank + i) % s->size;
        if (bytes[from])
            rc = MPI_Irecv((char *)data + at[from], bytes[from], MPI_BYTE, from, 1, s->comm,
                           &s->requests[n++]);
        if (!rc && bytes[s->rank])
            rc = MPI_Isend((char *)data + at[s->rank], bytes[s->rank], MPI_BYTE, to, 1, s->comm,
                           &s->requests[n++]);
    }
    if (!rc)
        rc = MPI_Waitall(n, s->requests, MPI_STATUSES_IGNORE);
    return check(s, "an all-gather", rc);
}

static int32_t broadcast(void *state, void *data, int32_t bytes, int32_t root)
{
    mpi_state *s = state;
    return check(s, "a broadcast", MPI_Bcast(data, bytes, MPI_BYTE, root, s->comm));
}

static int32_t barrier(void *state)
{
    mpi_state *s = state;
    return check(s, "a barrier", MPI_Barrier(s->comm));
}

static void close_mpi(void *state)
{
    mpi_state *s = state;
    MPI_Comm_free(&s->comm);
    MPI_Finalize();
    free(s->requests);
    free(s);
}

static void one_line(char *text)
{
    text[strcspn(text, "\n")] = 0;
}

EXPORT int32_t podium_mpi_version(char *out, size_t size)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n = 0, rc = MPI_Get_library_version(text, &n);
    one_line(text);
    snprintf(out, size, "%s", text);
    return rc == MPI_SUCCESS ? 0 : EDEVICE;
}

/* Communicator of our own, so that nobody's messages meet ours; errors come back as codes. */
static int32_t start(mpi_state *s, comm_transport *out)
{
    int level, local_size = 1;
    /* A waiting rank polls: where ranks share cores it must give way (Open MPI reads this). */
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    if (check(s, "MPI_Init", MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level)))
        return EDEVICE;
    MPI_Comm host;
    int rc = MPI_Comm_dup(MPI_COMM_WORLD, &s->comm);
    if (!rc)
        rc = MPI_Comm_set_errhandler(s->comm, MPI_ERRORS_RETURN);
    if (!rc)
        rc = MPI_Comm_rank(s->comm, &s->rank);
    if (!rc)
        rc = MPI_Comm_size(s->comm, &s->size);
    if (!rc)
        rc = MPI_Comm_split_type(s->comm, MPI_COMM_TYPE_SHARED, s->rank, MPI_INFO_NULL, &host);
    if (!rc) {
        MPI_Comm_size(host, &local_size);
        MPI_Comm_free(&host);
    }
    out->rank = s->rank;
    out->size = s->size;
    out->local_size = local_size;
    return check(s, "the start of MPI", rc);
}

EXPORT int32_t podium_mpi_open(const comm_services *services, comm_transport *out)
{
    mpi_state *s = calloc(1, sizeof *s);
    if (!s)
        return services->fail(ENOMEMORY, "no memory for MPI's state");
    s->services = *services;
    int32_t rc = start(s, out);
    if (!rc)
        s->requests = calloc(2 * (size_t)s->size, sizeof(MPI_Request));
    if (!rc && !s->requests)
        rc = services->fail(ENOMEMORY, "no memory for MPI's requests");
    if (rc) {
        free(s);
        return rc;
    }
    out->state = s;
    out->exchange = exchange;
    out->gather = gather;
    out->broadcast = broadcast;
    out->barrier = barrier;
    out->close = close_mpi;
    podium_mpi_version(out->description, sizeof out->description);
    return 0;
}
