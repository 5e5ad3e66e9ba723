/* The adjoint of attention: scores are recomputed from q, k and the saved log-sum-exp (Dao et al.
 * 2022, section 3.1), so that nothing of size Tq x Tk is stored between the passes. */
#include "engine/cpu/attention.h"
#include "engine/cpu/vmath.h"

#include <math.h>

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
    float shift = lse == -INFINITY ? 0 : lse; /* no key visible: all scores are -inf */
    int64_t end = s->Tp - LANES;
    for (int64_t j = 0; j <= end; j += LANES) {
        lanes score = lanes_load(p + j) * s->scale;
        lanes e = lanes_exp((j == end ? score + s->last : score) - shift);
        lanes_store(p + j, e);
        lanes_store(ds + j, e * (lanes_load(ds + j) - delta) * s->scale);
    }
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

/* One head: operands, and where its gradients go. */
typedef struct head_gradient {
    int64_t b;
    head_rows keys;
    const float *lse; /* [Tq] */
    float *dk, *dv;   /* [Tk, step] */
    int64_t step;
} head_gradient;

/* Queries [first, first + rows), whose q, dout, out and dq these are: writes dq, adds to dk, dv. */
static void query_block(const attention_shape *s, const workspace *w, const head_gradient *g,
                        int64_t first, int64_t rows, const float *q_at, const float *dout_at,
                        const float *out, float *dq)
{
    head_rows q = attention_rows(s, w->q, q_at, s->row, rows);
    head_rows dout = attention_rows(s, w->dout, dout_at, s->C, rows);
    tile_product(rows, s->Tp, s->D, q.at, q.step, 1, w->keys_t, s->Tp, w->p, s->Tp, false);
    tile_product(rows, s->Tp, s->D, dout.at, dout.step, 1, w->values_t, s->Tp, w->ds, s->Tp, false);
    for (int64_t i = 0; i < rows; i++) {
        float delta = dot(dout_at + i * s->C, out + i * s->C, s->D);
        attention_hide(s, w->p + i * s->Tp, g->b, first + i);
        score_gradients(s, w->p + i * s->Tp, w->ds + i * s->Tp, g->lse[first + i], delta);
    }
    bool add = first > 0;
    tile_product(s->Tk, s->Dp, rows, w->p, 1, s->Tp, dout.at, dout.step, g->dv, g->step, add);
    tile_product(s->Tk, s->Dp, rows, w->ds, 1, s->Tp, q.at, q.step, g->dk, g->step, add);
    bool direct = s->D == s->Dp;
    float *made = direct ? dq : w->dq;
    tile_product(rows, s->Dp, s->Tk, w->ds, s->Tp, 1, g->keys.at, g->keys.step, made,
                 direct ? s->row : s->Dp, false);
    attention_put(s, dq, s->row, made, rows);
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
            bool direct = s.D == s.Dp;
            attention_transpose(&s, w.keys_t, s.k + at);
            attention_transpose(&s, w.values_t, s.v + at);
            head_gradient g = {.b = b,
                               .keys = attention_rows(&s, w.keys, s.k + at, s.row, s.Tk),
                               .lse = lse + n * s.Tq,
                               .dk = direct ? dk + at : w.dk,
                               .dv = direct ? dv + at : w.dv,
                               .step = direct ? s.row : s.Dp};
            for (int64_t first = 0; first < s.Tq; first += QUERY_BLOCK) {
                int64_t rows = s.Tq - first < QUERY_BLOCK ? s.Tq - first : QUERY_BLOCK;
                int64_t token = b * s.Tq + first, q_at = token * s.row + h * s.D;
                int64_t out_at = token * s.C + h * s.D;
                query_block(&s, &w, &g, first, rows, s.q + q_at, dout + out_at, out + out_at,
                            dq + q_at);
            }
            attention_put(&s, dk + at, s.row, g.dk, s.Tk);
            attention_put(&s, dv + at, s.row, g.dv, s.Tk);
        }
    }
    return 0;
}

void cpu_attention_backward_kernels(op_kernel *k)
{
    k[OP_ATTENTION_BACKWARD] = (op_kernel){.prepare = prepare, .run = attention_backward};
}
