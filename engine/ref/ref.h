/* The reference backend: every kernel in plain C and double, one thread, written to be read.  It is
 * the yardstick the other backends are compared with, so nothing here is clever. */
#ifndef ENGINE_REF_REF_H
#define ENGINE_REF_REF_H

#include <stddef.h>
#include <stdint.h>
#include "engine/backend.h"

/* Each family puts its kernels into the table. */
void ref_elementwise_kernels(op_kernel *k);
void ref_reduce_kernels(op_kernel *k);
void ref_shape_kernels(op_kernel *k);
void ref_rows_kernels(op_kernel *k);
void ref_matmul_kernels(op_kernel *k);
void ref_linear_kernels(op_kernel *k);
void ref_norm_kernels(op_kernel *k);
void ref_attention_kernels(op_kernel *k);
void ref_phm_kernels(op_kernel *k);
void ref_softmax_kernels(op_kernel *k);
void ref_loss_kernels(op_kernel *k);
void ref_rms_norm_kernels(op_kernel *k);
void ref_tokens_kernels(op_kernel *k);
void ref_patches_kernels(op_kernel *k);
void ref_dropout_kernels(op_kernel *k);
void ref_experts_kernels(op_kernel *k);

/* f(x) and f'(x) of a unary_kind (ops.h). */
double ref_unary(int64_t kind, double x);
double ref_unary_slope(int64_t kind, double x);
/* The same of an activation; ACT_NONE is the identity. */
double ref_activation(int64_t act, double x);
double ref_activation_slope(int64_t act, double x);

/* Strides of `t` seen with the shape of `out` (same ndim): 0 along an extent of 1. */
void ref_broadcast_strides(const tensor *t, int64_t *strides);
/* Steps a multi-index over `shape` (last axis fastest) and the offset that goes with `strides`. */
void ref_advance(int ndim, const int64_t *shape, const int64_t *strides, int64_t *index,
                 int64_t *offset);

static inline int64_t ref_last(const tensor *t)
{
    return t->shape[t->ndim - 1];
}

#endif
