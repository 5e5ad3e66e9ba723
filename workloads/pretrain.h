/* Pretraining of the small backbone that `compacter` fine-tunes: an encoder in BERT's layout learns
 * from text, in stages that may differ in what they ask of it.  The same recipe, text, machine kind
 * and threads give the same bytes; a run that was interrupted goes on where its last checkpoint
 * was. */
#ifndef WORKLOADS_PRETRAIN_H
#define WORKLOADS_PRETRAIN_H

#include "base/sha256.h"
#include "base/yaml.h"
#include "engine/backend.h"
#include "nn/pretrained.h"

enum { PRETRAIN_STAGES = 8 };

/* CAUSAL: the next token at every place.  MASKED: the hidden tokens (Devlin et al. 2019).
 * CONTRASTIVE: which of the batch's long texts belongs to a short line, and the other way round, by
 * the cosine of their mean hidden states (InfoNCE with the batch's other members as negatives: van
 * den Oord et al. 2018; Reimers & Gurevych 2019). */
typedef enum { PRETRAIN_CAUSAL, PRETRAIN_MASKED, PRETRAIN_CONTRASTIVE } pretrain_objective;
extern const char *const pretrain_objectives[]; /* their names, NULL */

typedef struct pretrain_stage {
    pretrain_objective objective;
    double mask_share;  /* of the tokens of a row, masked */
    double temperature; /* contrastive: cosines are divided by it */
    int64_t tokens;     /* a row: a window of text; contrastive: at most, of either part */
    int64_t batch;      /* rows; contrastive: pairs */
    int64_t steps, warmup_steps;
    double learning_rate;
} pretrain_stage;

typedef struct pretrain_recipe {
    nn_bert_config bert; /* vocabulary: of the tokenizer */
    int64_t merges;      /* of a byte-level BPE trained on the text; 0: bytes */
    pretrain_stage stage[PRETRAIN_STAGES];
    int stages;
    int64_t steps;                  /* of all stages */
    int64_t eval_every, save_every; /* steps */
    double beta1, beta2, weight_decay, clip;
    int64_t seed;
    char sha256[SHA256_HEX]; /* of the recipe's values in canonical form */
} pretrain_recipe;

typedef struct pretrain_options {
    const char *text; /* a file of documents, one a line, "SHORT LINE. LONG TEXT" for a contrastive
                        stage; may be .gz */
    const char *out;  /* the backbone, safetensors; beside it OUT.checkpoint, OUT.log and, with
                        merges, OUT.bpe */
    int threads;      /* 0: all */
    int64_t stop_after; /* steps of this call; 0: until the recipe's end */
    void (*progress)(int64_t step, int64_t steps, double loss, double held_out); /* may be NULL */
} pretrain_options;

/* Errors: PODIUM_EINVAL naming file, line, key. */
int32_t pretrain_read(pretrain_recipe *r, const char *path);
/* *finished: the backbone is written.  Errors: PODIUM_EIO, PODIUM_EINVAL (a text too short, a
 * checkpoint of another recipe or text), PODIUM_ENOMEM. */
int32_t pretrain_run(const pretrain_recipe *r, const pretrain_options *o, bool *finished);

#endif
