/* Dense linear algebra on whole tensors, for optimizers that precondition with matrices: what
 * podium.linalg (include/podium/extensions.h) asks of a backend with host memory.  Eigenvectors and
 * QR come from LAPACK, products from the backend; results depend on the thread count at most. */
#ifndef ENGINE_LINALG_H
#define ENGINE_LINALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum {
    LINALG_MAX_DIMS = 8,
    LINALG_MAX_ORDER = 16384, /* of a matrix with eigenvectors or a QR, and of `order` */
    LINALG_MAX_BLOCKS = 3,
    LINALG_MAX_BUFFERS = 6,
};

/* A strided tensor in host memory, in the backend's real type. */
typedef struct linalg_block {
    void *data;
    int32_t ndim; /* 1 to LINALG_MAX_DIMS */
    int64_t shape[LINALG_MAX_DIMS];
    int64_t stride[LINALG_MAX_DIMS]; /* elements, >= 0; an output has no two equal places */
} linalg_block;

/* Operations, in the order of podium_linalg; the numbers go over the wire and are pinned.  a, b, c
 * are block[0..2]; f: numbers. */
typedef enum {
    LINALG_PRODUCT = 1,    /* c = f0 op(a) op(b) + f1 c; flags 1: a', 2: b' */
    LINALG_GRAM,           /* b = f0 (a unfolded along mode) (the same)' + f1 b */
    LINALG_CONTRACT,       /* c: a with axis `mode` multiplied by b'; flags 1: by b */
    LINALG_EIGEN,          /* columns of b: eigenvectors of a; flags 1: descending; values */
    LINALG_QR,             /* b: the orthonormal factor of a [m, n], m >= n */
    LINALG_INVERSE_ROOT,   /* b = (f0 a + f1 I)^-f2, spectrum lifted to f1 */
    LINALG_NEWTON_SCHULZ,  /* a: `mode` steps with f0, f1, f2, norm + f3; in place */
    LINALG_DOT,            /* values[0] = <a, b> */
    LINALG_COLUMN_DOTS,    /* values[j] = sum_i a[i, j] b[i, j] */
    LINALG_TAKE,           /* b: a with axis `mode` in the order given */
    LINALG_ADD,            /* b = f0 a + f1 b */
    LINALG_AXIS_SQUARES,   /* b = f0 sum over j a[.., i, j]^2 + f1 b; c the same over i */
    LINALG_AXIS_SCALE,     /* a[.., i, j] *= b[.., i] c[.., j]; values[0] = sum of its squares */
    LINALG_GRAM_EIGEN,     /* columns of b: eigenvectors of what GRAM makes of a, formed and
                              decomposed in double; flags 1: descending */
    LINALG_AXIS_NORMALISE, /* AXIS_SQUARES, then a[.., i, j] /= sqrt(r_i c_j / mean of r) with
                              r = b / columns + f2, c = c / rows + f2; values[0] as AXIS_SCALE */
    LINALG_OPS,
} linalg_op;

typedef struct linalg_call {
    int32_t op, mode, flags;
    double f[4];
    linalg_block block[LINALG_MAX_BLOCKS];
    double *values; /* EIGEN, DOT, COLUMN_DOTS, AXIS_SCALE, AXIS_NORMALISE: linalg_num_values */
    const int32_t *order; /* TAKE: shape[mode] indices */
} linalg_call;

/* c = alpha op(a) op(b) + beta c, row-major, in the real type; beta 0 does not read c. */
typedef struct linalg_product {
    bool ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    double alpha, beta;
    const void *a, *b;
    void *c;
} linalg_product;

/* Working memory of a backend: grows to the largest call, then no call allocates. */
typedef struct linalg_space {
    int32_t real; /* PODIUM_F32 or PODIUM_F64 */
    int threads;  /* of the passes along axes, which give the same bits with any number; 0: one */
    /* NULL: plain loops. */
    int32_t (*product)(void *arg, const linalg_product *p);
    void *product_arg;
    const struct lapack *lapack; /* NULL until an operation needs it */
    void *buffer[LINALG_MAX_BUFFERS];
    size_t bytes[LINALG_MAX_BUFFERS];
} linalg_space;

/* Blocks the operation takes, 0: no such operation; numbers it gives back for these shapes. */
int32_t linalg_num_blocks(int32_t op);
int64_t linalg_num_values(const linalg_call *c);
/* Elements that a call reads and writes in streams (AXIS_*); 0 for the others. */
int64_t linalg_moved(const linalg_call *c);
/* Shapes that fit each other, within the limits.  Data is not looked at.
 * Errors: PODIUM_EINVAL with what was expected. */
int32_t linalg_check(const linalg_call *c);
/* Errors: those of linalg_check; PODIUM_ENOMEM; PODIUM_EDIVERGED when a matrix to decompose is not
 * finite; PODIUM_EDEVICE when LAPACK gives up. */
int32_t linalg_run_host(linalg_space *s, const linalg_call *c);
void linalg_release(linalg_space *s);

/* The LAPACK in use: its folder and file, version, and OpenBLAS's own words; "none".  Bits of
 * eigenvectors and bases depend on it.  This opens it, as the next does. */
void linalg_library(char *out, size_t size);
/* OpenBLAS has threads of its own, as many as there are processors unless it is told. */
void linalg_library_threads(int threads);

#endif
