/* Prodigy.
 * Mishchenko & Defazio 2024, arXiv:2306.06101, algorithm 4, as the authors' prodigyopt 1.1.2 has
 * it.  For t = 1, 2, ..., b3 = sqrt(b2) unless given, dlr = d lr, times
 * sqrt(1 - b2^t)/(1 - b1^t) with use_bias_correction:
 *
 *     num = b3 num + d/d0 dlr <g, x0 - x>,  s = b3 s + d/d0 dlr g    (d for dlr: safeguard_warmup)
 *
 *     m = b1 m + d (1 - b1) g,  v = b2 v + d^2 (1 - b2) g^2
 *
 *     dhat = d_coef num/|s|_1;  d = max(d, dhat) where d is still d0
 *
 *     dmax = max(dmax, dhat),  d = min(dmax, growth_rate d)
 *
 *     x = x - wd dlr x (decouple, else g = grad + wd x),  x = x - dlr m/(sqrt(v) + d eps)
 *
 * with the old d in dlr and the new one beside eps.  slice_p takes the two sums over every p-th
 * entry of each flattened tensor; state vectors stay whole here, so that saves no memory: the
 * other entries have an infinite x0.  Beyond the paper: b3, slices, growth, d_coef, safeguard.
 * While |s|_1 is 0, or at a rate of 0, no step is taken.  State: m, v, s, x0. */
#include "podium/optimizer.h"

typedef struct prodigy {
    podium_optimizer common;
    podium_vec *m, *v, *sum, *x0;
    double d, d_max, numerator, denominator, steps;
} prodigy;

enum {
    LR,
    BETA1,
    BETA2,
    BETA3,
    EPS,
    DECOUPLE,
    BIAS_CORRECTION,
    SAFEGUARD,
    D0,
    D_COEF,
    GROWTH,
    SLICE
};
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.9),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.999),
    PODIUM_DECLARE_OPTIONAL("beta3", "decay of the estimate's sums, none: sqrt(beta2)", 0, 1,
                            PODIUM_LINEAR),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_FLAG("decouple", "decoupled weight decay", 1),
    PODIUM_DECLARE_FLAG("use_bias_correction", "Adam's bias correction", 0),
    PODIUM_DECLARE_FLAG("safeguard_warmup", "leave lr out of the estimate's denominator", 0),
    PODIUM_DECLARE_NUMBER("d0", "first estimate of the distance", 1e-6, 1e-30, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("d_coef", "factor on the estimate", 1, 1e-6, 1e6, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("growth_rate", "greatest growth of d in a step, 0: any", 0, 0, 1e30,
                          PODIUM_LOG),
    PODIUM_DECLARE_INTEGER("slice_p", "estimate from every p-th entry", 1, 1, 1e9),
    PODIUM_WEIGHT_DECAY("decoupled, or added to the gradient", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    prodigy *o = self;
    double d0 = o->common.number[D0];
    PODIUM_TRY(podium_number(o, "d", &o->d, d0));
    PODIUM_TRY(podium_number(o, "d_max", &o->d_max, d0));
    PODIUM_TRY(podium_number(o, "d_numerator", &o->numerator, 0));
    PODIUM_TRY(podium_number(o, "d_denom", &o->denominator, 0));
    PODIUM_TRY(podium_number(o, "steps", &o->steps, 0));
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_state(o, "s", &o->sum));
    return podium_state(o, "x0", &o->x0);
}

/* x0 = x at the entries of the slice, infinity elsewhere. */
static int32_t save_start(prodigy *o)
{
    const podium_host *h = o->common.h;
    int64_t p = (int64_t)o->common.number[SLICE];
    PODIUM_TRY(h->vec_copy(h, o->x0, o->common.t->x));
    for (size_t i = 0; p > 1 && i < o->common.t->num_params; i++) {
        podium_tensor v = {.struct_size = sizeof v};
        PODIUM_TRY(h->vec_view(h, o->x0, i, &v));
        for (int64_t k = 0; k < v.count; k++) {
            if ((v.offset + k) % p == 0) /* no golden: offset is 0 */
                continue;
            if (v.dtype == PODIUM_F64)
                ((double *)v.data)[k] = INFINITY;
            else
                ((float *)v.data)[k] = INFINITY;
        }
    }
    return PODIUM_OK;
}

/* The sums over this step's gradient and the moments; num and |s|_1 in sums. */
static int32_t accumulate(prodigy *o, double dlr, double beta3, double sums[2])
{
    static const char whole[] = "t0 = v1 + c0*p0*v0;" /* no golden: coupled */
                                "s0 += t0*(v5 - v0);"
                                "v2 = c1*v2 + c2*t0;"
                                "v3 = c3*v3 + c4*t0*t0;"
                                "v4 = c5*v4 + c6*t0;" /* no golden: its sign */
                                "s1 += abs(v4)";
    static const char sliced[] = "t0 = v1 + c0*p0*v0;" /* no golden: coupled */
                                 "t1 = isfinite(v5);"
                                 "s0 += select(t1, t0*(v5 - v0), 0);"
                                 "v2 = c1*v2 + c2*t0;"
                                 "v3 = c3*v3 + c4*t0*t0;"
                                 "v4 = c5*v4 + c6*t1*t0;" /* no golden: its sign */
                                 "s1 += abs(v4)";
    const double *p = o->common.number;
    double d = o->d, weight = d / p[D0] * (p[SAFEGUARD] != 0 ? d : dlr);
    return podium_reduce(o, p[SLICE] > 1 ? sliced : whole,
                         PODIUM_V(o->common.t->x, o->common.t->g, o->m, o->v, o->sum, o->x0),
                         PODIUM_C(1 - p[DECOUPLE], p[BETA1], d * (1 - p[BETA1]), p[BETA2],
                                  d * d * (1 - p[BETA2]), beta3, weight),
                         sums, 2);
}

static int32_t step(void *self, const podium_step *s)
{
    prodigy *o = self;
    const double *p = o->common.number;
    double sums[2], lr = podium_rate(o, p[LR], s), dlr = o->d * lr;
    double beta3 = isnan(p[BETA3]) ? sqrt(p[BETA2]) : p[BETA3];
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(save_start(o));
    if (lr == 0)
        return PODIUM_OK;
    if (p[BIAS_CORRECTION] != 0)
        dlr *= sqrt(1 - pow(p[BETA2], o->steps + 1)) / (1 - pow(p[BETA1], o->steps + 1));
    PODIUM_TRY(accumulate(o, dlr, beta3, sums));
    if (sums[1] == 0)
        return PODIUM_OK;
    o->numerator = beta3 * o->numerator + o->d / p[D0] * dlr * sums[0];
    o->denominator = sums[1];
    double estimate = p[D_COEF] * o->numerator / o->denominator;
    if (o->d == p[D0])
        o->d = fmax(o->d, estimate);
    o->d_max = fmax(o->d_max, estimate);
    o->d = fmin(o->d_max, o->d * (p[GROWTH] > 0 ? p[GROWTH] : INFINITY));
    o->steps += 1;
    podium_set_decay(o, p[DECOUPLE] * dlr);
    return podium_run(o, "v0 = p1*v0 - c0*v1/(sqrt(v2) + c1)", PODIUM_V(o->common.t->x, o->m, o->v),
                      PODIUM_C(dlr, o->d * p[EPS]));
}

PODIUM_OPTIMIZER(prodigy, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2306.06101")
