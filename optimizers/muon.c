/* Muon: momentum, orthogonalised, for matrices; Adam for the rest.
 * Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/, as KellerJordan/Muon
 * (SingleDeviceMuonWithAuxAdam) has it.  For a matrix:
 *
 *     m = mu m + (1 - mu) g,  u = (1 - mu) g + mu m  (nesterov, else m)
 *
 *     u = NewtonSchulz(u / (|u| + 1e-7)), x = (1 - lr wd) x - lr sqrt(max(1, rows/columns)) u
 *
 * with ns_steps of X = 3.4445 X + (-4.7750 XX' + 2.0315 (XX')^2) X.  A tensor of four axes is the
 * matrix [first, rest], of three or more than four a batch of matrices; rows and columns of the
 * factor are always the last two axes.  The rest: Adam with adam_lr, adam_beta1, ...; decay is
 * decoupled with each rate.  adam_on adds embeddings and the layer of the logits to the rest, as
 * the authors advise.  Their code runs Newton-Schulz in bfloat16, this in the task's precision.
 * State: m, and v for the rest. */
#include "podium/extensions.h"
#include "podium/optimizer.h"

typedef struct muon {
    podium_optimizer common;
    const podium_linalg *linalg;
    podium_vec *m, *v;
    double *is_matrix, *beta, *size; /* [num_params] */
} muon;

enum { LR, MOMENTUM, NESTEROV, NS_STEPS, ADAM_LR, ADAM_BETA1, ADAM_BETA2, ADAM_EPS, ADAM_ON };
static const podium_hyperparameter *const hyperparameters[] = {
    PODIUM_DECLARE_NUMBER("lr", "rate of the matrices", 0.02, 0, 1e3, PODIUM_LOG),
    PODIUM_BETA("momentum", "decay of the mean of gradients of matrices", 0.95),
    PODIUM_DECLARE_FLAG("nesterov", "look one momentum step ahead", 1),
    PODIUM_DECLARE_INTEGER("ns_steps", "Newton-Schulz iterations", 5, 1, 50),
    PODIUM_DECLARE_NUMBER("adam_lr", "rate of the rest", 3e-4, 0, 1e3, PODIUM_LOG),
    PODIUM_BETA("adam_beta1", "decay of the mean of gradients of the rest", 0.9),
    PODIUM_BETA("adam_beta2", "decay of the mean of squares of the rest", 0.95),
    PODIUM_DECLARE_NUMBER("adam_eps", "added to the denominator of the rest", 1e-10, 0, 1,
                          PODIUM_LOG),
    &(const podium_hyperparameter){
        .struct_size = sizeof(podium_hyperparameter),
        .type = PODIUM_CHOICE,
        .name = "adam_on",
        .help = "what Adam optimizes: vectors, or embeddings and the output layer too",
        .value = 1,
        .max = 1,
        .choices = (const char *const[]){"vectors", "vectors_and_ends", NULL},
    },
    PODIUM_WEIGHT_DECAY("decoupled, times the rate of the parameter", 0),
    PODIUM_COMMON,
    PODIUM_DECAY_ON,
    NULL,
};

static int takes_muon(const muon *o, const podium_param *p)
{
    int is_end = p->kind == PODIUM_EMBEDDING || p->is_output;
    return p->ndim >= 2 && !(is_end && o->common.number[ADAM_ON] != 0);
}

static int32_t setup(void *self)
{
    muon *o = self;
    const podium_host *h = o->common.h;
    o->linalg = h->extension(h, PODIUM_LINALG);
    if (!o->linalg)
        return h->fail(h, PODIUM_ENOTSUP, "muon needs podium.linalg");
    PODIUM_TRY(podium_state(o, "m", &o->m));
    PODIUM_TRY(podium_state(o, "v", &o->v));
    PODIUM_TRY(podium_array(o, NULL, &o->is_matrix));
    PODIUM_TRY(podium_array(o, NULL, &o->beta));
    PODIUM_TRY(podium_array(o, NULL, &o->size));
    for (size_t i = 0; i < o->common.t->num_params; i++) {
        o->is_matrix[i] = takes_muon(o, o->common.t->params[i]);
        o->beta[i] = o->common.number[o->is_matrix[i] != 0 ? MOMENTUM : ADAM_BETA1];
    }
    return PODIUM_OK;
}

/* The step of each parameter: its rate, times the factor of its shape. */
static void set_sizes(muon *o, const podium_step *s)
{
    const double *p = o->common.number;
    double lr = podium_schedule_rate(&o->common.schedule, p[LR], s->index);
    double adam_lr = podium_schedule_rate(&o->common.schedule, p[ADAM_LR], s->index);
    for (size_t i = 0; i < o->common.t->num_params; i++) {
        const podium_param *q = o->common.t->params[i];
        int matrix = o->is_matrix[i] != 0;
        double rate = matrix ? lr : adam_lr, high = 1;
        if (matrix)
            high = fmax(1, (double)q->shape[q->ndim - 2] / (double)q->shape[q->ndim - 1]);
        o->common.factor[i] = 1 - rate * o->common.decay[i];
        o->size[i] = rate * sqrt(high);
    }
}

/* g = the update before orthogonalisation: u of the matrices, Adam's of the rest. */
static int32_t momentum(muon *o, double t)
{
    const double *p = o->common.number;
    return podium_pass(o,
                       "v1 = p2*v1 + (1 - p2)*v0;"
                       "t0 = p3;" /* no golden: a mask */
                       "v2 = select(t0, 0, c0*v2 + (1 - c0)*v0*v0);"
                       "v0 = select(t0, (1 - c1)*v0 + c1*v1, c2*v1/(c3*sqrt(v2) + c4))",
                       PODIUM_V(o->common.t->g, o->m, o->v),
                       PODIUM_C(p[ADAM_BETA2], p[NESTEROV] != 0 ? p[MOMENTUM] : 1,
                                1 / (1 - pow(p[ADAM_BETA1], t)),
                                1 / sqrt(1 - pow(p[ADAM_BETA2], t)), p[ADAM_EPS]),
                       NULL, 0, (double *[]){o->beta, o->is_matrix}, 2, NULL, 0);
}

static int32_t orthogonalise(muon *o, size_t i)
{
    const podium_param *q = o->common.t->params[i];
    int64_t shape[3] = {1, q->shape[q->ndim - 2], q->shape[q->ndim - 1]};
    if (q->ndim == 4) {
        shape[1] = q->shape[0];
        shape[2] = q->count / q->shape[0];
    }
    shape[0] = q->count / (shape[1] * shape[2]);
    podium_block u = podium_block_make(o->common.t->g, i, 0, 3, shape);
    return o->linalg->newton_schulz(o->common.h, &u, (int32_t)o->common.number[NS_STEPS], 3.4445,
                                    -4.7750, 2.0315, 1e-7);
}

static int32_t step(void *self, const podium_step *s)
{
    muon *o = self;
    PODIUM_TRY(podium_gradient(o, s, NULL));
    set_sizes(o, s);
    PODIUM_TRY(momentum(o, (double)s->index + 1));
    for (size_t i = 0; i < o->common.t->num_params; i++)
        if (o->is_matrix[i] != 0)
            PODIUM_TRY(orthogonalise(o, i));
    return podium_pass(o, "v0 = p1*v0 - p2*v1", PODIUM_V(o->common.t->x, o->common.t->g), NULL, 0,
                       NULL, 0, &o->size, 1, NULL, 0);
}

PODIUM_OPTIMIZER(muon, hyperparameters, setup, step, .needs = PODIUM_NEEDS_WHOLE_TENSORS,
                 .url = "https://kellerjordan.github.io/posts/muon/")
