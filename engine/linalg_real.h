/* The operations of linalg.c in one element type: REAL, NAME(x), SYEVD, GEQRF, ORGQR are defined by
 * the file that includes this one, once a type.  Every operand is made contiguous first; blocks
 * that already are cost no copy. */

/* Steps over a strided block: *offset and index to the next place, row-major. */
static inline void NAME(advance)(const linalg_block *b, int64_t *index, int64_t *offset)
{
    for (int32_t d = b->ndim - 1; d >= 0; d--) {
        *offset += b->stride[d];
        if (++index[d] < b->shape[d])
            return;
        *offset -= b->stride[d] * b->shape[d];
        index[d] = 0;
    }
}

static void NAME(gather)(const linalg_block *b, REAL *out)
{
    int64_t index[LINALG_MAX_DIMS] = {0}, offset = 0, n = count_of(b);
    for (int64_t i = 0; i < n; i++) {
        out[i] = ((const REAL *)b->data)[offset];
        NAME(advance)(b, index, &offset);
    }
}

static void NAME(scatter)(const linalg_block *b, const REAL *in)
{
    int64_t index[LINALG_MAX_DIMS] = {0}, offset = 0, n = count_of(b);
    for (int64_t i = 0; i < n; i++) {
        ((REAL *)b->data)[offset] = in[i];
        NAME(advance)(b, index, &offset);
    }
}

/* The elements of the block, contiguous: its own, or a copy in buffer `number`; NULL: no memory. */
static REAL *NAME(enter)(linalg_space *s, int number, const linalg_block *b)
{
    if (is_contiguous(b))
        return b->data;
    REAL *copy = space_take(s, number, count_of(b));
    if (copy)
        NAME(gather)(b, copy);
    return copy;
}

/* Puts what was computed in `from` where the block is. */
static void NAME(leave)(const linalg_block *b, const REAL *from)
{
    if (!is_contiguous(b))
        NAME(scatter)(b, from);
    else if (from != b->data)
        memcpy(b->data, from, (size_t)count_of(b) * sizeof(REAL));
}

static int32_t NAME(no_memory)(void)
{
    return podium_fail(PODIUM_ENOMEM, "linear algebra: no memory for a copy");
}

static void NAME(plain_product)(const linalg_product *p)
{
    const REAL *a = p->a, *b = p->b;
    REAL *c = p->c;
    int64_t ai = p->ta ? 1 : p->lda, ak = p->ta ? p->lda : 1;
    int64_t bk = p->tb ? 1 : p->ldb, bj = p->tb ? p->ldb : 1;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            REAL sum = 0;
            for (int64_t k = 0; k < p->k; k++)
                sum += a[i * ai + k * ak] * b[k * bk + j * bj];
            REAL old = p->beta != 0 ? (REAL)p->beta * c[i * p->ldc + j] : 0;
            c[i * p->ldc + j] = (REAL)p->alpha * sum + old;
        }
}

/* c [m, n] = alpha op(a) op(b) + beta c, all contiguous. */
static int32_t NAME(multiply)(linalg_space *s, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                              double alpha, const REAL *a, const REAL *b, double beta, REAL *c)
{
    linalg_product p = {
        .ta = ta,
        .tb = tb,
        .m = m,
        .n = n,
        .k = k,
        .lda = ta ? m : k,
        .ldb = tb ? k : n,
        .ldc = n,
        .alpha = alpha,
        .beta = beta,
        .a = a,
        .b = b,
        .c = c,
    };
    if (s->product)
        return s->product(s->product_arg, &p);
    NAME(plain_product)(&p);
    return 0;
}

static int32_t NAME(product)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *x = &c->block[0], *y = &c->block[1], *z = &c->block[2];
    REAL *a = NAME(enter)(s, 0, x), *b = NAME(enter)(s, 1, y), *out = NAME(enter)(s, 2, z);
    if (!a || !b || !out)
        return NAME(no_memory)();
    int r = x->ndim - 2;
    bool ta = c->flags & 1, tb = c->flags & 2;
    int64_t batch = r ? x->shape[0] : 1, m = z->shape[r], n = z->shape[r + 1];
    int64_t k = x->shape[r + !ta];
    for (int64_t i = 0; i < batch; i++)
        TRY(NAME(multiply)(s, ta, tb, m, n, k, c->f[0], a + i * m * k, b + i * k * n, c->f[1],
                           out + i * m * n));
    NAME(leave)(z, out);
    return 0;
}

static int32_t NAME(gram)(linalg_space *s, const linalg_call *c)
{
    int64_t before, d, after;
    unfold(&c->block[0], c->mode, &before, &d, &after);
    REAL *x = NAME(enter)(s, 0, &c->block[0]), *out = NAME(enter)(s, 1, &c->block[1]);
    if (!x || !out)
        return NAME(no_memory)();
    if (after == 1)
        TRY(NAME(multiply)(s, true, false, d, d, before, c->f[0], x, x, c->f[1], out));
    for (int64_t p = 0; after > 1 && p < before; p++)
        TRY(NAME(multiply)(s, false, true, d, d, after, c->f[0], x + p * d * after,
                           x + p * d * after, p ? 1 : c->f[1], out));
    NAME(leave)(&c->block[1], out);
    return 0;
}

static int32_t NAME(contract)(linalg_space *s, const linalg_call *c)
{
    int64_t before, d, after, e = c->block[2].shape[c->mode];
    bool transposed = c->flags & 1; /* the matrix is [e, d] */
    unfold(&c->block[0], c->mode, &before, &d, &after);
    REAL *x = NAME(enter)(s, 0, &c->block[0]), *m = NAME(enter)(s, 1, &c->block[1]);
    REAL *out = space_take(s, 2, before * e * after); /* the input may be the output */
    if (!x || !m || !out)
        return NAME(no_memory)();
    if (after == 1)
        TRY(NAME(multiply)(s, false, transposed, before, e, d, 1, x, m, 0, out));
    for (int64_t p = 0; after > 1 && p < before; p++)
        TRY(NAME(multiply)(s, !transposed, false, e, after, d, 1, m, x + p * d * after, 0,
                           out + p * e * after));
    NAME(leave)(&c->block[2], out);
    return 0;
}

static bool NAME(is_finite)(const REAL *a, int64_t n)
{
    REAL worst = 0; /* inf - inf and NaN stay NaN */
    for (int64_t i = 0; i < n; i++)
        worst += a[i] * 0;
    return worst == 0;
}

/* Eigenvalues, ascending, into w and eigenvectors into the rows of buffer 3, of a in buffer 3. */
static int32_t NAME(decompose)(linalg_space *s, int n, REAL *w)
{
    REAL *a = s->buffer[3], ask;
    int query = -1, integers, info;
    if (!NAME(is_finite)(a, (int64_t)n * n))
        return podium_fail(PODIUM_EDIVERGED, "linear algebra: a matrix to decompose is not finite");
    SYEVD("V", "U", &n, a, &n, w, &ask, &query, &integers, &query, &info, 1, 1);
    /* The size comes back in REAL: above 2^24 it may have been rounded down. */
    int size = (int)((double)ask * 1.0001) + 64;
    REAL *work = space_take_bytes(s, 4, (size_t)size * sizeof *work);
    int *whole = space_take_bytes(s, 5, (size_t)integers * sizeof *whole);
    if (!work || !whole)
        return NAME(no_memory)();
    SYEVD("V", "U", &n, a, &n, w, work, &size, whole, &integers, &info, 1, 1);
    return info ? podium_fail(PODIUM_EDEVICE,
                              "linear algebra: the eigenvectors of a matrix of order %d did not "
                              "converge (LAPACK %d)",
                              n, info)
                : 0;
}

static int32_t NAME(eigen)(linalg_space *s, const linalg_call *c)
{
    int64_t n = c->block[0].shape[0];
    REAL *a = space_take(s, 3, n * n), *w = space_take(s, 0, n), *out;
    if (!a || !w)
        return NAME(no_memory)();
    NAME(gather)(&c->block[0], a);
    TRY(NAME(decompose)(s, (int)n, w));
    out = space_take(s, 1, n * n);
    if (!out)
        return NAME(no_memory)();
    for (int64_t e = 0; e < n; e++) {
        int64_t column = c->flags & 1 ? n - 1 - e : e;
        c->values[column] = w[e];
        for (int64_t i = 0; i < n; i++)
            out[i * n + column] = a[e * n + i];
    }
    NAME(leave)(&c->block[1], out);
    return 0;
}

/* Squares of what REAL holds need twice its digits: hence in double.  Buffer 1 is the input, then
 * the output. */
static int32_t NAME(gram_eigen)(linalg_space *s, const linalg_call *c)
{
    int64_t before, d, after, count = count_of(&c->block[0]);
    unfold(&c->block[0], c->mode, &before, &d, &after);
    const REAL *x = NAME(enter)(s, 0, &c->block[0]);
    double *wide = space_take_bytes(s, 1, (size_t)count * sizeof *wide);
    double *w = space_take_bytes(s, 2, (size_t)d * sizeof *w);
    double *a = space_take_bytes(s, 3, (size_t)(d * d) * sizeof *a);
    if (!x || !wide || !w || !a)
        return NAME(no_memory)();
    for (int64_t i = 0; i < count; i++)
        wide[i] = (double)x[i];
    gram_upper(s->lapack, wide, before, d, after, a);
    TRY(double_decompose(s, (int)d, w));
    REAL *out = space_take(s, 1, d * d);
    if (!out)
        return NAME(no_memory)();
    for (int64_t e = 0; e < d; e++)
        for (int64_t i = 0; i < d; i++)
            out[i * d + (c->flags & 1 ? d - 1 - e : e)] = (REAL)a[e * d + i];
    NAME(leave)(&c->block[1], out);
    return 0;
}

static int32_t NAME(qr)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *x = &c->block[0];
    int m = (int)x->shape[0], n = (int)x->shape[1], query = -1, info;
    REAL *a = NAME(enter)(s, 0, x), *t = space_take(s, 1, (int64_t)m * n), ask[2];
    REAL *tau = space_take(s, 2, n);
    if (!a || !t || !tau)
        return NAME(no_memory)();
    if (!NAME(is_finite)(a, (int64_t)m * n))
        return podium_fail(PODIUM_EDIVERGED, "linear algebra: a matrix to decompose is not finite");
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            t[j * m + i] = a[i * n + j];
    GEQRF(&m, &n, t, &m, tau, &ask[0], &query, &info);
    ORGQR(&m, &n, &n, t, &m, tau, &ask[1], &query, &info);
    int size = (int)((double)(ask[0] > ask[1] ? ask[0] : ask[1]) * 1.0001) + 64;
    REAL *work = space_take(s, 3, size);
    if (!work)
        return NAME(no_memory)();
    GEQRF(&m, &n, t, &m, tau, work, &size, &info);
    if (!info)
        ORGQR(&m, &n, &n, t, &m, tau, work, &size, &info);
    if (info)
        return podium_fail(PODIUM_EDEVICE, "linear algebra: QR failed (LAPACK %d)", info);
    REAL *out = space_take(s, 3, (int64_t)m * n);
    if (!out)
        return NAME(no_memory)();
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            out[i * n + j] = t[j * m + i];
    NAME(leave)(&c->block[1], out);
    return 0;
}

/* Of eigenvectors v and eigenvalues w of f0 a + f1 I: v w^-f2 v'.  A spectrum that begins below f1
 * is shifted so that it begins there. */
static int32_t NAME(inverse_root)(linalg_space *s, const linalg_call *c)
{
    int64_t n = c->block[0].shape[0];
    REAL *a = space_take(s, 3, n * n), *w = space_take(s, 0, n);
    if (!a || !w)
        return NAME(no_memory)();
    NAME(gather)(&c->block[0], a);
    for (int64_t i = 0; i < n * n; i++)
        a[i] *= (REAL)c->f[0];
    for (int64_t i = 0; i < n; i++)
        a[i * n + i] += (REAL)c->f[1];
    TRY(NAME(decompose)(s, (int)n, w));
    REAL *scaled = space_take(s, 1, n * n), *out = space_take(s, 2, n * n);
    if (!scaled || !out)
        return NAME(no_memory)();
    REAL least = w[0], floor = (REAL)c->f[1];
    for (int64_t e = 0; e < n; e++) {
        REAL value = least < floor ? w[e] - least + floor : w[e];
        REAL factor = (REAL)pow((double)value, -c->f[2]);
        for (int64_t i = 0; i < n; i++)
            scaled[e * n + i] = a[e * n + i] * factor;
    }
    TRY(NAME(multiply)(s, true, false, n, n, n, 1, scaled, a, 0, out));
    NAME(leave)(&c->block[1], out);
    return 0;
}

/* One matrix [rows, columns] of a batch, orthogonalised in place. */
static int32_t NAME(orthogonalise)(linalg_space *s, const linalg_call *c, REAL *u, int64_t rows,
                                   int64_t columns)
{
    bool high = rows > columns;
    int64_t r = high ? columns : rows, l = high ? rows : columns;
    REAL *x = space_take(s, 1, r * l), *y = space_take(s, 2, r * l);
    REAL *a = space_take(s, 3, r * r), *b = space_take(s, 4, r * r);
    if (!x || !y || !a || !b)
        return NAME(no_memory)();
    double square = 0;
    for (int64_t i = 0; i < rows * columns; i++)
        square += (double)u[i] * (double)u[i];
    REAL norm = (REAL)(sqrt(square) + c->f[3]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            x[high ? j * rows + i : i * columns + j] = u[i * columns + j] / norm;
    for (int32_t step = 0; step < c->mode; step++) {
        TRY(NAME(multiply)(s, false, true, r, r, l, 1, x, x, 0, a));
        memcpy(b, a, (size_t)(r * r) * sizeof(REAL));
        TRY(NAME(multiply)(s, false, false, r, r, r, c->f[2], a, a, c->f[1], b));
        memcpy(y, x, (size_t)(r * l) * sizeof(REAL));
        TRY(NAME(multiply)(s, false, false, r, l, r, 1, b, x, c->f[0], y));
        REAL *swap = x;
        x = y;
        y = swap;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            u[i * columns + j] = x[high ? j * rows + i : i * columns + j];
    return 0;
}

static int32_t NAME(newton_schulz)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *b = &c->block[0];
    REAL *u = NAME(enter)(s, 0, b);
    if (!u)
        return NAME(no_memory)();
    int r = b->ndim - 2;
    int64_t rows = b->shape[r], columns = b->shape[r + 1], batch = r ? b->shape[0] : 1;
    for (int64_t i = 0; i < batch; i++)
        TRY(NAME(orthogonalise)(s, c, u + i * rows * columns, rows, columns));
    NAME(leave)(b, u);
    return 0;
}

/* <a, b> over all elements, or over each column. */
static int32_t NAME(dots)(linalg_space *s, const linalg_call *c)
{
    const REAL *a = NAME(enter)(s, 0, &c->block[0]), *b = NAME(enter)(s, 1, &c->block[1]);
    int64_t n = count_of(&c->block[0]), columns = linalg_num_values(c);
    if (!a || !b)
        return NAME(no_memory)();
    for (int64_t j = 0; j < columns; j++)
        c->values[j] = 0;
    for (int64_t i = 0; i < n; i += columns)
        for (int64_t j = 0; j < columns; j++)
            c->values[j] += (double)a[i + j] * (double)b[i + j];
    return 0;
}

static int32_t NAME(take)(linalg_space *s, const linalg_call *c)
{
    int64_t before, d, after;
    unfold(&c->block[0], c->mode, &before, &d, &after);
    const REAL *x = NAME(enter)(s, 0, &c->block[0]);
    REAL *out = space_take(s, 1, before * d * after);
    if (!x || !out)
        return NAME(no_memory)();
    for (int64_t p = 0; p < before; p++)
        for (int64_t i = 0; i < d; i++)
            memcpy(out + (p * d + i) * after, x + (p * d + c->order[i]) * after,
                   (size_t)after * sizeof(REAL));
    NAME(leave)(&c->block[1], out);
    return 0;
}

static int32_t NAME(add)(const linalg_call *c)
{
    const linalg_block *x = &c->block[0], *y = &c->block[1];
    int64_t ix[LINALG_MAX_DIMS] = {0}, iy[LINALG_MAX_DIMS] = {0}, from = 0, to = 0;
    REAL alpha = (REAL)c->f[0], beta = (REAL)c->f[1];
    for (int64_t i = 0, n = count_of(x); i < n; i++) {
        REAL *out = (REAL *)y->data + to;
        REAL old = c->f[1] != 0 ? beta * *out : 0;
        *out = (c->f[0] != 0 ? alpha * ((const REAL *)x->data)[from] : 0) + old;
        NAME(advance)(x, ix, &from);
        NAME(advance)(y, iy, &to);
    }
    return 0;
}

static int32_t NAME(run)(linalg_space *s, const linalg_call *c)
{
    switch (c->op) {
    case LINALG_PRODUCT:
        return NAME(product)(s, c);
    case LINALG_GRAM:
        return NAME(gram)(s, c);
    case LINALG_CONTRACT:
        return NAME(contract)(s, c);
    case LINALG_EIGEN:
        return NAME(eigen)(s, c);
    case LINALG_QR:
        return NAME(qr)(s, c);
    case LINALG_GRAM_EIGEN:
        return NAME(gram_eigen)(s, c);
    case LINALG_INVERSE_ROOT:
        return NAME(inverse_root)(s, c);
    case LINALG_NEWTON_SCHULZ:
        return NAME(newton_schulz)(s, c);
    case LINALG_DOT:
    case LINALG_COLUMN_DOTS:
        return NAME(dots)(s, c);
    case LINALG_TAKE:
        return NAME(take)(s, c);
    default:
        return NAME(add)(c);
    }
}
