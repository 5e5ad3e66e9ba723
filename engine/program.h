/* Programs: an optimizer's elementwise update as a short text, run as one fused pass over flat
 * vectors.  The grammar is that of podium_program in include/podium/submission.h.  Compiled once
 * to register code; the CPU runs it in register- and cache-sized tiles, GPUs print it as source. */
#ifndef ENGINE_PROGRAM_H
#define ENGINE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* Limits of a text; beyond them program_compile fails with the limit's value. */
enum {
    PROGRAM_MAX_TEXT = 16384, /* bytes */
    PROGRAM_MAX_DEPTH = 64,   /* nested parentheses, calls and signs */
    PROGRAM_MAX_NODES = 1024, /* distinct values */
    PROGRAM_MAX_VECTORS = 32,
    PROGRAM_MAX_CONSTANTS = 64,
    PROGRAM_MAX_PER_PARAM = 16,
    PROGRAM_MAX_SUMS = 16, /* of each kind, s and q */
    PROGRAM_MAX_TEMPORARIES = 16,
};

typedef struct program program;

typedef struct program_segment {
    int64_t offset, count; /* elements of one parameter within the flat vector */
} program_segment;

typedef struct program_args {
    int64_t count; /* elements of every vector (padding included) */
    int32_t dtype; /* PODIUM_F32 or PODIUM_F64, of all vectors */
    int32_t num_segments;
    const program_segment *segments; /* ascending; sums run over their elements only */
    void *const *vectors;            /* v0 .. */
    const double *constants;         /* c0 .. */
    const double *const *per_param;  /* p0 ..: each [num_segments] */
    double *sums;                    /* s0 ..: overwritten */
    double *const *per_param_sums;   /* q0 ..: each [num_segments], overwritten */
} program_args;

typedef struct program_info {
    int32_t num_vectors, num_constants, num_per_param, num_sums, num_per_param_sums;
    uint64_t reads, writes; /* bit i: vector i */
} program_info;

/* Errors: PODIUM_EINVAL with the column and what was expected. */
int32_t program_compile(program **out, const char *text);
void program_destroy(program *p);
const program_info *program_get_info(const program *p);
const char *program_text(const program *p);

/* On host memory with `threads` OpenMP threads (ref and cpu).  Results do not depend on the thread
 * count: sums go over fixed chunks of the vector in double and are added in order.  Without
 * segments the whole vector is one; with them, elements between segments are left alone.  Each
 * value is rounded as in a C loop over elements with one variable a sub-expression: min(a,b) is
 * a < b ? a : b, max(a,b) a > b ? a : b, select(m,a,b) m != 0 ? a : b, sign(NaN) 0; numbers and
 * constants are converted to the element type first.  Allocates at the first run with new segments
 * or more threads only.  Not for two threads at a time on one program.
 * Errors: PODIUM_EINVAL bad arguments, or a written vector that overlaps another; PODIUM_ENOMEM. */
int32_t program_run_host(program *p, const program_args *args, int threads);
/* The program as CUDA/HIP source of one kernel, malloc'd; for NVRTC and hipRTC. */
int32_t program_print_source(const program *p, int32_t dtype, char **out);

#endif
