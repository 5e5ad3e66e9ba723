/* The parts of pretraining: the text as tokens, a stage as a graph with its batches. */
#ifndef WORKLOADS_PRETRAIN_INTERNAL_H
#define WORKLOADS_PRETRAIN_INTERNAL_H

#include "data/ids.h"
#include "workloads/pretrain.h"
#include "workloads/sentence_tokens.h"

/* Start with {0}.  The last fiftieth, of tokens and of pairs, is held out. */
typedef struct pretrain_corpus {
    sentence_tokens *tokenizer;
    id_buffer ids; /* all documents, each with its end */
    int64_t train_tokens;
    id_buffer parts; /* of the documents that have two: short line, long text; no specials */
    int64_t *start;  /* [2 pairs + 1] of each part in `parts`; NULL: no stage is contrastive */
    int64_t pairs, train_pairs;
    char text_sha256[SHA256_HEX];
} pretrain_corpus;

/* `text`: of pretrain_options; the merges are in OUT.bpe, trained there if it is not there. */
int32_t pretrain_corpus_read(pretrain_corpus *c, const pretrain_recipe *r, const char *text,
                             const char *out);
void pretrain_corpus_release(pretrain_corpus *c);

typedef struct pretrain_task pretrain_task;

/* Records the network (into the parameters `p`, if they are not there yet) and the objective of
 * `s`.  The corpus, the parameters and the backend are borrowed. */
int32_t pretrain_task_open(pretrain_task **out, const pretrain_recipe *r, const pretrain_stage *s,
                           const pretrain_corpus *c, backend *b, params *p);
void pretrain_task_close(pretrain_task *t); /* NULL is fine */
graph *pretrain_task_graph(const pretrain_task *t);
/* Batch number `step` of a seed into the graph; held_out: of what training never sees. */
int32_t pretrain_task_feed(pretrain_task *t, uint64_t seed, int64_t step, bool held_out);
/* Of the graph's last forward pass. */
int32_t pretrain_task_loss(const pretrain_task *t, double *loss);

#endif
