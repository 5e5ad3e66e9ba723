/* A static graph: forward code records ops once, graph_backward appends the reverse ops,
 * graph_plan gives every buffer an arena offset by liveness, graph_run replays.  Nothing is
 * allocated after graph_plan.
 *
 * Errors while recording are sticky: an op on a failed value returns NO_VALUE and the first message
 * is kept; graph_plan returns it.  So forward code needs no checks.
 *
 * Element types: "real" values are f64 on the `ref` backend and f32 elsewhere; ids, labels and
 * masks are PODIUM_I32.  Parameters and gradients live in flat vectors of the caller (params.h). */
#ifndef ENGINE_GRAPH_H
#define ENGINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "engine/params.h"

#define TENSOR_MAX_DIMS 6
#define NO_VALUE (-1)

typedef struct graph graph;
typedef struct backend backend;
typedef int32_t value; /* a tensor of a graph, by number */

typedef struct graph_config {
    backend *backend;
    params *params;    /* borrowed; parameters are declared into it while recording */
    int32_t precision; /* PODIUM_F32 or PODIUM_BF16 (matrix products in bf16); 0: PODIUM_F32 */
    bool training;     /* false: dropout is the identity, nothing is saved for a backward pass */
    bool lowered;      /* record primitives instead of fused ops: needed for Hessian products */
    bool unbacked;     /* graph_plan takes no memory and prepares no kernel: figures of models that
                          do not fit here, without scratch; such a graph cannot run */
} graph_config;

/* What changes from run to run without recording again. */
typedef struct graph_settings {
    uint64_t seed;           /* dropout stream */
    double dropout;          /* rate, 0 <= rate < 1 */
    double label_smoothing;  /* 0 <= e < 1 */
    double loss_denominator; /* 0: sum of this graph's weights; else the global one */
    int64_t first_example;   /* where this graph's examples begin in a batch shared by ranks, */
    int64_t examples;        /* and how many they are; 0: the batch is not shared */
} graph_settings;

/* The number that the first element of a tensor of `count` elements, examples outermost, has in the
 * whole batch: random numbers go by it, so that they do not depend on the ranks. */
static inline int64_t graph_first_element(const graph_settings *s, int64_t count)
{
    return s->examples > 0 ? count / s->examples * s->first_example : 0;
}

int32_t graph_create(graph **out, const graph_config *config);
void graph_destroy(graph *g); /* NULL is fine */

/* --- recording --------------------------------------------------------------------------- */
value graph_input(graph *g, const char *name, int32_t dtype, int ndim, const int64_t *shape);
/* Row-major data of the real type given as doubles, copied (position tables, masks). */
value graph_constant(graph *g, int ndim, const int64_t *shape, const double *data);
/* The same of ids, I32. */
value graph_constant_ids(graph *g, int ndim, const int64_t *shape, const int32_t *data);
/* Parameter number i of config.params as a value. */
value graph_parameter(graph *g, int32_t param);
/* Parameters first .. last (adjacent, equal trailing extents, no padding between them) as one value
 * stacked along the first axis: three attention kernels become one product.  NO_VALUE without an
 * error when they are not adjacent. */
value graph_parameter_span(graph *g, int32_t first, int32_t last);
/* Ops recorded while on, and their gradients, keep f32 products in a bf16 graph (a router's). */
void graph_full_precision(graph *g, bool on);
/* Keeps the value readable after a run (outputs, tests). */
void graph_keep(graph *g, value v);

int graph_ndim(const graph *g, value v);
const int64_t *graph_shape(const graph *g, value v);
int64_t graph_count(const graph *g, value v);
int32_t graph_dtype(const graph *g, value v);
bool graph_is_training(const graph *g);
params *graph_params(const graph *g); /* config.params */
int32_t graph_fail(graph *g, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t graph_status(const graph *g); /* the sticky error, 0 if none */

/* Appends the reverse ops of d loss / d parameter for every trainable parameter of config.params;
 * loss has one element.  Parameters the loss does not depend on get zeros. */
int32_t graph_backward(graph *g, value loss);
/* d loss / d of a value that is not a parameter; NO_VALUE if the loss does not depend on it, or it
 * depends on no trainable parameter.  Valid between graph_backward and graph_plan; graph_keep the
 * value before graph_backward, which may otherwise fuse its gradient away. */
value graph_gradient(graph *g, value v);
/* Exact Hessian-vector product by reverse over reverse, on lowered graphs, after graph_backward:
 * H v into the flat vector bound by graph_bind_hessian; runs as part of GRAPH_BACKWARD. */
int32_t graph_hessian_vector(graph *g, value loss);

/* --- running ----------------------------------------------------------------------------- */
int32_t graph_plan(graph *g);
/* Flat vectors laid out as config.params says; borrowed. gradients may be NULL without backward. */
void graph_bind(graph *g, void *parameters, void *frozen, void *gradients);
void graph_bind_hessian(graph *g, const void *v, void *hv);
/* Copies an input (host memory, dtype of the input; real inputs in the backend's real type). */
int32_t graph_set_input(graph *g, value v, const void *data);
int32_t graph_set_input_f32(graph *g, value v, const float *data); /* converts to the real type */
enum { GRAPH_FORWARD = 1, GRAPH_BACKWARD = 2 };
/* Replays the forward and/or the backward part. Errors: PODIUM_EDEVICE. */
int32_t graph_run(graph *g, int what, const graph_settings *settings);
/* Copies a kept value to host memory as doubles; n must be its element count. */
int32_t graph_read(graph *g, value v, double *out, int64_t n);

/* --- figures ----------------------------------------------------------------------------- */
typedef struct graph_stats {
    size_t arena_bytes;  /* activations and scratch, as planned */
    size_t buffer_bytes; /* without the scratch, which depends on threads and kernels */
    size_t constant_bytes;
    double forward_flops; /* of matrix products and attention: 2 m n k each */
    double backward_flops;
    int nodes;
} graph_stats;
graph_stats graph_get_stats(const graph *g);
/* Seconds spent per op kind since the last call of graph_profile_reset, when profiling is on. */
void graph_profile(graph *g, bool on);
double graph_profile_seconds(const graph *g, int32_t kind);
void graph_profile_reset(graph *g);

#endif
