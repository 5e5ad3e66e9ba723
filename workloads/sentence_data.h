/* Sentences with classes or scores: rows of token ids of one length, in memory. */
#ifndef WORKLOADS_SENTENCE_DATA_H
#define WORKLOADS_SENTENCE_DATA_H

#include "base/yaml.h"
#include "workloads/workload.h"

typedef struct sentence_data sentence_data;

/* Reads a yaml `data:` map:
 *   - set: NAME, the folder below data_dir with train, valid (or dev, val) and, perhaps, test
 *     files, .tsv or .jsonl, may be .gz
 *   - valid: NAME of the validation file where it is another one (TREC has train and test alone)
 *   - format: tsv, of data/task_data.h: tsv (class TAB sentence [TAB second sentence]), or a GLUE
 *     or SuperGLUE layout; rows without a label are left out
 *   - tokenizer: bytes, bpe or wordpiece (sentence_tokens.h)
 *   - vocabulary: PATH of the tokenizer below data_dir, a file of merges or a folder
 *   - examples: N, the first N training rows of a fixed shuffle only (low-resource studies)
 *
 * Longer rows are cut to `tokens`.  A key permutes the classes.
 * Errors: PODIUM_EIO, PODIUM_EINVAL naming file and line. */
int32_t sentence_data_open(sentence_data **out, const yaml_node *data, const char *data_dir,
                           int64_t tokens, const data_key *key);
void sentence_data_close(sentence_data *d);           /* NULL is fine */
const char *sentence_data_id(const sentence_data *d); /* "name:sha256" */
int64_t sentence_data_vocabulary(const sentence_data *d);
bool sentence_data_has_scores(const sentence_data *d); /* STS-B: labels are real, no classes */
int64_t sentence_data_classes(const sentence_data *d); /* 1 where there are scores */
/* The number, after the key's permutation, of class `k` of the files: in the order of the format,
 * or of their first rows. */
int32_t sentence_data_class(const sentence_data *d, int64_t k);
int64_t sentence_data_count(const sentence_data *d, data_split split);

bool sentence_data_has_pairs(const sentence_data *d); /* some row has a second sentence */

/* Buffers in the order ids [B, T], mask [B, T], classes [B] (all I32; scores: F32), weights [B],
 * types I32 [B, T] (1 in second sentences); borrowed until the next call.  Training: epochs without
 * replacement, each in an order of its own. */
int32_t sentence_data_train(sentence_data *d, uint64_t seed, int64_t step, int64_t batch,
                            int64_t first, int64_t count, workload_batch *out);
int32_t sentence_data_eval(sentence_data *d, data_split split, int64_t start, int64_t batch,
                           workload_batch *out);

#endif
