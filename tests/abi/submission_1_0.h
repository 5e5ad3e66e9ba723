/* podium/submission.h: the contract between Podium (the host) and one submitted training
 * algorithm (a .so).  Plain C11, no other project header, no CUDA, HIP or MPI types, no variadic
 * functions: a submission may be written in C, C++, Rust or Python.
 *
 * A submission exports exactly one symbol, podium_get_submission, and is called from one thread.
 * It writes the parameters task->x; the host writes the gradient task->g when asked to evaluate.
 * Everything it allocates through the host is counted, checkpointed and re-sharded by the host, so
 * a submission has no save or load code.
 *
 * Growth: struct_size comes first in every struct that crosses, fields are only appended, enum
 * values are pinned, lists are arrays of pointers.  Read a late field behind PODIUM_HAS. */
#ifndef PODIUM_SUBMISSION_H
#define PODIUM_SUBMISSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PODIUM_ABI_MAJOR 1u /* a changed layout or meaning: the host refuses to load */
#define PODIUM_ABI_MINOR 0u /* fields appended: what was built with a lower one keeps loading */
#define PODIUM_HAS(p, field) \
    ((p)->struct_size >= offsetof(__typeof__(*(p)), field) + sizeof((p)->field))
#define PODIUM_EXPORT __attribute__((visibility("default")))

/* Status of every call: 0 is success, negative is failure, PODIUM_DONE a normal early end. */
enum {
    PODIUM_DONE = 1, /* step: "stop here", one last evaluation follows */
    PODIUM_OK = 0,
    PODIUM_EINVAL = -1,    /* an argument or a file breaks its contract */
    PODIUM_ENOMEM = -2,    /* no memory for it */
    PODIUM_ENOTSUP = -3,   /* this host, device or task cannot do it */
    PODIUM_EDEVICE = -4,   /* the device or the network failed: the trial is over */
    PODIUM_EDIVERGED = -5, /* a loss, gradient or parameter is not finite */
    PODIUM_EIO = -6,       /* a file could not be read or written */
    PODIUM_EPROTOCOL = -7, /* referee and runner disagree: a bug or an attack */
};

enum { PODIUM_F32 = 1, PODIUM_F16 = 2, PODIUM_BF16 = 3, PODIUM_F64 = 4, PODIUM_I32 = 5 };

/* What a parameter is for; AlgoPerf's ParameterType first, in its order. */
enum {
    PODIUM_WEIGHT = 0,
    PODIUM_BIAS = 1,
    PODIUM_CONV_WEIGHT = 2,
    PODIUM_BATCH_NORM_SCALE = 3,
    PODIUM_BATCH_NORM_BIAS = 4,
    PODIUM_LAYER_NORM_SCALE = 5,
    PODIUM_LAYER_NORM_BIAS = 6,
    PODIUM_EMBEDDING = 7,
    PODIUM_ATTENTION_Q = 8,
    PODIUM_ATTENTION_K = 9,
    PODIUM_ATTENTION_V = 10,
    PODIUM_ATTENTION_OUT = 11,
    PODIUM_ATTENTION_QKV = 12,
    PODIUM_ATTENTION_KV = 13,
    PODIUM_ATTENTION_BIAS = 14,
    PODIUM_ROUTER = 100,
    PODIUM_ADAPTER = 101,
};

/* A vector over all trainable parameters, laid out and sharded exactly like them.  Opaque; made,
 * checkpointed and freed by the host. */
typedef struct podium_vec podium_vec;
typedef struct podium_batch podium_batch; /* the examples of one step, valid until step returns */
typedef struct podium_host podium_host;
typedef struct podium_submission podium_submission;

/* A borrowed view of one parameter's part of a vector; valid until the next host call.  Row-major,
 * contiguous, aligned to 64 bytes. */
typedef struct podium_tensor {
    uint32_t struct_size;
    int32_t dtype;        /* PODIUM_F32; PODIUM_F64 on the reference device */
    void *data;           /* readable and writable from C */
    const int64_t *shape; /* [ndim] extents of the whole tensor, before sharding */
    int32_t ndim;
    int32_t pad;
    int64_t offset; /* this rank holds elements [offset, offset + count) of the tensor */
    int64_t count;  /* 0: another rank holds it.  Then data is room for the whole tensor whose
                       content means nothing, so that a submission which NEEDS_WHOLE_TENSORS may
                       work on it in vain; sums over views must look at count. */
} podium_tensor;

typedef struct podium_param {
    uint32_t struct_size;
    int32_t kind;         /* PODIUM_WEIGHT ... */
    const char *name;     /* "p0", "p1", ...: anonymous, stable within a trial */
    const int64_t *shape; /* [ndim] whole extents */
    int32_t ndim;
    int32_t is_output; /* 1: belongs to the layer that makes the logits */
    int64_t count;     /* elements of the whole tensor */
} podium_param;

/* The problem, as far as a submission may know it.  Owned by the host, outlives destroy. */
typedef struct podium_task {
    uint32_t struct_size;
    int32_t rank;
    int32_t world_size;
    int32_t dtype; /* element type of vectors: PODIUM_F32 or PODIUM_F64 */
    const podium_param *const *params;
    size_t num_params;
    int64_t num_elements; /* trainable elements, whole model */
    int64_t step_hint;    /* steps after which a tuned baseline has reached the target */
    int64_t batch_size;   /* examples in a step's batch, over all ranks */
    uint64_t seed;        /* all randomness of the submission comes from it */
    podium_vec *x;        /* parameters: the submission writes them */
    podium_vec *g;        /* gradient: evaluate writes it */
} podium_task;

/* What to evaluate, a mask. */
enum {
    PODIUM_LOSS = 1,           /* the loss */
    PODIUM_GRAD = 2,           /* the gradient (the loss comes with it) */
    PODIUM_GRAD_LOCAL = 4,     /* with GRAD: of this rank's part of the batch, before all-reduce */
    PODIUM_SAMPLED_LABELS = 8, /* labels drawn, by seed, from the model's own prediction at `at`
                                  (Sophia-G); no label smoothing unless the eval asks for it */
};

/* One evaluation of loss and gradient.  Set struct_size and zero the rest for the default:
 * gradient at task->x into task->g.  dropout and label_smoothing: NaN, or has_regularisation 0,
 * keeps the task's default. */
typedef struct podium_eval {
    uint32_t struct_size;
    int32_t precision;          /* in: 0 the trial's, else PODIUM_F32 or PODIUM_BF16 */
    uint64_t seed;              /* in: dropout stream; same seed, same masks (SAM needs it) */
    podium_vec *at;             /* in: parameters, NULL: task->x */
    podium_vec *grad;           /* in: where the gradient goes, NULL: task->g */
    int32_t has_regularisation; /* in: 1 reads the next two */
    int32_t pad;
    double dropout;         /* in: rate of the dropout layers the model has, 0 <= rate < 1 */
    double label_smoothing; /* in: 0 <= e < 1 */
    double loss;            /* out: mean over the global batch, with label smoothing */
    double num_examples;    /* out: examples that counted, over all ranks */
} podium_eval;

/* One fused elementwise pass: see vec_program.  Grammar of the text, statements apart by ';':
 *     v0 = v0 - c0*v1          assigns a vector element by element
 *     t0 = v1*v1               temporaries t0..t15 live for one element
 *     s0 += v0*v1              global sum, in double, each parameter counted once
 *     q0 += v1*v1              one sum per parameter
 *     p0 (in expressions)      one number per parameter (masks, layer-wise rates)
 * Expressions: + - * / unary -, numbers, parentheses, and the functions sqrt abs exp log tanh sign
 * min(a,b) max(a,b) pow(a,b) fma(a,b,c) lt(a,b) le(a,b) (1 or 0) select(mask,a,b) isfinite.
 * Evaluated in the vectors' element type, as written, left to right.  A text is compiled once. */
typedef struct podium_program {
    uint32_t struct_size;
    int32_t num_vectors;
    const char *text;
    podium_vec *const *vectors; /* v0 .. */
    const double *constants;    /* c0 .. */
    int32_t num_constants;
    int32_t num_per_param;
    const double *const *per_param; /* p0 ..: each [num_params] */
    double *sums;                   /* out: s0 .., the sums over all ranks, NULL: none */
    int32_t num_sums;
    int32_t num_per_param_sums;
    double *const *per_param_sums; /* out: q0 ..: each [num_params] */
} podium_program;

typedef struct podium_step {
    uint32_t struct_size;
    int32_t pad;
    int64_t index; /* 0, 1, 2, ... */
    uint64_t seed; /* fresh for each step */
    podium_batch *batch;
    double last_metric; /* newest validation metric, NaN before the first */
    double last_loss;   /* newest validation loss, NaN before the first */
} podium_step;

/* A base submission opened through the host (hyperparameter type PODIUM_BASE): wrappers such as
 * SAM or Mechanic drive another submission through the same table. */
typedef struct podium_base podium_base;

/* Services of the host.  Callable only while the host is inside create, step, before_eval or
 * after_eval, from the calling thread.  [collective]: every rank, same order.  [sync]: waits. */
struct podium_host {
    uint32_t struct_size;
    uint32_t abi_minor;
    void *ctx; /* the host's own */

    /* A zeroed vector, kept in checkpoints under `name` (unique within the submission); counts as
     * optimizer memory.  dtype 0: the task's.  Only in create. */
    int32_t (*vec_create)(const podium_host *h, const char *name, int32_t dtype, podium_vec **out);
    int32_t (*vec_copy)(const podium_host *h, podium_vec *dst, const podium_vec *src);
    /* vec_program without reductions and per-parameter scalars. */
    int32_t (*vec_run)(const podium_host *h, const char *text, podium_vec *const *v, int32_t nv,
                       const double *c, int32_t nc);
    /* One fused pass over vectors, see podium_program.  [collective] and [sync] if it has sums. */
    int32_t (*vec_program)(const podium_host *h, const podium_program *program);
    /* Raw access to one parameter's elements in `v`.  [sync] */
    int32_t (*vec_view)(const podium_host *h, podium_vec *v, size_t param, podium_tensor *out);
    /* Keep `size` bytes at `bytes` in checkpoints under `name`; the memory stays the submission's
     * and must live until destroy.  On resume the host restores them before the first step.
     * Only in create. */
    int32_t (*keep)(const podium_host *h, const char *name, void *bytes, size_t size);
    /* Loss and gradient of the batch; `what` is a mask.  Any number of times within a step; all of
     * it is timed.  [collective] [sync] */
    int32_t (*evaluate)(const podium_host *h, podium_batch *batch, uint32_t what, podium_eval *io);
    /* Sums n doubles over the ranks in place.  [collective] [sync] */
    int32_t (*all_sum)(const podium_host *h, double *values, int32_t n);
    /* Says why; the text is copied.  Returns `status`, so: return h->fail(h, ...); */
    int32_t (*fail)(const podium_host *h, int32_t status, const char *text);
    /* A table by id ("podium.linalg", ...), NULL: not offered here. */
    const void *(*extension)(const podium_host *h, const char *id);

    /* Creates the base submission of a PODIUM_BASE hyperparameter on parameters `x` (NULL:
     * task->x). When the base calls evaluate it gets the loss and gradient that `gradient` (NULL:
     * this h's evaluate) provides; `gradient` finds io->at and io->grad set, never NULL.  A base
     * may be a wrapper in turn.  Destroyed by the host.  Only in create. */
    int32_t (*base_create)(const podium_host *h, const podium_base *base, podium_vec *x,
                           int32_t (*gradient)(void *arg, podium_batch *b, uint32_t what,
                                               podium_eval *io),
                           void *arg, void **self);
    int32_t (*base_step)(const podium_host *h, void *self, const podium_step *s);

    /* keep() of one number that is worth seeing, such as an adapted step size: the host may show
     * and record it under `name`.  Only in create. */
    int32_t (*keep_number)(const podium_host *h, const char *name, double *number);

    /* The base's own pair, for a wrapper's before_eval and after_eval; nothing where it has none.
     * They change the `x` that the base was created on. */
    int32_t (*base_before_eval)(const podium_host *h, void *self);
    int32_t (*base_after_eval)(const podium_host *h, void *self);
    /* What the base's .so exports (its needs, whether it has before_eval); NULL: no such base. */
    const podium_submission *(*base_table)(const podium_host *h, void *self);
};

/* Hyperparameters are declared, so that files are checked against them and a run on defaults only
 * is known to be hyperparameter-free. */
enum {
    PODIUM_NUMBER = 1,  /* double; NaN where none is legal and means "none" */
    PODIUM_INTEGER = 2, /* int64 */
    PODIUM_FLAG = 3,    /* 0 or 1 */
    PODIUM_CHOICE = 4,  /* one of `choices` */
    PODIUM_LIST = 5,    /* of numbers */
    PODIUM_BASE = 6,    /* another submission and its hyperparameters */
};
enum { PODIUM_LINEAR = 0, PODIUM_LOG = 1 };

typedef struct podium_hyperparameter {
    uint32_t struct_size;
    int32_t type;
    const char *name;
    const char *help;           /* one line, may be NULL */
    double value;               /* default of numbers, integers, flags; index of a choice */
    double min, max;            /* legal range, both included */
    int32_t scale;              /* PODIUM_LINEAR or PODIUM_LOG, for search and display */
    int32_t may_be_none;        /* 1: NaN ("none" in yaml) is legal */
    const char *const *choices; /* PODIUM_CHOICE: ends with NULL */
    const double *list;         /* PODIUM_LIST: default elements */
    size_t list_length;
    const char *base; /* PODIUM_BASE: default name, NULL: must be given */
} podium_hyperparameter;

/* The value of one hyperparameter, in the order of declaration; borrowed until destroy. */
typedef struct podium_value {
    uint32_t struct_size;
    int32_t type;
    double number;    /* PODIUM_NUMBER; also set for INTEGER, FLAG and CHOICE (index) */
    int64_t integer;  /* PODIUM_INTEGER, PODIUM_FLAG, PODIUM_CHOICE (index) */
    const char *text; /* PODIUM_CHOICE */
    const double *list;
    size_t list_length;
    const podium_base *base;
} podium_value;

enum { PODIUM_NEEDS_WHOLE_TENSORS = 1 }; /* never split one parameter over ranks */

struct podium_submission {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* PODIUM_ABI_MAJOR, PODIUM_ABI_MINOR it was built with */
    const char *name, *version, *authors, *url;
    uint64_t needs;                                      /* PODIUM_NEEDS_... */
    const podium_hyperparameter *const *hyperparameters; /* ends with NULL; NULL: none */
    /* Optional.  Global batch size, 0: the task's default (t->batch_size).  Before create. */
    int64_t (*batch_size)(const podium_task *t, const podium_value *const *values);
    int32_t (*create)(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self);
    int32_t (*step)(void *self, const podium_step *s); /* one update of t->x */
    int32_t (*before_eval)(void *self);                /* optional: e.g. swap an average in */
    int32_t (*after_eval)(void *self);                 /* optional: and out again */
    void (*destroy)(void *self); /* also after a failed step; self may be NULL */
};

/* The one exported symbol.  Static storage, never freed; NULL: no table for this host. */
PODIUM_EXPORT const podium_submission *podium_get_submission(uint32_t host_major,
                                                             uint32_t host_minor);

#ifdef __cplusplus
}
#endif
#endif
