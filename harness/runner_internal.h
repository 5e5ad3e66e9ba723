/* Inside of the referee's side of a runner, shared by harness/runner_*.c. */
#ifndef HARNESS_RUNNER_INTERNAL_H
#define HARNESS_RUNNER_INTERNAL_H

#include <sys/types.h>
#include "harness/runner_host.h"
#include "runner/protocol.h"

/* A vector or kept bytes as the submission created them. */
typedef struct runner_item {
    char name[PROTOCOL_MAX_NAME];
    size_t size;    /* bytes */
    bool is_number; /* kept bytes: a double to show */
    bool is_whole;  /* of a sharded vector: counted as a whole, not as this rank's part */
} runner_item;

/* A loaded submission: the description's bytes hold every string. */
typedef struct runner_slot {
    bool loaded;
    uint8_t *bytes;
    runner_submission submission;
    podium_hyperparameter *declared;
    const podium_hyperparameter **pointers;
    void **owned; /* arrays behind declared */
    int32_t num_owned;
    bool values_set;
} runner_slot;

struct runner {
    runner_config config;
    runner_param *params;
    int64_t batch_size;
    program_segment *segments; /* each parameter's elements in this rank's shard */
    comm_range shard;          /* elements of every vector that this rank works on */
    comm_range *ranges;        /* [ranks] and all ranks', when state is sharded */
    double *rows;              /* [ranks][num_numbers] scratch of sums over ranks */
    size_t element, stride;    /* bytes of an element; between vectors in the map */

    pid_t pid;
    int control_fd, vectors_fd, arrays_fd, log_fd;
    protocol_control *control;
    size_t control_bytes;
    uint8_t *vectors;
    size_t vectors_bytes;
    uint8_t *arrays; /* PROTOCOL_ARRAYS_BYTES of addresses, arrays_bytes of them behind memory */
    size_t arrays_bytes, arrays_limit; /* the limit: a quarter of the machine's memory */

    runner_end end;
    bool frozen;
    char reason[1200];
    char fail_text[1024]; /* of host->fail in the running command */
    int32_t fail_status;

    uint32_t command; /* being worked on, 0: none */
    int64_t step;     /* of STEP */
    int64_t deadline_ns;
    protocol_message message; /* the one copy that is checked and used */
    uint8_t *bytes;           /* [PROTOCOL_BYTES + 1] copy of the bytes in use */
    double *numbers;          /* copy of the numbers area */
    size_t num_numbers;
    double *sums; /* results of a program */

    runner_slot slots[PROTOCOL_MAX_SLOTS];
    runner_item items[PROTOCOL_MAX_VECTORS];
    int32_t num_vectors; /* x and g included */
    runner_item array_items[PROTOCOL_MAX_ARRAYS];
    size_t array_offset[PROTOCOL_MAX_ARRAYS]; /* bytes from `arrays` */
    int32_t num_arrays;
    runner_item keeps[PROTOCOL_MAX_KEEPS];
    int32_t num_keeps;
    program *programs[PROTOCOL_MAX_PROGRAMS];
    int32_t num_programs;
    bool created;
    int64_t resident_base;
    runner_counters counters;
};

/* runner_process.c */
int32_t runner_spawn(runner *r);
/* Sets addresses aside for arrays; runner_spawn does.  And puts memory behind `bytes` more. */
int32_t runner_map_arrays(runner *r);
int32_t runner_grow_arrays(runner *r, size_t bytes);
/* A file of our build, in the folder of this executable or one of three above it. */
int32_t runner_find_beside(const char *file, char *out, size_t size);
void runner_unmap(runner *r);
/* Kills and reaps; sets r->end and r->reason unless they are set, and the error message. */
int32_t runner_end_with(runner *r, runner_end end, int32_t status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Waits for the runner's turn to end; notices death and the deadline.  0: a message is there. */
int32_t runner_wait(runner *r);
/* "step 12", "create", ...: what the runner was doing. */
const char *runner_doing(const runner *r, char *out, size_t size);
int64_t runner_resident_bytes(const runner *r);

/* runner_requests.c: checks and serves the request in r->message, leaves the reply in the control
 * map.  Negative: the runner broke the protocol or the trial is over (runner_end_with was called).
 */
int32_t runner_serve(runner *r);
/* The bytes of the message, copied and terminated, in r->bytes. */
const char *runner_copy_bytes(runner *r);
/* True for a text that may name vectors, arrays and kept bytes; true when `items` has the name. */
bool runner_is_name(const runner *r, const char *name);
bool runner_is_taken(const runner_item *items, int32_t n, const char *name);
/* Leaves the status of a request; ends the trial of a runner that broke the protocol. */
void runner_reply(runner *r, int32_t status);
int32_t runner_broke(runner *r, const char *what);

/* runner_linalg.c: arrays and linear algebra. */
int32_t runner_serve_array(runner *r);
int32_t runner_serve_linalg(runner *r);

/* runner_ranks.c: decides the shard once the submissions are loaded; the vectors' part of it.  All
 * of them do the plain thing on one rank. */
int32_t runner_ranks_open(runner *r);
void runner_ranks_close(runner *r);
void *runner_ranks_shard(const runner *r, int32_t index, size_t *bytes);
/* The evaluation of the whole batch. */
int32_t runner_ranks_evaluate(runner *r, int32_t at, int32_t grad, uint32_t what, podium_eval *io);
/* r->sums, n of them, of a program over all elements. */
int32_t runner_ranks_sums(runner *r, int64_t number, size_t n);
/* The first n of r->sums, of an all_sum. */
int32_t runner_ranks_all_sum(runner *r, int64_t n);
/* A whole vector into `out`, from all shards. */
int32_t runner_ranks_gather_copy(runner *r, int32_t index, void *out);

/* runner_describe.c: reads the description of `slot` from r->bytes.  Errors: PODIUM_EINVAL. */
int32_t runner_describe(runner_slot *slot, const uint8_t *bytes, size_t length);
void runner_slot_release(runner_slot *slot);

/* runner_host.c: everything but the maps and the process, from r->config. */
int32_t runner_allocate(runner *r);
/* One command until FINISHED.  bytes may be NULL.  Returns the status. */
int32_t runner_command(runner *r, uint32_t kind, const int64_t *i, int num_i, const double *f,
                       const void *bytes, size_t length);
/* Copies `length` bytes that came with a message, made printable and terminated. */
void runner_copy_text(char *out, size_t size, const uint8_t *bytes, size_t length);

#endif
