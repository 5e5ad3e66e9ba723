/* Mechanic: learns the scale of any base's updates, the variant of the paper's experiments.
 * Cutkosky, Defazio & Mehta 2023, arXiv:2306.00144, algorithm 1, as optax.contrib.mechanize 0.2.8
 * has it.  With u the base's update at x, S = sum s, betas 1 - 0.1^i, each with its own s, r, m, v:
 *
 *     Delta = (x0 - x) / (S + eps),  c = s_decay S |g| / (|x| + eps),  h = <Delta, g + c x>
 *
 *     r = beta r + s clip(h, -m, m),  m = max(beta m, |h| + eps),  v = beta^2 v + h^2
 *
 *     s = (m s_init / n + max(r, 0)) / (sqrt(v) + eps),  x = x0 - (Delta - u) sum s
 *
 * s starts at s_init, m at 0.  The clip (by the m before) was added after the paper; r is kept
 * unclamped.  The base's rate is a schedule around 1.  grad_clip acts before both.
 * State: the base's, its scratch copy of x, x0. */
#include "podium/wrapper.h"

enum { MOST = 32 };

typedef struct mechanic_optax {
    podium_scratch scratch;
    podium_vec *x0;
    double sums[4]; /* <g, g>, <x, x>, <g, Delta>, <x, Delta> */
    double sum;     /* S */
    double s[MOST], m[MOST], v[MOST], r[MOST];
    int32_t n;
} mechanic_optax;

enum { S_DECAY, S_INIT, EPS, NUM_BETAS, BASE };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("s_decay", "decay of the weights, lambda in the paper", 0.01, 0, 1e3,
                          PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("s_init", "initial scale", 1e-6, 0, 1e3, PODIUM_LOG),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_INTEGER("num_betas", "tuners whose scales are summed", 6, 1, MOST),
    PODIUM_DECLARE_BASE("nadamw"),
    PODIUM_CLIP_HYPERPARAMETER,
    NULL,
};

static double shrink(const mechanic_optax *o)
{
    return 1 / (o->sum + o->scratch.common.number[EPS]);
}

static int32_t look(void *self, podium_vec *g)
{
    mechanic_optax *o = self;
    return podium_reduce(o,
                         "t0 = c0*(v2 - v1);" /* no golden: s does not depend on h's scale */
                         "s0 += v0*v0; s1 += v1*v1; s2 += v0*t0; s3 += v1*t0",
                         PODIUM_V(g, o->scratch.common.t->x, o->x0), PODIUM_C(shrink(o)), o->sums,
                         4);
}

static int32_t setup(void *self)
{
    mechanic_optax *o = self;
    const podium_host *h = o->scratch.common.h;
    const double *p = o->scratch.common.number;
    o->n = (int32_t)p[NUM_BETAS];
    for (int32_t i = 0; i < o->n; i++)
        o->s[i] = p[S_INIT];
    size_t bytes = (size_t)o->n * sizeof(double);
    PODIUM_TRY(podium_number(o, "s", &o->sum, o->n * p[S_INIT]));
    PODIUM_TRY(h->keep(h, "scales", o->s, bytes));
    PODIUM_TRY(h->keep(h, "m", o->m, bytes));
    PODIUM_TRY(h->keep(h, "v", o->v, bytes));
    PODIUM_TRY(h->keep(h, "r", o->r, bytes));
    PODIUM_TRY(podium_state(o, "x0", &o->x0));
    return podium_scratch_setup(o, BASE, look);
}

static void tune(mechanic_optax *o, double product)
{
    const double *p = o->scratch.common.number;
    o->sum = 0;
    for (int32_t i = 0; i < o->n; i++) {
        double beta = 1 - pow(0.1, i + 1);
        o->r[i] = beta * o->r[i] + o->s[i] * fmin(fmax(product, -o->m[i]), o->m[i]);
        o->m[i] = fmax(beta * o->m[i], fabs(product) + p[EPS]);
        o->v[i] = beta * beta * o->v[i] + product * product;
        o->s[i] = (p[S_INIT] / o->n * o->m[i] + fmax(o->r[i], 0)) / (sqrt(o->v[i]) + p[EPS]);
        o->sum += o->s[i];
    }
}

static int32_t step(void *self, const podium_step *s)
{
    mechanic_optax *o = self;
    const double *p = o->scratch.common.number;
    podium_vec *x = o->scratch.common.t->x;
    if (s->index == 0)
        PODIUM_TRY(o->scratch.common.h->vec_copy(o->scratch.common.h, o->x0, x));
    int32_t rc = podium_scratch_step(o, s);
    if (rc < 0)
        return rc;
    double scale = shrink(o);
    double length = sqrt(o->sums[1]) + p[EPS]; /* no golden: against a division by 0 */
    double decay = p[S_DECAY] * o->sum * sqrt(o->sums[0]) / length;
    tune(o, o->sums[2] + decay * o->sums[3]);
    PODIUM_TRY(podium_run(o, "v0 = v2 - c0*(c1*(v2 - v0) - (v1 - v0))",
                          PODIUM_V(x, o->scratch.y, o->x0), PODIUM_C(o->sum, scale)));
    return rc;
}

PODIUM_OPTIMIZER(mechanic_optax, hyperparameters, setup, step,
                 .before_eval = podium_scratch_before_eval, .after_eval = podium_scratch_after_eval,
                 .url = "https://arxiv.org/abs/2306.00144")
