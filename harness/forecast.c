/* Times the reference step of a workload. */
#include "harness/forecast.h"

#include "harness/reference.h"

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
        rc = reference_measure(&r, 2, 5, &f->step_seconds);
        reference_release(&r);
    }
    training_close(&t);
    return rc;
}
