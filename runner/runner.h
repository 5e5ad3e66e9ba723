/* Inside of podium-runner: one context, one thread, the maps of the referee. */
#ifndef RUNNER_RUNNER_H
#define RUNNER_RUNNER_H

#include <pthread.h>
#include "podium/extensions.h"
#include "podium/submission.h"
#include "runner/protocol.h"

#define RUNNER_MAX_BASES PROTOCOL_MAX_SLOTS

struct podium_vec {
    uint16_t index;
    void *data;     /* in the shared map */
    int64_t length; /* elements */
};

struct podium_base {
    int32_t slot;
};

struct podium_batch {
    int64_t step;
};

typedef struct slot {
    void *handle;
    const podium_submission *table;
    podium_value *values;
    const podium_value **value_pointers; /* [num_values], then NULL */
    podium_base base;
} slot;

/* A base submission that a wrapper created. */
typedef struct base_instance {
    struct base_instance *parent; /* the base that is its wrapper, NULL: the submission is */
    podium_host host;
    podium_task task;
    const podium_submission *table;
    void *self;
    int32_t (*gradient)(void *arg, podium_batch *b, uint32_t what, podium_eval *io);
    void *gradient_arg;
    char prefix[16]; /* of the names of its vectors */
} base_instance;

typedef struct keep {
    uint8_t *bytes;
    size_t size;
} keep;

/* Gives the table of a submission that is no .so ("FILE.py:CLASS"), static storage; NULL with the
 * reason in why [why_size].  How Python opens its classes. */
typedef const podium_submission *(*runner_loader)(const char *path, char *why, size_t why_size);

typedef struct runner_context {
    protocol_control *control;
    uint8_t *vectors_map;
    size_t vectors_bytes;
    uint8_t *arrays_map;
    pid_t parent;
    pthread_t thread;
    runner_loader loader; /* NULL: only .so files */
    uint32_t command;     /* the command being worked on, 0 outside */
    bool in_submission;   /* inside a function of the submission: host calls are legal */

    podium_task task;
    podium_param *params;
    const podium_param **param_pointers;
    int64_t *offsets; /* [num_params] elements within a vector */
    int64_t vector_length;
    int64_t shard_start, shard_end; /* elements of every vector that are this rank's */
    size_t element;                 /* bytes of one */
    size_t stride;                  /* bytes between vectors in the map */

    podium_vec vectors[PROTOCOL_MAX_VECTORS];
    int32_t num_vectors;
    podium_vec arrays[PROTOCOL_MAX_ARRAYS];
    int32_t num_arrays;
    keep keeps[PROTOCOL_MAX_KEEPS];
    int32_t num_keeps;
    char *programs[PROTOCOL_MAX_PROGRAMS];               /* texts the referee has, by number */
    const char *program_pointers[PROTOCOL_MAX_PROGRAMS]; /* where the submission had it last */
    int32_t num_programs;
    base_instance bases[RUNNER_MAX_BASES];
    int32_t num_bases;
    podium_batch batch;

    podium_host host;
    slot slots[PROTOCOL_MAX_SLOTS];
    void *self;
    bool created;
} runner_context;

/* serve.c; libpodium_runner.so exports these two.  Serves the referee `parent` behind descriptors 3
 * to 5 until it ends this process.  Errors: PODIUM_EIO, PODIUM_EPROTOCOL: no referee there. */
PODIUM_EXPORT int32_t podium_runner_serve(int32_t parent, runner_loader loader);
/* major << 16 | minor of the ABI that this runner speaks */
PODIUM_EXPORT uint32_t podium_runner_abi(void);
/* load.c */
int32_t load_submission(runner_context *c, int32_t number, const char *path, pack *description,
                        char *why, size_t why_size);
int32_t load_values(runner_context *c, int32_t number, pack *p);
int32_t load_task(runner_context *c, pack *p);
/* host.c: the table; base: NULL for the submission itself. */
void host_fill(runner_context *c, podium_host *host, base_instance *base);
/* Sends c->control->message (kind and fields set by the caller) and waits for the reply. */
int32_t host_request(runner_context *c);
/* A message of this kind with everything else zero. */
protocol_message *host_begin(uint32_t kind);
/* True inside a function of the submission, on the thread that it runs in. */
bool host_is_legal(void);
/* Tells the referee why a call was refused; returns `status`. */
int32_t host_say(int32_t status, const char *text);
/* True for a vector of this host, x and g among them; arrays are none. */
bool host_is_vector(const podium_vec *v);
/* Puts `name`, with the base's prefix, beside the message. Errors: PODIUM_EINVAL, told as `what`.
 */
int32_t host_put_name(protocol_message *m, const podium_host *h, const char *name,
                      const char *what);
/* linalg.c */
extern const podium_linalg runner_linalg;
/* base.c */
int32_t base_create(const podium_host *h, const podium_base *base, podium_vec *x,
                    int32_t (*gradient)(void *, podium_batch *, uint32_t, podium_eval *), void *arg,
                    void **self);
int32_t base_step(const podium_host *h, void *self, const podium_step *s);
int32_t base_before_eval(const podium_host *h, void *self);
int32_t base_after_eval(const podium_host *h, void *self);
const podium_submission *base_table(const podium_host *h, void *self);
void base_destroy_all(runner_context *c);
/* count.c: calls of malloc, calloc, realloc and aligned_alloc so far; -1: not counted here. */
int64_t allocation_count(void);

/* The only context of this process. */
extern runner_context runner_the;

#endif
