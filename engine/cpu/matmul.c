/* The batched matrix product. */
#include "engine/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

typedef struct matmul_state {
    product *product;
    bool bf16;
    size_t a_bytes, b_bytes; /* operands in bf16 */
} matmul_state;

static void release_matmul(op_call *c)
{
    matmul_state *s = c->state;
    if (!s)
        return;
    product_destroy(s->product);
    free(s);
    c->state = NULL;
}

static int32_t prepare_matmul(op_call *c)
{
    matmul_state *s = calloc(1, sizeof *s);
    if (!s)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate a product's state");
    c->state = s;
    const tensor *a = &c->in[0], *b = &c->in[1], *o = &c->out[0];
    product_spec p = {.m = o->shape[o->ndim - 2],
                      .n = o->shape[o->ndim - 1],
                      .ta = c->i[0] != 0,
                      .tb = c->i[1] != 0};
    p.k = p.ta ? a->shape[a->ndim - 2] : a->shape[a->ndim - 1];
    p.bf16 = s->bf16 = cpu_in_bf16(c, p.k);
    if (o->count == 0 || p.k == 0)
        return 0;
    int64_t batches = o->count / (p.m * p.n);
    p.batch_a = a->ndim > 2 ? batches : 1;
    p.batch_b = b->ndim > 2 ? batches : 1;
    if (p.batch_b == 1 && !p.ta) { /* the rows of all batches are one matrix */
        p.m *= p.batch_a;
        p.batch_a = 1;
    }
    TRY(product_create(&s->product, cpu_unit(c), &p));
    s->a_bytes = p.bf16 ? cpu_round((size_t)a->count * sizeof(uint16_t)) : 0;
    s->b_bytes = p.bf16 ? cpu_round((size_t)b->count * sizeof(uint16_t)) : 0;
    c->scratch_bytes = s->a_bytes + s->b_bytes + product_scratch_bytes(s->product);
    return 0;
}

static void round_operand(const op_call *c, const tensor *t, uint16_t *out)
{
    const float *x = t->data;
#pragma omp parallel num_threads(cpu_team(c, t->count))
    {
        int64_t lo, hi;
        cpu_share(t->count, 64, &lo, &hi);
        if (lo < hi)
            cpu_to_bf16(out + lo, x + lo, hi - lo);
    }
}

/* a, b -> out */
static int32_t matmul(op_call *c)
{
    matmul_state *s = c->state;
    if (!s->product) {
        if (c->out[0].count)
            memset(c->out[0].data, 0, (size_t)c->out[0].count * sizeof(float));
        return 0;
    }
    const void *a = c->in[0].data, *b = c->in[1].data;
    char *at = c->scratch;
    if (s->bf16) {
        round_operand(c, &c->in[0], (uint16_t *)(void *)at);
        round_operand(c, &c->in[1], (uint16_t *)(void *)(at + s->a_bytes));
        a = at;
        b = at + s->a_bytes;
    }
    return product_run(s->product, 0, a, b, NULL, c->out[0].data, at + s->a_bytes + s->b_bytes);
}

void cpu_matmul_kernels(op_kernel *k)
{
    k[OP_MATMUL] = (op_kernel){.prepare = prepare_matmul, .run = matmul, .release = release_matmul};
}
