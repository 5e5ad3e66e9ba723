/* L-DoG: distance over gradients, a step size per layer.
 * Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, section 3.3, as formll/dog has it: DoG (dog.c says
 * how) with one r, G and eta for each parameter tensor, the first r being reps_rel (1 + |x0|) of
 * the tensor.  State: x0, and the average when there is one. */
#include "podium/average.h"
#include "podium/optimizer.h"

typedef struct ldog {
    podium_optimizer common;
    podium_average average;
    podium_vec *x0;
    double *distance, *squares, *eta;  /* [num_params] */
    double *moved, *gradient, *origin; /* [num_params] sums of squares of one step */
} ldog;

enum { REPS_REL, LR, EPS, INIT_ETA, GAMMA };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("reps_rel", "first distance, relative to 1 + |x0|", 1e-6, 0, 1,
                          PODIUM_LOG),
    PODIUM_LR(1),
    PODIUM_DECLARE_NUMBER("eps", "added to the first sum of squares", 1e-8, 0, 1, PODIUM_LOG),
    PODIUM_DECLARE_NUMBER("init_eta", "first step size; 0: from reps_rel", 0, 0, 1e3, PODIUM_LOG),
    PODIUM_DECLARE_OPTIONAL("averaging_gamma", "polynomial averaging, 8 in the paper", 0, 1e6,
                            PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("added to the gradient, times x", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int32_t setup(void *self)
{
    ldog *o = self;
    const double *p = o->common.number;
    PODIUM_TRY(podium_array(o, "distance", &o->distance));
    PODIUM_TRY(podium_array(o, "squares", &o->squares));
    PODIUM_TRY(podium_array(o, NULL, &o->eta));
    PODIUM_TRY(podium_array(o, NULL, &o->moved));
    PODIUM_TRY(podium_array(o, NULL, &o->gradient));
    PODIUM_TRY(podium_array(o, NULL, &o->origin));
    PODIUM_TRY(podium_state(o, "x0", &o->x0));
    if (isnan(p[GAMMA]))
        return PODIUM_OK;
    return podium_average_init(&o->average, o->common.h, PODIUM_AVERAGE_POLYNOMIAL, p[GAMMA], 0, 0);
}

static void step_sizes(ldog *o, double lr, int first)
{
    const double *p = o->common.number;
    for (size_t i = 0; i < o->common.t->num_params; i++) {
        if (first) {
            o->distance[i] = p[INIT_ETA] > 0 ? 0 : p[REPS_REL] * (1 + sqrt(o->origin[i]));
            o->squares[i] = p[EPS];
        }
        o->distance[i] = fmax(o->distance[i], sqrt(o->moved[i]));
        o->squares[i] += o->gradient[i];
        /* A tensor without any gradient and eps 0 stays where it is. */
        o->eta[i] = o->squares[i] > 0 ? lr * o->distance[i] / sqrt(o->squares[i]) : 0;
        if (first && p[INIT_ETA] > 0)
            o->eta[i] = p[INIT_ETA];
    }
}

static int32_t step(void *self, const podium_step *s)
{
    ldog *o = self;
    const double *p = o->common.number;
    const podium_task *t = o->common.t;
    double lr = podium_rate(o, p[LR], s);
    PODIUM_TRY(podium_gradient(o, s, NULL));
    if (s->index == 0)
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->x0, t->x));
    PODIUM_TRY(podium_pass(o,
                           "t0 = v0 - v2;"
                           "t1 = v1 + p0*v0;"
                           "q0 += t0*t0;"
                           "q1 += t1*t1;"
                           "q2 += v2*v2",
                           PODIUM_V(t->x, t->g, o->x0), NULL, 0, NULL, 0, NULL, 0,
                           (double *[]){o->moved, o->gradient, o->origin}, 3));
    step_sizes(o, lr, s->index == 0);
    PODIUM_TRY(podium_pass(o, "v0 = v0 - p2*(v1 + p0*v0)", PODIUM_V(t->x, t->g), NULL, 0, NULL, 0,
                           &o->eta, 1, NULL, 0));
    return isnan(p[GAMMA]) ? PODIUM_OK : podium_average_update(&o->average, t->x, s->index);
}

static int32_t swap(void *self)
{
    ldog *o = self;
    if (isnan(o->common.number[GAMMA]))
        return PODIUM_OK;
    return podium_average_swap(&o->average, o->common.t->x);
}

PODIUM_OPTIMIZER(ldog, hyperparameters, setup, step, .url = "https://arxiv.org/abs/2302.12022",
                 .before_eval = swap, .after_eval = swap)
