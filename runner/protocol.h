/* The wire between the referee and the runner: one control map and one map of vectors, both made
 * and sealed by the referee.  Control alternates strictly: whoever holds the turn writes the
 * message and hands the turn over, so one mailbox is enough and no message can be overtaken.
 *
 *     referee: command (LOAD, CREATE, STEP, ...)          runner: works, and meanwhile
 *     runner:  request (VEC_PROGRAM, EVALUATE, ...)       referee: serves it, replies
 *     runner:  FINISHED with the status of the command
 *
 * The referee trusts nothing it reads here: it copies a message once, then checks every field.
 * Offsets and numbers cross, never pointers. */
#ifndef RUNNER_PROTOCOL_H
#define RUNNER_PROTOCOL_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL_VERSION 3u
#define PROTOCOL_MAGIC 0x314d444fu
#define PROTOCOL_CONTROL_FD 3 /* descriptors the runner is started with */
#define PROTOCOL_VECTORS_FD 4
#define PROTOCOL_ARRAYS_FD 5
#define PROTOCOL_BYTES 262144     /* bytes that travel beside a message: texts, descriptions */
#define PROTOCOL_MAX_VECTORS 128  /* x and g included */
#define PROTOCOL_MAX_OPERANDS 64  /* vectors, constants or sums of one program */
#define PROTOCOL_MAX_PER_PARAM 16 /* per-parameter inputs, and as many outputs */
#define PROTOCOL_MAX_ARRAYS 64
#define PROTOCOL_ARRAYS_BYTES \
    ((size_t)1 << 36) /* addresses set aside; memory comes as it is used */
#define PROTOCOL_MAX_PROGRAMS 1024
#define PROTOCOL_MAX_KEEPS 256
#define PROTOCOL_MAX_SLOTS 8 /* submissions in one runner: the submission and its bases */
#define PROTOCOL_MAX_NAME 128
#define PROTOCOL_MAX_SUM_DOUBLES 4096 /* all_sum */
#define PROTOCOL_SPIN_NS 30000        /* then sleep: a spinning runner would steal a core */

enum {
    /* Commands of the referee; the answer is PROTOCOL_FINISHED. */
    PROTOCOL_LOAD = 1,   /* bytes: path; i[0] slot -> bytes: description */
    PROTOCOL_TASK,       /* bytes: the task */
    PROTOCOL_VALUES,     /* i[0] slot; bytes: hyperparameter values */
    PROTOCOL_BATCH_SIZE, /* -> i[0] */
    PROTOCOL_CREATE,
    PROTOCOL_STEP, /* i[0] index, i[1] seed; f[0] last metric, f[1] last loss */
    PROTOCOL_BEFORE_EVAL,
    PROTOCOL_AFTER_EVAL,
    PROTOCOL_KEEP_READ,  /* i[0] keep, i[1] offset, i[2] count -> bytes */
    PROTOCOL_KEEP_WRITE, /* i[0] keep, i[1] offset; bytes */
    PROTOCOL_STOP,       /* destroy, then exit(0) */
    /* The runner's answer to a command: status; bytes: text of a failure; i[4] allocations. */
    PROTOCOL_FINISHED = 64,
    /* Requests of the runner; the answer is PROTOCOL_REPLY. */
    PROTOCOL_VEC_CREATE = 128, /* bytes: name; i[0] dtype -> i[0] vector */
    PROTOCOL_VEC_COPY,         /* vectors[0] = vectors[1] */
    PROTOCOL_VEC_PROGRAM,      /* see below */
    PROTOCOL_KEEP,             /* bytes: name; i[0] size, i[1] 1: a double -> i[0] keep */
    PROTOCOL_EVALUATE,         /* see below */
    PROTOCOL_ALL_SUM,          /* i[0] n; numbers in and out */
    PROTOCOL_FAIL,             /* status; bytes: text */
    PROTOCOL_ARRAY_CREATE,     /* bytes: name; i[0] elements -> i[0] array, i[1] its first byte */
    PROTOCOL_LINALG,      /* bytes: protocol_linalg, then the order of a TAKE; reply: doubles */
    PROTOCOL_REPLY = 192, /* status; bytes: text of a failure */
};

/* VEC_PROGRAM: i[0] program number, i[1] 1 when bytes hold its text (first use), i[2] vectors,
 * i[3] constants, i[4] per-parameter inputs, i[5] sums, i[6] per-parameter sums.  numbers: the
 * constants, then the inputs [num_params] each.  Reply, numbers: the sums, then the per-parameter
 * sums.  EVALUATE: i[0] what, i[1] at, i[2] grad (vectors), i[3] precision, i[4] seed,
 * i[5] has_regularisation, f[0] dropout, f[1] label smoothing; reply: f[0] loss, f[1] examples. */
typedef struct protocol_message {
    uint32_t kind;
    int32_t status;
    uint32_t length; /* bytes in use */
    uint32_t pad;
    int64_t i[8];
    double f[4];
    uint16_t vectors[PROTOCOL_MAX_OPERANDS];
} protocol_message;

/* A linear algebra call; op (the engine's numbers), mode, flags, f as in engine/linalg.h. */
enum {
    PROTOCOL_PRODUCT = 1,
    PROTOCOL_GRAM,
    PROTOCOL_CONTRACT,
    PROTOCOL_EIGEN,
    PROTOCOL_QR,
    PROTOCOL_INVERSE_ROOT,
    PROTOCOL_NEWTON_SCHULZ,
    PROTOCOL_DOT,
    PROTOCOL_COLUMN_DOTS,
    PROTOCOL_TAKE,
    PROTOCOL_ADD,
    PROTOCOL_AXIS_SQUARES,
    PROTOCOL_AXIS_SCALE,
    PROTOCOL_GRAM_EIGEN,
    PROTOCOL_AXIS_NORMALISE,
};
enum { PROTOCOL_BLOCKS = 3, PROTOCOL_BLOCK_DIMS = 8 };
typedef struct protocol_block {
    int32_t is_array; /* 1: `index` is an array's number, else a vector's */
    int32_t index;
    int32_t ndim;
    int32_t pad;
    int64_t offset; /* elements from the begin of the vector or array */
    int64_t shape[PROTOCOL_BLOCK_DIMS], stride[PROTOCOL_BLOCK_DIMS];
} protocol_block;

typedef struct protocol_linalg {
    int32_t op, mode, flags;
    int32_t order_length;
    double f[4];
    protocol_block block[PROTOCOL_BLOCKS];
} protocol_linalg;

enum { PROTOCOL_HAS_LINALG = 1 };

typedef struct protocol_control {
    uint32_t magic, version;
    uint32_t num_numbers; /* doubles in the area behind `bytes` */
    uint32_t num_params;
    uint32_t extensions;                /* PROTOCOL_HAS_... */
    _Alignas(64) _Atomic uint32_t turn; /* even: the referee's; odd: the runner's */
    _Alignas(64) _Atomic uint32_t referee_sleeps;
    _Alignas(64) _Atomic uint32_t runner_sleeps;
    _Alignas(64) protocol_message message;
    _Alignas(64) uint8_t bytes[PROTOCOL_BYTES];
    _Alignas(64) double numbers[];
} protocol_control;

/* Doubles the numbers area needs for a task of num_params parameters. */
static inline size_t protocol_numbers(size_t num_params)
{
    size_t operands = PROTOCOL_MAX_OPERANDS + PROTOCOL_MAX_PER_PARAM * num_params;
    return operands > PROTOCOL_MAX_SUM_DOUBLES ? operands : PROTOCOL_MAX_SUM_DOUBLES;
}

static inline size_t protocol_control_bytes(size_t num_params)
{
    size_t n = sizeof(protocol_control) + protocol_numbers(num_params) * sizeof(double);
    return (n + 4095) / 4096 * 4096;
}

static inline int64_t protocol_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void protocol_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Hands the turn over and wakes the other side when it sleeps. */
static inline void protocol_pass(_Atomic uint32_t *turn, _Atomic uint32_t *other_sleeps)
{
    atomic_fetch_add(turn, 1);
    if (atomic_load(other_sleeps)) {
        atomic_store(other_sleeps, 0);
        syscall(SYS_futex, turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

/* Waits until the low bit of *turn is `parity`: spins, then sleeps at most wait_ns (negative: for
 * ever).  False when the time is over. */
static inline bool protocol_wait(_Atomic uint32_t *turn, _Atomic uint32_t *my_sleeps,
                                 uint32_t parity, int64_t wait_ns)
{
    int64_t start = 0;
    for (int i = 0;; i++) {
        if ((atomic_load_explicit(turn, memory_order_acquire) & 1) == parity)
            return true;
        protocol_pause();
        if (i % 64 == 63) {
            int64_t now = protocol_now_ns();
            if (!start)
                start = now;
            else if (now - start > PROTOCOL_SPIN_NS)
                break;
        }
    }
    for (;;) {
        atomic_store(my_sleeps, 1);
        uint32_t seen = atomic_load(turn);
        if ((seen & 1) == parity)
            break;
        struct timespec t = {wait_ns / 1000000000, wait_ns % 1000000000};
        long rc = syscall(SYS_futex, turn, FUTEX_WAIT, seen, wait_ns < 0 ? NULL : &t, NULL, 0);
        if (rc && errno == ETIMEDOUT) {
            atomic_store(my_sleeps, 0);
            return (atomic_load(turn) & 1) == parity;
        }
    }
    atomic_store(my_sleeps, 0);
    return true;
}

/* Plain values one after the other in a byte buffer; `bad` is set by the first that does not fit.
 */
typedef struct pack {
    uint8_t *data;
    size_t size, at;
    bool bad;
} pack;

static inline void pack_put(pack *p, const void *bytes, size_t n)
{
    if (p->bad || n > p->size - p->at) {
        p->bad = true;
        return;
    }
    if (n)
        memcpy(p->data + p->at, bytes, n);
    p->at += n;
}

static inline void pack_get(pack *p, void *bytes, size_t n)
{
    if (p->bad || n > p->size - p->at) {
        p->bad = true;
        memset(bytes, 0, n);
        return;
    }
    if (n)
        memcpy(bytes, p->data + p->at, n);
    p->at += n;
}

static inline void pack_put_integer(pack *p, int64_t v)
{
    pack_put(p, &v, sizeof v);
}

static inline int64_t pack_get_integer(pack *p)
{
    int64_t v;
    pack_get(p, &v, sizeof v);
    return v;
}

static inline void pack_put_number(pack *p, double v)
{
    pack_put(p, &v, sizeof v);
}

static inline double pack_get_number(pack *p)
{
    double v;
    pack_get(p, &v, sizeof v);
    return v;
}

/* NULL travels as NULL. */
static inline void pack_put_text(pack *p, const char *text)
{
    pack_put_integer(p, text ? (int64_t)strlen(text) : -1);
    if (text)
        pack_put(p, text, strlen(text) + 1);
}

/* Borrowed from the buffer; terminated, without zeros inside. */
static inline const char *pack_get_text(pack *p)
{
    int64_t n = pack_get_integer(p);
    if (p->bad || n == -1)
        return NULL;
    if (n < 0 || (uint64_t)n >= p->size - p->at || p->data[p->at + (size_t)n] ||
        memchr(p->data + p->at, 0, (size_t)n)) {
        p->bad = true;
        return NULL;
    }
    const char *text = (const char *)p->data + p->at;
    p->at += (size_t)n + 1;
    return text;
}

#endif
