/* Replays a golden trajectory through a runner and measures how far it is from the original. */
#include "harness/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "harness/hyperparameters.h"

typedef struct replay {
    const replay_case *c;
    runner *r;
    parallel *ranks; /* NULL: one */
    double weight;   /* of this rank's part of the loss */
    bool single;     /* vectors are f32 */
    int64_t step;
    int evaluations_in_step;
    double first_loss;
    double *x, *gradient, *scratch; /* [n], [n], [classes] */
} replay;

/* Padded vector of the runner's type to flat doubles. */
static void gather(const replay *p, const void *vector, double *flat)
{
    for (int32_t i = 0; i < p->c->num_params; i++) {
        const runner_param *q = &p->c->params[i];
        for (int64_t k = 0; k < q->count; k++)
            *flat++ = p->single ? ((const float *)vector)[q->offset + k]
                                : ((const double *)vector)[q->offset + k];
    }
}

static void scatter(const replay *p, const double *flat, void *vector)
{
    for (int32_t i = 0; i < p->c->num_params; i++) {
        const runner_param *q = &p->c->params[i];
        for (int64_t k = 0; k < q->count; k++, flat++)
            if (p->single)
                ((float *)vector)[q->offset + k] = (float)*flat;
            else
                ((double *)vector)[q->offset + k] = *flat;
    }
}

static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    replay *p = arg;
    (void)what; /* the goldens use the plain gradient where labels would be sampled */
    gather(p, at, p->x);
    double whole = replay_loss(p->c, p->step, p->x, grad ? p->gradient : NULL, p->scratch);
    io->loss = whole;
    if (p->ranks)
        io->loss = replay_loss_part(p->c, p->step, p->x, grad ? p->gradient : NULL, p->scratch,
                                    p->ranks->rank, p->ranks->size, &p->weight);
    io->num_examples = (double)(p->c->minibatch ? p->c->minibatch : p->c->num_rows);
    if (grad)
        scatter(p, p->gradient, grad);
    if (p->evaluations_in_step++ == 0)
        p->first_loss = whole;
    return 0;
}

/* Largest error of step `t` into `out`.  `want` [n]; the displacement's denominator always comes
 * from the training weights, as the goldens' README says. */
static void compare(const replay *p, int64_t t, const double *want, replay_result *out)
{
    const replay_case *c = p->c;
    double moved = 1e-4, largest = 0, error = 0;
    for (int64_t i = 0; i < c->n; i++) {
        moved = fmax(moved, fabs(c->want[t * c->n + i] - c->start[i]));
        largest = fmax(largest, fabs(want[i]));
        double e = fabs(p->x[i] - want[i]);
        error = isnan(e) ? INFINITY : fmax(error, e);
    }
    out->displacement = fmax(out->displacement, error / moved);
    out->magnitude = fmax(out->magnitude, error / fmax(largest, 1e-300));
}

static void compare_loss(const replay *p, int64_t t, replay_result *out)
{
    const replay_case *c = p->c;
    double largest = 1e-300;
    if (!c->want_loss)
        return;
    for (int64_t i = 0; i < c->steps; i++)
        largest = fmax(largest, fabs(c->want_loss[i]));
    double e = fabs(p->first_loss - c->want_loss[t]);
    out->loss = isnan(e) ? INFINITY : fmax(out->loss, e / largest);
}

/* Numbers that the submission keeps under the original's names; others are not compared. */
static int32_t compare_scalars(const replay *p, int64_t t, replay_result *out)
{
    const replay_case *c = p->c;
    out->num_scalars = 0;
    for (int32_t i = 0; i < c->num_scalars; i++) {
        const replay_scalar *s = &c->scalars[i];
        double got, largest = 1e-300;
        if (!runner_keeps_number(p->r, s->name))
            continue;
        TRY(runner_number(p->r, s->name, &got));
        for (int64_t k = 0; k <= t; k++)
            largest = fmax(largest, fabs(s->want[k]));
        double e = fabs(got - s->want[t]);
        out->scalar = isnan(e) ? INFINITY : fmax(out->scalar, e / largest);
        out->num_scalars++;
    }
    return 0;
}

/* The parameters after a step or for an evaluation; the same bits on every rank. */
static int32_t look(replay *p)
{
    uint8_t digest[32];
    sha256 h;
    TRY(runner_gather_x(p->r));
    gather(p, runner_x(p->r), p->x);
    sha256_init(&h);
    sha256_update(&h, p->x, (size_t)p->c->n * sizeof *p->x);
    sha256_final(&h, digest);
    return parallel_same(p->ranks, digest, "the parameters");
}

static int32_t run_steps(replay *p, replay_result *out)
{
    const replay_case *c = p->c;
    for (int64_t t = 0; t < c->steps; t++) {
        p->step = t;
        p->evaluations_in_step = 0;
        p->first_loss = NAN;
        TRY(parallel_agree(p->ranks, runner_step(p->r, t, (uint64_t)t + 1, NAN, NAN)));
        TRY(look(p));
        compare(p, t, c->want + t * c->n, out);
        compare_loss(p, t, out);
        TRY(compare_scalars(p, t, out));
        if (!c->want_eval)
            continue;
        TRY(parallel_agree(p->ranks, runner_before_eval(p->r)));
        TRY(look(p));
        compare(p, t, c->want_eval + t * c->n, out);
        TRY(parallel_agree(p->ranks, runner_after_eval(p->r)));
    }
    return 0;
}

static int32_t start(replay *p, const char *so_path, backend *b)
{
    const replay_case *c = p->c;
    runner_config config = {
        .so_path = so_path,
        .params = c->params,
        .num_params = c->num_params,
        .vector_length = c->vector_length,
        .dtype = b->real,
        .backend = b,
        .step_hint = c->steps,
        .batch_size = c->minibatch      ? c->minibatch
                      : c->num_rows > 0 ? c->num_rows
                                        : 1,
        .seed = 1,
        .evaluate = evaluate,
        .evaluate_arg = p,
        .parallel = p->ranks,
        .weight = &p->weight,
    };
    hyperparameters *h;
    TRY(runner_start(&p->r, &config));
    TRY(hyperparameters_create(&h, p->r, 0, submission_find_base, NULL));
    int32_t rc = c->hyperparameters ? hyperparameters_set_json(h, c->hyperparameters, c->name) : 0;
    for (size_t i = 0; !rc && i < c->num_sets; i++)
        rc = hyperparameters_set_text(h, c->sets[i]);
    if (!rc)
        rc = hyperparameters_send(h);
    hyperparameters_destroy(h);
    TRY(rc);
    scatter(p, c->start, runner_x(p->r));
    return runner_create(p->r);
}

/* README of the goldens: displacement in double; magnitude at 1e-5, or ten times the original's
 * own float32 error, in single precision.  Numbers of the state decide in double only: they measure
 * displacements below what single precision tells apart, in the original too. */
static void judge(const replay *p, double tolerance, replay_result *out)
{
    const replay_case *c = p->c;
    double own = p->single ? fmax(1e-5, 10 * c->float32_magnitude) : c->tolerance;
    out->tolerance = tolerance >= 0 ? tolerance : own;
    out->error = fmax(p->single ? out->magnitude : out->displacement, out->loss);
    out->gradient_evaluations = runner_get_counters(p->r)->gradient_evaluations;
    double scalars = p->single ? INFINITY : c->tolerance;
    out->scalar_tolerance = tolerance >= 0 ? tolerance : scalars;
    out->passed = out->error <= out->tolerance && out->scalar <= out->scalar_tolerance &&
                  out->gradient_evaluations == c->gradient_evaluations;
}

static int32_t open_replay(replay *p, const replay_case *c, const char *so_path, backend *b,
                           parallel *ranks)
{
    *p = (replay){.c = c, .ranks = ranks, .weight = 1, .single = b->real == PODIUM_F32};
    p->x = calloc((size_t)c->n, sizeof(double));
    p->gradient = calloc((size_t)c->n, sizeof(double));
    p->scratch = calloc((size_t)c->classes + 1, sizeof(double));
    return p->x && p->gradient && p->scratch ? start(p, so_path, b)
                                             : podium_fail(PODIUM_ENOMEM, "no memory for a replay");
}

static void close_replay(replay *p)
{
    runner_stop(p->r);
    free(p->x);
    free(p->gradient);
    free(p->scratch);
}

int32_t replay_run(const replay_case *c, const char *so_path, backend *b, double tolerance,
                   replay_result *out)
{
    return replay_run_on(c, so_path, b, tolerance, NULL, out);
}

int32_t replay_run_on(const replay_case *c, const char *so_path, backend *b, double tolerance,
                      parallel *ranks, replay_result *out)
{
    replay p;
    *out = (replay_result){0};
    int32_t rc = parallel_agree(ranks, open_replay(&p, c, so_path, b, ranks));
    if (!rc)
        rc = run_steps(&p, out);
    if (!rc)
        judge(&p, tolerance, out);
    close_replay(&p);
    return rc;
}

/* One step of the trajectory that becomes the expectation. */
static int32_t expect_step(replay *p, replay_case *c, int64_t t)
{
    p->step = t;
    p->evaluations_in_step = 0;
    p->first_loss = NAN;
    TRY(runner_step(p->r, t, (uint64_t)t + 1, NAN, NAN));
    gather(p, runner_x(p->r), c->want + t * c->n);
    c->want_loss[t] = p->first_loss;
    for (int32_t i = 0; i < c->num_scalars; i++)
        TRY(runner_number(p->r, c->scalars[i].name, &c->scalars[i].want[t]));
    TRY(runner_before_eval(p->r));
    gather(p, runner_x(p->r), c->want_eval + t * c->n);
    return runner_after_eval(p->r);
}

/* Scalars that nobody keeps cannot be expected. */
static void drop_scalars(replay *p, replay_case *c)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < c->num_scalars; i++)
        if (runner_keeps_number(p->r, c->scalars[i].name))
            c->scalars[kept++] = c->scalars[i];
        else
            free(c->scalars[i].want);
    c->num_scalars = kept;
}

int32_t replay_expect(replay_case *c, const char *so_path, backend *b)
{
    replay p;
    if (!c->want_eval)
        c->want_eval = calloc((size_t)(c->steps * c->n), sizeof(double));
    if (!c->want_loss)
        c->want_loss = calloc((size_t)c->steps, sizeof(double));
    if (!c->want_eval || !c->want_loss)
        return podium_fail(PODIUM_ENOMEM, "no memory for a trajectory");
    int32_t rc = open_replay(&p, c, so_path, b, NULL);
    if (!rc)
        drop_scalars(&p, c);
    for (int64_t t = 0; !rc && t < c->steps; t++)
        rc = expect_step(&p, c, t);
    if (!rc)
        c->gradient_evaluations = runner_get_counters(p.r)->gradient_evaluations;
    close_replay(&p);
    return rc;
}
