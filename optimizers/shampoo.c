/* Shampoo: full-matrix AdaGrad per axis of a tensor.
 * Gupta, Koren & Singer 2018, arXiv:1802.09568; Shi et al. 2023, arXiv:2309.06497, algorithm 2, as
 * facebookresearch/optimizers (DistributedShampoo, root inverses by eigendecomposition) has it.
 *
 * Blocks: axes of extent 1 are dropped; axes are merged from the last on while their product is at
 * most max_preconditioner_dim; what is longer is cut into pieces of that.  So a tensor of at most
 * that many elements is one vector with a full matrix.  Per block with o axes, t = 1, 2, ...:
 *
 *     F_k = b2 F_k + (1 - b2) g g'_k  (b2 = 1: the plain sum),  c = 1 - b2^t, 1 uncorrected
 *
 *     R_k = (F_k / c + eps I)^(-1 / (2 o))  at t = start, then at multiples of the frequency
 *
 *     f = (b3 m + (1 - b3) g) / (1 - b3 b1^(t-1)),  m = b1 m + (1 - b1) g  (b1 = 0: f = g)
 *
 *     S = f times R_k along every axis,  P = f / (sqrt(v) + grafting_eps)  (sgd: f)
 *
 *     x = x - lr (S |P| / (|S| + 1e-16) + wd x),  with P for the product before start
 *
 * v: rmsprop as Adam's without correction, adam with, adagrad the sum of squares; its decay is b2
 * where nothing else is said (the code's grafting has one of its own).  Without grafting it is S
 * itself; R_k is the identity until start.  start is the frequency unless given, b3 is b1.
 * State: m, one scratch vector, with grafting v (not sgd); F and R: twice the sum of the squares of
 * the blocks' axes. */
#include "podium/extensions.h"
#include "podium/optimizer.h"

enum { MOST_AXES = PODIUM_BLOCK_MAX_DIMS };

typedef struct piece {
    size_t param;
    int64_t offset;
    int32_t ndim;
    int64_t shape[MOST_AXES], stride[MOST_AXES];
    int64_t at[MOST_AXES]; /* of the axis's matrices in both arrays */
} piece;

typedef struct shampoo {
    podium_optimizer common;
    const podium_linalg *linalg;
    podium_vec *m, *v, *direction;
    podium_vec *factors, *roots; /* arrays */
    piece *pieces;
    size_t num_pieces;
} shampoo;

enum {
    LR,
    BETA1,
    BETA2,
    BETA3,
    EPS,
    MAX_DIM,
    FREQUENCY,
    START,
    BIAS_CORRECTION,
    GRAFTING,
    GRAFTING_EPS,
    GRAFTING_BETA2
};
enum { NONE, SGD, ADAGRAD, RMSPROP, ADAM };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_LR(1e-2),
    PODIUM_BETA("beta1", "decay of the mean of gradients; 0: none", 0.9),
    PODIUM_DECLARE_NUMBER("beta2", "decay of the factors; 1: a sum", 1, 0, 1, PODIUM_LINEAR),
    PODIUM_DECLARE_NUMBER("beta3", "decay for the step's own mean, negative: beta1", -1, -1, 1,
                          PODIUM_LINEAR),
    PODIUM_EPS(1e-12),
    PODIUM_DECLARE_INTEGER("max_preconditioner_dim", "longest axis of a block", 1024, 1, 16384),
    PODIUM_DECLARE_INTEGER("precondition_frequency", "steps from one root to the next", 1, 1, 1e9),
    PODIUM_DECLARE_INTEGER("start_preconditioning_step", "first root, -1: the frequency", -1, -1,
                           1e9),
    PODIUM_DECLARE_FLAG("use_bias_correction", "of the mean and the factors", 1),
    &(const podium_hyperparameter){
        .struct_size = sizeof(podium_hyperparameter),
        .type = PODIUM_CHOICE,
        .name = "grafting",
        .help = "whose length the step of a block has",
        .max = 4,
        .choices = (const char *const[]){"none", "sgd", "adagrad", "rmsprop", "adam", NULL},
    },
    PODIUM_DECLARE_NUMBER("grafting_eps", "added to the denominator of the grafted method", 1e-8, 0,
                          1, PODIUM_LOG),
    PODIUM_DECLARE_OPTIONAL("grafting_beta2", "decay of v, none: beta2, 0.999 if that is 1", 0, 1,
                            PODIUM_LINEAR),
    PODIUM_WEIGHT_DECAY("decoupled, times the learning rate", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

/* Axes of parameter `p`, without those of extent 1, merged from the last on: shape[ndim]. */
static int32_t merge(const podium_param *p, int64_t most, int64_t *shape)
{
    int64_t reversed[MOST_AXES] = {1};
    int32_t n = 0;
    for (int32_t d = p->ndim - 1; d >= 0; d--) {
        if (p->shape[d] == 1)
            continue;
        if (n && reversed[n - 1] * p->shape[d] <= most)
            reversed[n - 1] *= p->shape[d];
        else
            reversed[n++] = p->shape[d];
    }
    n = n ? n : 1;
    for (int32_t d = 0; d < n; d++)
        shape[d] = reversed[n - 1 - d];
    return n;
}

/* The blocks of all parameters into `out` unless it is NULL; returns their number, the elements of
 * their matrices in *used. */
static size_t cut(const podium_task *task, int64_t most, piece *out, int64_t *used)
{
    size_t count = 0;
    *used = 0;
    for (size_t i = 0; i < task->num_params; i++) {
        int64_t shape[MOST_AXES], stride[MOST_AXES], begin[MOST_AXES] = {0};
        int32_t n = merge(task->params[i], most, shape), d = 0;
        for (int32_t k = n - 1; k >= 0; k--)
            stride[k] = k == n - 1 ? 1 : stride[k + 1] * shape[k + 1];
        while (d >= 0) { /* one block a round, the last axis fastest */
            piece b = {.param = i, .ndim = n};
            for (int32_t k = 0; k < n; k++) {
                int64_t left = shape[k] - begin[k];
                b.shape[k] = left < most ? left : most;
                b.stride[k] = stride[k];
                b.offset += begin[k] * stride[k];
                b.at[k] = *used;
                *used += b.shape[k] * b.shape[k];
            }
            if (out)
                out[count] = b;
            count++;
            for (d = n - 1; d >= 0; d--) {
                begin[d] += most;
                if (begin[d] < shape[d])
                    break;
                begin[d] = 0;
            }
        }
    }
    return count;
}

/* The roots start as identities. */
static int32_t fill_roots(shampoo *o)
{
    podium_tensor view = {.struct_size = sizeof view};
    PODIUM_TRY(o->linalg->array_view(o->common.h, o->roots, &view));
    for (size_t b = 0; b < o->num_pieces; b++)
        for (int32_t k = 0; k < o->pieces[b].ndim; k++) {
            int64_t n = o->pieces[b].shape[k];
            for (int64_t i = 0; i < n; i++) {
                int64_t at = o->pieces[b].at[k] + i * n + i;
                if (view.dtype == PODIUM_F64)
                    ((double *)view.data)[at] = 1;
                else
                    ((float *)view.data)[at] = 1;
            }
        }
    return PODIUM_OK;
}

static int32_t setup(void *self)
{
    shampoo *o = self;
    const podium_host *h = o->common.h;
    const podium_task *task = o->common.t;
    int64_t most = (int64_t)o->common.number[MAX_DIM], used;
    o->linalg = h->extension(h, PODIUM_LINALG);
    if (!o->linalg)
        return h->fail(h, PODIUM_ENOTSUP, "shampoo needs podium.linalg");
    o->num_pieces = cut(task, most, NULL, &used);
    o->pieces = calloc(o->num_pieces + 1, sizeof *o->pieces);
    if (!o->pieces)
        return h->fail(h, PODIUM_ENOMEM, "no memory for shampoo's blocks");
    cut(task, most, o->pieces, &used);
    if (o->common.number[BETA1] != 0)
        PODIUM_TRY(podium_state(o, "m", &o->m));
    if (o->common.number[GRAFTING] >= ADAGRAD)
        PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_state(o, "direction", &o->direction));
    PODIUM_TRY(o->linalg->array_create(h, "factors", used, &o->factors));
    PODIUM_TRY(o->linalg->array_create(h, "roots", used, &o->roots));
    return fill_roots(o);
}

static podium_block block_of(const piece *b, podium_vec *v)
{
    podium_block out = podium_block_make(v, b->param, b->offset, b->ndim, b->shape);
    memcpy(out.stride, b->stride, sizeof out.stride);
    return out;
}

/* This step's gradient into the factors; new roots from them when it is time. */
static int32_t precondition(shampoo *o, const piece *b, double correction, int renew)
{
    const podium_host *h = o->common.h;
    const double *p = o->common.number;
    podium_block g = block_of(b, o->common.t->g);
    for (int32_t k = 0; k < b->ndim; k++) {
        podium_block factor = podium_block_square(o->factors, b->at[k], b->shape[k]);
        podium_block root = podium_block_square(o->roots, b->at[k], b->shape[k]);
        PODIUM_TRY(o->linalg->gram(h, p[BETA2] < 1 ? 1 - p[BETA2] : 1, &g, k, p[BETA2], &factor));
        if (renew)
            PODIUM_TRY(o->linalg->inverse_root(h, &factor, 1 / correction, p[EPS],
                                               1 / (2.0 * b->ndim), &root));
    }
    return PODIUM_OK;
}

/* The decay of v; the sum of AdaGrad is left to filter. */
static double grafting_decay(const shampoo *o)
{
    const double *p = o->common.number;
    if (!isnan(p[GRAFTING_BETA2]))
        return p[GRAFTING_BETA2];
    return p[BETA2] < 1 ? p[BETA2] : 0.999;
}

/* v, then g = f. */
static int32_t filter(shampoo *o, double t)
{
    const double *p = o->common.number;
    podium_vec *g = o->common.t->g;
    double beta3 = p[BETA3] < 0 ? p[BETA1] : p[BETA3], decay = grafting_decay(o);
    double correction = p[BIAS_CORRECTION] != 0 ? 1 - beta3 * pow(p[BETA1], t - 1) : 1;
    int sum = p[GRAFTING] == ADAGRAD;
    if (o->v)
        PODIUM_TRY(podium_run(o, "v0 = c0*v0 + c1*v1*v1", PODIUM_V(o->v, g),
                              PODIUM_C(sum ? 1 : decay, sum ? 1 : 1 - decay)));
    if (!o->m)
        return PODIUM_OK;
    return podium_run(o, "t0 = (c0*v1 + c1*v0)/c2; v1 = c3*v1 + c4*v0; v0 = t0", PODIUM_V(g, o->m),
                      PODIUM_C(beta3, 1 - beta3, correction, p[BETA1], 1 - p[BETA1]));
}

/* direction = S of the block, from g = f. */
static int32_t apply_roots(shampoo *o, const piece *b)
{
    podium_block from = block_of(b, o->common.t->g), to = block_of(b, o->direction);
    for (int32_t k = 0; k < b->ndim; k++) {
        podium_block root = podium_block_square(o->roots, b->at[k], b->shape[k]);
        PODIUM_TRY(o->linalg->contract(o->common.h, k ? &to : &from, k, &root, 0, &to));
    }
    return PODIUM_OK;
}

/* g = P from g = f. */
static int32_t graft(shampoo *o, double t)
{
    const double *p = o->common.number;
    double decay = grafting_decay(o);
    double correction = p[GRAFTING] == ADAM && decay < 1 ? 1 - pow(decay, t) : 1;
    if (!o->v)
        return PODIUM_OK;
    return podium_run(o, "v0 = v0/(sqrt(v1/c0) + c1)", PODIUM_V(o->common.t->g, o->v),
                      PODIUM_C(correction, p[GRAFTING_EPS]));
}

/* The block of S gets the length of P's. */
static int32_t resize(shampoo *o, const piece *b)
{
    const podium_host *h = o->common.h;
    podium_block grafted = block_of(b, o->common.t->g), own = block_of(b, o->direction);
    double length, mine;
    PODIUM_TRY(o->linalg->dot(h, &grafted, &grafted, &length));
    PODIUM_TRY(o->linalg->dot(h, &own, &own, &mine));
    double guarded = sqrt(mine) + 1e-16; /* no golden: against a division by 0 */
    return o->linalg->add(h, 0, &own, sqrt(length) / guarded, &own);
}

static int32_t step(void *self, const podium_step *s)
{
    shampoo *o = self;
    const double *p = o->common.number;
    const podium_task *task = o->common.t;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    double t = (double)s->index + 1, lr = podium_rate(o, p[LR], s);
    double start = p[START] < 0 ? p[FREQUENCY] : p[START];
    double correction = p[BIAS_CORRECTION] != 0 && p[BETA2] < 1 ? 1 - pow(p[BETA2], t) : 1;
    int renew = t == start || (t > start && fmod(t, p[FREQUENCY]) == 0);
    int grafts = p[GRAFTING] != NONE;
    for (size_t b = 0; b < o->num_pieces; b++)
        PODIUM_TRY(precondition(o, &o->pieces[b], correction, renew));
    PODIUM_TRY(filter(o, t));
    podium_vec *direction = grafts && t < start ? task->g : o->direction;
    for (size_t b = 0; direction == o->direction && b < o->num_pieces; b++)
        PODIUM_TRY(apply_roots(o, &o->pieces[b]));
    if (grafts)
        PODIUM_TRY(graft(o, t));
    for (size_t b = 0; grafts && direction == o->direction && b < o->num_pieces; b++)
        PODIUM_TRY(resize(o, &o->pieces[b]));
    return podium_run(o, "v0 = v0 - c0*(v1 + p0*v0)", PODIUM_V(task->x, direction), PODIUM_C(lr));
}

static void destroy(void *self)
{
    shampoo *o = self;
    if (o)
        free(o->pieces);
    podium_optimizer_destroy(self);
}

PODIUM_OPTIMIZER_WITH(destroy, shampoo, hyperparameters, setup, step,
                      .needs = PODIUM_NEEDS_WHOLE_TENSORS,
                      .url = "https://arxiv.org/abs/2309.06497")
