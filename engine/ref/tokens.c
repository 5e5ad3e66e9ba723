/* Rotary positions (Su et al. 2021, in halves), shifted ids, masks of packed sequences. */
#include "engine/ref/ref.h"

#include <math.h>
#include <string.h>

/* a [B, T, C], positions? [B, T] -> out */
static int32_t rope(op_call *c)
{
    const double *a = c->in[0].data;
    const int32_t *positions = c->in[1].data;
    double *out = c->out[0].data;
    int64_t T = c->in[0].shape[1], C = c->in[0].shape[2], rows = c->in[0].count / C;
    int64_t D = c->i[0], half = D / 2;
    memcpy(out, a, (size_t)c->in[0].count * sizeof *out);
    for (int64_t r = 0; r < rows; r++) {
        double position = (double)(positions ? positions[r] : c->i[3] + r % T);
        for (int64_t n = 0; n < c->i[1] * half; n++) {
            int64_t i = n % half, at = r * C + n / half * D + i;
            double angle = position * pow(c->f[0], -2 * (double)i / (double)D);
            double cosine = cos(angle), sine = (double)c->i[2] * sin(angle);
            out[at] = a[at] * cosine - a[at + half] * sine;
            out[at + half] = a[at + half] * cosine + a[at] * sine;
        }
    }
    return 0;
}

/* ids [B, T] -> out */
static int32_t shift_ids(op_call *c)
{
    const int32_t *ids = c->in[0].data;
    int32_t *out = c->out[0].data;
    int64_t B = c->in[0].shape[0], T = c->in[0].shape[1];
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++) {
            int64_t from = t - c->i[0];
            bool there = from >= 0 && from < T && ids[b * T + from] >= 0;
            out[b * T + t] = there ? ids[b * T + from] : (int32_t)c->i[1];
        }
    return 0;
}

/* q segments [B, Tq], k segments [B, Tk], key ids? [B, Tk] -> mask [B, Tq, Tk] */
static int32_t segment_mask(op_call *c)
{
    const int32_t *q = c->in[0].data, *k = c->in[1].data, *ids = c->in[2].data;
    int32_t *mask = c->out[0].data;
    int64_t B = c->out[0].shape[0], Tq = c->out[0].shape[1], Tk = c->out[0].shape[2];
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < Tq; i++)
            for (int64_t j = 0; j < Tk; j++)
                mask[(b * Tq + i) * Tk + j] = q[b * Tq + i] == k[b * Tk + j] &&
                                              (!ids || ids[b * Tk + j] != 0);
    return 0;
}

void ref_tokens_kernels(op_kernel *k)
{
    k[OP_ROPE].run = rope;
    k[OP_SHIFT_IDS].run = shift_ids;
    k[OP_SEGMENT_MASK].run = segment_mask;
}
