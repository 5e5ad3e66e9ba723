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
 * rate is inside the momentum.  u takes the gradient's memory.  A vector is a matrix of one row:
 * r/mean(r) is 1 and c is v.  Kept are moving sums of g^2, which 1/C, 1/R and 1e-30 make means of
 * q.  State: m, rows and columns.
 *
 * RMS(u) needs all of r and c and one more look at g, and the update all of RMS(u): g is read, then
 * read and written as u, then read again with x and m: 4 + 8 + 20 bytes of each f32 element.  A
 * tensor of some megabytes is still in the cache at the second look. */
#include "podium/extensions.h"
#include "podium/optimizer.h"

typedef struct adafactor {
    podium_optimizer common;
    const podium_linalg *linalg;
    podium_vec *m;
    podium_vec *moments; /* array: of each parameter its matrices' rows, then columns */
    double *scale;       /* [num_params] lr/max(1, RMS(u)) */
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

/* A parameter as `matrices` of rows x columns, and how many numbers those have. */
typedef struct layout {
    int64_t matrices, rows, columns;
    int64_t all_rows, moments;
} layout;

static layout layout_of(const podium_param *p)
{
    layout l = {.matrices = 1, .rows = 1, .columns = p->count};
    if (p->ndim >= 2) {
        l.rows = p->shape[p->ndim - 2];
        l.columns = p->shape[p->ndim - 1];
        l.matrices = p->count / (l.rows * l.columns);
    }
    l.all_rows = l.matrices * l.rows;
    l.moments = l.all_rows + l.matrices * l.columns; /* no golden: a size */
    return l;
}

static int32_t setup(void *self)
{
    adafactor *o = self;
    const podium_host *h = o->common.h;
    const podium_task *t = o->common.t;
    o->linalg = h->extension(h, PODIUM_LINALG);
    if (!o->linalg || !PODIUM_HAS(o->linalg, axis_normalise))
        return h->fail(h, PODIUM_ENOTSUP, "adafactor needs podium.linalg with axis_normalise");
    int64_t all = 0;
    for (size_t i = 0; i < t->num_params; i++)
        all += layout_of(t->params[i]).moments;
    PODIUM_TRY(podium_array(o, NULL, &o->scale));
    PODIUM_TRY(podium_state(o, "m", &o->m));
    return o->linalg->array_create(h, "moments", all, &o->moments);
}

/* Parameter i's gradient becomes u; *rms its root mean square.  Its moments are at `at`. */
static int32_t normalise(adafactor *o, size_t i, double bt, int64_t at, double *rms)
{
    const podium_host *h = o->common.h;
    layout l = layout_of(o->common.t->params[i]);
    podium_tensor here = {.struct_size = sizeof here};
    double squares = 0;
    PODIUM_TRY(h->vec_view(h, o->common.t->g, i, &here));
    if (here.count == 0) /* another rank's */
        return PODIUM_OK;
    int64_t shape[3] = {l.matrices, l.rows, l.columns}, across[2] = {l.matrices, l.columns};
    podium_block x = podium_block_make(o->common.t->g, i, 0, 3, shape);
    podium_block rows = podium_block_make(o->moments, 0, at, 2, shape);
    podium_block columns = podium_block_make(o->moments, 0, at + l.all_rows, 2, across);
    double part = 1 - bt, eps = 1e-30;
    PODIUM_TRY(o->linalg->axis_normalise(h, part, &x, bt, eps, &rows, &columns, &squares));
    *rms = sqrt(squares / (double)o->common.t->params[i]->count);
    return PODIUM_OK;
}

static int32_t step(void *self, const podium_step *s)
{
    adafactor *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s);
    double bt = p[DECAY_ADAM] * (1 - pow(p[DECAY_ADAM], t - 1)) / (1 - pow(p[DECAY_ADAM], t));
    int64_t at = 0;
    for (size_t i = 0; i < task->num_params; i++) {
        double rms = 0;
        PODIUM_TRY(normalise(o, i, bt, at, &rms));
        o->scale[i] = lr / fmax(1, rms);
        at += layout_of(task->params[i]).moments;
    }
    return podium_pass(o,
                       "v2 = c0*v2 + c1*(p2*v1);"
                       "v0 = p1*v0 - v2",
                       PODIUM_V(task->x, task->g, o->m), PODIUM_C(p[BETA1], 1 - p[BETA1]), NULL, 0,
                       &o->scale, 1, NULL, 0);
}

PODIUM_OPTIMIZER(adafactor, hyperparameters, setup, step, .url = "https://arxiv.org/abs/1804.04235",
                 .needs = PODIUM_NEEDS_WHOLE_TENSORS)
