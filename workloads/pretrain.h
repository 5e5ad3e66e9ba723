/* Pretraining of the small backbone that `compacter` fine-tunes: an encoder in BERT's layout learns
 * to predict text.  The same recipe, text, machine kind and threads give the same bytes; a run that
 * was interrupted goes on where its last checkpoint was. */
#ifndef WORKLOADS_PRETRAIN_H
#define WORKLOADS_PRETRAIN_H

#include "base/sha256.h"
#include "base/yaml.h"
#include "engine/backend.h"
#include "nn/pretrained.h"

typedef enum { PRETRAIN_CAUSAL, PRETRAIN_MASKED } pretrain_objective;

typedef struct pretrain_recipe {
    nn_bert_config bert; /* vocabulary: of the tokenizer */
    int64_t merges;      /* of a byte-level BPE trained on the text; 0: bytes */
    pretrain_objective objective;
    double mask_share; /* of the tokens of a row, masked objective */
    int64_t tokens, batch, steps, warmup_steps;
    int64_t eval_every, save_every; /* steps */
    double learning_rate, beta1, beta2, weight_decay, clip;
    int64_t seed;
    char sha256[SHA256_HEX]; /* of the recipe's values in canonical form */
} pretrain_recipe;

typedef struct pretrain_options {
    const char *text;   /* a file of documents, one a line; may be .gz */
    const char *out;    /* the backbone, safetensors; beside it OUT.checkpoint, OUT.log and, with
                          merges, OUT.bpe */
    int threads;        /* 0: all */
    int64_t stop_after; /* steps of this call; 0: until the recipe's end */
    void (*progress)(int64_t step, int64_t steps, double loss, double held_out); /* may be NULL */
} pretrain_options;

/* Errors: PODIUM_EINVAL naming file, line, key. */
int32_t pretrain_read(pretrain_recipe *r, const char *path);
/* *finished: the backbone is written.  Errors: PODIUM_EIO, PODIUM_EINVAL (a text too short, a
 * checkpoint of another recipe or text), PODIUM_ENOMEM. */
int32_t pretrain_run(const pretrain_recipe *r, const pretrain_options *o, bool *finished);

#endif
