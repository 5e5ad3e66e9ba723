/* Mechanic: learns the scale of any base's updates.
 * Cutkosky, Defazio & Mehta 2023, arXiv:2306.00144, algorithm 1, as the authors' PyTorch code
 * (optimizedlearning/mechanic) has it.  That and the code of the paper's experiments differ in
 * detail; the other is mechanic_optax.  With u the base's update at x, S = sum s, each beta_i with
 * its own s, r, m, v:
 *
 *     Delta = (x - x0) / (S + eps),  c = s_decay S |g| / (|x + u| + eps),  h = <Delta, g + c (x +
 * u)>
 *
 *     m = max(beta m, |h|),  v = beta^2 v + h^2,  r = max(beta r - s h, 0)
 *
 *     s = (m s_init / n + r) / (sqrt(v) + eps),  x = x0 + (Delta + u) max(sum s, 0)
 *
 * m starts at 1e-6, s at 0 (so the first step is 98 times s_init of the base's); the decay looks at
 * the weights after the base's step, the paper's at those before.  The base's rate is a schedule
 * around 1.  With store_delta, Delta is kept, not recomputed.  grad_clip acts before both.
 * State: the base's, its scratch copy of x, x0, with store_delta Delta. */
#include "podium/wrapper.h"

enum { MOST = 32 };

typedef struct mechanic {
    podium_scratch scratch;
    podium_vec *x0, *delta;
    double g_square, g_delta; /* <g, g>, <g, Delta> */
    double sum;               /* S */
    double s[MOST], m[MOST], v[MOST], r[MOST];
    int32_t n;
} mechanic;

enum { S_DECAY, BETAS, S_INIT, EPS, STORE_DELTA, BASE };
static const double default_betas[] = {0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999};
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("s_decay", "decay of the weights, lambda in the paper", 0.01, 0, 1e3,
                          PODIUM_LOG),
    &(const podium_hyperparameter){
        .struct_size = sizeof(podium_hyperparameter),
        .type = PODIUM_LIST,
        .name = "betas",
        .help = "decays of the tuners whose scales are summed",
        .min = 0,
        .max = 1,
        .list = default_betas,
        .list_length = sizeof default_betas / sizeof *default_betas,
    },
    PODIUM_DECLARE_NUMBER("s_init", "initial wealth of the scale", 1e-8, 0, 1e3, PODIUM_LOG),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_FLAG("store_delta", "keep the sum of updates in a vector", 0),
    PODIUM_DECLARE_BASE("nadamw"),
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

/* The factor of x - x0 in Delta. */
static double shrink(const mechanic *o)
{
    return 1 / (o->sum + o->scratch.common.number[EPS]);
}

/* x is x0 at the first look, so that Delta is 0 there. */
static int32_t look(void *self, podium_vec *g)
{
    mechanic *o = self;
    double sums[2];
    int32_t rc;
    if (o->delta)
        rc = podium_reduce(o, "s0 += v0*v0; s1 += v0*v1", PODIUM_V(g, o->delta), NULL, 0, sums, 2);
    else
        rc = podium_reduce(o, "s0 += v0*v0; s1 += v0*(c0*(v1 - v2))",
                           PODIUM_V(g, o->scratch.common.t->x, o->x0), PODIUM_C(shrink(o)), sums,
                           2);
    o->g_square = sums[0];
    o->g_delta = sums[1];
    return rc;
}

static int32_t setup(void *self)
{
    mechanic *o = self;
    const podium_host *h = o->scratch.common.h;
    const podium_value *betas = o->scratch.common.values[BETAS];
    if (betas->list_length < 1 || betas->list_length > MOST)
        return h->fail(h, PODIUM_EINVAL, "mechanic: 1 to 32 betas");
    o->n = (int32_t)betas->list_length;
    for (int32_t i = 0; i < o->n; i++)
        o->m[i] = 1e-6;
    size_t bytes = (size_t)o->n * sizeof(double);
    PODIUM_TRY(podium_number(o, "s", &o->sum, 0));
    PODIUM_TRY(h->keep(h, "scales", o->s, bytes));
    PODIUM_TRY(h->keep(h, "max_product", o->m, bytes));
    PODIUM_TRY(h->keep(h, "sum_squared_products", o->v, bytes));
    PODIUM_TRY(h->keep(h, "reward", o->r, bytes));
    PODIUM_TRY(podium_state(o, "x0", &o->x0));
    if (o->scratch.common.number[STORE_DELTA] != 0)
        PODIUM_TRY(podium_state(o, "delta", &o->delta));
    return podium_scratch_setup(o, BASE, look);
}

/* The tuners' answer to h. */
static void tune(mechanic *o, double product)
{
    const double *p = o->scratch.common.number;
    const double *betas = o->scratch.common.values[BETAS]->list;
    o->sum = 0;
    for (int32_t i = 0; i < o->n; i++) {
        o->m[i] = fmax(betas[i] * o->m[i], fabs(product));
        o->v[i] = betas[i] * betas[i] * o->v[i] + product * product;
        o->r[i] = fmax(betas[i] * o->r[i] - o->s[i] * product, 0);
        o->s[i] = (o->m[i] * p[S_INIT] / o->n + o->r[i]) / (sqrt(o->v[i]) + p[EPS]);
        o->sum += o->s[i];
    }
}

static int32_t step(void *self, const podium_step *s)
{
    mechanic *o = self;
    const double *p = o->scratch.common.number;
    podium_vec *x = o->scratch.common.t->x, *y = o->scratch.y;
    if (s->index == 0)
        PODIUM_TRY(o->scratch.common.h->vec_copy(o->scratch.common.h, o->x0, x));
    int32_t rc = podium_scratch_step(o, s);
    if (rc < 0)
        return rc;
    double sums[2], scale = shrink(o);
    PODIUM_TRY(o->delta ? podium_reduce(o, "s0 += v0*v0; s1 += v0*v1", PODIUM_V(y, o->delta), NULL,
                                        0, sums, 2)
                        : podium_reduce(o, "s0 += v0*v0; s1 += v0*(c0*(v1 - v2))",
                                        PODIUM_V(y, x, o->x0), PODIUM_C(scale), sums, 2));
    double length = sqrt(sums[0]) + p[EPS]; /* no golden: against a division by 0 */
    double decay = p[S_DECAY] * o->sum * sqrt(o->g_square) / length;
    tune(o, o->g_delta + decay * sums[1]);
    PODIUM_TRY(o->delta ? podium_run(o, "v3 = v3 + (v1 - v0); v0 = v2 + c0*v3",
                                     PODIUM_V(x, y, o->x0, o->delta), PODIUM_C(fmax(o->sum, 0)))
                        : podium_run(o, "v0 = v2 + c0*(c1*(v0 - v2) + (v1 - v0))",
                                     PODIUM_V(x, y, o->x0), PODIUM_C(fmax(o->sum, 0), scale)));
    return rc;
}

PODIUM_OPTIMIZER(mechanic, hyperparameters, setup, step, .before_eval = podium_scratch_before_eval,
                 .after_eval = podium_scratch_after_eval, .url = "https://arxiv.org/abs/2306.00144")
