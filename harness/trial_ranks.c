/* A trial on several ranks: all of them train and evaluate, the first one keeps the clock and the
 * files.  What decides how a trial goes on (clocks, failures, a checkpoint) is made the same on all
 * ranks here, so that all of them take the same way. */
#include "harness/trial_internal.h"

#include <math.h>
#include <stdlib.h>

bool trial_writes(const trial *t)
{
    return !t->config->parallel || t->config->parallel->rank == 0;
}

int32_t trial_append(trial *t, json_t *line)
{
    if (trial_writes(t))
        return journal_append(&t->journal, line);
    json_decref(line);
    return 0;
}

int32_t trial_settle(trial *t, int32_t rc)
{
    parallel *p = t->config->parallel;
    trial_state *s = &t->state;
    if (!p)
        return rc;
    bool has_loss = isfinite(t->train_loss) && t->training.batch_weight > 0;
    parallel_word w = {
        .kind = PARALLEL_STAGE,
        .status = rc,
        .x = {s->wall_seconds, s->segment_seconds, s->compile_seconds,
              has_loss ? t->train_loss * t->training.batch_weight : 0,
              has_loss ? t->training.batch_weight : 0},
    };
    int32_t common = parallel_meet(p, w);
    t->stage_failed = common < 0;
    TRY(common);
    s->wall_seconds = p->words[0].x[0];
    s->segment_seconds = p->words[0].x[1];
    s->compile_seconds = p->words[0].x[2];
    double loss = 0, weight = 0;
    for (int32_t r = 0; r < p->size; r++) {
        loss += p->words[r].x[3];
        weight += p->words[r].x[4];
    }
    t->shown_loss = weight > 0 ? loss / weight : t->train_loss;
    return rc;
}

int32_t trial_share_outcome(const trial *t, bool *finished, trial_outcome *out)
{
    const parallel *p = t->config->parallel;
    if (!p)
        return 0;
    TRY(comm_broadcast(p->comm, finished, sizeof *finished, 0));
    return comm_broadcast(p->comm, out, sizeof *out, 0);
}

int32_t trial_share_checkpoint(trial *t, void **block, size_t *size)
{
    parallel *p = t->config->parallel;
    if (!p)
        return 0;
    uint64_t found = *block != NULL, bytes = *size;
    TRY(comm_broadcast(p->comm, &found, sizeof found, 0));
    if (!found)
        return 0;
    TRY(comm_broadcast(p->comm, &bytes, sizeof bytes, 0));
    if (!*block)
        *block = malloc(bytes + 1);
    *size = bytes;
    int32_t rc = *block
                     ? 0
                     : podium_fail(PODIUM_ENOMEM, "no memory for a checkpoint of %zu bytes", *size);
    TRY(parallel_agree(p, rc));
    TRY(comm_broadcast(p->comm, &t->state, sizeof t->state, 0));
    return comm_broadcast(p->comm, *block, bytes, 0);
}
