/* Chooses who multiplies: packed.h takes what linear layers and experts ask for on processors where
 * oneDNN would pack the weights again in each of their panels. */
#include "engine/cpu/product.h"

#include <stdlib.h>

#include "engine/cpu/dnnl_api.h"
#include "engine/cpu/packed.h"

struct product {
    product_spec spec;
    dnnl_product *library; /* NULL: by packed.h */
    int threads;
};

bool product_is_tiled(const product_spec *s, const dnnl_unit *u)
{
    return s->packed && s->sequential && !s->bf16 && !s->ta && !(s->bias && s->accumulate) &&
           s->batch_a == 1 && s->batch_b == 1 && !dnnl_unit_has_layouts(u);
}

int32_t product_create(product **out, dnnl_unit *u, const product_spec *spec)
{
    product *p = calloc(1, sizeof *p);
    if (!p)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a product");
    p->spec = *spec;
    p->threads = dnnl_unit_threads(u);
    int32_t rc = product_is_tiled(spec, u) ? 0 : dnnl_product_create(&p->library, u, spec);
    if (rc)
        free(p);
    else
        *out = p;
    return rc;
}

void product_destroy(product *p)
{
    if (!p)
        return;
    dnnl_product_destroy(p->library);
    free(p);
}

size_t product_packed_bytes(const product *p)
{
    if (p->library)
        return dnnl_product_packed_bytes(p->library);
    return (packed_floats(p->spec.k, p->spec.n) * sizeof(float) + 63) / 64 * 64;
}

bool product_shares_packed(const product *p, const product *q)
{
    const product_spec *a = &p->spec, *b = &q->spec;
    return !p->library && !q->library && a->k == b->k && a->n == b->n && a->tb == b->tb;
}

size_t product_scratch_bytes(const product *p)
{
    return p->library ? dnnl_product_scratch_bytes(p->library) : 0;
}

int32_t product_pack(product *p, const float *b, void *packed)
{
    if (p->library)
        return dnnl_product_pack(p->library, b, packed);
    packed_fill(packed, b, p->spec.k, p->spec.n, p->spec.tb, p->threads);
    return 0;
}

int32_t product_run(product *p, int caller, const void *a, const void *b, const float *bias,
                    float *c, void *scratch)
{
    if (p->library)
        return dnnl_product_run(p->library, caller, a, b, bias, c, scratch);
    packed_product(p->spec.m, p->spec.n, p->spec.k, a, b, bias, c, p->spec.accumulate);
    return 0;
}
