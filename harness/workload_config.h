/* workloads/NAME.yaml: everything but `model:` and `data:`, which the workload reads itself.
 *
 *   name, description
 *   sizes: {mini: {model, data, batch, step_hint, eval_every_examples, budget_steps, dropout,
 *                  label_smoothing, target: {metric, value}},
 *           base: ...}
 *   held_out: {glu: {model: {overrides}, sizes: {mini: {target, step_hint, budget_steps}}}, ...}
 *   extents: {mini: {...}, ...}: numbers of the data that decide the model's shape, for counting
 *            without the data (workload.h: outline); no part of the fingerprint, the data id is
 *   sources: anything (named in the fingerprint)
 *
 * A target's metric is loss, accuracy, one of the workload's output_metrics (bleu, matthews, ...)
 * or, of a language model, perplexity: its value's logarithm is then the target of the loss.
 *
 * A variant takes from its size what it does not say, but for the target: each has its own.
 * Budgets are in reference steps.
 *
 * A variant may also come from the user, as a file of its own that ranks nothing: a map of `name`
 * and whatever keys of a size it replaces, the data too, maps within maps likewise; target is
 * required. */
#ifndef HARNESS_WORKLOAD_CONFIG_H
#define HARNESS_WORKLOAD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/sha256.h"
#include "base/yaml.h"
#include "workloads/workload.h"

typedef struct workload_config {
    yaml_document *document; /* owned; model and data point into it, or into overlays of it */
    yaml_document *own;      /* owned: a variant of the user's, NULL: none */
    const yaml_node *merged; /* the size with that variant over it */
    const workload_entry *entry;
    char size[32], held_out[32];  /* held_out "" for the workload itself; of `own` its name */
    char fingerprint[SHA256_HEX]; /* of this size, this variant and sources */
    const char *description;
    const yaml_node *model, *data;
    const yaml_node *extents; /* of the size, or NULL */
    int64_t batch, step_hint, eval_every_examples;
    double budget_steps; /* reference steps */
    double dropout, label_smoothing;
    const char *metric; /* of the target: "loss", "accuracy" or one of the workload's own */
    bool target_grows;  /* larger is better */
    double target;
} workload_config;

/* held_out NULL: none.  Errors: PODIUM_EINVAL naming line and key; unknown size or variant lists
 * the known ones. */
int32_t workload_config_init(workload_config *c, const workload_entry *entry, const char *size,
                             const char *held_out);
/* The same with the user's variant, the text of a file named `file` in messages. */
int32_t workload_config_init_own(workload_config *c, const workload_entry *entry, const char *size,
                                 const char *text, const char *file);
/* The name in the text of such a variant.  Errors: PODIUM_EINVAL. */
int32_t workload_variant_name(const char *text, const char *file, char *name, size_t size);
void workload_config_release(workload_config *c);
/* After the workload read its maps: a key nobody asked for in them is an error. */
int32_t workload_config_finish(const workload_config *c);
/* quality: the metric that grows, training_validate's. */
bool workload_config_is_reached(const workload_config *c, double loss, double quality);

#endif
