/* Parametrised hypercomplex products without their Kronecker products: three thin products a row,
 *   t = x L on every slice, z = the rule over the slices, y = z R,
 * so that a row costs n (in + out) + n^3 r multiplications, and memory sees x and y once.  Blocks
 * of rows stay in L1; gradients of the weights are summed by thread, in thread order. */
#include "engine/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 }; /* of a block */

typedef struct phm_sizes {
    int64_t M, n, p, q, r, S; /* S = n r: pairs (i, s) */
} phm_sizes;

static phm_sizes sizes_of(const tensor *x, const tensor *left, const tensor *right)
{
    int64_t n = left->shape[0], p = left->shape[1], r = left->shape[2];
    return (phm_sizes){
        .M = x->count / (n * p), .n = n, .p = p, .q = right->shape[2], .r = r, .S = n * r};
}

/* Scratch: left as [S, p], the rule as [n, n, S], then for each thread its sums and buffers. */
typedef struct layout {
    int64_t left, rule, shared;          /* elements */
    int64_t dleft, dright, drule, z, dz; /* offsets in a thread's part */
    int64_t own;
} layout;

static int64_t take(int64_t *at, int64_t n)
{
    int64_t was = *at;
    *at += (n + 15) / 16 * 16;
    return was;
}

static layout layout_of(const phm_sizes *s)
{
    layout l = {0};
    l.left = take(&l.shared, s->S * s->p);
    l.rule = take(&l.shared, s->n * s->n * s->S);
    l.dleft = take(&l.own, s->S * s->p);
    l.dright = take(&l.own, s->S * s->q);
    l.drule = take(&l.own, s->n * s->n * s->S);
    l.z = take(&l.own, ROWS * s->n * s->S);
    l.dz = take(&l.own, ROWS * s->n * s->S);
    return l;
}

static int32_t prepare(op_call *c, int first)
{
    phm_sizes s = sizes_of(&c->in[first], &c->in[first + 2], &c->in[first + 3]);
    layout l = layout_of(&s);
    c->scratch_bytes = (size_t)(l.shared + l.own * c->backend->threads) * sizeof(float);
    return 0;
}

static int32_t prepare_phm(op_call *c)
{
    return prepare(c, 0);
}

static int32_t prepare_backward(op_call *c)
{
    return prepare(c, 1);
}

/* The weights in the order the loops below read them. */
static void expand(const phm_sizes *s, const float *rule, const float *left, float *rule_out,
                   float *left_out)
{
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < s->p; k++)
            for (int64_t e = 0; e < s->r; e++)
                left_out[(i * s->r + e) * s->p + k] = left[(i * s->p + k) * s->r + e];
    for (int64_t a = 0; a < s->n; a++)
        for (int64_t o = 0; o < s->n; o++)
            for (int64_t e = 0; e < s->S; e++)
                rule_out[(a * s->n + o) * s->S + e] = rule[(e / s->r * s->n + a) * s->n + o];
}

/* out[i, s] = <x[i, :], w[s, :]> over L columns */
static void dots(int64_t rows, int64_t L, int64_t S, const float *x, const float *w, float *out)
{
    for (int64_t i = 0; i < rows; i++, x += L, out += S) {
        int64_t s = 0;
        for (; s + 4 <= S; s += 4) {
            const float *w0 = w + s * L, *w1 = w0 + L, *w2 = w1 + L, *w3 = w2 + L;
            float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
            for (int64_t k = 0; k < L; k++) {
                a += x[k] * w0[k];
                b += x[k] * w1[k];
                c += x[k] * w2[k];
                d += x[k] * w3[k];
            }
            out[s] = a;
            out[s + 1] = b;
            out[s + 2] = c;
            out[s + 3] = d;
        }
        for (; s < S; s++) {
            float a = 0;
#pragma omp simd reduction(+ : a)
            for (int64_t k = 0; k < L; k++)
                a += x[k] * w[s * L + k];
            out[s] = a;
        }
    }
}

/* out[i, :] = sum_s f[i, s] w[s, :] over L columns */
static void sums(int64_t rows, int64_t L, int64_t S, const float *f, const float *w, float *out)
{
    for (int64_t i = 0; i < rows; i++, f += S, out += L) {
        int64_t s = S % 4;
        if (s == 0)
            memset(out, 0, (size_t)L * sizeof *out);
        for (int64_t e = 0; e < s; e++)
#pragma omp simd
            for (int64_t k = 0; k < L; k++)
                out[k] = (e ? out[k] : 0) + f[e] * w[e * L + k];
        for (; s < S; s += 4) {
            const float *w0 = w + s * L, *w1 = w0 + L, *w2 = w1 + L, *w3 = w2 + L;
            float a = f[s], b = f[s + 1], c = f[s + 2], d = f[s + 3];
#pragma omp simd
            for (int64_t k = 0; k < L; k++)
                out[k] += a * w0[k] + b * w1[k] + c * w2[k] + d * w3[k];
        }
    }
}

/* dw[s, :] += sum_i f[i, s] x[i, :] over L columns */
static void outer(int64_t rows, int64_t L, int64_t S, const float *f, const float *x, float *dw)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4)
        for (int64_t s = 0; s < S; s++) {
            const float *x0 = x + i * L, *x1 = x0 + L, *x2 = x1 + L, *x3 = x2 + L;
            const float *e = f + i * S + s;
            float a = e[0], b = e[S], c = e[2 * S], d = e[3 * S], *to = dw + s * L;
#pragma omp simd
            for (int64_t k = 0; k < L; k++)
                to[k] += a * x0[k] + b * x1[k] + c * x2[k] + d * x3[k];
        }
    for (; i < rows; i++)
        for (int64_t s = 0; s < S; s++) {
            float a = f[i * S + s];
#pragma omp simd
            for (int64_t k = 0; k < L; k++)
                dw[s * L + k] += a * x[i * L + k];
        }
}

/* out[row, c, :] = sum_a rule[a, c, :] in[row, a, :]; transposed: the other way round. */
static void mix(const phm_sizes *z, int64_t rows, const float *rule, const float *in, float *out,
                bool transposed)
{
    int64_t n = z->n, S = z->S;
    memset(out, 0, (size_t)(rows * n * S) * sizeof *out);
    for (int64_t m = 0; m < rows; m++)
        for (int64_t a = 0; a < n; a++)
            for (int64_t o = 0; o < n; o++) {
                const float *w = rule + (a * n + o) * S;
                const float *from = in + (m * n + (transposed ? o : a)) * S;
                float *to = out + (m * n + (transposed ? a : o)) * S;
#pragma omp simd
                for (int64_t s = 0; s < S; s++)
                    to[s] += w[s] * from[s];
            }
}

/* x, rule, left, right -> y, t? */
static int32_t phm(op_call *c)
{
    phm_sizes z = sizes_of(&c->in[0], &c->in[2], &c->in[3]);
    layout l = layout_of(&z);
    const float *x = c->in[0].data, *right = c->in[3].data;
    float *y = c->out[0].data, *t_out = c->out[1].data, *shared = c->scratch;
    expand(&z, c->in[1].data, c->in[2].data, shared + l.rule, shared + l.left);
    int64_t work = z.M * z.n * z.S * (z.p + z.q) / 4;
#pragma omp parallel num_threads(cpu_team(c, work))
    {
        float *own = shared + l.shared + l.own * omp_get_thread_num();
        int64_t lo, hi;
        cpu_share(z.M, ROWS, &lo, &hi);
        for (int64_t m = lo; m < hi; m += ROWS) {
            int64_t rows = hi - m < ROWS ? hi - m : ROWS;
            float *t = t_out ? t_out + m * z.n * z.S : own + l.dz;
            dots(rows * z.n, z.p, z.S, x + m * z.n * z.p, shared + l.left, t);
            mix(&z, rows, shared + l.rule, t, own + l.z, false);
            sums(rows * z.n, z.q, z.S, own + l.z, right, y + m * z.n * z.q);
        }
    }
    return 0;
}

/* drule[a, c, :] += sum over rows of t[row, a, :] dz[row, c, :] */
static void add_rule(const phm_sizes *z, int64_t rows, const float *t, const float *dz,
                     float *drule)
{
    int64_t n = z->n, S = z->S;
    for (int64_t m = 0; m < rows; m++)
        for (int64_t a = 0; a < n; a++)
            for (int64_t o = 0; o < n; o++) {
                const float *u = t + (m * n + a) * S, *d = dz + (m * n + o) * S;
                float *to = drule + (a * n + o) * S;
#pragma omp simd
                for (int64_t s = 0; s < S; s++)
                    to[s] += u[s] * d[s];
            }
}

/* One block of the backward pass; sums go to the thread's own part. */
static void backward_block(const op_call *c, const phm_sizes *z, const layout *l, int64_t m,
                           int64_t rows, float *own)
{
    const float *shared = c->scratch, *right = c->in[4].data;
    const float *dy = (const float *)c->in[0].data + m * z->n * z->q;
    const float *x = (const float *)c->in[1].data + m * z->n * z->p;
    const float *t = (const float *)c->in[5].data + m * z->n * z->S;
    float *dx = c->out[0].data, *work = own + l->z, *dz = own + l->dz;
    if (c->out[3].data) {
        mix(z, rows, shared + l->rule, t, work, false);
        outer(rows * z->n, z->q, z->S, work, dy, own + l->dright);
    }
    if (!dx && !c->out[1].data && !c->out[2].data)
        return;
    dots(rows * z->n, z->q, z->S, dy, right, dz);
    if (c->out[1].data)
        add_rule(z, rows, t, dz, own + l->drule);
    if (!dx && !c->out[2].data)
        return;
    mix(z, rows, shared + l->rule, dz, work, true); /* dt */
    if (c->out[2].data)
        outer(rows * z->n, z->p, z->S, work, x, own + l->dleft);
    if (dx)
        sums(rows * z->n, z->p, z->S, work, shared + l->left, dx + m * z->n * z->p);
}

/* Adds the threads' sums of one gradient of `count` elements into the first thread's. */
static const float *total(float *parts, int64_t own, int64_t offset, int64_t count, int team)
{
    for (int t = 1; t < team; t++) {
        const float *from = parts + own * t + offset;
        for (int64_t i = 0; i < count; i++)
            parts[offset + i] += from[i];
    }
    return parts + offset;
}

/* The sums in the order of the weights. */
static void hand_out(const op_call *c, const phm_sizes *z, const layout *l, float *parts, int team)
{
    float *drule = c->out[1].data, *dleft = c->out[2].data, *dright = c->out[3].data;
    if (drule) {
        const float *d = total(parts, l->own, l->drule, z->n * z->n * z->S, team);
        memset(drule, 0, (size_t)c->out[1].count * sizeof *drule);
        for (int64_t a = 0; a < z->n; a++)
            for (int64_t o = 0; o < z->n; o++)
                for (int64_t s = 0; s < z->S; s++)
                    drule[(s / z->r * z->n + a) * z->n + o] += d[(a * z->n + o) * z->S + s];
    }
    if (dleft) {
        const float *d = total(parts, l->own, l->dleft, z->S * z->p, team);
        for (int64_t s = 0; s < z->S; s++)
            for (int64_t k = 0; k < z->p; k++)
                dleft[(s / z->r * z->p + k) * z->r + s % z->r] = d[s * z->p + k];
    }
    if (dright)
        memcpy(dright, total(parts, l->own, l->dright, z->S * z->q, team),
               (size_t)c->out[3].count * sizeof *dright);
}

/* dy, x, rule, left, right, t -> dx?, drule?, dleft?, dright? */
static int32_t phm_backward(op_call *c)
{
    phm_sizes z = sizes_of(&c->in[1], &c->in[3], &c->in[4]);
    layout l = layout_of(&z);
    float *shared = c->scratch, *parts = shared + l.shared;
    expand(&z, c->in[2].data, c->in[3].data, shared + l.rule, shared + l.left);
    int team = cpu_team(c, z.M * z.n * z.S * (z.p + z.q) / 2);
#pragma omp parallel num_threads(team)
    {
        float *own = parts + l.own * omp_get_thread_num();
        int64_t lo, hi;
        memset(own, 0, (size_t)l.z * sizeof *own);
        cpu_share(z.M, ROWS, &lo, &hi);
        for (int64_t m = lo; m < hi; m += ROWS)
            backward_block(c, &z, &l, m, hi - m < ROWS ? hi - m : ROWS, own);
    }
    hand_out(c, &z, &l, parts, team);
    return 0;
}

void cpu_phm_kernels(op_kernel *k)
{
    k[OP_PHM] = (op_kernel){.prepare = prepare_phm, .run = phm};
    k[OP_PHM_BACKWARD] = (op_kernel){.prepare = prepare_backward, .run = phm_backward};
}
