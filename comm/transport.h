/* What carries the bytes: local.c for one rank, libpodium_mpi.so (mpi.c) for more. */
#ifndef COMM_TRANSPORT_H
#define COMM_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct comm_transport {
    int32_t rank, size, local_size;
    char description[256];
    void *state;
    /* Each rank sends send_bytes[r] bytes at send + send_at[r] to rank r and receives likewise.
     * [collective] */
    int32_t (*exchange)(void *state, const void *send, const int64_t *send_at,
                        const int32_t *send_bytes, void *receive, const int64_t *receive_at,
                        const int32_t *receive_bytes);
    /* Bytes [at[r], at[r] + bytes[r]) of data come from rank r.  [collective] */
    int32_t (*gather)(void *state, void *data, const int64_t *at, const int32_t *bytes);
    int32_t (*broadcast)(void *state, void *data, int32_t bytes, int32_t root);
    int32_t (*barrier)(void *state);
    void (*close)(void *state);
} comm_transport;

/* What the shared object needs of the executable. */
typedef struct comm_services {
    uint32_t struct_size;
    int32_t (*fail)(int32_t code, const char *text);
} comm_services;

int32_t comm_local_transport(comm_transport *out);

/* Exported by libpodium_mpi.so. */
typedef int32_t comm_mpi_open(const comm_services *services, comm_transport *out);
typedef int32_t comm_mpi_version(char *out, size_t size);
int32_t podium_mpi_open(const comm_services *services, comm_transport *out);
int32_t podium_mpi_version(char *out, size_t size);

#endif
