/* NadamW: Adam with decoupled weight decay and Nesterov momentum.
 * Dozat 2016, "Incorporating Nesterov momentum into Adam", in the form of AlgoPerf's baseline (Choi
 * et al. 2019, arXiv:1910.05446, table 1): AdamW whose update looks one momentum step ahead, for
 * t = 1, 2, ...:
 *
 *     m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  n = b1 m + (1 - b1) g
 *
 *     x = (1 - lr wd) x - lr / (1 - b1^t) * n / (sqrt(v / (1 - b2^t)) + eps)
 *
 * Other libraries correct n with t + 1 instead; this does not.  Epsilon stands outside the root and
 * after the bias correction.  State: m and v. */
#include <math.h>
#include <stdlib.h>

#include "podium/schedule.h"

typedef struct nadamw {
    const podium_host *h;
    const podium_task *t;
    podium_vec *m, *v;
    double lr, beta1, beta2, eps, weight_decay, grad_clip;
    podium_schedule schedule;
} nadamw;

#define HYPERPARAMETER(id, text, start, least, greatest, how)  \
    static const podium_hyperparameter id##_hyperparameter = { \
        .struct_size = sizeof(podium_hyperparameter),          \
        .type = PODIUM_NUMBER,                                 \
        .name = #id,                                           \
        .help = text,                                          \
        .value = start,                                        \
        .min = least,                                          \
        .max = greatest,                                       \
        .scale = how,                                          \
    }

HYPERPARAMETER(lr, "learning rate", 1e-3, 0, 1e3, PODIUM_LOG);
HYPERPARAMETER(beta1, "decay of the mean of gradients", 0.9, 0, 0.9999999, PODIUM_LINEAR);
HYPERPARAMETER(beta2, "decay of the mean of squares", 0.999, 0, 0.9999999, PODIUM_LINEAR);
HYPERPARAMETER(eps, "added to the root of the squares", 1e-8, 0, 1, PODIUM_LOG);
HYPERPARAMETER(weight_decay, "decoupled, times the learning rate", 1e-2, 0, 1e3, PODIUM_LOG);

static const podium_hyperparameter *const hyperparameters[] = {
    &lr_hyperparameter,           &beta1_hyperparameter,
    &beta2_hyperparameter,        &eps_hyperparameter,
    &weight_decay_hyperparameter, PODIUM_SCHEDULE_HYPERPARAMETERS,
    PODIUM_CLIP_HYPERPARAMETER,   NULL,
};

static int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
                      void **self)
{
    nadamw *o = calloc(1, sizeof *o);
    *self = o;
    if (!o)
        return h->fail(h, PODIUM_ENOMEM, "no memory for the optimizer's struct");
    o->h = h;
    o->t = t;
    o->lr = values[0]->number;
    o->beta1 = values[1]->number;
    o->beta2 = values[2]->number;
    o->eps = values[3]->number;
    o->weight_decay = values[4]->number;
    o->grad_clip = values[5 + PODIUM_SCHEDULE_COUNT]->number;
    int32_t rc = podium_schedule_init(&o->schedule, h, values + 5, t->step_hint);
    if (!rc)
        rc = h->vec_create(h, "m", 0, &o->m);
    return rc ? rc : h->vec_create(h, "v", 0, &o->v);
}

static int32_t step(void *self, const podium_step *s)
{
    nadamw *o = self;
    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};
    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);
    if (!rc)
        rc = podium_clip_gradient(o->h, o->t->g, o->grad_clip);
    if (rc)
        return rc;
    double t = (double)s->index + 1;
    double lr = podium_schedule_rate(&o->schedule, o->lr, s->index);
    double c[] = {
        1 - lr * o->weight_decay,
        o->beta1,
        1 - o->beta1,
        o->beta2,
        1 - o->beta2,
        lr / (1 - pow(o->beta1, t)),
        1 / sqrt(1 - pow(o->beta2, t)),
        o->eps,
    };
    return o->h->vec_run(o->h,
                         "v2 = c1*v2 + c2*v1;"
                         "v3 = c3*v3 + c4*v1*v1;"
                         "v0 = c0*v0 - c5*(c1*v2 + c2*v1)/(c6*sqrt(v3) + c7)",
                         (podium_vec *[]){o->t->x, o->t->g, o->m, o->v}, 4, c, 8);
}

static void destroy(void *self)
{
    free(self);
}

const podium_submission *podium_get_submission(uint32_t host_major, uint32_t host_minor)
{
    static const podium_submission table = {
        .struct_size = sizeof table,
        .abi_major = PODIUM_ABI_MAJOR,
        .abi_minor = PODIUM_ABI_MINOR,
        .name = "nadamw",
        .version = "1.0",
        .authors = "Podium maintainers",
        .hyperparameters = hyperparameters,
        .create = create,
        .step = step,
        .destroy = destroy,
    };
    (void)host_minor;
    return host_major == PODIUM_ABI_MAJOR ? &table : NULL;
}
