/* Passes along the last two axes of a matrix or a batch, for linalg.c in one element type like
 * linalg_real.h, which comes first: sums of squares over each, and scaling by a number for each row
 * and each column.  Bound by memory. */

/* Four rows of x, `wide` <= TILE_COLUMNS: their sums of squares added to rows and columns.  Over so
 * few elements sums stay in the element type, which is faster in single precision. */
static void NAME(four_squares)(const REAL *x, int64_t stride, int64_t wide, double *restrict rows,
                               REAL *restrict columns)
{
    const REAL *a = x, *b = a + stride, *c = b + stride, *d = c + stride;
    REAL sa = 0, sb = 0, sc = 0, sd = 0;
#pragma omp simd reduction(+ : sa, sb, sc, sd)
    for (int64_t j = 0; j < wide; j++) {
        REAL qa = a[j] * a[j], qb = b[j] * b[j], qc = c[j] * c[j], qd = d[j] * d[j];
        columns[j] += (qa + qb) + (qc + qd);
        sa += qa;
        sb += qb;
        sc += qc;
        sd += qd;
    }
    rows[0] += (double)sa;
    rows[1] += (double)sb;
    rows[2] += (double)sc;
    rows[3] += (double)sd;
}

/* The same of `high` <= RUN_ROWS rows. */
static void NAME(run_squares)(const REAL *x, int64_t stride, int64_t high, int64_t wide,
                              double *rows, double *restrict columns)
{
    REAL sums[TILE_COLUMNS];
    int64_t i = 0;
    memset(sums, 0, (size_t)wide * sizeof *sums);
    for (; i + 4 <= high; i += 4)
        NAME(four_squares)(x + i * stride, stride, wide, rows + i, sums);
    for (; i < high; i++) {
        REAL sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < wide; j++) {
            REAL q = x[i * stride + j] * x[i * stride + j];
            sums[j] += q;
            sum += q;
        }
        rows[i] += (double)sum;
    }
    for (int64_t j = 0; j < wide; j++)
        columns[j] += (double)sums[j];
}

/* Sums of squares of one tile, x [high, wide] in rows of `stride`, added to rows and columns. */
static void NAME(tile_squares)(const REAL *x, int64_t stride, int64_t high, int64_t wide,
                               double *rows, double *columns)
{
    for (int64_t i = 0; i < high; i += RUN_ROWS)
        NAME(run_squares)
    (x + i * stride, stride, high - i < RUN_ROWS ? high - i : RUN_ROWS, wide, rows + i, columns);
}

/* x *= row columns, `wide` <= TILE_COLUMNS; returns the sum of their squares.  Both halves at a
 * time, so that one addition need not wait for the other. */
static double NAME(row_scale)(REAL *x, int64_t wide, REAL row, const REAL *columns)
{
    REAL low = 0, high = 0;
    int64_t half = wide / 2;
#pragma omp simd reduction(+ : low, high)
    for (int64_t j = 0; j < half; j++) {
        REAL u = x[j] * (row * columns[j]), v = x[half + j] * (row * columns[half + j]);
        x[j] = u;
        x[half + j] = v;
        low += u * u;
        high += v * v;
    }
    for (int64_t j = 2 * half; j < wide; j++) {
        x[j] *= row * columns[j];
        high += x[j] * x[j];
    }
    return (double)low + (double)high;
}

static double NAME(tile_scale)(REAL *x, int64_t stride, int64_t high, int64_t wide,
                               const REAL *rows, const REAL *columns)
{
    double squares = 0;
    for (int64_t i = 0; i < high; i++)
        squares += NAME(row_scale)(x + i * stride, wide, rows[i], columns);
    return squares;
}

/* out[i] = alpha (parts[0][i] + parts[1][i] + ..) + beta out[i] */
static void NAME(blend)(REAL *out, int64_t n, double alpha, const double *parts, int64_t num_parts,
                        double beta)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < num_parts; k++)
            sum += parts[k * n + i];
        out[i] = (REAL)(beta != 0 ? alpha * sum + beta * (double)out[i] : alpha * sum);
    }
}

/* rows [rows] and columns [columns] of one matrix.  work: a row of parts for each tile to the
 * right, then a row of parts of columns for each tile down. */
static void NAME(matrix_squares)(const linalg_space *s, const linalg_call *c, const tiling *t,
                                 const REAL *x, REAL *rows, REAL *columns, double *work)
{
    double *row_parts = work, *column_parts = work + t->right * t->rows;
    int team = team_of(s, t);
    memset(work, 0, (size_t)(t->right * t->rows + t->down * t->columns) * sizeof *work);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t k = 0; k < t->down * t->right; k++) {
        int64_t i = k / t->right * t->high, j = k % t->right * t->wide;
        int64_t high = t->rows - i < t->high ? t->rows - i : t->high;
        int64_t wide = t->columns - j < t->wide ? t->columns - j : t->wide;
        NAME(tile_squares)
        (x + i * t->columns + j, t->columns, high, wide, row_parts + k % t->right * t->rows + i,
         column_parts + k / t->right * t->columns + j);
    }
    NAME(blend)(rows, t->rows, c->f[0], row_parts, t->right, c->f[1]);
    NAME(blend)(columns, t->columns, c->f[0], column_parts, t->down, c->f[1]);
}

static int32_t NAME(axis_squares)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    tiling t = tiling_of(a);
    int64_t batch = a->ndim == 3 ? a->shape[0] : 1;
    const REAL *x = NAME(enter)(s, 0, a);
    REAL *rows = NAME(enter)(s, 1, &c->block[1]), *columns = NAME(enter)(s, 2, &c->block[2]);
    size_t parts = (size_t)(t.right * t.rows + t.down * t.columns);
    double *work = space_take_bytes(s, 3, parts * sizeof *work);
    if (!x || !rows || !columns || !work)
        return NAME(no_memory)();
    for (int64_t i = 0; i < batch; i++)
        NAME(matrix_squares)
    (s, c, &t, x + i * t.rows * t.columns, rows + i * t.rows, columns + i * t.columns, work);
    NAME(leave)(&c->block[1], rows);
    NAME(leave)(&c->block[2], columns);
    return 0;
}

static double NAME(matrix_scale)(const linalg_space *s, const tiling *t, REAL *x, const REAL *rows,
                                 const REAL *columns, double *work)
{
    int team = team_of(s, t);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t k = 0; k < t->down * t->right; k++) {
        int64_t i = k / t->right * t->high, j = k % t->right * t->wide;
        int64_t high = t->rows - i < t->high ? t->rows - i : t->high;
        int64_t wide = t->columns - j < t->wide ? t->columns - j : t->wide;
        work[k] = NAME(tile_scale)(x + i * t->columns + j, t->columns, high, wide, rows + i,
                                   columns + j);
    }
    double squares = 0;
    for (int64_t k = 0; k < t->down * t->right; k++)
        squares += work[k];
    return squares;
}

static int32_t NAME(axis_scale)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    tiling t = tiling_of(a);
    int64_t batch = a->ndim == 3 ? a->shape[0] : 1;
    REAL *x = NAME(enter)(s, 0, a);
    const REAL *rows = NAME(enter)(s, 1, &c->block[1]);
    const REAL *columns = NAME(enter)(s, 2, &c->block[2]);
    double *work = space_take_bytes(s, 3, (size_t)(t.down * t.right) * sizeof *work), squares = 0;
    if (!x || !rows || !columns || !work)
        return NAME(no_memory)();
    for (int64_t i = 0; i < batch; i++)
        squares += NAME(matrix_scale)(s, &t, x + i * t.rows * t.columns, rows + i * t.rows,
                                      columns + i * t.columns, work);
    c->values[0] = squares;
    NAME(leave)(a, x);
    return 0;
}

/* 1/sqrt of r/mean(r) and of c into rows and columns, from the sums that gave them. */
static void NAME(set_factors)(const tiling *t, double eps, const REAL *row_sums,
                              const REAL *column_sums, REAL *rows, REAL *columns)
{
    double total = 0;
    for (int64_t i = 0; i < t->rows; i++)
        total += (double)row_sums[i] / (double)t->columns + eps;
    for (int64_t i = 0; i < t->rows; i++) {
        double r = (double)row_sums[i] / (double)t->columns + eps;
        rows[i] = (REAL)(1 / sqrt(r * (double)t->rows / total));
    }
    for (int64_t j = 0; j < t->columns; j++)
        columns[j] = (REAL)(1 / sqrt((double)column_sums[j] / (double)t->rows + eps));
}

/* Matrix by matrix, so that the second pass may find its matrix in the cache. */
static int32_t NAME(axis_normalise)(linalg_space *s, const linalg_call *c)
{
    const linalg_block *a = &c->block[0];
    tiling t = tiling_of(a);
    int64_t batch = a->ndim == 3 ? a->shape[0] : 1;
    REAL *x = NAME(enter)(s, 0, a);
    REAL *rows = NAME(enter)(s, 1, &c->block[1]), *columns = NAME(enter)(s, 2, &c->block[2]);
    size_t parts = (size_t)(t.right * t.rows + t.down * t.columns);
    double *work = space_take_bytes(s, 3, parts * sizeof *work), squares = 0;
    REAL *factors = space_take(s, 4, t.rows + t.columns);
    if (!x || !rows || !columns || !work || !factors)
        return NAME(no_memory)();
    for (int64_t i = 0; i < batch; i++) {
        REAL *matrix = x + i * t.rows * t.columns, *r = rows + i * t.rows,
             *k = columns + i * t.columns;
        NAME(matrix_squares)(s, c, &t, matrix, r, k, work);
        NAME(set_factors)(&t, c->f[2], r, k, factors, factors + t.rows);
        squares += NAME(matrix_scale)(s, &t, matrix, factors, factors + t.rows, work);
    }
    c->values[0] = squares;
    NAME(leave)(a, x);
    NAME(leave)(&c->block[1], rows);
    NAME(leave)(&c->block[2], columns);
    return 0;
}
