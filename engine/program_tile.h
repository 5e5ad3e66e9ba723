/* The interpreter's loops over one tile, for one element type.  Included by program_run.c with
 * REAL, NAME(x), MATH(x) (sqrtf or sqrt) and TILE defined.  A tile's operands may be the very same
 * memory (element by element), never overlap otherwise. */

#define LOOP(expression)                                \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) \
    {                                                   \
        out[i] = (expression);                          \
    }

#define LOOP1(op, expression)  \
    case PROGRAM_##op: {       \
        LOOP1_BODY(expression) \
        break;                 \
    }
#define LOOP1_BODY(expression)                          \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) \
    {                                                   \
        REAL x = a[i];                                  \
        out[i] = (expression);                          \
    }
#define CASE2(bits, expression)                                    \
    case bits:                                                     \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)        \
        {                                                          \
            REAL x = a[(bits)&1 ? 0 : i], y = b[(bits)&2 ? 0 : i]; \
            out[i] = (expression);                                 \
        }                                                          \
        break;
#define LOOP2(op, expression)    \
    case PROGRAM_##op:           \
        switch (mask) {          \
            CASE2(0, expression) \
            CASE2(1, expression) \
            CASE2(2, expression) \
        }                        \
        break;
#define CASE3(bits, expression)                                    \
    case bits:                                                     \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)        \
        {                                                          \
            REAL x = a[(bits)&1 ? 0 : i], y = b[(bits)&2 ? 0 : i]; \
            REAL z = c[(bits)&4 ? 0 : i];                          \
            out[i] = (expression);                                 \
        }                                                          \
        break;
#define LOOP3(op, expression)    \
    case PROGRAM_##op:           \
        switch (mask) {          \
            CASE3(0, expression) \
            CASE3(1, expression) \
            CASE3(2, expression) \
            CASE3(3, expression) \
            CASE3(4, expression) \
            CASE3(5, expression) \
            CASE3(6, expression) \
        }                        \
        break;

/* Calls of the mathematics library: nothing to vectorise, operands at strides of 0 or 1. */
#define CALLS(op, expression)             \
    case PROGRAM_##op:                    \
        for (int64_t i = 0; i < n; i++) { \
            REAL x = a[mask & 1 ? 0 : i]; \
            out[i] = (expression);        \
        }                                 \
        break;

/* out[i] = op(a[i], b[i], c[i]) for i < n; bit k of mask: operand k is the one number at its
 * pointer.  mask has a bit clear, except that COPY of a scalar fills. */
static void NAME(tile_op)(int op, int mask, REAL *out, const REAL *a, const REAL *b, const REAL *c,
                          int64_t n)
{
    switch (op) {
    case PROGRAM_COPY:
        if (mask) {
            REAL x = a[0];
            LOOP(x)
        } else {
            memcpy(out, a, (size_t)n * sizeof *out);
        }
        break;
        LOOP1(NEG, -x)
        LOOP1(SQRT, MATH(sqrt)(x))
        LOOP1(ABS, MATH(fabs)(x))
        CALLS(EXP, MATH(exp)(x))
        CALLS(LOG, MATH(log)(x))
        CALLS(TANH, MATH(tanh)(x))
        LOOP1(SIGN, (REAL)(x > 0 ? 1 : 0) - (REAL)(x < 0 ? 1 : 0))
        LOOP1(ISFINITE, MATH(fabs)(x) < (REAL)INFINITY ? (REAL)1 : (REAL)0)
        LOOP2(ADD, x + y)
        LOOP2(SUB, x - y)
        LOOP2(MUL, x * y)
        LOOP2(DIV, x / y)
        LOOP2(MIN, x < y ? x : y)
        LOOP2(MAX, x > y ? x : y)
        CALLS(POW, MATH(pow)(x, b[mask & 2 ? 0 : i]))
        LOOP2(LT, x < y ? (REAL)1 : (REAL)0)
        LOOP2(LE, x <= y ? (REAL)1 : (REAL)0)
        LOOP3(FMA, MATH(fma)(x, y, z))
        LOOP3(SELECT, x != 0 ? y : z)
    }
}

/* Adds n elements (or n times one scalar) to the lanes, element i to lane i mod 8. */
static void NAME(tile_sum)(double *lanes, const REAL *a, bool scalar, int64_t n)
{
    double sum[PROGRAM_LANES];
    memcpy(sum, lanes, sizeof sum);
    int64_t i = 0;
    for (; i + PROGRAM_LANES <= n; i += PROGRAM_LANES)
        for (int k = 0; k < PROGRAM_LANES; k++)
            sum[k] += (double)a[scalar ? 0 : i + k];
    for (int k = 0; i < n; i++, k++)
        sum[k] += (double)a[scalar ? 0 : i];
    memcpy(lanes, sum, sizeof sum);
}

/* Scalars of one rank, in the element type. */
static void NAME(eval_scalars)(const program *p, const program_args *args, program_rank rank,
                               int32_t segment, REAL *scalars)
{
    for (int32_t i = 0; i < p->num_nodes; i++) {
        const program_node *n = &p->nodes[i];
        if (!n->live || n->rank != (int32_t)rank)
            continue;
        REAL *out = &scalars[n->scalar];
        if (n->op == PROGRAM_LITERAL) {
            *out = (REAL)n->literal;
        } else if (n->op == PROGRAM_CONSTANT) {
            *out = (REAL)args->constants[n->index];
        } else if (n->op == PROGRAM_PER_PARAM) {
            *out = (REAL)args->per_param[n->index][segment];
        } else {
            const REAL *in[3] = {NULL, NULL, NULL};
            for (int k = 0; k < program_operands[n->op]; k++)
                in[k] = &scalars[p->nodes[n->arg[k]].scalar];
            NAME(tile_op)(n->op, 0, out, in[0], in[1], in[2], 1);
        }
    }
}

/* Elements [0, n) behind the vector pointers of `operand` ([slots, vectors, scalars]), tile by
 * tile; advances the vector pointers. */
static void NAME(interpret)(const program *p, REAL **operand, double *lanes, int64_t n)
{
    for (int64_t at = 0; at < n; at += TILE) {
        int64_t count = n - at < TILE ? n - at : TILE;
        for (int32_t i = 0; i < p->num_code; i++) {
            const program_instruction *c = &p->code[i];
            const REAL *a = operand[c->in[0]];
            if (c->op == PROGRAM_SUM)
                NAME(tile_sum)(lanes + PROGRAM_LANES * c->out, a, c->scalar_mask & 1, count);
            else
                NAME(tile_op)
            (c->op, c->scalar_mask, operand[c->out], a, operand[c->in[1]], operand[c->in[2]],
             count);
        }
        for (int32_t v = 0; v < p->info.num_vectors; v++)
            if (operand[p->num_slots + v])
                operand[p->num_slots + v] += count;
    }
}

#undef LOOP
#undef LOOP1
#undef LOOP1_BODY
#undef CASE2
#undef LOOP2
#undef CASE3
#undef CALLS
#undef LOOP3
