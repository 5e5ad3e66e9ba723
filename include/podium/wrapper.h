/* podium/wrapper.h: what SAM's family and Mechanic's share, static inline, on top of optimizer.h.
 *
 * A wrapper drives a base submission through the host.  SAM's family moves the point at which the
 * base's gradient is taken; the base works on the task's own parameters.  Mechanic lets the base
 * step on a scratch copy, so that it sees the base's update without its being applied. */
#ifndef PODIUM_WRAPPER_H
#define PODIUM_WRAPPER_H

#include "podium/optimizer.h"

/* --- gradients at an ascent point (SAM, ASAM) --------------------------------------------- */

typedef struct podium_ascent {
    podium_optimizer common;
    podium_vec *climb; /* the ascent point */
    void *base;
    double *adaptive; /* [num_params] p2 of both programs: 1 where the step adapts to |x| */
    /* The wrapper's own: the sum of squares s0 of v0 = x, v1 = g under constant c0, and the point
     * v0 from v1 = x, v2 = g, c0 and c1 = rho / norm. */
    const char *norm, *move;
    double constant, rho;
    double floor; /* added to the norm */
} podium_ascent;

/* gradient of base_create: the base gets loss and gradient of the ascent point, with the same batch
 * and the same dropout masks; the loss goes with the gradient, so that methods that read both see
 * one function.  What is no plain gradient (a loss alone, sampled labels) is the base's affair. */
static inline int32_t podium_ascent_gradient(void *self, podium_batch *batch, uint32_t what,
                                             podium_eval *io)
{
    podium_ascent *o = (podium_ascent *)self;
    const podium_host *h = o->common.h;
    PODIUM_TRY(h->evaluate(h, batch, what, io));
    if (!(what & PODIUM_GRAD) || what & PODIUM_SAMPLED_LABELS)
        return PODIUM_OK;
    double square;
    PODIUM_TRY(podium_pass(o, o->norm, PODIUM_V(io->at, io->grad), PODIUM_C(o->constant), &square,
                           1, &o->adaptive, 1, NULL, 0));
    PODIUM_TRY(podium_pass(o, o->move, PODIUM_V(o->climb, io->at, io->grad),
                           PODIUM_C(o->constant, o->rho / (sqrt(square) + o->floor)), NULL, 0,
                           &o->adaptive, 1, NULL, 0));
    podium_eval second = *io;
    second.at = o->climb;
    PODIUM_TRY(h->evaluate(h, batch, what, &second));
    io->loss = second.loss;
    io->num_examples = second.num_examples;
    return PODIUM_OK;
}

/* setup: `base` is the number of the PODIUM_BASE hyperparameter. */
static inline int32_t podium_ascent_setup(void *self, int32_t base)
{
    podium_ascent *o = (podium_ascent *)self;
    const podium_host *h = o->common.h;
    PODIUM_TRY(podium_state(o, "climb", &o->climb));
    PODIUM_TRY(podium_array(o, NULL, &o->adaptive));
    return h->base_create(h, o->common.values[base]->base, NULL, podium_ascent_gradient, o,
                          &o->base);
}

static inline int32_t podium_ascent_step(void *self, const podium_step *s)
{
    podium_ascent *o = (podium_ascent *)self;
    return o->common.h->base_step(o->common.h, o->base, s);
}

static inline int32_t podium_ascent_before_eval(void *self)
{
    podium_ascent *o = (podium_ascent *)self;
    return o->common.h->base_before_eval(o->common.h, o->base);
}

static inline int32_t podium_ascent_after_eval(void *self)
{
    podium_ascent *o = (podium_ascent *)self;
    return o->common.h->base_after_eval(o->common.h, o->base);
}

/* --- a base whose update is seen, not applied (Mechanic) ------------------------------------ */

typedef struct podium_scratch {
    podium_optimizer common;
    podium_vec *y; /* the base's parameters: x before its step, then what it would make of x */
    void *base;
    int32_t seen; /* the step's first gradient was looked at */
    /* The wrapper's look at the gradient v `g` at x, clipped. */
    int32_t (*look)(void *self, podium_vec *g);
} podium_scratch;

/* gradient of base_create.  The first of the step is the one at x: a base that evaluates more often
 * (SAM) moves on from there. */
static inline int32_t podium_scratch_gradient(void *self, podium_batch *batch, uint32_t what,
                                              podium_eval *io)
{
    podium_scratch *o = (podium_scratch *)self;
    const podium_host *h = o->common.h;
    PODIUM_TRY(h->evaluate(h, batch, what, io));
    if (!(what & PODIUM_GRAD) || what & PODIUM_SAMPLED_LABELS)
        return PODIUM_OK;
    PODIUM_TRY(podium_clip_gradient(h, io->grad, o->common.grad_clip));
    if (o->seen)
        return PODIUM_OK;
    o->seen = 1;
    return o->look(o, io->grad);
}

static inline int32_t podium_scratch_setup(void *self, int32_t base,
                                           int32_t (*look)(void *self, podium_vec *g))
{
    podium_scratch *o = (podium_scratch *)self;
    const podium_host *h = o->common.h;
    o->look = look;
    PODIUM_TRY(podium_state(o, "y", &o->y));
    return h->base_create(h, o->common.values[base]->base, o->y, podium_scratch_gradient, o,
                          &o->base);
}

/* y = what the base makes of x; x stays.  Returns PODIUM_DONE when the base did. */
static inline int32_t podium_scratch_step(void *self, const podium_step *s)
{
    podium_scratch *o = (podium_scratch *)self;
    const podium_host *h = o->common.h;
    o->seen = 0;
    PODIUM_TRY(h->vec_copy(h, o->y, o->common.t->x));
    int32_t rc = h->base_step(h, o->base, s);
    if (rc >= 0 && !o->seen)
        return h->fail(h, PODIUM_EINVAL, "the base asked for no gradient in this step");
    return rc;
}

static inline int32_t podium_scratch_swap(podium_scratch *o)
{
    return podium_run(o, "t0 = v0; v0 = v1; v1 = t0", PODIUM_V(o->common.t->x, o->y), NULL, 0);
}

/* The base evaluates elsewhere than at its parameters (an average, say): it makes that of a copy of
 * x, which takes x's place and gives it back exactly. */
static inline int32_t podium_scratch_before_eval(void *self)
{
    podium_scratch *o = (podium_scratch *)self;
    const podium_host *h = o->common.h;
    if (!h->base_table(h, o->base)->before_eval)
        return PODIUM_OK;
    PODIUM_TRY(h->vec_copy(h, o->y, o->common.t->x));
    PODIUM_TRY(h->base_before_eval(h, o->base));
    return podium_scratch_swap(o);
}

static inline int32_t podium_scratch_after_eval(void *self)
{
    podium_scratch *o = (podium_scratch *)self;
    const podium_host *h = o->common.h;
    if (!h->base_table(h, o->base)->before_eval)
        return PODIUM_OK;
    PODIUM_TRY(podium_scratch_swap(o));
    return h->base_after_eval(h, o->base);
}

#endif
