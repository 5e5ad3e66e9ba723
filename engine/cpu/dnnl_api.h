/* Matrix products by oneDNN.  The only header and source that know its C API, which changed between
 * 2.x (Debian 12) and 3.x (Debian 13, Ubuntu 24.04). */
#ifndef ENGINE_CPU_DNNL_API_H
#define ENGINE_CPU_DNNL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct dnnl_unit dnnl_unit; /* an engine and one stream a thread */
typedef struct product product;     /* one prepared matrix product */

/* c [batch, m, n] = a [batch_a, m, k] b [batch_b, k, n] (+ bias [n]) (+ c); a batch of 1 is
 * repeated.  All row-major; ta / tb: the operand is stored with its last two axes swapped. */
typedef struct product_spec {
    int64_t batch_a, batch_b, m, n, k;
    bool ta, tb;
    bool bf16;   /* a and b are handed over in bf16 (b by product_pack, if packed) */
    bool packed; /* b is handed over in the layout product_pack makes */
    bool bias;
    bool accumulate; /* adds to c */
    bool sequential; /* one thread a run, any number of callers at once; else all threads */
} product_spec;

/* Errors: PODIUM_EDEVICE with oneDNN's status. */
int32_t dnnl_unit_create(dnnl_unit **out, int threads);
void dnnl_unit_destroy(dnnl_unit *u);
/* "2.6.3 avx512_core" */
const char *dnnl_unit_description(const dnnl_unit *u);
bool dnnl_unit_has_bf16(const dnnl_unit *u);

int32_t product_create(product **out, dnnl_unit *u, const product_spec *spec);
void product_destroy(product *p);               /* NULL is fine */
size_t product_packed_bytes(const product *p);  /* 0 unless packed */
size_t product_scratch_bytes(const product *p); /* a caller, rounded to 64 */
/* Brings b, f32 in the layout of the spec, into the packed layout and type; all threads. */
int32_t product_pack(product *p, const float *b, void *packed);
/* `caller` below threads; scratch: product_scratch_bytes, of this caller alone. */
int32_t product_run(product *p, int caller, const void *a, const void *b, const float *bias,
                    float *c, void *scratch);

/* One product of f32 matrices of any size, not prepared: c [m, n] = alpha op(a) op(b) + beta c,
 * row-major with leading dimensions, all threads; beta 0 does not read c.
 * Errors: PODIUM_EDEVICE with oneDNN's status. */
int32_t dnnl_product_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                         float *c, int64_t ldc);

#endif
