/* Times NadamW steps (Dozat 2016; decoupled decay of Loshchilov & Hutter 2019). */
#include "harness/reference.h"

#include <math.h>
#include <stdlib.h>

#include "base/machine.h"

#define MAX_STEPS 16

static const char update_text[] = "v2 = c0*v2 + c1*v1;"
                                  "v3 = c2*v3 + c3*v1*v1;"
                                  "v0 = v0 - c4*((c5*v2 + c6*v1)/(sqrt(c7*v3) + c8) + c9*v0)";

static int32_t allocate(reference *r)
{
    training *t = r->training;
    for (int i = 0; i < 4; i++)
        TRY(t->backend->alloc(t->backend, t->vector_bytes, &r->vectors[i]));
    TRY(training_initialise(t, r->seed, r->vectors[0]));
    return program_compile(&r->update, update_text);
}

int32_t reference_init(reference *r, training *t, int64_t trial_batch, uint64_t seed)
{
    *r = (reference){.training = t, .seed = seed};
    r->shared = trial_batch == t->config.batch && t->precision == PODIUM_F32;
    int32_t rc = r->shared ? 0 : training_record(t, t->config.batch, PODIUM_F32, &r->own);
    if (!rc)
        rc = allocate(r);
    if (rc)
        reference_release(r);
    return rc;
}

void reference_release(reference *r)
{
    training_graph_release(&r->own);
    for (int i = 0; i < 4; i++)
        if (r->vectors[i])
            r->training->backend->free(r->training->backend, r->vectors[i]);
    program_destroy(r->update);
    *r = (reference){0};
}

static int32_t update(reference *r)
{
    training *t = r->training;
    double b1 = 0.9, b2 = 0.999, k = (double)++r->step;
    double c[] = {
        b1,
        1 - b1,
        b2,
        1 - b2,
        1e-4, /* rate: small, so that it never diverges; the time does not depend on it */
        b1 / (1 - pow(b1, k + 1)),
        (1 - b1) / (1 - pow(b1, k)),
        1 / (1 - pow(b2, k)),
        1e-8,
        0.01,
    };
    program_args args = {
        .count = params_vector_length(t->params),
        .dtype = t->backend->real,
        .vectors = r->vectors,
        .constants = c,
    };
    return t->backend->program_run(t->backend, r->update, &args);
}

static int32_t one_step(reference *r, double *seconds)
{
    training *t = r->training;
    graph_settings settings = training_settings(t, (uint64_t)r->step);
    double loss;
    uint64_t start = clock_nanoseconds();
    TRY(training_mean_gradient(t, r->shared ? &t->train : &r->own, r->vectors[0], r->vectors[1],
                               &settings, &loss));
    TRY(update(r));
    TRY(t->backend->synchronise(t->backend));
    *seconds = (double)(clock_nanoseconds() - start) * 1e-9;
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int32_t reference_measure(reference *r, int warm_up, int steps, double *seconds)
{
    double times[MAX_STEPS], ignored;
    steps = steps < 1 ? 1 : steps > MAX_STEPS ? MAX_STEPS : steps;
    parallel *p = r->training->ranks;
    TRY(parallel_agree(p, training_draw(r->training, r->seed, r->step, r->training->config.batch)));
    for (int i = 0; i < warm_up; i++)
        TRY(one_step(r, &ignored));
    for (int i = 0; i < steps; i++)
        TRY(one_step(r, &times[i]));
    qsort(times, (size_t)steps, sizeof *times, compare_doubles);
    *seconds = times[steps / 2];
    return p ? comm_broadcast(p->comm, seconds, sizeof *seconds, 0) : 0;
}
