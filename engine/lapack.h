/* LAPACK, opened when the first operation needs it: it brings hundreds of megabytes of address
 * space and threads of its own, which commands that train nothing would wait for. */
#ifndef ENGINE_LAPACK_H
#define ENGINE_LAPACK_H

#include <stddef.h>
#include <stdint.h>

/* Column-major; hidden lengths of the characters last (gfortran's convention). */
#define LAPACK_FUNCTIONS(T, prefix)                                                               \
    void (*prefix##syevd)(const char *jobz, const char *uplo, const int *n, T *a, const int *lda, \
                          T *w, T *work, const int *lwork, int *iwork, const int *liwork,         \
                          int *info, size_t, size_t);                                             \
    void (*prefix##geqrf)(const int *m, const int *n, T *a, const int *lda, T *tau, T *work,      \
                          const int *lwork, int *info);                                           \
    void (*prefix##orgqr)(const int *m, const int *n, const int *k, T *a, const int *lda,         \
                          const T *tau, T *work, const int *lwork, int *info);

typedef struct lapack {
    LAPACK_FUNCTIONS(double, d)
    LAPACK_FUNCTIONS(float, s)
    void (*dsyrk)(const char *uplo, const char *trans, const int *n, const int *k,
                  const double *alpha, const double *a, const int *lda, const double *beta,
                  double *c, const int *ldc, size_t, size_t); /* of the BLAS below it */
    void (*ilaver)(int *major, int *minor, int *patch);
    /* OpenBLAS's own, NULL in another LAPACK. */
    char *(*config)(void);
    void (*set_threads)(int);
} lapack;

/* Borrowed, for good; from any thread.
 * Errors: PODIUM_EDEVICE there is none, or one that lacks a function. */
int32_t lapack_open(const lapack **out);

#endif
