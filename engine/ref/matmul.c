/* The batched matrix product. */
#include "engine/ref/ref.h"

/* a [..., m, k] (ta: [..., k, m]), b [..., k, n] (tb: [..., n, k]) -> out [..., m, n].  A 2-D
 * operand is repeated over the leading extents of the other. */
static int32_t matmul(op_call *c)
{
    const tensor *ta = &c->in[0], *tb = &c->in[1], *to = &c->out[0];
    int64_t m = to->shape[to->ndim - 2], n = to->shape[to->ndim - 1];
    int64_t k = c->i[0] ? ta->shape[ta->ndim - 2] : ta->shape[ta->ndim - 1];
    int64_t a_row = c->i[0] ? 1 : k, a_col = c->i[0] ? m : 1;
    int64_t b_row = c->i[1] ? 1 : n, b_col = c->i[1] ? k : 1;
    int64_t batches = m > 0 && n > 0 ? to->count / (m * n) : 0;
    for (int64_t batch = 0; batch < batches; batch++) {
        const double *a = (const double *)ta->data + (ta->ndim > 2 ? batch * m * k : 0);
        const double *b = (const double *)tb->data + (tb->ndim > 2 ? batch * k * n : 0);
        double *out = (double *)to->data + batch * m * n;
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < n; j++) {
                double sum = 0;
                for (int64_t l = 0; l < k; l++)
                    sum += a[i * a_row + l * a_col] * b[l * b_row + j * b_col];
                out[i * n + j] = sum;
            }
        }
    }
    return 0;
}

void ref_matmul_kernels(op_kernel *k)
{
    k[OP_MATMUL].run = matmul;
}
