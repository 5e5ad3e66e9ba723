/* The referee's side of a runner process: starts it, tells it what to do, serves its host calls,
 * and turns every way in which it can end into a failure with a reason.
 *
 *     runner_start(&r, &config)         process, shared maps, .so loaded, declarations read
 *     runner_set_values(r, 0, values)   (harness/hyperparameters.h makes the values)
 *     runner_batch_size(r, &n); [runner_set_batch_size]; runner_create(r); [runner_restore]
 *     runner_step ... runner_before_eval, freeze, copy x, thaw, runner_after_eval ...
 *     runner_stop(r)
 *
 * A failed call kills the process; after it only the reading functions and runner_stop may be
 * called.  Not thread-safe: one thread drives a runner (and must outlive it: the kernel kills a
 * runner whose parent thread is gone). */
#ifndef HARNESS_RUNNER_HOST_H
#define HARNESS_RUNNER_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/backend.h"
#include "engine/params.h"
#include "harness/parallel.h"

typedef struct runner runner;

enum { RUNNER_MAX_DIMS = 8 }; /* of a task's parameter; linear algebra takes as many */

/* One trainable parameter and its place (elements) in the flat vectors. */
typedef struct runner_param {
    int32_t kind; /* PODIUM_WEIGHT ... */
    int32_t ndim; /* 0: one number */
    int64_t shape[RUNNER_MAX_DIMS];
    int64_t count, offset;
    bool is_output;
} runner_param;

/* Computes loss and/or gradient for the batch of the current step.
 *   at    flat parameters, in the runner's shared memory: another thread of a hostile submission
 *         may change the numbers meanwhile, never their place
 *   grad  flat gradient to write, whole vector, or NULL when `what` lacks PODIUM_GRAD
 *   what  PODIUM_LOSS | PODIUM_GRAD | ...: known bits only
 *   io    precision, seed, has_regularisation, dropout, label_smoothing are checked for range; at
 *         and grad are NULL.  Fill loss and num_examples.
 * Errors: any negative status; the submission gets it from evaluate(). */
typedef int32_t (*runner_evaluate)(void *arg, const void *at, void *grad, uint32_t what,
                                   podium_eval *io);

typedef struct runner_config {
    const char *so_path;     /* the submission */
    const char *runner_path; /* NULL: $PODIUM_RUNNER, else podium-runner beside this executable */
    const runner_param *params;
    int32_t num_params;
    int64_t vector_length; /* elements of every flat vector, padding included */
    int32_t dtype;         /* PODIUM_F32 or PODIUM_F64 */
    backend *backend;      /* runs programs; borrowed; host_memory backends only */
    int64_t step_hint;
    int64_t batch_size; /* the workload's default, over all ranks */
    uint64_t seed;
    parallel *parallel; /* the ranks of this trial, NULL: one; borrowed */
    /* Weight of this rank's examples in the mean loss, read after each evaluation; NULL: their
     * number.  With ranks, evaluate gives loss and gradient of this rank's examples. */
    const double *weight;
    int32_t threads;          /* told to the .so's libraries as OMP_NUM_THREADS; 0: 1 */
    double timeout_seconds;   /* longest wall time of one call, evaluations in it included; 0: 60 */
    runner_evaluate evaluate; /* NULL: evaluate() answers PODIUM_ENOTSUP */
    void *evaluate_arg;
} runner_config;

/* Fills params, num_params and vector_length from a model's trainable parameters.  The array is
 * malloc'd: free((void *)config->params) after runner_start.  Errors: PODIUM_ENOMEM. */
int32_t runner_config_params(runner_config *config, const params *p);

/* How a runner stands. */
typedef enum {
    RUNNER_ALIVE,
    RUNNER_STOPPED,  /* by runner_stop */
    RUNNER_REFUSED,  /* the .so could not be loaded: no file, symbol, ABI, bad table */
    RUNNER_FAILED,   /* the submission returned a negative status */
    RUNNER_CRASHED,  /* a signal */
    RUNNER_EXITED,   /* exit() or abort by the submission's library */
    RUNNER_HUNG,     /* no return within timeout_seconds */
    RUNNER_DIVERGED, /* loss not finite, or the submission said so */
    RUNNER_PROTOCOL, /* it broke the protocol */
} runner_end;

/* What a submission's table says; checked copies, owned by the runner. */
typedef struct runner_submission {
    const char *name, *version, *authors, *url; /* "" when NULL in the table */
    int32_t abi_major, abi_minor;
    uint64_t needs;
    bool has_batch_size, has_before_eval, has_after_eval;
    const podium_hyperparameter *const *hyperparameters; /* [num_hyperparameters], then NULL */
    int32_t num_hyperparameters;
} runner_submission;

/* A value as the referee knows it; `base` names a slot of this runner instead of a pointer. */
typedef struct runner_value {
    int32_t type;
    double number; /* also index or flag */
    int64_t integer;
    const double *list;
    size_t list_length;
    int32_t base_slot; /* PODIUM_BASE: from runner_load */
} runner_value;

typedef struct runner_counters {
    int64_t host_calls;           /* requests served */
    int64_t gradient_evaluations; /* evaluate() calls with PODIUM_GRAD */
    int64_t loss_evaluations;     /* and those without */
    int64_t vector_bytes;         /* optimizer memory: vectors, x and g not counted */
    int64_t keep_bytes;
    int64_t programs;       /* distinct program texts */
    int64_t passes;         /* programs run and vectors copied */
    int64_t bytes_moved;    /* by them: each vector read or written once a pass; and along axes */
    int64_t matrix_calls;   /* linear algebra but for passes along axes */
    int64_t sums;           /* global sums read back, */
    int64_t per_param_sums; /* and sums with one number for each parameter */
    int64_t reductions;     /* passes with sums: waits for the device and the other ranks */
    int64_t allocations;    /* malloc calls inside the last command, -1: not counted */
    double compile_seconds; /* booked apart from the calls they happened in */
    double host_seconds;    /* serving host calls, evaluations and compiling not included */
    double evaluate_seconds;
} runner_counters;

/* Starts the process and loads the .so (slot 0).  *out is set whenever the process was started, so
 * that runner_log and runner_ended can be read after a failure; call runner_stop in any case.
 * Errors: PODIUM_EINVAL (no such file, not a submission, wrong ABI, bad table: says which),
 * PODIUM_ENOMEM, PODIUM_EIO (the runner executable), PODIUM_ENOTSUP (memory not host memory). */
int32_t runner_start(runner **out, const runner_config *config);
/* Ends the process (destroy() is called when it is alive and thawed) and frees everything.
 * NULL is fine. */
void runner_stop(runner *r);

/* Loads a further .so (base of a wrapper) and gives its slot number. */
int32_t runner_load(runner *r, const char *so_path, int32_t *slot);
const runner_submission *runner_get_submission(const runner *r, int32_t slot);
/* One of them says PODIUM_NEEDS_WHOLE_TENSORS, as who uses podium.linalg does. */
bool runner_needs_whole_tensors(const runner *r);
/* Hyperparameter values of a slot, in the order of declaration, all of them.  Before create. */
int32_t runner_set_values(runner *r, int32_t slot, const runner_value *values, int32_t count);

/* The calls of the ABI.  Each returns 0, PODIUM_DONE (step only), or a negative status with the
 * reason in podium_error(): the submission's own text, or "crashed in step 12: SIGSEGV", ...
 * runner_ended tells the kind.  The time of the call is the caller's to take (around it), less
 * the growth of compile_seconds. */
int32_t runner_batch_size(runner *r, int64_t *out);        /* the default when the table has none */
void runner_set_batch_size(runner *r, int64_t batch_size); /* what task->batch_size shows */
int32_t runner_create(runner *r);
int32_t runner_step(runner *r, int64_t index, uint64_t seed, double last_metric, double last_loss);
int32_t runner_before_eval(runner *r); /* nothing when the table has none */
int32_t runner_after_eval(runner *r);

/* Stops every thread of the process; returns when the kernel says they stand.  Thaw lets them run
 * again.  Errors: PODIUM_EDEVICE when the process ended meanwhile (with the reason). */
int32_t runner_freeze(runner *r);
int32_t runner_thaw(runner *r);

/* Flat parameters and gradient, vector_length elements of the dtype, shared with the runner: write
 * the initial parameters before runner_create, copy them while frozen. */
void *runner_x(const runner *r);
void *runner_g(const runner *r);
/* Where state is sharded, makes all of x current on every rank: before x is looked at.  Nothing
 * otherwise.  [collective] */
int32_t runner_gather_x(runner *r);
/* True when every parameter (padding left out) is finite. */
bool runner_x_is_finite(const runner *r);

runner_end runner_ended(const runner *r);
const char *runner_end_name(runner_end end); /* "crashed", "hung", ... for records */
const char *runner_reason(const runner *r);  /* text of the failure, "" while alive */
const runner_counters *runner_get_counters(const runner *r);
/* Growth of the process's own resident memory (bytes, shared maps not counted) since the .so was
 * loaded; -1 when unknown. */
int64_t runner_resident_growth(const runner *r);
/* What the submission printed (stdout and stderr), at most size - 1 of the last bytes. */
void runner_log(const runner *r, char *out, size_t size);
int runner_pid(const runner *r); /* -1 when there is no process */
void runner_kill(runner *r);     /* SIGKILL, as a crash of the machine would: for `check` */
void runner_set_timeout(runner *r, double seconds);

/* The number that the submission keeps under `name` (keep_number), between calls, thawed.
 * Errors: PODIUM_EINVAL without an effect when it keeps none of that name. */
bool runner_keeps_number(const runner *r, const char *name);
int32_t runner_number(runner *r, const char *name, double *out);

/* Everything a submission owns (x, its vectors, its kept bytes) as one block of bytes, for
 * checkpoints; malloc'd.  Call it between steps, thawed.  With ranks, every rank makes the same
 * block: whole vectors, and the kept bytes of each rank.  [collective]  restore: on a fresh runner
 * with the same .so, values and task, after runner_create and before the first step. Errors:
 * PODIUM_EINVAL when the block is damaged or of other vectors or sizes. */
int32_t runner_snapshot(runner *r, void **bytes, size_t *size);
int32_t runner_restore(runner *r, const void *bytes, size_t size);

#endif
