/* Adafactor: second moments of matrices from their row and column means.
 * Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 and 5, as AlgoPerf's baseline (the "sharded"
 * flavour) has it.  For t = 1, 2, ..., bt = d (1 - d^(t-1))/(1 - d^t), q = g^2 + 1e-30, over the
 * last two dimensions of a tensor that has them:
 *
 *     r = bt r + (1 - bt) mean of q over columns,  c = bt c + (1 - bt) mean of q over rows
 *
 *     u = g/sqrt(r/mean(r) c),   for a vector  v = bt v + (1 - bt) q,  u = g/sqrt(v)
 *
 *     u = lr u/max(1, RMS(u)),  m = b1 m + (1 - b1) u,  x = (1 - lr wd) x - m
 *
 * Unlike the paper: no relative step size, no scaling by the parameters, momentum always.  The
 * rate is inside the momentum.  u takes the gradient's memory; the means are kept in double.
 * State: m, rows and columns. */
#include "podium/optimizer.h"

typedef struct adafactor {
    podium_optimizer common;
    podium_vec *m;
    double *moments; /* of one parameter after the other: rows, then columns, of each matrix */
    double *sums;    /* scratch, as large as the greatest parameter's moments */
    double *scale;   /* [num_params] lr/max(1, RMS(u)) */
} adafactor;

enum { LR, BETA1, DECAY_ADAM };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-3),
    PODIUM_BETA("beta1", "decay of the mean of updates", 0.9),
    PODIUM_BETA("decay_adam", "decay of the second moments", 0.99),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

/* A parameter as `matrices` of rows x columns; a vector has columns only (rows 0). */
typedef struct layout {
    int64_t matrices, rows, columns;
} layout;

static layout layout_of(const podium_param *p)
{
    if (p->ndim < 2)
        return (layout){1, 0, p->count};
    int64_t rows = p->shape[p->ndim - 2], columns = p->shape[p->ndim - 1];
    return (layout){p->count / (rows * columns), rows, columns};
}

static int64_t moments_of(const podium_param *p)
{
    layout l = layout_of(p);
    return l.matrices * (l.rows + l.columns);
}

static int32_t setup(void *self)
{
    adafactor *o = self;
    const podium_task *t = o->common.t;
    size_t all = 0, greatest = 1;
    for (size_t i = 0; i < t->num_params; i++) {
        layout l = layout_of(t->params[i]);
        all += (size_t)moments_of(t->params[i]);
        if ((size_t)(l.rows + l.columns) > greatest) /* no golden: a size */
            greatest = (size_t)(l.rows + l.columns);
    }
    PODIUM_TRY(podium_numbers(o, "moments", all, &o->moments));
    PODIUM_TRY(podium_numbers(o, NULL, greatest, &o->sums));
    PODIUM_TRY(podium_array(o, NULL, &o->scale));
    return podium_state(o, "m", &o->m);
}

/* Loops over one matrix of either element type: sums of q over rows and columns, then g becomes u,
 * whose sum of squares is returned. */
#define DEFINE_LOOPS(REAL)                                                                   \
    static void sum_##REAL(const REAL *g, layout l, double *rows, double *columns)           \
    {                                                                                        \
        int64_t n = l.rows ? l.rows : 1;                                                     \
        memset(columns, 0, (size_t)l.columns * sizeof *columns);                             \
        for (int64_t i = 0; i < n; i++, g += l.columns) {                                    \
            double sum = 0;                                                                  \
            for (int64_t k = 0; k < l.columns; k++) {                                        \
                double q = (double)g[k] * (double)g[k] + 1e-30;                              \
                columns[k] += q;                                                             \
                sum += q;                                                                    \
            }                                                                                \
            if (l.rows)                                                                      \
                rows[i] = sum;                                                               \
        }                                                                                    \
    }                                                                                        \
    static double scale_##REAL(REAL *g, layout l, const double *rows, const double *columns) \
    {                                                                                        \
        int64_t n = l.rows ? l.rows : 1;                                                     \
        double squares = 0;                                                                  \
        for (int64_t i = 0; i < n; i++, g += l.columns) {                                    \
            double row = l.rows ? rows[i] : 1;                                               \
            for (int64_t k = 0; k < l.columns; k++) {                                        \
                double u = (double)g[k] * (row * columns[k]);                                \
                squares += u * u;                                                            \
                g[k] = (REAL)u;                                                              \
            }                                                                                \
        }                                                                                    \
        return squares;                                                                      \
    }
DEFINE_LOOPS(float)
DEFINE_LOOPS(double)

/* Moves the moments by the sums; the sums become 1/sqrt of r/mean(r) and of c. */
static void update_moments(layout l, double bt, double *moments, double *sums)
{
    double total = 0;
    for (int64_t i = 0; i < l.rows + l.columns; i++) {
        double mean = sums[i] / (double)(i < l.rows ? l.columns : l.rows ? l.rows : 1);
        moments[i] = bt * moments[i] + (1 - bt) * mean;
        total += i < l.rows ? moments[i] : 0;
    }
    for (int64_t i = 0; i < l.rows + l.columns; i++)
        sums[i] = 1 / sqrt(i < l.rows ? moments[i] * (double)l.rows / total : moments[i]);
}

/* The gradient's view becomes u; returns its root mean square. */
static double normalise(adafactor *o, const podium_tensor *v, layout l, double bt, double *moments)
{
    double *rows = o->sums, *columns = o->sums + l.rows, squares = 0;
    int64_t n = (l.rows ? l.rows : 1) * l.columns;
    for (int64_t i = 0; i < l.matrices; i++, moments += l.rows + l.columns) {
        if (v->dtype == PODIUM_F64)
            sum_double((double *)v->data + i * n, l, rows, columns);
        else
            sum_float((float *)v->data + i * n, l, rows, columns);
        update_moments(l, bt, moments, o->sums);
        squares += v->dtype == PODIUM_F64
                       ? scale_double((double *)v->data + i * n, l, rows, columns)
                       : scale_float((float *)v->data + i * n, l, rows, columns);
    }
    return sqrt(squares / (double)(l.matrices * n));
}

static int32_t step(void *self, const podium_step *s)
{
    adafactor *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s), *moments = o->moments;
    double bt = p[DECAY_ADAM] * (1 - pow(p[DECAY_ADAM], t - 1)) / (1 - pow(p[DECAY_ADAM], t));
    for (size_t i = 0; i < task->num_params; i++) {
        podium_tensor v = {.struct_size = sizeof v};
        PODIUM_TRY(o->common.h->vec_view(o->common.h, task->g, i, &v));
        double rms = normalise(o, &v, layout_of(task->params[i]), bt, moments);
        o->scale[i] = lr / fmax(1, rms);
        moments += moments_of(task->params[i]);
    }
    return podium_pass(o,
                       "v2 = c0*v2 + c1*(p2*v1);"
                       "v0 = p1*v0 - v2",
                       PODIUM_V(task->x, task->g, o->m), PODIUM_C(p[BETA1], 1 - p[BETA1]), NULL, 0,
                       &o->scale, 1, NULL, 0);
}

PODIUM_OPTIMIZER(adafactor, hyperparameters, setup, step, .url = "https://arxiv.org/abs/1804.04235",
                 .needs = PODIUM_NEEDS_WHOLE_TENSORS)
