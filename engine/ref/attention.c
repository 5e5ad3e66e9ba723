/* Multi-head attention (Vaswani et al. 2017, eq. 1) and its adjoint, one score at a time. */
#include "engine/ref/ref.h"

#include <math.h>
#include <string.h>

/* Where the rows of one call lie: q, k, v apart, or columns of one packed [B, T, C + 2C']. */
typedef struct geometry {
    int64_t B, Tq, Tk, C, H, D; /* D = C / H columns a head */
    int64_t group;              /* query heads that share a key head */
    int64_t q_row, k_row;       /* elements from one token to the next of q, and of k and v */
    const double *q, *k, *v;
    const double *bias; /* [H, Tq, Tk] or NULL */
    const int32_t *mask;
    int64_t mask_batch, mask_query; /* strides of the mask, 0 where it is repeated */
    bool causal;
    double scale;
} geometry;

/* in[first ..]: q, k, v, whose data are one tensor when packed; mask, bias in[mask_at ..]. */
static geometry geometry_of(const op_call *c, int first, int mask_at)
{
    const tensor *q = &c->in[first], *k = &c->in[first + 1], *mask = &c->in[mask_at];
    bool packed = c->i[2] != 0;
    geometry g = {.B = q->shape[0], .Tq = q->shape[1], .H = c->i[0], .causal = c->i[1] != 0};
    int64_t key_heads = c->i[3];
    g.D = q->shape[2] / (packed ? g.H + 2 * key_heads : g.H);
    g.C = g.H * g.D;
    g.group = g.H / key_heads;
    g.Tk = packed ? g.Tq : k->shape[1];
    g.q_row = q->shape[2];
    g.k_row = k->shape[2];
    g.q = q->data;
    g.k = packed ? g.q + g.C : k->data;
    g.v = packed ? g.k + key_heads * g.D : c->in[first + 2].data;
    g.bias = c->in[mask_at + 1].data;
    g.scale = c->f[0] > 0 ? c->f[0] : 1 / sqrt((double)g.D);
    if (mask->data) {
        g.mask = mask->data;
        g.mask_query = mask->shape[1] > 1 ? g.Tk : 0;
        g.mask_batch = mask->shape[0] > 1 ? mask->shape[1] * g.Tk : 0;
    }
    return g;
}

static bool visible(const geometry *g, int64_t b, int64_t i, int64_t j)
{
    if (g->causal && j > i)
        return false;
    return !g->mask || g->mask[b * g->mask_batch + i * g->mask_query + j] != 0;
}

static double score(const geometry *g, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const double *q = g->q + (b * g->Tq + i) * g->q_row + h * g->D;
    const double *k = g->k + (b * g->Tk + j) * g->k_row + h / g->group * g->D;
    double sum = 0;
    for (int64_t d = 0; d < g->D; d++)
        sum += q[d] * k[d];
    return sum * g->scale + (g->bias ? g->bias[(h * g->Tq + i) * g->Tk + j] : 0);
}

/* log sum exp of the visible scores of one query; -inf when it sees no key. */
static double log_sum_exp(const geometry *g, int64_t b, int64_t h, int64_t i)
{
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < g->Tk; j++)
        if (visible(g, b, i, j))
            max = fmax(max, score(g, b, h, i, j));
    if (max == -INFINITY)
        return max;
    for (int64_t j = 0; j < g->Tk; j++)
        if (visible(g, b, i, j))
            sum += exp(score(g, b, h, i, j) - max);
    return max + log(sum);
}

/* q, k, v, mask?, bias? -> out [B, Tq, C], lse? [B, H, Tq] */
static int32_t attention(op_call *c)
{
    geometry g = geometry_of(c, 0, 3);
    double *out = c->out[0].data, *lse = c->out[1].data;
    memset(out, 0, (size_t)c->out[0].count * sizeof *out);
    for (int64_t n = 0; n < g.B * g.H * g.Tq; n++) {
        int64_t b = n / (g.H * g.Tq), h = n / g.Tq % g.H, i = n % g.Tq;
        double *o = out + (b * g.Tq + i) * g.C + h * g.D;
        double l = log_sum_exp(&g, b, h, i);
        if (lse)
            lse[n] = l;
        for (int64_t j = 0; j < g.Tk; j++) {
            if (!visible(&g, b, i, j))
                continue;
            double p = exp(score(&g, b, h, i, j) - l);
            const double *v = g.v + (b * g.Tk + j) * g.k_row + h / g.group * g.D;
            for (int64_t d = 0; d < g.D; d++)
                o[d] += p * v[d];
        }
    }
    return 0;
}

/* Adds what query i of head h gives to its own gradient and to those of its keys. */
static void backward_query(const geometry *g, int64_t b, int64_t h, int64_t i, double lse,
                           const double *dout, const double *out, double *dq, double *dk,
                           double *dv, double *dbias)
{
    int64_t at_q = (b * g->Tq + i) * g->q_row + h * g->D;
    double delta = 0; /* sum_j p_j dp_j = out . dout (Dao et al. 2022, eq. 4) */
    for (int64_t d = 0; d < g->D; d++)
        delta += out[d] * dout[d];
    for (int64_t j = 0; j < g->Tk; j++) {
        if (!visible(g, b, i, j))
            continue;
        int64_t at_k = (b * g->Tk + j) * g->k_row + h / g->group * g->D;
        double p = exp(score(g, b, h, i, j) - lse), dp = 0;
        for (int64_t d = 0; d < g->D; d++)
            dp += dout[d] * g->v[at_k + d];
        double ds = p * (dp - delta) * g->scale;
        if (dbias)
            dbias[(h * g->Tq + i) * g->Tk + j] += p * (dp - delta);
        for (int64_t d = 0; d < g->D; d++) {
            dv[at_k + d] += p * dout[d];
            dq[at_q + d] += ds * g->k[at_k + d];
            dk[at_k + d] += ds * g->q[at_q + d];
        }
    }
}

/* dout, q, k, v, out, lse, mask?, bias? -> dq, dk, dv, dbias?; packed: dqkv, -, -, dbias? */
static int32_t attention_backward(op_call *c)
{
    geometry g = geometry_of(c, 1, 6);
    const double *dout = c->in[0].data, *out = c->in[4].data, *lse = c->in[5].data;
    bool packed = c->i[2] != 0;
    double *dq = c->out[0].data;
    double *dk = packed ? dq + g.C : c->out[1].data;
    double *dv = packed ? dk + c->i[3] * g.D : c->out[2].data, *dbias = c->out[3].data;
    for (int o = 0; o < 4; o++)
        if (c->out[o].data)
            memset(c->out[o].data, 0, (size_t)c->out[o].count * sizeof *dq);
    for (int64_t n = 0; n < g.B * g.H * g.Tq; n++) {
        int64_t b = n / (g.H * g.Tq), h = n / g.Tq % g.H, i = n % g.Tq;
        int64_t at = (b * g.Tq + i) * g.C + h * g.D;
        backward_query(&g, b, h, i, lse[n], dout + at, out + at, dq, dk, dv, dbias);
    }
    return 0;
}

void ref_attention_kernels(op_kernel *k)
{
    k[OP_ATTENTION].run = attention;
    k[OP_ATTENTION_BACKWARD].run = attention_backward;
}
