/* The planner: buffers alive together never overlap, dead ones are reused, reshapes are aliases,
 * results survive poison in everything that is dead; errors while recording are sticky. */
#include "tests/graph_cases.h"
#include "tests/tap.h"

/* A stack of layers, large enough for the planner to have something to do. */
static value deep(graph *g)
{
    value x = operand(g, SHAPE(6, 16));
    value sum = x;
    for (int i = 0; i < 6; i++) {
        value w = operand(g, SHAPE(16, 16));
        value h = op_linear(g, x, w, NO_VALUE, ACT_GELU_TANH);
        x = op_add_layer_norm(g, sum, h, operand(g, SHAPE(16)), operand(g, SHAPE(16)), 1e-6, &sum);
    }
    return to_loss(g, op_reshape(g, op_unary(g, UNARY_TANH, x), SHAPE(96)));
}

static bool owns_storage(const graph *g, value v)
{
    const value_info *i = &g->values[v];
    return i->root == v && i->storage == v && i->place == PLACE_ARENA && i->first >= 0;
}

static size_t bytes_of(const value_info *i)
{
    return (size_t)i->count * dtype_size(i->dtype);
}

/* Pairs of storages that are alive at one node and share a byte. */
static int overlaps(const graph *g)
{
    int found = 0;
    for (value a = 0; a < g->num_values; a++)
        for (value b = 0; b < a; b++) {
            const value_info *x = &g->values[a], *y = &g->values[b];
            if (!owns_storage(g, a) || !owns_storage(g, b) || x->last < y->first ||
                y->last < x->first)
                continue;
            found += x->offset < y->offset + (int64_t)bytes_of(y) &&
                     y->offset < x->offset + (int64_t)bytes_of(x);
        }
    return found;
}

/* Fills every byte of the arena with NaNs that no value alive at node n owns. */
static void poison(const graph *g, int32_t n)
{
    unsigned char *arena = g->base[PLACE_ARENA], *alive = calloc(g->arena_bytes, 1);
    for (value v = 0; v < g->num_values; v++) {
        const value_info *i = &g->values[v];
        /* what is born at n is not filled yet */
        if (owns_storage(g, v) && i->first < n && i->last >= n)
            memset(alive + i->offset, 1, bytes_of(i));
        if (owns_storage(g, v) && i->is_input)
            memset(alive + i->offset, 1, bytes_of(i));
    }
    for (size_t k = 0; k < g->arena_bytes; k++)
        if (!alive[k])
            arena[k] = 0xFF;
    free(alive);
}

static void run_poisoned(graph *g)
{
    for (int32_t n = 0; n < g->num_nodes; n++) {
        if (!g->nodes[n].call)
            continue;
        poison(g, n);
        node_run(g, &g->nodes[n], &case_settings);
    }
}

static void check_plan(backend *b, const graph_case *c, bool lowered)
{
    case_run r;
    if (!ok(case_open(&r, c, b, lowered, false) == 0, "%s: planned", c->name)) {
        tap_diag("%s", podium_error());
        case_close(&r);
        return;
    }
    ok(overlaps(r.g) == 0, "%s: nothing alive overlaps", c->name);
    graph_run(r.g, GRAPH_FORWARD | GRAPH_BACKWARD, &case_settings);
    double *want = malloc((size_t)r.n * sizeof *want);
    memcpy(want, r.grad, (size_t)r.n * sizeof *want);
    memset(r.grad, 0, (size_t)r.n * sizeof *want);
    run_poisoned(r.g);
    ok(!memcmp(want, r.grad, (size_t)r.n * sizeof *want), "%s: poison reaches no gradient",
       c->name);
    free(want);
    case_close(&r);
}

static void check_reuse(backend *b)
{
    case_run r;
    const graph_case c = {"deep", deep};
    if (case_open(&r, &c, b, false, false) == 0) {
        size_t all = 0;
        int aliases = 0;
        for (value v = 0; v < r.g->num_values; v++) {
            const value_info *i = &r.g->values[v];
            if (i->root == v && i->place == PLACE_ARENA && i->first >= 0)
                all += bytes_of(i);
            aliases += i->root != v;
        }
        ok(graph_get_stats(r.g).arena_bytes < all * 2 / 3, "dead buffers are used again");
        ok(aliases > 0, "a reshape shares the storage of its operand");
        graph_stats s = graph_get_stats(r.g);
        close_to(s.forward_flops, 6 * 2.0 * 6 * 16 * 16, 1e-12, "products are counted");
        close_to(s.backward_flops, 2 * s.forward_flops, 1e-12, "and twice that backwards");
    }
    case_close(&r);
}

static void check_errors(backend *b)
{
    params *p;
    graph *g;
    params_create(&p);
    graph_create(&g, &(graph_config){.backend = b, .params = p, .training = true});
    value a = graph_input(g, "a", PODIUM_F32, SHAPE(2, 3));
    value bad = op_matmul(g, a, a, false, false);
    ok(bad == NO_VALUE, "a product that does not fit is no value");
    ok(op_add(g, bad, a) == NO_VALUE, "nor is what builds on it");
    ok(op_reshape(g, a, SHAPE(7)) == NO_VALUE, "nor what comes after");
    ok(graph_plan(g) == PODIUM_EINVAL, "the plan reports it");
    ok(strstr(podium_error(), "MATMUL") != NULL, "by the first message");
    graph_destroy(g);
    graph_create(&g, &(graph_config){.backend = b, .params = p});
    a = graph_input(g, "a", PODIUM_F32, SHAPE(3));
    value y = op_affine(g, a, 2, 1);
    graph_keep(g, y);
    double out[3], in[3] = {1, 2, 3};
    ok(graph_set_input(g, a, in) == PODIUM_EINVAL, "inputs need a plan");
    ok(graph_plan(g) == 0 && graph_set_input(g, a, in) == 0, "and have one then");
    ok(graph_run(g, GRAPH_FORWARD, &case_settings) == 0 && graph_read(g, y, out, 3) == 0 &&
           out[0] == 3 && out[2] == 7,
       "a graph without parameters runs");
    ok(graph_read(g, y, out, 2) == PODIUM_EINVAL, "reading checks the count");
    ok(graph_set_input_f32(g, a, (float[]){4, 5, 6}) == 0 &&
           graph_run(g, GRAPH_FORWARD, &case_settings) == 0 && graph_read(g, y, out, 3) == 0 &&
           out[1] == 11,
       "floats are converted");
    graph_destroy(g);
    params_destroy(p);
}

int main(void)
{
    backend *b;
    if (backend_open(&b, "ref", 1) < 0)
        return tap_skip_all(podium_error());
    const graph_case c = {"deep", deep};
    check_plan(b, &c, false);
    check_plan(b, &c, true);
    for (size_t i = 0; i < 2 * NUM_GRAPH_CASES; i++)
        check_plan(b, &graph_cases[i / 2], i % 2);
    check_reuse(b);
    check_errors(b);
    backend_close(b);
    return tap_done();
}
