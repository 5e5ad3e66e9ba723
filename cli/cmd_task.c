/* `podium task train|serve`: tasks as small files on one resident backbone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "harness/tasks.h"

typedef struct task_options {
    tasks_options host;
    bool train;
    char **names; /* chosen tasks; none: all */
    int num_names;
    char tree[4096];
} task_options;

static int32_t read_options(task_options *o, int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[1], "train") && strcmp(argv[1], "serve")))
        return podium_fail(PODIUM_EINVAL, "expected: podium task train|serve LIST.yaml [NAME...]");
    o->train = !strcmp(argv[1], "train");
    o->host = (tasks_options){.list = argv[2], .folder = "."};
    o->host.data_dir = getenv("PODIUM_DATA");
    o->names = argv + 3;
    while (3 + o->num_names < argc && argv[3 + o->num_names][0] != '-')
        o->num_names++;
    for (int i = 3 + o->num_names; i < argc; i += 2) {
        int64_t n;
        if (i + 1 >= argc)
            return podium_fail(PODIUM_EINVAL, "option '%s' needs an argument, or is unknown",
                               argv[i]);
        if (!strcmp(argv[i], "--dir"))
            o->host.folder = argv[i + 1];
        else if (!strcmp(argv[i], "--data"))
            o->host.data_dir = argv[i + 1];
        else if (strcmp(argv[i], "--threads"))
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        else if (!integer_parse(argv[i + 1], &n) || n < 1 || n > 4096)
            return podium_fail(PODIUM_EINVAL, "--threads is '%s', expected a positive number",
                               argv[i + 1]);
        else
            o->host.threads = (int)n;
    }
    if (!o->host.data_dir) {
        char folder[3072];
        TRY(path_of_executable(folder, sizeof folder));
        TRY(path_join(o->tree, sizeof o->tree, folder, "../data"));
        o->host.data_dir = o->tree;
    }
    return PODIUM_OK;
}

static bool is_chosen(const task_options *o, const char *name)
{
    for (int i = 0; i < o->num_names; i++)
        if (!strcmp(o->names[i], name))
            return true;
    return !o->num_names;
}

static int32_t check_names(const task_options *o, const task_host *h)
{
    for (int k = 0; k < o->num_names; k++) {
        bool known = false;
        for (int64_t i = 0; i < tasks_count(h); i++)
            known = known || !strcmp(tasks_name(h, i), o->names[k]);
        if (!known)
            return podium_fail(PODIUM_EINVAL, "%s: no task '%s'", o->host.list, o->names[k]);
    }
    return PODIUM_OK;
}

static int32_t run_tasks(const task_options *o, task_host *h)
{
    int64_t count = 0, files = 0;
    TRY(check_names(o, h));
    for (int64_t i = 0; i < tasks_count(h); i++) {
        task_report r;
        if (!is_chosen(o, tasks_name(h, i)))
            continue;
        TRY(o->train ? tasks_train(h, i, &r) : tasks_serve(h, i, &r));
        printf("%s: %lld parameters, %lld bytes; valid loss %.4f", r.name, (long long)r.trained,
               (long long)r.file_bytes, r.loss);
        if (!isnan(r.accuracy)) /* scores and texts have none */
            printf(", accuracy %.4f", r.accuracy);
        putchar('\n');
        fflush(stdout);
        count++;
        files += r.file_bytes;
    }
    tasks_size s = tasks_resident(h);
    printf("%lld tasks in %lld bytes on one backbone of %lld parameters, %lld bytes; a network for "
           "each task: %lld bytes\n",
           (long long)count, (long long)files, (long long)s.frozen, (long long)s.frozen_bytes,
           (long long)(files + count * s.frozen_bytes));
    return PODIUM_OK;
}

static int run(int argc, char **argv)
{
    task_options o = {0};
    task_host *h;
    TRY(read_options(&o, argc, argv));
    TRY(tasks_open(&h, &o.host));
    int32_t rc = run_tasks(&o, h);
    tasks_close(h);
    return rc < 0 ? rc : EXIT_DONE;
}

const command command_task = {
    .name = "task",
    .summary = "train and serve tasks as small files on one resident backbone",
    .usage =
        "usage: podium task train|serve LIST.yaml [NAME...] [--dir DIR] [--data DIR] [--threads "
        "N]\n\n"
        "LIST.yaml names a workload, its model, how to train, and tasks:\n"
        "  workload: compacter\n"
        "  model: {width: 128, depth: 4, heads: 4, tokens: 64, mode: compacter, backbone: FILE}\n"
        "  training: {batch: 32, steps: 300, learning_rate: 0.003, seed: 0}\n"
        "  tasks: {sections: {set: sections}, sentences: {set: sentences}}\n\n"
        "train fits each task (all, or those named) and writes DIR/NAME.safetensors with its\n"
        "trained parameters only; serve reads them and evaluates them one after another on a\n"
        "backbone that stays in memory. Both print sizes, loss and accuracy.\n"
        "  --dir DIR    the folder of task files (.)\n"
        "  --data DIR   prepared data sets ($PODIUM_DATA, or data/)\n",
    .run = run,
};
