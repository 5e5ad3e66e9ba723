/* Who multiplies: with oneDNN held to AVX2, packed sequential products are our own on every
 * processor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cpu/dnnl_api.h"
#include "engine/cpu/packed.h"
#include "engine/cpu/product.h"
#include "tests/tap.h"

enum { M = 37, N = 45, K = 300 };
static float a[M * K], b[K * N], bias[N], c[M * N];

static bool is_right(bool with_bias, bool added)
{
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = (with_bias ? bias[j] : 0) + (added ? 1 : 0);
            for (int k = 0; k < K; k++)
                sum += (double)a[i * K + k] * b[j * K + k];
            if (!(fabs(sum - c[i * N + j]) < 1e-4))
                return false;
        }
    return true;
}

/* Multiplies by the rows [0, M) and says whether the result is right and whose it was. */
static bool multiply(dnnl_unit *u, product_spec s, bool *ours)
{
    product *p = NULL;
    if (product_create(&p, u, &s) < 0)
        return false;
    size_t bytes = product_packed_bytes(p), scratch = product_scratch_bytes(p);
    *ours = bytes == (packed_floats(K, N) * sizeof(float) + 63) / 64 * 64 &&
            product_shares_packed(p, p);
    void *packed = aligned_alloc(64, bytes + 64), *own = aligned_alloc(64, scratch + 64);
    for (int i = 0; i < M * N; i++)
        c[i] = 1;
    bool good = packed && own && (!s.packed || product_pack(p, b, packed) == 0) &&
                product_run(p, 0, a, s.packed ? packed : (void *)b, s.bias ? bias : NULL, c, own) ==
                    0;
    free(packed);
    free(own);
    product_destroy(p);
    return good && is_right(s.bias, s.accumulate);
}

int main(void)
{
    dnnl_unit *u = NULL;
    bool ours = false;
    setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
    if (dnnl_unit_create(&u, 2) < 0)
        return tap_skip_all(podium_error());
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i * 37 % 101) / 101 - 0.5f;
    for (int i = 0; i < K * N; i++)
        b[i] = (float)(i * 53 % 97) / 97 - 0.5f;
    for (int j = 0; j < N; j++)
        bias[j] = (float)j;
    product_spec s = {.batch_a = 1,
                      .batch_b = 1,
                      .m = M,
                      .n = N,
                      .k = K,
                      .tb = true,
                      .packed = true,
                      .sequential = true};
    ok(!dnnl_unit_has_layouts(u) && !dnnl_unit_has_bf16(u), "%s has neither layouts nor bf16",
       dnnl_unit_description(u));
    ok(multiply(u, s, &ours) && ours, "a panel by packed weights is ours");
    s.bias = true;
    ok(multiply(u, s, &ours) && ours, "with a bias, too");
    s.bias = false;
    s.accumulate = true;
    ok(multiply(u, s, &ours) && ours, "and added to what is there");
    s.packed = false;
    ok(multiply(u, s, &ours) && !ours, "weights that are not packed are oneDNN's");
    s.packed = true;
    s.sequential = false;
    ok(multiply(u, s, &ours) && !ours, "so is a product of all threads");
    dnnl_unit_destroy(u);
    return tap_done();
}
