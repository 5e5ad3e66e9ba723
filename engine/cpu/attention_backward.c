/* The adjoint of attention: scores are recomputed from q, k and the saved log-sum-exp (Dao et al.
 * 2022, section 3.1), so that nothing of size Tq x Tk is stored between the passes. */
#include "engine/cpu/attention.h"
#include "engine/cpu/vmath.h"

#include <math.h>
#include <string.h>

/* What a thread holds of one head. */
typedef struct workspace {
    float *keys_t, *values_t; /* [D, Tp] */
    float *keys, *dk, *dv;    /* [Tk, Dp] */
    float *q, *dout, *dq;     /* [QUERY_BLOCK, Dp] */
    float *p, *ds;            /* [QUERY_BLOCK, Tp] */
} workspace;

static int64_t workspace_floats(const attention_shape *s)
{
    return 2 * s->D * s->Tp + 3 * s->Tk * s->Dp + QUERY_BLOCK * (3 * s->Dp + 2 * s->Tp);
}

static workspace workspace_at(const attention_shape *s, float *at)
{
    workspace w;
    int64_t transposed = s->D * s->Tp, keys = s->Tk * s->Dp, queries = QUERY_BLOCK * s->Dp;
    w.keys_t = at;
    w.values_t = w.keys_t + transposed;
    w.keys = w.values_t + transposed;
    w.dk = w.keys + keys;
    w.dv = w.dk + keys;
    w.q = w.dv + keys;
    w.dout = w.q + queries;
    w.dq = w.dout + queries;
    w.p = w.dq + queries;
    w.ds = w.p + QUERY_BLOCK * s->Tp;
    return w;
}

static int32_t prepare(op_call *c)
{
    attention_shape s = attention_shape_of(c, 1, 6);
    c->scratch_bytes = cpu_round((size_t)workspace_floats(&s) * sizeof(float)) *
                       (size_t)c->backend->threads;
    return 0;
}

/* One query: scores and dp -> probabilities p and ds = p (dp - delta) scale; padding 0. */
static void score_gradients(const attention_shape *s, float *p, float *ds, float lse, float delta)
{
    float visible = lse == -INFINITY ? 0.0f : 1.0f, shift = visible != 0 ? lse : 0.0f;
#pragma omp simd
    for (int64_t j = 0; j < s->Tk; j++) {
        p[j] = vm_exp(p[j] - shift) * visible;
        ds[j] = p[j] * (ds[j] - delta) * s->scale;
    }
    for (int64_t j = s->Tk; j < s->Tp; j++)
        p[j] = ds[j] = 0;
}

/* out . dout of one query = sum_j p_j dp_j (Dao et al. 2022, eq. 4). */
static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Queries [first, first + rows) of head h: writes their dq, adds to dk and dv. */
static void query_block(const attention_shape *s, const workspace *w, int64_t b, int64_t h,
                        int64_t first, int64_t rows, const float *dout, const float *out,
                        const float *lse, float *dq)
{
    int64_t token = b * s->Tq + first;
    attention_copy(s, w->q, s->q + token * s->row + h * s->D, s->row, rows);
    attention_copy(s, w->dout, dout + token * s->C + h * s->D, s->C, rows);
    tile_product(rows, s->Tp, s->D, w->q, s->Dp, 1, w->keys_t, s->Tp, w->p, s->Tp, false);
    tile_product(rows, s->Tp, s->D, w->dout, s->Dp, 1, w->values_t, s->Tp, w->ds, s->Tp, false);
    for (int64_t i = 0; i < rows; i++) {
        float delta = dot(w->dout + i * s->Dp, out + (token + i) * s->C + h * s->D, s->D);
        attention_scale(s, w->p + i * s->Tp, b, first + i);
        score_gradients(s, w->p + i * s->Tp, w->ds + i * s->Tp, lse[first + i], delta);
    }
    tile_product(s->Tk, s->Dp, rows, w->p, 1, s->Tp, w->dout, s->Dp, w->dv, s->Dp, first > 0);
    tile_product(s->Tk, s->Dp, rows, w->ds, 1, s->Tp, w->q, s->Dp, w->dk, s->Dp, first > 0);
    tile_product(rows, s->Dp, s->Tk, w->ds, s->Tp, 1, w->keys, s->Dp, w->dq, s->Dp, false);
    for (int64_t i = 0; i < rows; i++)
        memcpy(dq + (token + i) * s->row + h * s->D, w->dq + i * s->Dp, (size_t)s->D * sizeof *dq);
}

/* dout, q, k, v, out, lse, mask? -> dq, dk, dv; packed: dqkv [B, T, 3C] */
static int32_t attention_backward(op_call *c)
{
    attention_shape s = attention_shape_of(c, 1, 6);
    const float *dout = c->in[0].data, *out = c->in[4].data, *lse = c->in[5].data;
    bool packed = c->i[2] != 0;
    float *dq = c->out[0].data;
    float *dk = packed ? dq + s.C : c->out[1].data, *dv = packed ? dq + 2 * s.C : c->out[2].data;
    size_t step = cpu_round((size_t)workspace_floats(&s) * sizeof(float));
#pragma omp parallel num_threads(cpu_team(c, s.B *s.H *s.Tq *s.Tk))
    {
        void *own = (char *)c->scratch + step * (size_t)omp_get_thread_num();
        workspace w = workspace_at(&s, own);
        int64_t lo, hi;
        cpu_share(s.B * s.H, 1, &lo, &hi);
        for (int64_t n = lo; n < hi; n++) {
            int64_t b = n / s.H, h = n % s.H, at = b * s.Tk * s.row + h * s.D;
            attention_transpose(&s, w.keys_t, s.k + at);
            attention_transpose(&s, w.values_t, s.v + at);
            attention_copy(&s, w.keys, s.k + at, s.row, s.Tk);
            for (int64_t first = 0; first < s.Tq; first += QUERY_BLOCK)
                query_block(&s, &w, b, h, first,
                            s.Tq - first < QUERY_BLOCK ? s.Tq - first : QUERY_BLOCK, dout, out,
                            lse + n * s.Tq, dq);
            for (int64_t j = 0; j < s.Tk; j++) {
                memcpy(dk + at + j * s.row, w.dk + j * s.Dp, (size_t)s.D * sizeof *dk);
                memcpy(dv + at + j * s.row, w.dv + j * s.Dp, (size_t)s.D * sizeof *dv);
            }
        }
    }
    return 0;
}

void cpu_attention_backward_kernels(op_kernel *k)
{
    k[OP_ATTENTION_BACKWARD] = (op_kernel){.prepare = prepare, .run = attention_backward};
}
