/* podium/extensions.h: services that few submissions need, found by string id:
 *
 *     const podium_linalg *l = h->extension(h, PODIUM_LINALG);     NULL: not offered on this device
 *
 * podium.linalg is dense linear algebra on whole tensors, done by the host on the task's device,
 * for optimizers that precondition with matrices (Shampoo, SOAP, Muon) or by rows and columns
 * (Adafactor).  A submission that uses it says PODIUM_NEEDS_WHOLE_TENSORS.  Results are the same
 * for the same device and threads.  struct_size says how far a host's table goes. */
#ifndef PODIUM_EXTENSIONS_H
#define PODIUM_EXTENSIONS_H

#include <string.h>
#include "podium/submission.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PODIUM_LINALG "podium.linalg"
enum { PODIUM_BLOCK_MAX_DIMS = 8 };

/* A strided tensor: elements of one parameter in a vector of the task, or of an array.  An array is
 * a podium_vec of a length of its own, made by array_create; only this table takes it. */
typedef struct podium_block {
    uint32_t struct_size;
    int32_t ndim; /* 1 to PODIUM_BLOCK_MAX_DIMS */
    podium_vec *v;
    size_t param;   /* of a vector: which parameter; not read for an array */
    int64_t offset; /* of the first element, from the parameter's or the array's begin */
    int64_t shape[PODIUM_BLOCK_MAX_DIMS];
    int64_t stride[PODIUM_BLOCK_MAX_DIMS]; /* elements, from 0 */
} podium_block;

/* A matrix is a block with two axes.  Outputs overlap no input unless it is said that they may be
 * the very same block.  Callable as the host's functions are.  [sync]
 * Errors: PODIUM_EINVAL shapes that do not fit; PODIUM_EDIVERGED a matrix to decompose is not
 * finite. */
typedef struct podium_linalg {
    uint32_t struct_size;
    int32_t pad;
    /* `count` zeros, kept in checkpoints under `name`, counted as optimizer memory.  In create.
     * Errors: PODIUM_ENOMEM past a quarter of the machine's memory, all arrays together. */
    int32_t (*array_create)(const podium_host *h, const char *name, int64_t count,
                            podium_vec **out);
    /* All elements of an array as one axis; valid until the next host call. */
    int32_t (*array_view)(const podium_host *h, podium_vec *array, podium_tensor *out);
    /* c = alpha op(a) op(b) + beta c; op transposes when ta, tb are 1; beta 0 does not read c.
     * Three matrices, or three batches of as many (the first axis). */
    int32_t (*product)(const podium_host *h, double alpha, const podium_block *a, int32_t ta,
                       const podium_block *b, int32_t tb, double beta, const podium_block *c);
    /* c = alpha X X' + beta c, X the unfolding of x with axis `mode` first: for a matrix x, x x'
     * for mode 0 and x' x for mode 1. */
    int32_t (*gram)(const podium_host *h, double alpha, const podium_block *x, int32_t mode,
                    double beta, const podium_block *c);
    /* y[.. i ..] = sum_j m[j, i] x[.. j ..] along axis `mode`; m[i, j] when transposed is 1.  y may
     * be x. */
    int32_t (*contract)(const podium_host *h, const podium_block *x, int32_t mode,
                        const podium_block *m, int32_t transposed, const podium_block *y);
    /* Columns of `vectors` (may be a): orthonormal eigenvectors of the symmetric a, by ascending
     * eigenvalue, or descending.  values [n]: the eigenvalues, NULL: not wanted. */
    int32_t (*eigen)(const podium_host *h, const podium_block *a, int32_t descending,
                     const podium_block *vectors, double *values);
    /* q (may be a): the orthonormal factor of a = q r; a is not wider than high. */
    int32_t (*qr)(const podium_host *h, const podium_block *a, const podium_block *q);
    /* out (may be a) = (scale a + eps I)^(-exponent) of a symmetric a.  If the smallest eigenvalue
     * is below eps, which rounding alone can do, all are shifted so that it is eps. */
    int32_t (*inverse_root)(const podium_host *h, const podium_block *a, double scale, double eps,
                            double exponent, const podium_block *out);
    /* x, a matrix or a batch, in place: x / (|x| + eps), then `steps` times
     * x = a x + (b x x' + c (x x')^2) x, on the side with the smaller product. */
    int32_t (*newton_schulz)(const podium_host *h, const podium_block *x, int32_t steps, double a,
                             double b, double c, double eps);
    /* *out = sum of a b over all elements, in double. */
    int32_t (*dot)(const podium_host *h, const podium_block *a, const podium_block *b, double *out);
    /* out[j] = sum_i a[i, j] b[i, j] of two matrices of one shape. */
    int32_t (*column_dots)(const podium_host *h, const podium_block *a, const podium_block *b,
                           double *out);
    /* y[.. i ..] = x[.. order[i] ..] along axis `mode`; y may be x. */
    int32_t (*take)(const podium_host *h, const podium_block *x, int32_t mode, const int32_t *order,
                    const podium_block *y);
    /* y = alpha x + beta y, element by element; y may be x.  A factor 0 reads nothing. */
    int32_t (*add)(const podium_host *h, double alpha, const podium_block *x, double beta,
                   const podium_block *y);

    /* What follows was appended after 1.0: look for it with PODIUM_HAS(l, FUNCTION). */

    /* Sums of squares along the last two axes of a matrix or a batch x [.., R, C], in double:
     * rows[.., i] = alpha sum_j x[.., i, j]^2 + beta rows[.., i] and, over i, columns[.., j]; beta
     * 0 reads nothing.  One pass over x. */
    int32_t (*axis_squares)(const podium_host *h, double alpha, const podium_block *x, double beta,
                            const podium_block *rows, const podium_block *columns);
    /* x[.., i, j] *= rows[.., i] columns[.., j] in place; *squares = the sum of the squares of all
     * that came out, in double, NULL: not wanted.  One pass over x. */
    int32_t (*axis_scale)(const podium_host *h, const podium_block *x, const podium_block *rows,
                          const podium_block *columns, double *squares);
    /* Columns of `vectors`: orthonormal eigenvectors of X X', X as in gram, by ascending
     * eigenvalue, or descending.  Formed and decomposed in double in every task: in single
     * precision X X' hardly tells a singular value of X of a thousandth of the largest from none.
     */
    int32_t (*gram_eigen)(const podium_host *h, const podium_block *x, int32_t mode,
                          int32_t descending, const podium_block *vectors);
    /* axis_squares, then x[.., i, j] /= sqrt(r_i c_j / mean of r) in place, r_i = rows[.., i]/C +
     * eps and c_j = columns[.., j]/R + eps: a second moment of rank one.  *squares as axis_scale.
     */
    int32_t (*axis_normalise)(const podium_host *h, double alpha, const podium_block *x,
                              double beta, double eps, const podium_block *rows,
                              const podium_block *columns, double *squares);
} podium_linalg;

/* A row-major block without gaps. */
static inline podium_block podium_block_make(podium_vec *v, size_t param, int64_t offset,
                                             int32_t ndim, const int64_t *shape)
{
    podium_block b;
    memset(&b, 0, sizeof b);
    b.struct_size = (uint32_t)sizeof b;
    b.v = v;
    b.param = param;
    b.offset = offset;
    b.ndim = ndim;
    int64_t stride = 1;
    for (int32_t d = ndim - 1; d >= 0; d--) {
        b.shape[d] = shape[d];
        b.stride[d] = stride;
        stride *= shape[d];
    }
    return b;
}

/* The square matrix of order n that lies at `offset` of an array. */
static inline podium_block podium_block_square(podium_vec *array, int64_t offset, int64_t n)
{
    int64_t shape[2] = {n, n};
    return podium_block_make(array, 0, offset, 2, shape);
}

#ifdef __cplusplus
}
#endif
#endif
