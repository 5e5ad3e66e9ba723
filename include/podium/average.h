/* podium/average.h: averages of the weights for evaluation, static inline, on top of submission.h.
 *
 *     podium_average_init(&o->average, h, PODIUM_AVERAGE_EMA, 0.999, 0)     in create
 *     podium_average_update(&o->average, task->x, s->index)                 at the end of a step
 *     podium_average_swap(&o->average, task->x)                             before_eval, after_eval
 *
 * The swap exchanges elements exactly, so that training goes on as if nobody had looked. */
#ifndef PODIUM_AVERAGE_H
#define PODIUM_AVERAGE_H

#include <stdio.h>
#include "podium/submission.h"

enum {
    PODIUM_AVERAGE_EMA = 0,        /* a = decay a + (1 - decay) x, from the first weights on */
    PODIUM_AVERAGE_POLYNOMIAL = 1, /* Shamir & Zhang 2013, eq. 7: weight (gamma+1)/(gamma+t) */
    PODIUM_AVERAGE_LAWA = 2,       /* Kaddour 2022: mean of the last `window` snapshots */
};
enum { PODIUM_LAWA_MAX = 16 };

typedef struct podium_average {
    const podium_host *h;
    int32_t kind;
    int32_t window; /* LAWA: snapshots kept, 2 to PODIUM_LAWA_MAX */
    int64_t every;  /* LAWA: steps between them */
    double number;  /* EMA: decay; POLYNOMIAL: gamma */
    podium_vec *mean;
    podium_vec *snapshots[PODIUM_LAWA_MAX];
    int64_t taken; /* LAWA: snapshots so far; kept */
} podium_average;

/* number: decay of EMA, gamma of POLYNOMIAL.  every, window: LAWA only, whose vectors are window
 * + 1.  Only in create.  Errors: those of the host; PODIUM_EINVAL a window out of range. */
static inline int32_t podium_average_init(podium_average *a, const podium_host *h, int32_t kind,
                                          double number, int64_t every, int32_t window)
{
    a->h = h;
    a->kind = kind;
    a->number = number;
    a->every = every;
    a->window = window;
    int32_t rc = h->vec_create(h, "average", 0, &a->mean);
    if (rc || kind != PODIUM_AVERAGE_LAWA)
        return rc;
    if (window < 2 || window > PODIUM_LAWA_MAX || every < 1)
        return h->fail(h, PODIUM_EINVAL, "LAWA needs 2 to 16 snapshots, 1 step apart or more");
    for (int32_t i = 0; i < window; i++) {
        char name[32];
        snprintf(name, sizeof name, "snapshot%d", (int)i);
        rc = h->vec_create(h, name, 0, &a->snapshots[i]);
        if (rc)
            return rc;
    }
    return h->keep(h, "snapshots", &a->taken, sizeof a->taken);
}

/* The mean of the newest snapshots, this step's weights among them.  Until the first, x itself. */
static inline int32_t podium_average_lawa(podium_average *a, podium_vec *x, int64_t index)
{
    if ((index + 1) % a->every)
        return a->taken ? PODIUM_OK : a->h->vec_copy(a->h, a->mean, x);
    int32_t rc = a->h->vec_copy(a->h, a->snapshots[a->taken % a->window], x);
    if (rc)
        return rc;
    a->taken++;
    int64_t n = a->taken < a->window ? a->taken : a->window;
    for (int64_t i = 0; !rc && i < n; i++) {
        double c[] = {1 / (double)n, i == 0 ? 0.0 : 1.0};
        rc = a->h->vec_run(a->h, "v0 = c1*v0 + c0*v1",
                           (podium_vec *const[]){a->mean, a->snapshots[i]}, 2, c, 2);
    }
    return rc;
}

/* After the update of step `index` (from 0). */
static inline int32_t podium_average_update(podium_average *a, podium_vec *x, int64_t index)
{
    if (a->kind == PODIUM_AVERAGE_LAWA)
        return podium_average_lawa(a, x, index);
    if (index == 0)
        return a->h->vec_copy(a->h, a->mean, x);
    double w = a->kind == PODIUM_AVERAGE_EMA ? 1 - a->number
                                             : (a->number + 1) / (a->number + (double)index + 1);
    double c[] = {1 - w, w};
    return a->h->vec_run(a->h, "v0 = c0*v0 + c1*v1", (podium_vec *const[]){a->mean, x}, 2, c, 2);
}

/* Exchanges the average and the weights. */
static inline int32_t podium_average_swap(podium_average *a, podium_vec *x)
{
    return a->h->vec_run(a->h, "t0 = v0; v0 = v1; v1 = t0", (podium_vec *const[]){x, a->mean}, 2,
                         NULL, 0);
}

#endif
