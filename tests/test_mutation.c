/* The gradient check can fail: every single backward op of every case, its first output negated,
 * makes the gradient differ from the slope of the loss. */
#include "tests/graph_cases.h"
#include "tests/tap.h"

static int32_t (*original[OP_COUNT])(op_call *c);
static const op_call *victim;
static bool victim_was_zero;

/* Runs the kernel, then flips the sign of the victim's first output. */
static int32_t mutant(op_call *c)
{
    TRY(original[c->kind](c));
    if (c != victim)
        return PODIUM_OK;
    double *out = c->out[0].data;
    for (int64_t i = 0; i < c->out[0].count; i++) {
        victim_was_zero = victim_was_zero && fabs(out[i]) < 1e-9;
        out[i] = -out[i];
    }
    return PODIUM_OK;
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    for (int k = 0; k < OP_COUNT; k++) {
        original[k] = b->kernels[k].run;
        if (original[k])
            b->kernels[k].run = mutant;
    }
    int found[OP_COUNT] = {0}, missed[OP_COUNT] = {0};
    for (size_t i = 0; i < 2 * NUM_GRAPH_CASES; i++) {
        double want[1024];
        case_run r;
        victim = NULL;
        if (case_open(&r, &graph_cases[i / 2], b, i % 2, false) == 0 && r.n <= 1024) {
            case_differences(&r, want);
            for (int32_t n = 0; n < r.g->num_nodes; n++) {
                const node *m = &r.g->nodes[n];
                if (!m->call || m->phase != PHASE_BACKWARD)
                    continue;
                victim = m->call;
                victim_was_zero = true;
                graph_run(r.g, GRAPH_FORWARD | GRAPH_BACKWARD, &case_settings);
                bool caught = worst_error(r.grad, want, r.n) > 1e-5;
                if (!caught && !victim_was_zero)
                    tap_diag("%s: node %d %s survived", graph_cases[i / 2].name, n,
                             op_kind_name(m->kind));
                found[m->kind] += caught;
                missed[m->kind] += !caught && !victim_was_zero;
            }
        }
        case_close(&r);
    }
    static const int backward_kinds[] = {
        OP_UNARY_BACKWARD,
        OP_LINEAR_DX,
        OP_LINEAR_DW,
        OP_GROUPED_LINEAR_DX,
        OP_GROUPED_LINEAR_DW,
        OP_ATTENTION_BACKWARD,
        OP_SOFTMAX_BACKWARD,
        OP_RMS_NORM_BACKWARD,
        OP_ROPE,
        OP_PHM_BACKWARD,
        OP_LAYER_NORM_BACKWARD,
        OP_PATCHES_BACKWARD,
        OP_DROPOUT,
        OP_CROSS_ENTROPY_BACKWARD,
        OP_SCATTER_ROWS,
        OP_NORMALISE_LOSS_BACKWARD,
    };
    for (size_t k = 0; k < sizeof backward_kinds / sizeof backward_kinds[0]; k++)
        ok(found[backward_kinds[k]] > 0, "%s: a flipped sign is found",
           op_kind_name(backward_kinds[k]));
    for (int k = 0; k < OP_COUNT; k++)
        if (found[k] + missed[k])
            ok(!missed[k], "%s: all of its %d mutants are found", op_kind_name(k), found[k]);
    backend_close(b);
    return tap_done();
}
