/* Times the reference step of a workload. */
#include "harness/forecast.h"

#include "base/machine.h"
#include "harness/reference.h"

#define STEPS_BESIDE_AN_EVALUATION 3 /* as in harness/trial.c */

static int32_t measure(forecast *f, training *t, reference *r)
{
    double loss, quality;
    TRY(reference_measure(r, 2, 5, &f->step_seconds));
    uint64_t start = clock_nanoseconds();
    TRY(training_validate(t, r->vectors[0], &loss, &quality));
    f->evaluation_seconds = (double)(clock_nanoseconds() - start) * 1e-9 +
                            STEPS_BESIDE_AN_EVALUATION * f->step_seconds;
    return 0;
}

int32_t forecast_measure(forecast *f, const training_options *options)
{
    training t;
    reference r = {0};
    TRY(training_open(&t, options));
    const workload_config *c = &t.config;
    int32_t rc = training_record(&t, c->batch, t.precision, &t.train);
    *f = (forecast){
        .budget_steps = c->budget_steps,
        .step_hint = c->step_hint,
        .evaluation_steps = (c->eval_every_examples + c->batch - 1) / c->batch,
    };
    if (!rc)
        rc = reference_init(&r, &t, c->batch, 1);
    if (!rc) {
        rc = measure(f, &t, &r);
        reference_release(&r);
    }
    training_close(&t);
    return rc;
}

double forecast_trial_seconds(const forecast *f)
{
    double evaluations = 1 + f->budget_steps / (double)f->evaluation_steps;
    return f->budget_steps * f->step_seconds + evaluations * f->evaluation_seconds;
}
