/* SOAP: Adam in the eigenbasis of Shampoo's preconditioner.
 * Vyas et al. 2024, arXiv:2409.11321, algorithm 3, as nikhilvyas/SOAP has it.  Per tensor with axes
 * k (matrices: left and right), n = 1, 2, ... from the second step on:
 *
 *     step 1:  GG_k = (1 - sb) g g'_k,  Q_k = eigenvectors of GG_k, descending;  nothing moves
 *
 *     p = g in the basis Q,  m = b1 m + (1 - b1) p,  v = b2 v + (1 - b2) p^2
 *
 *     u = (m / (sqrt(v) + eps)) back from the basis,  x = x - lr sqrt(1 - b2^n)/(1 - b1^n) u,
 *     x = (1 - lr wd) x,  GG_k = sb GG_k + (1 - sb) g g'_k
 *
 *     every f-th n:  Q_k = QR(GG_k Q_k), columns (and v along k) by descending diag(Q' GG Q); m
 *                    goes with the basis, v does not turn
 *
 * sb is shampoo_beta, beta2 when negative.  An axis longer than max_precond_dim keeps its own
 * basis; so do vectors without precondition_1d.  merge_dims merges axes from the first while their
 * product is at most max_precond_dim.  normalize_grads divides u by its root mean square.  The code
 * moves m out of the basis and back at every step; between two bases that changes nothing and is
 * left out.  State: m, v, one scratch vector, GG and Q: twice the sum of squares of the axes.
 *
 * The code computes eigenvectors and QR in float32 (in float64 where that fails), this the first
 * eigenvectors in double and the rest in the task's precision.  That is what matters: g g' squares
 * the ratios of g's singular values, and a thousandth becomes 1e-6, which single precision hardly
 * tells from a null space, so that their directions mix.
 *
 * No precision helps where a first factor has a null space of two dimensions or more: a vector of
 * three elements or more with precondition_1d, an axis longer by two than the product of the
 * others.  Any basis of it is a right one, LAPACK's comes from rounding, and Adam in another basis
 * is another update: trajectories differ from one LAPACK or precision to another as those of the
 * authors' code do.  What every basis gives is the first move's length and its component along the
 * range.  Gradients that never leave a subspace have the like: in its complement p is rounding,
 * below eps in double and above it in single precision. */
#include "podium/extensions.h"
#include "podium/optimizer.h"

enum { MOST_AXES = PODIUM_BLOCK_MAX_DIMS };

/* A parameter as it is preconditioned. */
typedef struct tensor {
    int32_t ndim;
    int64_t shape[MOST_AXES];
    int64_t at[MOST_AXES]; /* of the axis's matrices in both arrays, -1: it has none */
} tensor;

typedef struct soap {
    podium_optimizer common;
    const podium_linalg *linalg;
    podium_vec *m, *v, *u;
    podium_vec *gg, *q, *product; /* arrays; product: of the longest axis */
    tensor *tensors;
    double *estimate; /* [longest] eigenvalues */
    int32_t *order;   /* [longest] */
    double *square, *scale;
} soap;

enum {
    LR,
    BETA1,
    BETA2,
    SHAMPOO_BETA,
    EPS,
    FREQUENCY,
    MAX_DIM,
    PRECONDITION_1D,
    MERGE_DIMS,
    NORMALIZE,
    CORRECT_BIAS
};
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(3e-3),
    PODIUM_BETA("beta1", "decay of the mean of gradients", 0.95),
    PODIUM_BETA("beta2", "decay of the mean of squares", 0.95),
    PODIUM_DECLARE_NUMBER("shampoo_beta", "decay of the factors, negative: beta2", -1, -1, 1,
                          PODIUM_LINEAR),
    PODIUM_EPS(1e-8),
    PODIUM_DECLARE_INTEGER("precondition_frequency", "steps from one basis to the next", 10, 1,
                           1e9),
    PODIUM_DECLARE_INTEGER("max_precond_dim", "longest axis with a basis", 10000, 0, 16384),
    PODIUM_DECLARE_FLAG("precondition_1d", "vectors get a basis too", 0),
    PODIUM_DECLARE_FLAG("merge_dims", "merge short axes", 0),
    PODIUM_DECLARE_FLAG("normalize_grads", "updates of root mean square 1", 0),
    PODIUM_DECLARE_FLAG("correct_bias", "Adam's bias correction", 1),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate, after the update", 1e-2),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

/* The axes of parameter `p`, merged from the first on where that is asked for. */
static void find_shape(const soap *o, const podium_param *p, tensor *t)
{
    int64_t most = (int64_t)o->common.number[MAX_DIM], open = 1;
    t->ndim = 0;
    for (int32_t d = 0; d < p->ndim; d++) {
        if (o->common.number[MERGE_DIMS] == 0 || p->ndim == 1) {
            t->shape[t->ndim++] = p->shape[d];
        } else if (open * p->shape[d] <= most) {
            open *= p->shape[d];
        } else if (open > 1) {
            t->shape[t->ndim++] = open;
            open = p->shape[d];
        } else {
            t->shape[t->ndim++] = p->shape[d];
        }
    }
    if (open > 1 || t->ndim == 0)
        t->shape[t->ndim++] = open;
}

/* Places of the matrices; returns their elements, the longest axis in *longest. */
static int64_t lay_out(soap *o, int64_t *longest)
{
    const double *number = o->common.number;
    int64_t used = 0;
    for (size_t i = 0; i < o->common.t->num_params; i++) {
        const podium_param *p = o->common.t->params[i];
        tensor *t = &o->tensors[i];
        find_shape(o, p, t);
        for (int32_t k = 0; k < t->ndim; k++) {
            int64_t d = t->shape[k];
            t->at[k] = -1;
            if ((double)d > number[MAX_DIM] || (p->ndim == 1 && number[PRECONDITION_1D] == 0))
                continue;
            t->at[k] = used;
            used += d * d;
            *longest = d > *longest ? d : *longest;
        }
    }
    return used;
}

static int32_t setup(void *self)
{
    soap *o = self;
    const podium_host *h = o->common.h;
    o->linalg = h->extension(h, PODIUM_LINALG);
    if (!o->linalg || !PODIUM_HAS(o->linalg, gram_eigen))
        return h->fail(h, PODIUM_ENOTSUP, "soap needs podium.linalg with gram_eigen");
    int64_t longest = 1;
    o->tensors = calloc(o->common.t->num_params + 1, sizeof *o->tensors);
    int64_t used = o->tensors ? lay_out(o, &longest) : 0;
    o->estimate = calloc((size_t)longest, sizeof *o->estimate);
    o->order = calloc((size_t)longest, sizeof *o->order);
    if (!o->tensors || !o->estimate || !o->order)
        return h->fail(h, PODIUM_ENOMEM, "no memory for soap's layout");
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_state(o, "u", &o->u));
    PODIUM_TRY(podium_array(o, NULL, &o->square));
    PODIUM_TRY(podium_array(o, NULL, &o->scale));
    if (!used)
        return PODIUM_OK;
    PODIUM_TRY(o->linalg->array_create(h, "gg", used, &o->gg));
    PODIUM_TRY(o->linalg->array_create(h, "q", used, &o->q));
    return o->linalg->array_create(h, "product", longest * longest, &o->product);
}

static podium_block block_of(const soap *o, podium_vec *v, size_t i)
{
    return podium_block_make(v, i, 0, o->tensors[i].ndim, o->tensors[i].shape);
}

/* Every tensor of v into its basis, or back, in place. */
static int32_t turn(soap *o, podium_vec *v, size_t i, int32_t back)
{
    const tensor *t = &o->tensors[i];
    podium_block x = block_of(o, v, i);
    for (int32_t k = 0; k < t->ndim; k++) {
        if (t->at[k] < 0)
            continue;
        podium_block q = podium_block_square(o->q, t->at[k], t->shape[k]);
        PODIUM_TRY(o->linalg->contract(o->common.h, &x, k, &q, back, &x));
    }
    return PODIUM_OK;
}

static int32_t accumulate(soap *o, size_t i)
{
    const double *p = o->common.number;
    const tensor *t = &o->tensors[i];
    double beta = p[SHAMPOO_BETA] >= 0 ? p[SHAMPOO_BETA] : p[BETA2];
    podium_block g = block_of(o, o->common.t->g, i);
    for (int32_t k = 0; k < t->ndim; k++) {
        if (t->at[k] < 0)
            continue;
        podium_block gg = podium_block_square(o->gg, t->at[k], t->shape[k]);
        double part = 1 - beta; /* no golden: bases have no scale */
        PODIUM_TRY(o->linalg->gram(o->common.h, part, &g, k, beta, &gg));
    }
    return PODIUM_OK;
}

/* From the gradient, not from GG, which may be in single precision. */
static int32_t first_bases(soap *o, size_t i)
{
    const tensor *t = &o->tensors[i];
    podium_block g = block_of(o, o->common.t->g, i);
    for (int32_t k = 0; k < t->ndim; k++) {
        if (t->at[k] < 0)
            continue;
        podium_block q = podium_block_square(o->q, t->at[k], t->shape[k]);
        PODIUM_TRY(o->linalg->gram_eigen(o->common.h, &g, k, 1, &q));
    }
    return PODIUM_OK;
}

/* o->order: by descending estimate.  By insertion: the estimates are nearly in order. */
static void sort(soap *o, int64_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t j = i;
        for (; j > 0 && o->estimate[o->order[j - 1]] < o->estimate[i]; j--)
            o->order[j] = o->order[j - 1];
        o->order[j] = i;
    }
}

/* One power iteration and QR on the columns in their new order (GG Q permuted is GG times Q
 * permuted). */
static int32_t next_basis(soap *o, size_t i, int32_t k)
{
    const podium_host *h = o->common.h;
    const tensor *t = &o->tensors[i];
    int64_t n = t->shape[k];
    podium_block gg = podium_block_square(o->gg, t->at[k], n);
    podium_block q = podium_block_square(o->q, t->at[k], n);
    podium_block product = podium_block_square(o->product, 0, n);
    podium_block v = block_of(o, o->v, i);
    PODIUM_TRY(o->linalg->product(h, 1, &gg, 0, &q, 0, 0, &product));
    PODIUM_TRY(o->linalg->column_dots(h, &q, &product, o->estimate));
    sort(o, n);
    PODIUM_TRY(o->linalg->take(h, &v, k, o->order, &v));
    PODIUM_TRY(o->linalg->take(h, &product, 1, o->order, &product));
    return o->linalg->qr(h, &product, &q);
}

static int32_t next_bases(soap *o, size_t i)
{
    PODIUM_TRY(turn(o, o->m, i, 1));
    for (int32_t k = 0; k < o->tensors[i].ndim; k++)
        if (o->tensors[i].at[k] >= 0)
            PODIUM_TRY(next_basis(o, i, k));
    return turn(o, o->m, i, 0);
}

/* x moves along u, which is back from the basis. */
static int32_t move(soap *o, double lr, double n)
{
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    double size = lr;
    if (p[CORRECT_BIAS] != 0)
        size *= sqrt(1 - pow(p[BETA2], n)) / (1 - pow(p[BETA1], n));
    if (p[NORMALIZE] != 0)
        PODIUM_TRY(podium_pass(o, "q0 += v0*v0", PODIUM_V(o->u), NULL, 0, NULL, 0, NULL, 0,
                               &o->square, 1));
    for (size_t i = 0; i < task->num_params; i++) {
        double mean = sqrt(o->square[i] / (double)task->params[i]->count);
        double length = 1e-30 + mean; /* no golden: against a division by 0 */
        o->scale[i] = p[NORMALIZE] != 0 ? size / length : size;
    }
    return podium_pass(o, "v0 = p1*(v0 - p2*v1)", PODIUM_V(task->x, o->u), NULL, 0, NULL, 0,
                       &o->scale, 1, NULL, 0);
}

static int32_t step(void *self, const podium_step *s)
{
    soap *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double n = (double)s->index, lr = podium_rate(o, p[LR], s);
    if (s->index > 0) {
        PODIUM_TRY(o->common.h->vec_copy(o->common.h, o->u, task->g));
        for (size_t i = 0; i < task->num_params; i++)
            PODIUM_TRY(turn(o, o->u, i, 0));
        PODIUM_TRY(podium_run(o,
                              "v1 = c0*v1 + c1*v0;"
                              "v2 = c2*v2 + c3*v0*v0;"
                              "v0 = v1/(sqrt(v2) + c4)",
                              PODIUM_V(o->u, o->m, o->v),
                              PODIUM_C(p[BETA1], 1 - p[BETA1], p[BETA2], 1 - p[BETA2], p[EPS])));
        for (size_t i = 0; i < task->num_params; i++)
            PODIUM_TRY(turn(o, o->u, i, 1));
        PODIUM_TRY(move(o, lr, n));
    }
    for (size_t i = 0; i < task->num_params; i++) {
        PODIUM_TRY(accumulate(o, i));
        if (s->index == 0)
            PODIUM_TRY(first_bases(o, i));
        else if (s->index % (int64_t)p[FREQUENCY] == 0)
            PODIUM_TRY(next_bases(o, i));
    }
    return PODIUM_OK;
}

static void destroy(void *self)
{
    soap *o = self;
    if (o) {
        free(o->tensors);
        free(o->estimate);
        free(o->order);
    }
    podium_optimizer_destroy(self);
}

PODIUM_OPTIMIZER_WITH(destroy, soap, hyperparameters, setup, step,
                      .needs = PODIUM_NEEDS_WHOLE_TENSORS,
                      .url = "https://arxiv.org/abs/2409.11321")
