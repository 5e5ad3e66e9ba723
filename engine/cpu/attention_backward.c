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
static void score_gradients(const attention_shape *s, const query_block *block, float *p, float *ds,
                            float lse, float delta)
{
    float shift = lse == -INFINITY ? 0 : lse; /* no key visible: all scores are -inf */
    int64_t end = block->width - LANES;
    for (int64_t j = 0; j <= end; j += LANES) {
        lanes score = lanes_load(p + j) * s->scale;
        lanes e = lanes_exp((j == end ? score + attention_last(s, block) : score) - shift);
        lanes_store(p + j, e);
        lanes_store(ds + j, e * (lanes_load(ds + j) - delta) * s->scale);
    }
}

/* The scores' gradient ds [keys] holds the scale; the bias is added after it.  dbias [Tk] is set or
 * added to. */
static void add_bias_gradient(const attention_shape *s, float *dbias, const float *ds, int64_t keys,
                              bool add)
{
#pragma omp simd
    for (int64_t j = 0; j < keys; j++)
        dbias[j] = (add ? dbias[j] : 0) + ds[j] * s->inverse_scale;
    for (int64_t j = keys; !add && j < s->Tk; j++)
        dbias[j] = 0;
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

/* The query heads of one key head: operands, and where their gradients go. */
typedef struct group_gradient {
    int64_t b, k; /* example, key head */
    head_rows keys;
    float *dk, *dv; /* [Tk, step] */
    int64_t step;
} group_gradient;

/* What all heads of a call read and write besides q, k, v. */
typedef struct operands {
    const float *dout, *out, *lse;
    float *dq, *dk, *dv;
    float *dbias; /* [H, Tq, Tk] or NULL */
} operands;

/* A block of queries of head h: writes dq, and dk and dv or adds to them, and to dbias. */
static void block_backward(const attention_shape *s, const workspace *w, const group_gradient *g,
                           const operands *o, int64_t h, const query_block *block, bool add)
{
    int64_t first = block->first, rows = block->rows, keys = block->keys;
    int64_t token = g->b * s->Tq + first, at = token * s->C + h * s->D;
    float *dq = o->dq + token * s->q_row + h * s->D;
    const float *lse = o->lse + (g->b * s->H + h) * s->Tq + first;
    head_rows q = attention_rows(s, w->q, s->q + token * s->q_row + h * s->D, s->q_row, rows);
    head_rows dout = attention_rows(s, w->dout, o->dout + at, s->C, rows);
    tile_product(rows, block->width, s->D, q.at, q.step, 1, w->keys_t, s->Tp, w->p, s->Tp, false);
    tile_product(rows, block->width, s->D, dout.at, dout.step, 1, w->values_t, s->Tp, w->ds, s->Tp,
                 false);
    for (int64_t i = 0; i < rows; i++) {
        float delta = dot(o->dout + at + i * s->C, o->out + at + i * s->C, s->D);
        attention_prefetch(s, g->b, h, first + i, o->dout, o->out);
        attention_hide(s, w->p + i * s->Tp, g->b, h, first + i, keys);
        score_gradients(s, block, w->p + i * s->Tp, w->ds + i * s->Tp, lse[i], delta);
        if (o->dbias)
            add_bias_gradient(s, o->dbias + (h * s->Tq + first + i) * s->Tk, w->ds + i * s->Tp,
                              keys, g->b > 0);
    }
    for (int64_t j = keys; !add && j < s->Tk; j++) { /* no query sees them */
        memset(g->dk + j * g->step, 0, (size_t)s->Dp * sizeof *g->dk);
        memset(g->dv + j * g->step, 0, (size_t)s->Dp * sizeof *g->dv);
    }
    tile_product(keys, s->Dp, rows, w->p, 1, s->Tp, dout.at, dout.step, g->dv, g->step, add);
    tile_product(keys, s->Dp, rows, w->ds, 1, s->Tp, q.at, q.step, g->dk, g->step, add);
    bool direct = s->D == s->Dp;
    float *made = direct ? dq : w->dq;
    tile_product(rows, s->Dp, keys, w->ds, s->Tp, 1, g->keys.at, g->keys.step, made,
                 direct ? s->q_row : s->Dp, false);
    attention_put(s, dq, s->q_row, made, rows);
}

/* All query heads of key head k of example b. */
static void group_backward(const attention_shape *s, const workspace *w, const operands *o,
                           int64_t b, int64_t k)
{
    int64_t at = b * s->Tk * s->k_row + k * s->D;
    bool direct = s->D == s->Dp;
    attention_transpose(s, w->keys_t, s->k + at);
    attention_transpose(s, w->values_t, s->v + at);
    group_gradient g = {.b = b,
                        .k = k,
                        .keys = attention_rows(s, w->keys, s->k + at, s->k_row, s->Tk),
                        .dk = direct ? o->dk + at : w->dk,
                        .dv = direct ? o->dv + at : w->dv,
                        .step = direct ? s->k_row : s->Dp};
    for (int64_t h = k * s->group; h < (k + 1) * s->group; h++)
        for (int64_t blocks = attention_blocks(s), i = blocks - 1; i >= 0; i--) {
            query_block block = attention_block(s, i); /* the last sees most keys */
            block_backward(s, w, &g, o, h, &block, i + 1 < blocks || h > k * s->group);
        }
    attention_put(s, o->dk + at, s->k_row, g.dk, s->Tk);
    attention_put(s, o->dv + at, s->k_row, g.dv, s->Tk);
}

/* dout, q, k, v, out, lse, mask?, bias? -> dq, dk, dv, dbias?; packed: dqkv, -, -, dbias?.  With
 * dbias a thread takes a head of all examples, so that its sum has one order. */
static int32_t attention_backward(op_call *c)
{
    attention_shape s = attention_shape_of(c, 1, 6);
    bool packed = c->i[2] != 0;
    operands o = {.dout = c->in[0].data,
                  .out = c->in[4].data,
                  .lse = c->in[5].data,
                  .dq = c->out[0].data,
                  .dbias = c->out[3].data};
    o.dk = packed ? o.dq + s.C : c->out[1].data;
    o.dv = packed ? o.dk + s.K * s.D : c->out[2].data;
    size_t step = cpu_round((size_t)workspace_floats(&s) * sizeof(float));
    cpu_tasks_set(c, o.dbias ? s.K : s.B * s.K);
#pragma omp parallel num_threads(cpu_team(c, s.B *s.H *s.Tq *s.Tk))
    {
        void *own = (char *)c->scratch + step * (size_t)omp_get_thread_num();
        workspace w = workspace_at(&s, own);
        for (int64_t n; (n = cpu_tasks_take(c)) >= 0;)
            if (o.dbias)
                for (int64_t b = 0; b < s.B; b++)
                    group_backward(&s, &w, &o, b, n);
            else
                group_backward(&s, &w, &o, n / s.K, n % s.K);
    }
    return 0;
}

void cpu_attention_backward_kernels(op_kernel *k)
{
    k[OP_ATTENTION_BACKWARD] = (op_kernel){.prepare = prepare, .run = attention_backward};
}
