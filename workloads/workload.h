/* A workload: a fixed model on fixed data.  workloads/NAME.c defines `const workload
 * workload_NAME`; workloads/NAME.yaml holds its sizes (mini, base, full), targets, budgets and
 * held-out variants and is embedded in the binary.  The registry is generated from the directory
 * listing. */
#ifndef WORKLOADS_WORKLOAD_H
#define WORKLOADS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/yaml.h"
#include "data/data_set.h"
#include "engine/graph.h"

/* One example batch in host memory, in the order the workload's build() declared its inputs. */
#define WORKLOAD_MAX_INPUTS 8

typedef struct workload_task workload_task; /* an opened workload: configuration and data */

/* A recorded model: which values the harness feeds and reads. */
typedef struct workload_model {
    value inputs[WORKLOAD_MAX_INPUTS];
    int num_inputs;
    value loss;        /* [1] mean over the batch's weights: what is differentiated */
    value logits;      /* kept by who reads it */
    value per_example; /* [N] unweighted loss, kept */
    int64_t batch;     /* examples */
    /* 1 + the number of the I32 input with one class for each row of the logits, which an
     * evaluation with sampled labels replaces by draws from them; 0: there is none. */
    int label_input;
} workload_model;

/* A batch as the data pipeline makes it: one buffer per input (f32 or i32), borrowed by the reader
 * until the next call. weights of padding examples are 0. */
typedef struct workload_batch {
    void *data[WORKLOAD_MAX_INPUTS];
    int num_inputs;
    int64_t count; /* examples that count */
} workload_batch;

/* Running totals of an evaluation over a split. */
typedef struct workload_metrics {
    double loss;     /* mean over the split */
    double accuracy; /* share of correct answers, or NaN */
    int64_t count;
} workload_metrics;

/* Trained parameters where they lie. */
typedef struct workload_weights {
    backend *backend;
    params *params; /* borrowed; the model's graphs have declared them */
    int32_t precision;
    void *x, *frozen; /* flat vectors */
} workload_weights;

/* How sequences are searched: beam 1 is greedy. */
typedef struct workload_search {
    int64_t beam, max_length; /* max_length counts the first token */
    double alpha;             /* length penalty ((5 + length) / 6)^alpha */
    int32_t end_id;           /* -1: none */
} workload_search;

typedef struct workload {
    const char *name;
    const char *description; /* one line */
    bool scores_losses;      /* score reads per_example alone: logits are not copied */
    bool only_named;         /* unranked: raced only when its name is given */
    bool has_perplexity;     /* the exponential of its loss: records and targets may name it */
    size_t task_bytes;       /* of its workload_task, which open and open_case get zeroed */
    /* NULL: a model of golden cases only.  Opens the data and reads the size's `model:` and `data:`
     * maps; unknown keys are errors of the yaml reader.  `data_dir` holds the prepared data sets.
     * data_id gets "name:sha256".  After an error close is called. */
    int32_t (*open)(workload_task *t, const yaml_node *model, const yaml_node *data,
                    const char *data_dir, const data_key *key);
    /* Makes t ready for build alone, without data: what `model:` and `data:` say, and the data's
     * own numbers from the yaml's `extents:` of the size (of images: classes, channels, height,
     * width; of text: vocabulary and, where there are some, classes).  NULL: not offered. */
    int32_t (*outline)(workload_task *t, const yaml_node *model, const yaml_node *data,
                       const yaml_node *extents);
    void (*close)(workload_task *t); /* releases what t holds, not t */
    const char *(*data_id)(const workload_task *t);
    /* Records the forward pass for `batch` examples into g; declares the parameters. */
    int32_t (*build)(workload_task *t, graph *g, int64_t batch, workload_model *out);
    int64_t (*split_size)(const workload_task *t, data_split split);
    /* Training batch number `step` (`batch` examples, this rank's part [first, first + count)):
     * deterministic in (seed, step), so a resume or rerun sees the same examples. */
    int32_t (*train_batch)(workload_task *t, uint64_t seed, int64_t step, int64_t batch,
                           int64_t first, int64_t count, workload_batch *out);
    /* Sum of the weights that the mean loss of a training batch of `count` examples has; NULL: its
     * number of examples. */
    double (*batch_weight)(const workload_task *t, const workload_batch *b, int64_t count);
    /* Examples [start, start + batch) of a held-out split; the rest of the last batch has weight 0.
     */
    int32_t (*eval_batch)(workload_task *t, data_split split, int64_t start, int64_t batch,
                          workload_batch *out);
    /* Adds one evaluated batch to `m` (sums; the harness divides).  logits are NULL when
     * scores_losses. */
    int32_t (*score)(workload_task *t, const workload_batch *b, int64_t batch, const double *logits,
                     const double *per_example, workload_metrics *m);
    /* Values of the parameters that do not come from a seed: a pretrained network's.  Called after
     * params_initialise with its vectors; NULL: none. */
    int32_t (*load)(workload_task *t, const params *p, int32_t dtype, void *vector, void *frozen);
    /* Names of further golden models that open_case takes, ending with NULL; NULL: its own only. */
    const char *const *case_models;
    /* Opens a model of a golden parity case instead of a yaml size; NULL: none.  The JSON is the
     * case's config with the case's `model` and `frozen` put in; borrowed until close. */
    int32_t (*open_case)(workload_task *t, const void *json_config);
    /* The extents of input number i of the case that is open, before build; NULL when its config
     * says them all.  Errors: PODIUM_EINVAL for extents the model cannot have. */
    int32_t (*case_input)(workload_task *t, int i, int ndim, const int64_t *shape);
    /* Sequences that the model makes of ids [rows, length] (a source to translate, a text to go on
     * with): sequences [rows, beam, max_length], scores [rows, beam] rising.  NULL: it makes none.
     * Errors: PODIUM_ENOTSUP a beam the model has no search for. */
    int32_t (*decode)(workload_task *t, const workload_weights *w, const workload_search *s,
                      int64_t rows, int64_t length, const int32_t *ids, int32_t *sequences,
                      double *scores);
    /* Metrics of what the model makes, larger is better, by name ("bleu"), ending with NULL, and
     * the value of one of them on a split: computed at evaluations when a target names it.  NULL:
     * none. */
    const char *const *output_metrics;
    int32_t (*measure)(workload_task *t, const workload_weights *w, int metric, data_split split,
                       double *out);
    /* Names of the inputs in build's order, as golden cases call them; "a|b": either.  "weights"
     * may be absent from a case (then ones). */
    const char *const *input_names;
} workload;

typedef struct workload_entry {
    const char *name;
    const workload *workload;
    const char *yaml;
} workload_entry;

extern const workload_entry workload_registry[]; /* ends with a NULL name; generated */
const workload_entry *workload_find(const char *name);

/* A task of w by its open, outline or open_case, which must be there.  *out is NULL after an error:
 * theirs, or PODIUM_ENOMEM. */
int32_t workload_open(workload_task **out, const workload *w, const yaml_node *model,
                      const yaml_node *data, const char *data_dir, const data_key *key);
int32_t workload_open_outline(workload_task **out, const workload *w, const yaml_node *model,
                              const yaml_node *data, const yaml_node *extents);
int32_t workload_open_case(workload_task **out, const workload *w, const void *json_config);
/* A required number of an `extents:` map. */
int32_t workload_extent(const yaml_node *extents, const char *key, int64_t *out);
void workload_close(const workload *w, workload_task *t); /* NULL is fine */

/* Copies a batch into the inputs of m, which g records. */
int32_t workload_feed(graph *g, const workload_model *m, const workload_batch *b);

/* The class of a row of logits: the first largest. */
int32_t workload_answer(const double *logits, int64_t classes);

/* Adds a batch of single-label answers to m; inputs `input` and `input` + 1 are the labels and
 * weights.  Examples of weight 0 do not count. */
void workload_score_classes(int64_t classes, const workload_batch *b, int input, int64_t batch,
                            const double *logits, const double *per_example, workload_metrics *m);

#endif
