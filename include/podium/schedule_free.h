/* podium/schedule_free.h: the averaging of Schedule-Free methods, static inline.  Training weights
 * are y, stored in task->x; z is a vector; x, the average, exists in evaluations only. */
#ifndef PODIUM_SCHEDULE_FREE_H
#define PODIUM_SCHEDULE_FREE_H

#include "podium/optimizer.h"

typedef struct podium_schedule_free {
    podium_vec *z;
    double beta; /* y = beta x + (1 - beta) z */
    double warmup_steps, power, rate_power;
    double largest_rate, weight_sum;
} podium_schedule_free;

/* self: the optimizer.  Only in setup. */
static inline int32_t podium_schedule_free_init(podium_schedule_free *a, void *self, double beta,
                                                double warmup_steps, double power,
                                                double rate_power)
{
    a->beta = beta;
    a->warmup_steps = warmup_steps;
    a->power = power;
    a->rate_power = rate_power;
    PODIUM_TRY(podium_number(self, "lr_max", &a->largest_rate, -1));
    PODIUM_TRY(podium_number(self, "weight_sum", &a->weight_sum, 0));
    return podium_state(self, "z", &a->z);
}

/* The rate of the step after its warm-up, and in *weight that of z in the average: weights are
 * (k + 1)^r times the largest rate so far to a power, k from 0. */
static inline double podium_schedule_free_rate(podium_schedule_free *a, double lr, int64_t index,
                                               double *weight)
{
    double k = (double)index + 1;
    double rate = k <= a->warmup_steps ? lr * (k / a->warmup_steps) : lr;
    a->largest_rate = fmax(rate, a->largest_rate);
    double w = pow(k, a->power) * pow(a->largest_rate, a->rate_power);
    a->weight_sum += w;
    *weight = a->weight_sum > 0 ? w / a->weight_sum : 0;
    return rate;
}

/* before_eval: puts x = y + (1 - 1/beta)(z - y) into task->x, y into the gradient's memory. */
static inline int32_t podium_schedule_free_show(podium_schedule_free *a, void *self)
{
    podium_optimizer *o = (podium_optimizer *)self;
    const podium_task *t = o->t;
    PODIUM_TRY(o->h->vec_copy(o->h, t->g, t->x));
    return podium_run(self, "v0 = v0 + c0*(v1 - v0)", PODIUM_V(t->x, a->z),
                      PODIUM_C(1 - 1 / a->beta));
}

/* after_eval: back to y, bit for bit. */
static inline int32_t podium_schedule_free_hide(void *self)
{
    podium_optimizer *o = (podium_optimizer *)self;
    return o->h->vec_copy(o->h, o->t->x, o->t->g);
}

#endif
