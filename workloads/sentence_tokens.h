/* Ids of the byte tokenizer: every text has them, and no vocabulary need be kept. */
#ifndef WORKLOADS_SENTENCE_TOKENS_H
#define WORKLOADS_SENTENCE_TOKENS_H

enum {
    SENTENCE_PAD,
    SENTENCE_FIRST, /* before the first part */
    SENTENCE_END,   /* after each part */
    SENTENCE_MASK,  /* a hidden token in pretraining */
    SENTENCE_BYTES, /* + the byte */
    SENTENCE_VOCABULARY = SENTENCE_BYTES + 256,
};

#endif
