/* Hessian-vector products: against differences of gradients, and symmetric. */
#include "tests/graph_cases.h"
#include "tests/tap.h"

static void random_direction(double *v, int64_t n, uint64_t stream)
{
    philox r = philox_make(5, stream);
    for (int64_t i = 0; i < n; i++)
        v[i] = philox_normal(&r, (uint64_t)i);
}

static int32_t product(case_run *r, double *out)
{
    TRY(graph_run(r->g, GRAPH_FORWARD | GRAPH_BACKWARD, &case_settings));
    memcpy(out, r->hv, (size_t)r->n * sizeof *out);
    return PODIUM_OK;
}

/* (gradient(x + h v) - gradient(x - h v)) / 2h */
static void gradient_difference(case_run *r, double *out)
{
    const double h = 1e-5;
    for (int side = 1; side >= -1; side -= 2) {
        for (int64_t i = 0; i < r->n; i++)
            r->x[i] += side * h * r->v[i];
        graph_run(r->g, GRAPH_FORWARD | GRAPH_BACKWARD, &case_settings);
        for (int64_t i = 0; i < r->n; i++) {
            out[i] = (side > 0 ? 0 : out[i]) + side * r->grad[i] / (2 * h);
            r->x[i] -= side * h * r->v[i];
        }
    }
}

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    for (size_t i = 0; i < NUM_GRAPH_CASES; i++) {
        const char *name = graph_cases[i].name;
        double hv[1024], hu[1024], want[1024], u[1024];
        case_run r;
        if (!ok(case_open(&r, &graph_cases[i], b, true, true) == 0 && r.n <= 1024,
                "%s: a Hessian product can be recorded", name)) {
            tap_diag("%s", podium_error());
            case_close(&r);
            continue;
        }
        random_direction(u, r.n, 1);
        memcpy(r.v, u, (size_t)r.n * sizeof *u);
        ok(product(&r, hu) == 0, "%s: and run", name);
        random_direction(r.v, r.n, 2);
        ok(product(&r, hv) == 0, "%s: and run again", name);
        gradient_difference(&r, want);
        double e = worst_error(hv, want, r.n);
        if (!ok(e < 1e-6, "%s: it is the change of the gradient", name))
            tap_diag("error %g", e);
        double left = dot(u, hv, r.n), right = dot(r.v, hu, r.n);
        ok(fabs(left - right) <= 1e-10 * (fabs(left) + 1), "%s: the Hessian is symmetric", name);
        case_close(&r);
    }
    backend_close(b);
    return tap_done();
}
