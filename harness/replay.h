/* Golden optimizer trajectories (schema replay-case/1): read, replayed through a real runner
 * process, compared.  A trajectory was made by the original authors' code in float64. */
#ifndef HARNESS_REPLAY_H
#define HARNESS_REPLAY_H

#include <jansson.h>
#include <stddef.h>
#include "engine/backend.h"
#include "harness/runner_host.h"

typedef enum { REPLAY_GRADIENTS, REPLAY_QUADRATIC, REPLAY_SOFTMAX } replay_problem;

/* A number of the original's state after each step, by the original's name. */
typedef struct replay_scalar {
    const char *name;
    double *want; /* [steps] */
} replay_scalar;

#define REPLAY_MAX_SCALARS 16

/* "Flat": all parameters one after the other, n elements, no padding. */
typedef struct replay_case {
    json_t *json; /* everything below is read from it */
    const char *name, *optimizer;
    const json_t *hyperparameters; /* NULL: the submission's defaults */
    runner_param *params;          /* count, shape, kind; offset within the padded vector */
    int32_t num_params;
    int64_t n, vector_length;
    double *start; /* [n] */
    int64_t steps, gradient_evaluations;
    replay_problem problem;
    double *gradients; /* [steps, n] of REPLAY_GRADIENTS */
    double *losses;    /* [steps] of REPLAY_GRADIENTS, or NULL */
    double *a, *b, c;  /* [n, n], [n] of REPLAY_QUADRATIC: 0.5 x'ax - b'x + c */
    double *rows;      /* [num_rows, d] of REPLAY_SOFTMAX */
    int64_t *labels;   /* [num_rows] */
    int64_t num_rows, d, classes, minibatch; /* minibatch 0: all rows */
    double *want;                            /* [steps, n] */
    double *want_eval;                       /* [steps, n] or NULL */
    double *want_loss;                       /* [steps] or NULL */
    replay_scalar scalars[REPLAY_MAX_SCALARS];
    int32_t num_scalars;
    const char *const *sets; /* NAME=VALUE over the hyperparameters; the caller's */
    size_t num_sets;
    double tolerance, float32_magnitude;
} replay_case;

typedef struct replay_result {
    double displacement; /* largest error relative to the displacement from the start */
    double magnitude;    /* and relative to the largest weight */
    double loss;         /* largest loss error relative to the largest loss; 0 without losses */
    double scalar;       /* largest error of a number relative to the largest it had so far */
    double scalar_tolerance;
    int32_t num_scalars; /* that the submission keeps under the original's names */
    double error;        /* what is judged: displacement in double, magnitude in single precision */
    double tolerance;    /* what it may be */
    int64_t gradient_evaluations;
    bool passed;
} replay_result;

/* Errors: PODIUM_EINVAL naming place and field; PODIUM_EIO. */
int32_t replay_parse(replay_case **out, const char *text, size_t length, const char *place);
int32_t replay_load(replay_case **out, const char *path);
void replay_destroy(replay_case *c);

/* Loss at flat `x` [n] in step `step` (from 0), and the gradient [n] when not NULL.
 * scratch: [classes] doubles. */
double replay_loss(const replay_case *c, int64_t step, const double *x, double *gradient,
                   double *scratch);
/* A part of it, such that the mean of all ranks' parts by their weights is the whole: some of the
 * step's rows, or, of a problem without rows, some elements of the gradient times `size`. */
double replay_loss_part(const replay_case *c, int64_t step, const double *x, double *gradient,
                        double *scratch, int32_t rank, int32_t size, double *weight);

/* Replays the case with the .so on the backend.  tolerance < 0: the case's own (README of the
 * goldens).  Errors: those of the runner and of the hyperparameters. */
int32_t replay_run(const replay_case *c, const char *so_path, backend *b, double tolerance,
                   replay_result *out);
/* The same on ranks (NULL: one), each with its part of every gradient; after each step the
 * parameters must be equal on all.  [collective] */
int32_t replay_run_on(const replay_case *c, const char *so_path, backend *b, double tolerance,
                      parallel *ranks, replay_result *out);

/* Replaces what the case expects by what this submission does on it: weights, losses, gradient
 * evaluations, and the case's scalars as far as it keeps them.  Errors: as replay_run. */
int32_t replay_expect(replay_case *c, const char *so_path, backend *b);

#endif
