/* Many tasks on one resident backbone: each task is a small file of its trained parameters; the
 * frozen ones are in memory once.
 *
 * A list of tasks in yaml:
 *   workload: compacter
 *   model: {...}                      as in the workload's yaml
 *   training: {batch, steps, learning_rate, warmup, weight_decay, dropout, seed}
 *   tasks: {NAME: {the workload's data: map}, ...} */
#ifndef HARNESS_TASKS_H
#define HARNESS_TASKS_H

#include <stdint.h>
#include "base/status.h"

typedef struct task_host task_host;

typedef struct task_report {
    const char *name;      /* borrowed from the host */
    int64_t trained;       /* parameters */
    int64_t file_bytes;    /* of the task file */
    double loss, accuracy; /* on the validation split */
} task_report;

typedef struct tasks_size {
    int64_t frozen;       /* parameters of the backbone, resident once */
    int64_t frozen_bytes; /* of them */
} tasks_size;

typedef struct tasks_options {
    const char *list;     /* the yaml file */
    const char *data_dir; /* of data sets */
    const char *folder;   /* of task files: NAME.safetensors */
    int threads;          /* 0: all */
} tasks_options;

/* Errors: PODIUM_EINVAL naming file, line, key; PODIUM_EIO. */
int32_t tasks_open(task_host **out, const tasks_options *options);
void tasks_close(task_host *h); /* NULL is fine */
int64_t tasks_count(const task_host *h);
const char *tasks_name(const task_host *h, int64_t i);
/* Trains task i from the backbone and writes its file. */
int32_t tasks_train(task_host *h, int64_t i, task_report *out);
/* Reads the file of task i and evaluates it on the resident backbone.  Errors: PODIUM_EINVAL also
 * when the file was trained on another backbone or other data, or lacks a parameter. */
int32_t tasks_serve(task_host *h, int64_t i, task_report *out);
tasks_size tasks_resident(const task_host *h); /* after the first of the two above */

#endif
