/* Hyperparameter values of one submission, from YAML, JSON or NAME=VALUE texts, checked against
 * what the submission declares.  Base submissions are nested maps, {name: adamw, lr: 0.01}; their
 * .so is loaded into the same runner, so that their values are checked just as well. */
#ifndef HARNESS_HYPERPARAMETERS_H
#define HARNESS_HYPERPARAMETERS_H

#include <jansson.h>
#include "base/yaml.h"
#include "harness/runner_host.h"

typedef struct hyperparameters hyperparameters;

/* Finds the .so of a base by its name. Errors: PODIUM_EINVAL. */
typedef int32_t (*hyperparameters_find)(void *arg, const char *name, char *path, size_t size);

/* The defaults of the submission in `slot`.  `r` is borrowed until hyperparameters_send. */
int32_t hyperparameters_create(hyperparameters **out, runner *r, int32_t slot,
                               hyperparameters_find find, void *find_arg);
void hyperparameters_destroy(hyperparameters *h);

/* Each overrides what was set before.  Errors: PODIUM_EINVAL with place, name, what was expected;
 * for an unknown name the legal ones. */
/* "base.lr" is a key here too, so that a search space can have it for an axis. */
int32_t hyperparameters_set_yaml(hyperparameters *h, const yaml_node *map);
/* `place` begins messages.  null is "none", for a number that may be none, else the default. */
int32_t hyperparameters_set_json(hyperparameters *h, const json_t *object, const char *place);
/* "lr=0.01", "base.lr=0.01", "base=adamw", "betas=0.9,0.99". */
int32_t hyperparameters_set_text(hyperparameters *h, const char *assignment);

/* True when nothing but defaults is used: the run is hyperparameter-free. */
bool hyperparameters_are_default(const hyperparameters *h);
/* Values as a JSON object for records, bases nested; a new reference, NULL: no memory. */
json_t *hyperparameters_to_json(const hyperparameters *h);
/* Hands all values to the runner. Errors: a base without a name. */
int32_t hyperparameters_send(hyperparameters *h);

/* A submission's .so from what a user writes: a path of a .so; a folder holding submission.so; or
 * a name: DIR/optimizers/NAME.so where DIR is the folder of this executable or one above.
 * Errors: PODIUM_EINVAL with the places that were looked at. */
int32_t submission_find(const char *what, char *path, size_t size);
/* The same as hyperparameters_find; arg is not used. */
int32_t submission_find_base(void *arg, const char *name, char *path, size_t size);

#endif
