/* Ranks that work on one trial: the layout (`dp=4,zero=1`), and meetings.  Before each collective
 * every rank says what it is about to do; ranks that disagree, or of which one has failed, all get
 * the same failure with the reason instead of waiting for each other for ever.
 *
 * A NULL parallel is one rank: everything returns at once. */
#ifndef HARNESS_PARALLEL_H
#define HARNESS_PARALLEL_H

#include <stdbool.h>
#include "comm/comm.h"

#define PARALLEL_TEXT 600

/* What a rank is about to do. */
typedef enum {
    PARALLEL_EVALUATE = 1,
    PARALLEL_LOSS,
    PARALLEL_PROGRAM,
    PARALLEL_ALL_SUM,
    PARALLEL_GATHER,
    PARALLEL_SNAPSHOT,
    PARALLEL_STAGE, /* a stage of the trial has ended */
    PARALLEL_DIGEST,
    PARALLEL_SCORE,
    PARALLEL_MEAN_GRADIENT,
} parallel_kind;

typedef struct parallel_word {
    int32_t kind, status; /* negative status: this rank has failed */
    int64_t a, b;         /* must be equal on all ranks */
    double x[5];          /* each rank's own */
} parallel_word;

typedef struct parallel {
    comm *comm; /* borrowed */
    int32_t rank, size;
    bool zero;   /* ZeRO-1: optimizer state is sharded */
    bool failed; /* the ranks cannot go on together; status and reason are the same on all */
    int32_t status;
    char reason[PARALLEL_TEXT];
    parallel_word *words;         /* [size] of the last meeting */
    char (*texts)[PARALLEL_TEXT]; /* [size] */
    double *weights;              /* [size] scratch of averages */
} parallel;

/* Reads "dp=N[,zero=0|1]"; N must be the number of ranks.  c is borrowed.
 * Errors: PODIUM_EINVAL naming what was expected. */
int32_t parallel_init(parallel *p, comm *c, const char *layout);
void parallel_release(parallel *p);
/* "dp=4,zero=1", for records. */
void parallel_layout(const parallel *p, char *out, size_t size);

/* All ranks' words in p->words.  A rank that fails says so by mine.status, its text being
 * podium_error().  Fails alike on every rank: with the rank's own failure when all failed with the
 * same status, else p->failed is set and the text names the rank.  [collective] */
int32_t parallel_meet(parallel *p, parallel_word mine);
/* parallel_meet at the end of a stage that ended with rc here: rc, or the common failure. */
int32_t parallel_agree(parallel *p, int32_t rc);
/* Compares 32 bytes that must be equal on all ranks.  Errors: PODIUM_EDEVICE "what differs ...",
 * p->failed is set.  [collective] */
int32_t parallel_same(parallel *p, const uint8_t digest[32], const char *what);
/* This rank's part of `count` things, elements or examples. */
comm_range parallel_share(const parallel *p, int64_t count);
/* Threads for each rank when none were asked for: this host's, shared by its ranks. */
int parallel_threads(const parallel *p, int asked);

#endif
