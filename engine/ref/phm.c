/* Parametrised hypercomplex products (Karimi Mahabadi et al. 2021, eq. 5), by the sums themselves:
 *   t[m, a, (i, s)] = sum_k x[m, a, k] left[i, k, s]
 *   z[m, c, (i, s)] = sum_a rule[i, a, c] t[m, a, (i, s)]
 *   y[m, c, j] = sum_(i, s) z[m, c, (i, s)] right[i, s, j] */
#include "engine/ref/ref.h"

#include <string.h>

typedef struct phm_sizes {
    int64_t M, n, p, q, r, S; /* S = n r */
} phm_sizes;

static phm_sizes sizes_of(const tensor *x, const tensor *left, const tensor *right)
{
    int64_t n = left->shape[0], p = left->shape[1], r = left->shape[2];
    return (phm_sizes){
        .M = x->count / (n * p), .n = n, .p = p, .q = right->shape[2], .r = r, .S = n * r};
}

static double rule_at(const phm_sizes *z, const double *rule, int64_t s, int64_t a, int64_t c)
{
    return rule[(s / z->r * z->n + a) * z->n + c];
}

static double t_at(const phm_sizes *z, const double *x, const double *left, int64_t m, int64_t a,
                   int64_t s)
{
    double sum = 0;
    for (int64_t k = 0; k < z->p; k++)
        sum += x[(m * z->n + a) * z->p + k] * left[(s / z->r * z->p + k) * z->r + s % z->r];
    return sum;
}

/* x, rule, left, right -> y, t? */
static int32_t phm(op_call *c)
{
    phm_sizes z = sizes_of(&c->in[0], &c->in[2], &c->in[3]);
    const double *x = c->in[0].data, *rule = c->in[1].data, *left = c->in[2].data;
    const double *right = c->in[3].data;
    double *y = c->out[0].data, *t = c->out[1].data;
    memset(y, 0, (size_t)c->out[0].count * sizeof *y);
    for (int64_t m = 0; m < z.M; m++)
        for (int64_t a = 0; a < z.n; a++)
            for (int64_t s = 0; s < z.S; s++) {
                double u = t_at(&z, x, left, m, a, s);
                if (t)
                    t[(m * z.n + a) * z.S + s] = u;
                for (int64_t o = 0; o < z.n; o++)
                    for (int64_t j = 0; j < z.q; j++)
                        y[(m * z.n + o) * z.q + j] += rule_at(&z, rule, s, a, o) * u *
                                                      right[s * z.q + j];
            }
    return 0;
}

/* What one dz[m, c, s] = sum_j dy[m, c, j] right[s, j] does to the other gradients. */
static void spread(const op_call *c, const phm_sizes *z, int64_t m, int64_t o, int64_t s, double dz)
{
    const double *x = c->in[1].data, *rule = c->in[2].data, *left = c->in[3].data;
    const double *t = c->in[5].data;
    double *dx = c->out[0].data, *drule = c->out[1].data, *dleft = c->out[2].data;
    for (int64_t a = 0; a < z->n; a++) {
        double dt = rule_at(z, rule, s, a, o) * dz;
        if (drule)
            drule[(s / z->r * z->n + a) * z->n + o] += t[(m * z->n + a) * z->S + s] * dz;
        for (int64_t k = 0; k < z->p; k++) {
            int64_t at = (m * z->n + a) * z->p + k, w = (s / z->r * z->p + k) * z->r + s % z->r;
            if (dx)
                dx[at] += dt * left[w];
            if (dleft)
                dleft[w] += dt * x[at];
        }
    }
}

/* dy, x, rule, left, right, t -> dx?, drule?, dleft?, dright? */
static int32_t phm_backward(op_call *c)
{
    phm_sizes z = sizes_of(&c->in[1], &c->in[3], &c->in[4]);
    const double *dy = c->in[0].data, *rule = c->in[2].data, *right = c->in[4].data;
    const double *t = c->in[5].data;
    double *dright = c->out[3].data;
    for (int i = 0; i < 4; i++)
        if (c->out[i].data)
            memset(c->out[i].data, 0, (size_t)c->out[i].count * sizeof(double));
    for (int64_t m = 0; m < z.M; m++)
        for (int64_t o = 0; o < z.n; o++)
            for (int64_t s = 0; s < z.S; s++) {
                double dz = 0, zs = 0;
                for (int64_t a = 0; a < z.n; a++)
                    zs += rule_at(&z, rule, s, a, o) * t[(m * z.n + a) * z.S + s];
                for (int64_t j = 0; j < z.q; j++) {
                    double d = dy[(m * z.n + o) * z.q + j];
                    dz += d * right[s * z.q + j];
                    if (dright)
                        dright[s * z.q + j] += d * zs;
                }
                spread(c, &z, m, o, s, dz);
            }
    return 0;
}

void ref_phm_kernels(op_kernel *k)
{
    k[OP_PHM].run = phm;
    k[OP_PHM_BACKWARD].run = phm_backward;
}
