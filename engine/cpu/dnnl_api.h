/* Matrix products by oneDNN.  The only header and source that know its C API, which changed between
 * 2.x (Debian 12) and 3.x (Debian 13, Ubuntu 24.04). */
#ifndef ENGINE_CPU_DNNL_API_H
#define ENGINE_CPU_DNNL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"
#include "engine/cpu/product.h"

typedef struct dnnl_product dnnl_product; /* one prepared matrix product */

/* Errors: PODIUM_EDEVICE with oneDNN's status. */
int32_t dnnl_unit_create(dnnl_unit **out, int threads);
void dnnl_unit_destroy(dnnl_unit *u);
/* "2.6.3 avx512_core" */
const char *dnnl_unit_description(const dnnl_unit *u);
int dnnl_unit_threads(const dnnl_unit *u);
bool dnnl_unit_has_bf16(const dnnl_unit *u);

/* Whether its products read weights in a layout of their own; else they pack them again each time.
 */
bool dnnl_unit_has_layouts(const dnnl_unit *u);

/* As product_* of engine/cpu/product.h. */
int32_t dnnl_product_create(dnnl_product **out, dnnl_unit *u, const product_spec *spec);
void dnnl_product_destroy(dnnl_product *p);
size_t dnnl_product_packed_bytes(const dnnl_product *p);
size_t dnnl_product_scratch_bytes(const dnnl_product *p);
int32_t dnnl_product_pack(dnnl_product *p, const float *b, void *packed);
int32_t dnnl_product_run(dnnl_product *p, int caller, const void *a, const void *b,
                         const float *bias, float *c, void *scratch);

/* One product of f32 matrices of any size, not prepared: c [m, n] = alpha op(a) op(b) + beta c,
 * row-major with leading dimensions, all threads; beta 0 does not read c.
 * Errors: PODIUM_EDEVICE with oneDNN's status. */
int32_t dnnl_product_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                         float *c, int64_t ldc);

#endif
