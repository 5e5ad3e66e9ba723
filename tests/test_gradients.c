/* Every op's gradient against central differences in double on `ref`, fused and lowered; and the
 * two forms against each other. */
#include "tests/graph_cases.h"
#include "tests/tap.h"

/* The gradient agrees with differences; leaves loss and gradient in the run. */
static double check(case_run *r, const graph_case *c, backend *b, bool lowered, double *loss)
{
    double differences[1024];
    if (case_open(r, c, b, lowered, false) < 0 || r->n > 1024)
        return INFINITY;
    case_differences(r, differences);
    *loss = case_loss(r);
    if (graph_run(r->g, GRAPH_BACKWARD, &case_settings) < 0)
        return INFINITY;
    return worst_error(r->grad, differences, r->n);
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    for (size_t i = 0; i < NUM_GRAPH_CASES; i++) {
        const graph_case *c = &graph_cases[i];
        case_run fused, lowered;
        double loss[2] = {0, 0};
        double e = check(&fused, c, b, false, &loss[0]);
        if (!ok(e < 1e-7, "%s: gradient is the slope of the loss", c->name))
            tap_diag("error %g %s", e, podium_error());
        e = check(&lowered, c, b, true, &loss[1]);
        if (!ok(e < 1e-7, "%s: so it is from primitives", c->name))
            tap_diag("error %g %s", e, podium_error());
        close_to(loss[0], loss[1], 1e-12, "%s: both forms have the same loss", c->name);
        if (fused.grad && lowered.grad && fused.n == lowered.n)
            ok(worst_error(fused.grad, lowered.grad, fused.n) < 1e-11,
               "%s: both forms have the same gradient", c->name);
        case_close(&fused);
        case_close(&lowered);
    }
    backend_close(b);
    return tap_done();
}
