/* Rotary positions, shifted ids, masks of packed sequences. */
#include "engine/cpu/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cos and sin of one position's angles, [half] each; the angles in double, or far positions lose
 * digits. */
static void turn_of(float *turn, double position, int64_t D, double theta, double sign)
{
    int64_t half = D / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = position * pow(theta, -2 * (double)i / (double)D);
        turn[i] = (float)cos(angle);
        turn[half + i] = (float)(sign * sin(angle));
    }
}

/* Without positions the turns of all T tokens are known now; with them a thread needs one row. */
static int32_t prepare_rope(op_call *c)
{
    int64_t T = c->in[0].shape[1], D = c->i[0];
    if (c->in[1].count) {
        c->scratch_bytes = cpu_round((size_t)D * sizeof(float)) * (size_t)c->backend->threads;
        return 0;
    }
    float *table = malloc((size_t)(T * D) * sizeof *table);
    if (!table)
        return podium_fail(PODIUM_ENOMEM, "no memory for the angles of %lld tokens", (long long)T);
    for (int64_t t = 0; t < T; t++)
        turn_of(table + t * D, (double)(c->i[3] + t), D, c->f[0], (double)c->i[2]);
    c->state = table;
    return 0;
}

static void release_rope(op_call *c)
{
    free(c->state);
    c->state = NULL;
}

/* One token: its first `heads` slices turn, the other columns pass. */
static void turn_row(float *out, const float *a, const float *turn, int64_t heads, int64_t D,
                     int64_t C)
{
    int64_t half = D / 2;
    for (int64_t h = 0; h < heads; h++) {
        const float *first = a + h * D, *second = first + half;
        float *to = out + h * D;
#pragma omp simd
        for (int64_t i = 0; i < half; i++) {
            to[i] = first[i] * turn[i] - second[i] * turn[half + i];
            to[half + i] = second[i] * turn[i] + first[i] * turn[half + i];
        }
    }
    if (heads * D < C)
        memcpy(out + heads * D, a + heads * D, (size_t)(C - heads * D) * sizeof *out);
}

/* a [B, T, C], positions? [B, T] -> out */
static int32_t rope(op_call *c)
{
    const float *a = c->in[0].data;
    const int32_t *positions = c->in[1].data;
    float *out = c->out[0].data;
    int64_t T = c->in[0].shape[1], C = c->in[0].shape[2], rows = c->in[0].count / C, D = c->i[0];
    size_t step = cpu_round((size_t)D * sizeof(float));
#pragma omp parallel num_threads(cpu_team(c, 2 * rows * C))
    {
        float *own = positions ? (void *)((char *)c->scratch + step * omp_get_thread_num()) : NULL;
        int64_t lo, hi;
        cpu_share(rows, 1, &lo, &hi);
        for (int64_t r = lo; r < hi; r++) {
            const float *turn = own;
            if (own)
                turn_of(own, positions[r], D, c->f[0], (double)c->i[2]);
            else
                turn = (const float *)c->state + r % T * D;
            turn_row(out + r * C, a + r * C, turn, c->i[1], D, C);
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
    int64_t Tq = c->out[0].shape[1], Tk = c->out[0].shape[2], rows = c->in[0].count;
#pragma omp parallel for schedule(static) num_threads(cpu_team(c, rows *Tk))
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *keys = k + r / Tq * Tk, *key_ids = ids ? ids + r / Tq * Tk : NULL;
        int32_t own = q[r], *to = mask + r * Tk;
        for (int64_t j = 0; j < Tk; j++)
            to[j] = own == keys[j] && (!key_ids || key_ids[j] != 0);
    }
    return 0;
}

void cpu_tokens_kernels(op_kernel *k)
{
    k[OP_ROPE] = (op_kernel){.prepare = prepare_rope, .run = rope, .release = release_rope};
    k[OP_SHIFT_IDS].run = shift_ids;
    k[OP_SEGMENT_MASK].run = segment_mask;
}
