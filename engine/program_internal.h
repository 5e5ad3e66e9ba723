/* What the files of the program module share: values in static single assignment form, and the
 * register code made from them. */
#ifndef ENGINE_PROGRAM_INTERNAL_H
#define ENGINE_PROGRAM_INTERNAL_H

#include <stdbool.h>
#include "engine/program.h"

/* X(name, operands, name in the text or NULL) */
#define PROGRAM_OPS(X)                                                   \
    X(LITERAL, 0, NULL)                                                  \
    X(CONSTANT, 0, NULL)                                                 \
    X(PER_PARAM, 0, NULL)                                                \
    X(LOAD, 0, NULL) /* element of a vector as it was before the pass */ \
    X(COPY, 1, NULL)                                                     \
    X(NEG, 1, NULL)                                                      \
    X(SQRT, 1, "sqrt")                                                   \
    X(ABS, 1, "abs")                                                     \
    X(EXP, 1, "exp")                                                     \
    X(LOG, 1, "log")                                                     \
    X(TANH, 1, "tanh")                                                   \
    X(SIGN, 1, "sign")                                                   \
    X(ISFINITE, 1, "isfinite")                                           \
    X(ADD, 2, NULL)                                                      \
    X(SUB, 2, NULL)                                                      \
    X(MUL, 2, NULL)                                                      \
    X(DIV, 2, NULL)                                                      \
    X(MIN, 2, "min")                                                     \
    X(MAX, 2, "max")                                                     \
    X(POW, 2, "pow")                                                     \
    X(LT, 2, "lt")                                                       \
    X(LE, 2, "le")                                                       \
    X(FMA, 3, "fma")                                                     \
    X(SELECT, 3, "select")                                               \
    X(SUM, 1, NULL) /* register code only: adds to the lanes of sum number `out` */

typedef enum {
#define X(name, operands, text) PROGRAM_##name,
    PROGRAM_OPS(X)
#undef X
        PROGRAM_OP_COUNT
} program_op;

extern const int program_operands[PROGRAM_OP_COUNT];
extern const char *const program_names[PROGRAM_OP_COUNT];

/* How often a value changes: once a run, once a parameter, once an element. */
typedef enum { RANK_UNIFORM, RANK_PARAM, RANK_ELEMENT } program_rank;

typedef struct program_node {
    int32_t op;
    int32_t rank;
    int32_t arg[3]; /* earlier nodes, -1 beyond the operands */
    int32_t index;  /* CONSTANT, PER_PARAM, LOAD */
    double literal; /* LITERAL */
    bool live;      /* a store or a sum needs it */
    int32_t scalar; /* place among the scalars; ranks below RANK_ELEMENT */
} program_node;

typedef struct program_sum {
    int32_t node, position; /* position: nodes that existed when it was written */
    int32_t index;          /* s or q number */
    bool per_param;
} program_sum;

#define PROGRAM_MAX_STATEMENT_SUMS 64
#define PROGRAM_LANES \
    8 /* partial sums by element number mod 8 within a piece: the same for any ISA */

/* Operands of register code: one number space, slots first, then vectors, then scalars. */
typedef struct program_instruction {
    int16_t op;
    int16_t scalar_mask; /* bit i: operand i is a scalar */
    int16_t out;         /* SUM: number in program.sums */
    int16_t in[3];
} program_instruction;

/* Elements of one parameter that lie in one chunk: the unit of work and of partial sums. */
typedef struct program_piece {
    int64_t offset, count;
    int32_t segment;
} program_piece;

typedef void program_native(void *const *vectors, const float *scalars, double *lanes,
                            int64_t bytes, float *spill);

struct program {
    char *text;
    program_info info;
    program_node *nodes;
    int32_t num_nodes;
    int32_t store[PROGRAM_MAX_VECTORS]; /* node, -1: not written */
    program_sum sums[PROGRAM_MAX_STATEMENT_SUMS];
    int32_t num_sums;

    program_instruction *code;
    int32_t num_code, num_slots, num_scalars;

    program_native *native; /* AVX2 code of the f32 body, NULL: none */
    void *native_memory;
    size_t native_bytes;

    /* Buffers of program_run_host, kept between runs. */
    program_segment *segments;
    int32_t num_segments;
    int64_t count;
    program_piece *pieces;
    int32_t num_pieces, num_chunks;
    int32_t *chunk_first; /* [num_chunks + 1] first piece of a chunk */
    double *partial;      /* [num_pieces][num_sums] */
    void *work;
    size_t work_bytes; /* of one thread */
    int work_threads;
};

/* Parses p->text into nodes, stores, sums and info. */
int32_t program_parse(program *p);
/* Nodes to register code. */
int32_t program_lower(program *p);
/* Native code where the machine has AVX2 and FMA and the program no transcendental function;
 * otherwise leaves p->native NULL. */
void program_emit(program *p);
void program_emit_release(program *p);
/* Cuts the vector into pieces (elements between segments are in none); keeps them in p. */
int32_t program_cut(program *p, const program_args *args);
/* Checks arguments that every device needs. */
int32_t program_check_args(const program *p, const program_args *args);
/* Adds partial sums of the pieces in order into args->sums and per_param_sums. */
void program_add_partials(const program *p, const program_args *args);

#endif
