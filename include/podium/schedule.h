/* podium/schedule.h: learning-rate schedules and gradient clipping for submissions, all static
 * inline, on top of submission.h.
 *
 * An optimizer adds the schedule's hyperparameters to its table in one line,
 *
 *     static const podium_hyperparameter *const hyperparameters[] = {
 *         &rate, &beta, PODIUM_SCHEDULE_HYPERPARAMETERS, PODIUM_CLIP_HYPERPARAMETER, NULL};
 *
 * reads them in create (here values[2] is the first of them),
 *
 *     rc = podium_schedule_init(&o->schedule, h, values + 2, t->step_hint);
 *
 * and multiplies in step: rate * podium_schedule_factor(&o->schedule, s->index).  The defaults are
 * a constant rate without warm-up and no clipping.  Steps count from 0; warm-up and cosine are
 * AlgoPerf's in its PyTorch form, whose first step has 1e-10 of the rate. */
#ifndef PODIUM_SCHEDULE_H
#define PODIUM_SCHEDULE_H

#include <math.h>
#include <stdint.h>
#include "podium/submission.h"

/* Choices of the hyperparameter `schedule`, in this order. */
enum {
    PODIUM_SCHEDULE_CONSTANT = 0,
    PODIUM_SCHEDULE_COSINE = 1,              /* to end_factor at decay_end */
    PODIUM_SCHEDULE_LINEAR = 2,              /* to end_factor at decay_end */
    PODIUM_SCHEDULE_INVERSE_SQRT = 3,        /* sqrt(warm-up steps / step) */
    PODIUM_SCHEDULE_WARMUP_STABLE_DECAY = 4, /* flat to decay_start, then linear to decay_end */
};

/* Five entries of a hyperparameter table; fractions are of the task's step hint. */
#define PODIUM_SCHEDULE_COUNT 5
#define PODIUM_SCHEDULE_FRACTION(field, text, start, greatest)                                \
    &(const podium_hyperparameter)                                                            \
    {                                                                                         \
        .struct_size = sizeof(podium_hyperparameter), .type = PODIUM_NUMBER, .name = (field), \
        .help = (text), .value = (start), .min = 0, .max = (greatest), .scale = PODIUM_LINEAR \
    }
#define PODIUM_SCHEDULE_HYPERPARAMETERS                                                           \
    &(const podium_hyperparameter){                                                               \
        .struct_size = sizeof(podium_hyperparameter),                                             \
        .type = PODIUM_CHOICE,                                                                    \
        .name = "schedule",                                                                       \
        .help = "how the learning rate changes after the warm-up",                                \
        .value = PODIUM_SCHEDULE_CONSTANT,                                                        \
        .min = 0,                                                                                 \
        .max = 4,                                                                                 \
        .choices = (const char *const[]){"constant", "cosine", "linear", "inverse_sqrt",          \
                                         "warmup_stable_decay", NULL},                            \
    },                                                                                            \
        PODIUM_SCHEDULE_FRACTION("warmup", "fraction of linear warm-up", 0, 1),                   \
        PODIUM_SCHEDULE_FRACTION("decay_start", "where warmup_stable_decay begins to decay", 0.8, \
                                 100),                                                            \
        PODIUM_SCHEDULE_FRACTION("decay_end", "where the decay ends", 1, 100),                    \
        PODIUM_SCHEDULE_FRACTION("end_factor", "rate at the end of the decay, relative", 0, 1)

/* One entry: the global gradient norm to clip to, none by default. */
#define PODIUM_CLIP_HYPERPARAMETER                                                                \
    &(const podium_hyperparameter)                                                                \
    {                                                                                             \
        .struct_size = sizeof(podium_hyperparameter), .type = PODIUM_NUMBER, .name = "grad_clip", \
        .help = "greatest global norm of the gradient", .value = NAN, .min = 0, .max = 1e30,      \
        .scale = PODIUM_LOG, .may_be_none = 1                                                     \
    }

typedef struct podium_schedule {
    int32_t kind;
    int64_t warmup_steps, start_step, end_step; /* decay runs from start_step to end_step */
    double end_factor;
} podium_schedule;

/* Steps are cut off as Python's int(fraction * hint) does. */
static inline void podium_schedule_set(podium_schedule *s, int32_t kind, int64_t step_hint,
                                       double warmup, double decay_start, double decay_end,
                                       double end_factor)
{
    s->kind = kind;
    s->warmup_steps = (int64_t)(warmup * (double)step_hint);
    s->start_step = kind == PODIUM_SCHEDULE_WARMUP_STABLE_DECAY
                        ? (int64_t)(decay_start * (double)step_hint)
                        : s->warmup_steps;
    if (s->start_step < s->warmup_steps)
        s->start_step = s->warmup_steps;
    s->end_step = (int64_t)(decay_end * (double)step_hint);
    s->end_factor = end_factor;
}

/* AlgoPerf's linear schedule: warm-up over int(warmup step_hint) steps, then a linear decay over
 * int(decay_steps (step_hint - warm-up)) steps to end_factor, then flat. */
static inline void podium_schedule_set_linear(podium_schedule *s, int64_t step_hint, double warmup,
                                              double decay_steps, double end_factor)
{
    podium_schedule_set(s, PODIUM_SCHEDULE_LINEAR, step_hint, warmup, 0, 1, end_factor);
    s->end_step = s->start_step + (int64_t)(decay_steps * (double)(step_hint - s->warmup_steps));
}

/* `values`: the five of PODIUM_SCHEDULE_HYPERPARAMETERS.  Errors: PODIUM_EINVAL through h->fail
 * when a decay would end before it begins. */
static inline int32_t podium_schedule_init(podium_schedule *s, const podium_host *h,
                                           const podium_value *const *values, int64_t step_hint)
{
    podium_schedule_set(s, (int32_t)values[0]->integer, step_hint, values[1]->number,
                        values[2]->number, values[3]->number, values[4]->number);
    int decays = s->kind != PODIUM_SCHEDULE_CONSTANT && s->kind != PODIUM_SCHEDULE_INVERSE_SQRT;
    if (decays && s->end_step < s->start_step)
        return h->fail(h, PODIUM_EINVAL,
                       "decay_end lies before the decay begins (warmup or decay_start)");
    return PODIUM_OK;
}

/* What to multiply the learning rate with at step `t` = 0, 1, ... */
static inline double podium_schedule_factor(const podium_schedule *s, int64_t t)
{
    if (t < s->warmup_steps) /* torch.optim.lr_scheduler.LinearLR, start_factor 1e-10 */
        return 1e-10 + (1 - 1e-10) * (double)t / (double)s->warmup_steps;
    if (s->kind == PODIUM_SCHEDULE_INVERSE_SQRT) { /* Vaswani et al. 2017, eq. 3 */
        double knee = s->warmup_steps > 1 ? (double)s->warmup_steps : 1;
        return (double)t <= knee ? 1 : sqrt(knee / (double)t);
    }
    if (s->kind == PODIUM_SCHEDULE_CONSTANT || t < s->start_step)
        return 1;
    if (t >= s->end_step)
        return s->end_factor;
    double part = (double)(t - s->start_step) / (double)(s->end_step - s->start_step);
    double left = s->kind == PODIUM_SCHEDULE_COSINE ? 0.5 * (1 + cos(3.14159265358979323846 * part))
                                                    : 1 - part;
    return s->end_factor + (1 - s->end_factor) * left;
}

static inline double podium_schedule_rate(const podium_schedule *s, double rate, int64_t t)
{
    return rate * podium_schedule_factor(s, t);
}

/* Factor on a gradient of global norm `norm` (torch.nn.utils.clip_grad_norm_); NaN for a NaN norm;
 * max_norm NaN: no clipping. */
static inline double podium_clip_factor(double norm, double max_norm)
{
    if (isnan(max_norm))
        return 1;
    double factor = max_norm / (norm + 1e-6);
    return factor > 1 ? 1 : factor;
}

/* Scales `g` in place to a global norm of at most max_norm (NaN: leaves it).
 * [collective] [sync] unless max_norm is NaN. */
static inline int32_t podium_clip_gradient(const podium_host *h, podium_vec *g, double max_norm)
{
    if (isnan(max_norm))
        return PODIUM_OK;
    double square = 0;
    podium_vec *vectors[] = {g};
    podium_program norm = {
        .struct_size = sizeof norm,
        .num_vectors = 1,
        .text = "s0 += v0*v0",
        .vectors = vectors,
        .sums = &square,
        .num_sums = 1,
    };
    int32_t rc = h->vec_program(h, &norm);
    if (rc)
        return rc;
    double factor = podium_clip_factor(sqrt(square), max_norm);
    if (factor == 1)
        return PODIUM_OK;
    return h->vec_run(h, "v0 = c0*v0", vectors, 1, &factor, 1);
}

#endif
