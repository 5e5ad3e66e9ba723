/* A backend is a table: memory, and one kernel per op kind.  `ref` (plain C, double) is the
 * yardstick, `cpu` the fast one, `cuda` and `hip` come from one source.  A kernel sees resolved
 * pointers and shapes only; it knows no graph.  NULL kernel: the op is not offered, recording a
 * graph with it fails with the op's name. */
#ifndef ENGINE_BACKEND_H
#define ENGINE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/graph.h"
#include "engine/linalg.h"
#include "engine/program.h"

/* Kinds of nodes: X(name, inputs, outputs).  The comment gives in -> out and the attributes i[],
 * f[]. Optional inputs and outputs (name?) have data == NULL and count == 0; the planner drops
 * optional outputs nobody reads.  Every tensor is row-major and contiguous. Broadcasting (ADD ..
 * DIV, BROADCAST): all tensors have out's ndim, an extent is out's or 1. In place: out[0] of ADD,
 * SUB, MUL, DIV, UNARY, UNARY_BACKWARD, AFFINE, DROPOUT and NORMAL_NOISE may be the very buffer of
 * an input of the same count; no other input and output ever overlap. LINEAR, LINEAR_DX, LINEAR_DW
 * see matrices: x [M, K], w [N, K], y, pre, dz [M, N], bias [N]. GROUPED_LINEAR..: rows offsets[e]
 * .. offsets[e+1] of x meet rows e N .. (e+1) N of w; rows past the last offset give zeros (DW: are
 * left out). MATMUL: a and b with equal leading extents, or one of them 2-D (then it is repeated).
 * Layer norms: rows = count / last extent; mean, rstd [rows]; SOFTMAX: last axis. Losses: D =
 * settings->loss_denominator, or if that is 0 the sum of the weights (N without). */
#define OP_KINDS(X)                                                                                  \
    X(ADD) /* a, b -> out; broadcasting by strides in op_call */                                     \
    X(SUB)                                                                                           \
    X(MUL)                                                                                           \
    X(DIV)                                                                                           \
    X(UNARY)           /* a -> out; i[0] unary_kind */                                               \
    X(UNARY_BACKWARD)  /* dout, a -> da = dout * f'(a); i[0] unary_kind, every kind (STEP: 0) */     \
    X(AFFINE)          /* a -> f[0] a + f[1] */                                                      \
    X(REDUCE_SUM)      /* a -> out, keep form: same ndim, reduced extents 1; i[0] axes mask; f[0]    \
                          factor */                                                                  \
    X(REDUCE_MAX_LAST) /* a [..., C] -> out [..., 1] */                                              \
    X(BROADCAST)       /* a (same ndim, extents 1) -> out */                                         \
    X(COPY)            /* a -> out, same count */                                                    \
    X(PERMUTE)         /* a -> out; i[0..] axes */                                                   \
    X(SLICE)           /* a -> out; i[0] axis, i[1] start */                                         \
    X(PAD)             /* a -> out; i[0] axis, i[1] before */                                        \
    X(CONCAT)          /* a, b -> out; i[0] axis */                                                  \
    X(MATMUL)          /* a, b -> out; i[0] ta, i[1] tb */                                           \
    X(GATHER_ROWS)     /* table, ids -> out */                                                       \
    X(SCATTER_ROWS)    /* rows, ids -> table (zeroed first, summed in order of rows) */              \
    X(ONE_HOT)         /* ids [...] -> out [..., classes]; an id outside is a row of zeros */        \
    X(CAST_REAL)                                                                                     \
    X(LINEAR)     /* x, w, bias? -> y, pre?; i[0] activation; pre = x w^T + bias when wanted */      \
    X(LINEAR_DX)  /* dz, w, pre? -> dx = dz w, times act'(pre) when given; i[0] activation of pre    \
                   */                                                                                \
    X(LINEAR_DW)  /* dz, x -> dw = dz^T x, dbias? = column sums of dz */                             \
    X(LAYER_NORM) /* x, scale, bias -> y, mean?, rstd?; f[0] eps; mean, rstd [rows] */               \
    X(ADD_LAYER_NORM)      /* a, b, scale, bias -> y, sum, mean?, rstd?; f[0] eps */                 \
    X(LAYER_NORM_BACKWARD) /* dy, x, mean, rstd, scale, dsum? -> dx (+ dsum), dscale?, dbias? */     \
    X(ATTENTION) /* q, k, v, mask?, bias? [H,Tq,Tk] -> out, lse? [B,H,Tq]; i[0] heads, i[1]          \
                  causal, i[2] packed (then q = k = v = qkv [B,T,C+2C']), i[3] key heads; f[0]       \
                  scale */                                                                           \
    X(ATTENTION_BACKWARD) /* dout, q, k, v, out, lse, mask?, bias? -> dq, dk, dv, dbias?; packed:    \
                             dqkv, -, -, dbias?; same i, f */                                        \
    X(RMS_NORM)           /* x, scale -> y, rstd?; f[0] eps; rstd [rows] */                          \
    X(RMS_NORM_BACKWARD)  /* dy, x, rstd, scale, dsum? -> dx (+ dsum), dscale? */                    \
    X(ROPE)               /* a [B,T,C], positions? [B,T] -> out; i[0] head width, i[1] heads         \
                             turned, i[2] +1 or -1 (the adjoint), i[3] first position; f[0] theta */ \
    X(SHIFT_IDS)          /* ids [B,T] -> ids; i[0] places to the right, i[1] fill */                \
    X(SEGMENT_MASK)       /* q segments [B,Tq], k segments [B,Tk], key ids? -> i32 [B,Tq,Tk] */      \
    X(TOP_K) /* a [L,E] -> ids i32 [L,K], flat? i32 [L,K] = l E + id; largest first, ties by index   \
              */                                                                                     \
    X(DISPATCH)       /* ids [L,K] -> slots, rows i32 [L K], offsets i32 [E+1], share? [E]; i[0]     \
                         capacity, < 0: none */                                                      \
    X(GROUPED_LINEAR) /* x [A,K], w [E N,K], bias? [E N], offsets -> y [A,N], pre?; i[0] act */      \
    X(GROUPED_LINEAR_DX) /* dz, w, pre? [A,K], offsets -> dx, times act'(pre) when given; i[0] act   \
                          */                                                                         \
    X(GROUPED_LINEAR_DW) /* dz, x, offsets -> dw [E N,K], dbias? [E N] */                            \
    X(NORMAL_NOISE)      /* a -> a + f[0] N(0,1); i[0] stream */                                     \
    X(PHM) /* x [M,np], rule [n,n,n], left [n,p,r], right [n,r,q] -> y [M,nq], t? [M,n,nr] */        \
    X(PHM_BACKWARD) /* dy, x, rule, left, right, t -> dx?, drule?, dleft?, dright? */                \
    X(SOFTMAX)                                                                                       \
    X(SOFTMAX_BACKWARD) /* dout, out -> da */                                                        \
    X(CROSS_ENTROPY)    /* logits, labels, weights? -> loss [1], per_example? [N], lse? [N] */       \
    X(CROSS_ENTROPY_BACKWARD) /* dloss [1], logits, labels, weights?, lse -> dlogits = dloss w/D     \
                               */                                                                    \
                              /* ((sum_v y'_v) softmax - y'), y' the smoothed targets */             \
    X(PATCHES)                /* i[0] patch */                                                       \
    X(PATCHES_BACKWARD)       /* dpatches -> dimages; i[0] patch */                                  \
    X(DROPOUT)                /* a -> out; i[0] stream; the backward op is DROPOUT on dout */        \
    X(SMOOTH_LABELS)  /* y [N,V] -> (1-e) y + e/V, e = settings->label_smoothing (lowered form) */   \
    X(NORMALISE_LOSS) /* ce [N], weights? -> [1] = sum w ce / denominator (settings) */              \
    X(NORMALISE_LOSS_BACKWARD) /* dloss [1], weights? , ce -> dce [N] */

typedef enum {
#define X(name) OP_##name,
    OP_KINDS(X)
#undef X
        OP_COUNT
} op_kind;

const char *op_kind_name(int32_t kind);

#define OP_MAX_IN 8
#define OP_MAX_OUT 4

typedef struct tensor {
    void *data;
    int32_t dtype; /* PODIUM_F64, PODIUM_F32, PODIUM_I32 */
    int ndim;
    int64_t count; /* elements; 0 when absent */
    int64_t shape[TENSOR_MAX_DIMS];
} tensor;

typedef struct op_call {
    int32_t kind;
    int32_t precision; /* PODIUM_F32 or PODIUM_BF16, of matrix products */
    tensor in[OP_MAX_IN];
    tensor out[OP_MAX_OUT];
    int64_t i[8];
    double f[4];
    const graph_settings *settings;
    void *scratch;        /* scratch_bytes of it, 64-byte aligned */
    size_t scratch_bytes; /* set by prepare */
    void *state;          /* the backend's own, made by prepare, freed by release */
    bool weights_fixed;   /* in[1] is a parameter: constant between two graph_run calls' start */
    backend *backend;
} op_call;

typedef struct op_kernel {
    /* Optional, once per node at graph_plan: sets scratch_bytes and state. Data pointers are NULL.
     */
    int32_t (*prepare)(op_call *c);
    int32_t (*run)(op_call *c);
    void (*release)(op_call *c); /* optional */
} op_kernel;

struct backend {
    const char *name;        /* "ref", "cpu", "cuda", "hip" */
    const char *description; /* device and library versions, for `podium doctor` and records */
    int32_t real;            /* PODIUM_F64 or PODIUM_F32 */
    int threads;             /* cpu: OpenMP threads of every kernel */
    bool host_memory;        /* data pointers are readable from C */
    bool has_bf16;           /* PODIUM_BF16 precision is offered */
    op_kernel kernels[OP_COUNT];
    int32_t (*alloc)(backend *b, size_t bytes, void **out); /* zeroed, 64-byte aligned */
    void (*free)(backend *b, void *data);
    int32_t (*copy_in)(backend *b, void *device, const void *host, size_t bytes);
    int32_t (*copy_out)(backend *b, void *host, const void *device, size_t bytes);
    int32_t (*synchronise)(backend *b);
    /* Runs a compiled program over flat vectors (program.h). */
    int32_t (*program_run)(backend *b, program *p, const program_args *args);
    /* Linear algebra on whole tensors (linalg.h); NULL: not offered. */
    int32_t (*linalg)(backend *b, const linalg_call *c);
    void (*destroy)(backend *b);
    void *state;
    linalg_space linalg_space; /* working memory of linalg, released by destroy */
};

/* Opens a backend by name with `threads` (0: all the process may use). Errors: PODIUM_EINVAL
 * unknown name, PODIUM_ENOTSUP not built or no device, with the reason. */
int32_t backend_open(backend **out, const char *name, int threads);
/* Errors: PODIUM_EINVAL none of PODIUM_F32, PODIUM_BF16 and 0 (the default: f32), PODIUM_ENOTSUP
 * bf16 where the device has none. */
int32_t backend_check_precision(const backend *b, int32_t precision);
void backend_close(backend *b);
/* NULL-terminated names of the backends built in. */
const char *const *backend_names(void);

/* Each backend folder defines one of these; absent ones are weak. */
int32_t backend_ref_open(backend **out, int threads);
int32_t backend_cpu_open(backend **out, int threads);
int32_t backend_cuda_open(backend **out, int threads);
int32_t backend_hip_open(backend **out, int threads);

#endif
