/* The inside of a graph, for the engine and its tests only. */
#ifndef ENGINE_GRAPH_INTERNAL_H
#define ENGINE_GRAPH_INTERNAL_H

#include "engine/backend.h"
#include "engine/graph.h"
#include "engine/ops.h"

/* Where a value's elements live. An alias (reshape) shares the storage of its root. */
typedef enum {
    PLACE_ARENA,    /* planned; offset in bytes */
    PLACE_CONSTANT, /* offset in bytes */
    PLACE_PARAM,    /* the bound flat vectors; offset in elements */
    PLACE_FROZEN,
    PLACE_GRADIENT,
    PLACE_DIRECTION, /* v and H v of a Hessian-vector product */
    PLACE_HESSIAN,
    PLACE_COUNT,
} value_place;

typedef struct value_info {
    int32_t dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t count;
    value root; /* owner of the storage; itself unless an alias */
    value_place place;
    int64_t offset;
    int32_t node;  /* producer, or -1 */
    int32_t param; /* first parameter of a parameter value, or -1 */
    int32_t param_last;
    bool is_input;
    bool kept;
    bool needs_gradient; /* depends on a trainable parameter */
    double *constant;    /* PLACE_CONSTANT until graph_plan; ids too */
    char *name;          /* inputs */
    /* The plan (roots in the arena): first and last node that touches it, storage shared in place.
     */
    int32_t first, last;
    value storage;
} value_info;

enum { PHASE_FORWARD, PHASE_BACKWARD, PHASE_HESSIAN };

typedef struct node {
    int32_t kind;
    int phase;
    bool alias;          /* reshape, stop_gradient: shares storage, nothing runs */
    bool live;           /* set by the plan: somebody reads an output */
    bool full_precision; /* f32 products whatever the graph's precision */
    value in[OP_MAX_IN];
    value out[OP_MAX_OUT];
    int64_t i[8];
    double f[4];
    op_call *call; /* made by the plan */
} node;

struct graph {
    graph_config config;
    value_info *values;
    int32_t num_values, cap_values;
    node *nodes;
    int32_t num_nodes, cap_nodes;
    int phase;
    int64_t dropout_calls;
    bool full_precision; /* of the nodes being recorded */
    int32_t status;
    char error[512];
    value *gradients; /* of values, by graph_backward; valid for numbers below num_gradients */
    int32_t num_gradients;
    value *param_gradients; /* by parameter number; graph_hessian_vector differentiates these */
    bool planned;
    void *base[PLACE_COUNT];
    size_t arena_bytes, buffer_bytes, constant_bytes, scratch_bytes;
    void *staging; /* host memory for conversions in graph_set_input_f32 and graph_read */
    size_t staging_bytes;
    bool profile;
    double seconds[OP_COUNT];
};

/* --- recording (graph.c) --------------------------------------------------------------------- */
value value_new(graph *g, int32_t dtype, int ndim, const int64_t *shape);
static inline value_info *value_at(const graph *g, value v)
{
    return &g->values[v];
}
static inline value value_root(const graph *g, value v)
{
    return v < 0 ? NO_VALUE : g->values[v].root;
}
int32_t real_type(const graph *g);
size_t dtype_size(int32_t dtype);
/* True when every listed value is usable; the sticky error is set otherwise. */
bool values_ok(graph *g, const char *op, int n, const value *v);
/* Appends a node; in and out end with trailing NO_VALUEs. The node is borrowed until the next. */
node *node_add(graph *g, int32_t kind, int nin, const value *in, int nout, const value *out);
/* A real constant filled with one number. */
value constant_fill(graph *g, int ndim, const int64_t *shape, double x);
/* Like op_reshape for shapes known to agree. */
value reshape_as(graph *g, value a, value like);

/* --- fused ops as primitives (lower.c) ------------------------------------------------------- */
value lower_unary(graph *g, unary_kind kind, value a);
value lower_linear(graph *g, value x, value w, value bias, activation act);
value lower_layer_norm(graph *g, value x, value scale, value bias, double eps);
value lower_attention(graph *g, value q, value k, value v, const attention_options *o);
value lower_rms_norm(graph *g, value x, value scale, double eps);
value lower_phm(graph *g, value x, value rule, value left, value right);
value lower_softmax(graph *g, value a);
value lower_cross_entropy(graph *g, value logits, value labels, value weights, value *per_example);
unary_kind activation_unary(activation act); /* UNARY_COUNT for ACT_NONE */

/* --- reverse mode (autodiff.c) --------------------------------------------------------------- */
/* What one backward rule works on: the gradients known so far, by value number. */
typedef struct sweep {
    value *gradient;
    int32_t count; /* values that existed when the sweep began */
    int32_t *uses; /* consumers of each value among the swept nodes */
} sweep;
value sweep_gradient(const sweep *s, value v);
/* Adds d to the gradient of v (OP_ADD when there is one already). */
void sweep_add(graph *g, sweep *s, value v, value d);
typedef void (*backward_rule)(graph *g, sweep *s, const node *n);
backward_rule rule_of(int32_t kind);         /* rules.c, NULL: no gradient flows */
backward_rule rule_of_fused(int32_t kind);   /* rules_fused.c */
backward_rule rule_of_tokens(int32_t kind);  /* rules_tokens.c */
backward_rule rule_of_experts(int32_t kind); /* rules_experts.c */
/* The value that reshapes lead back to; NO_VALUE when any of them has another reader or is kept. */
value sweep_sole_source(const graph *g, const sweep *s, value v);
void rule_phm(graph *g, sweep *s, const node *n);  /* rules_phm.c */
value sum_to_shape(graph *g, value d, value like); /* undoes broadcasting */

/* --- running (run.c) ------------------------------------------------------------------------- */
void graph_resolve(graph *g); /* data pointers of every call from the bases */
int32_t node_run(graph *g, node *n, const graph_settings *settings);

#endif
