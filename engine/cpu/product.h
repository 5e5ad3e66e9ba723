/* One prepared matrix product: by tiles of our own where that is faster (packed.h), else by oneDNN.
 */
#ifndef ENGINE_CPU_PRODUCT_H
#define ENGINE_CPU_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct dnnl_unit dnnl_unit; /* an engine and one stream a thread */
typedef struct product product;

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

/* Whether tiles of our own would run it. */
bool product_is_tiled(const product_spec *spec, const dnnl_unit *u);
/* Errors: PODIUM_EDEVICE with oneDNN's status. */
int32_t product_create(product **out, dnnl_unit *u, const product_spec *spec);
void product_destroy(product *p);              /* NULL is fine */
size_t product_packed_bytes(const product *p); /* 0 unless packed */
/* Whether what one packed serves the other; never across shapes of b. */
bool product_shares_packed(const product *p, const product *q);
size_t product_scratch_bytes(const product *p); /* a caller, rounded to 64 */
/* Brings b, f32 in the layout of the spec, into the packed layout and type; all threads. */
int32_t product_pack(product *p, const float *b, void *packed);
/* `caller` below threads; scratch: product_scratch_bytes, of this caller alone. */
int32_t product_run(product *p, int caller, const void *a, const void *b, const float *bias,
                    float *c, void *scratch);

#endif
