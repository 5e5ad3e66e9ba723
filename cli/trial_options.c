/* Options of the commands that run trials of their own. */
#include "cli/trial_options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/revision.h"
#include "harness/python_submission.h"

void trial_options_init(trial_options *o, const char *clock)
{
    *o = (trial_options){
        .suite = "mini",
        .device = "cpu",
        .precision = "f32",
        .clock_name = clock,
    };
}

int32_t option_value(int argc, char **argv, int *i, const char **out)
{
    if (*i + 1 >= argc)
        return podium_fail(PODIUM_EINVAL, "option '%s' needs a value", argv[*i]);
    *out = argv[++*i];
    return 0;
}

int32_t option_count(int argc, char **argv, int *i, int64_t min, int64_t max, int64_t *out)
{
    const char *name = argv[*i], *text = NULL;
    TRY(option_value(argc, argv, i, &text));
    if (!integer_parse(text, out) || *out < min || *out > max)
        return podium_fail(PODIUM_EINVAL,
                           "%s '%s': expected an integer from %" PRId64 " to %" PRId64, name, text,
                           min, max);
    return 0;
}

static int32_t add_workload(trial_options *o, const char *name)
{
    const workload_entry *w = workload_find(name);
    if (!w)
        return podium_fail(PODIUM_EINVAL,
                           "unknown workload '%s'; `podium list workloads` knows them", name);
    for (size_t i = 0; i < o->num_workloads; i++)
        if (o->workloads[i] == w)
            return podium_fail(PODIUM_EINVAL, "workload '%s' is named twice", name);
    if (o->num_workloads == TRIAL_OPTIONS_MOST)
        return podium_fail(PODIUM_EINVAL, "more than %d workloads", TRIAL_OPTIONS_MOST);
    o->workloads[o->num_workloads++] = w;
    return 0;
}

int32_t trial_options_take(trial_options *o, int argc, char **argv, int *i)
{
    const struct {
        const char *name;
        const char **slot;
    } texts[] = {
        {"--suite", &o->suite},         {"--held-out", &o->held_out}, {"--results", &o->results},
        {"--device", &o->device},       {"--key", &o->key},           {"--data", &o->data},
        {"--precision", &o->precision}, {"--clock", &o->clock_name},
    };
    const struct {
        const char *name;
        int64_t min, max, *slot;
    } counts[] = {
        {"--threads", 1, 4096, &o->threads},
        {"--seed", 0, INT64_MAX, &o->seed},
        {"--max-steps", 1, INT64_MAX, &o->max_steps},
    };
    const char *option = argv[*i], *text = NULL;
    if (!strcmp(option, "--quiet")) {
        o->quiet = true;
        return 0;
    }
    if (!strcmp(option, "--workload")) {
        TRY(option_value(argc, argv, i, &text));
        return add_workload(o, text);
    }
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (!strcmp(option, texts[k].name))
            return option_value(argc, argv, i, texts[k].slot);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        if (!strcmp(option, counts[k].name))
            return option_count(argc, argv, i, counts[k].min, counts[k].max, counts[k].slot);
    return podium_fail(PODIUM_EINVAL, "unknown option '%s'", option);
}

int32_t trial_options_finish(trial_options *o)
{
    int k = 0;
    while (record_clock_names[k] && strcmp(record_clock_names[k], o->clock_name))
        k++;
    if (!record_clock_names[k])
        return podium_fail(PODIUM_EINVAL,
                           "--clock '%s': expected one of calibrated, wall, steps, flops",
                           o->clock_name);
    o->clock = (record_clock)k;
    if (strcmp(o->precision, "f32") && strcmp(o->precision, "bf16"))
        return podium_fail(PODIUM_EINVAL, "--precision '%s': expected one of f32, bf16",
                           o->precision);
    return home_data(o->data, o->data_dir, sizeof o->data_dir);
}

void trial_options_configure(const trial_options *o, trial_config *c)
{
    *c = (trial_config){
        .revision = podium_revision,
        .size = o->suite,
        .held_out = o->held_out,
        .data_dir = o->data_dir,
        .device = o->device,
        .threads = (int)o->threads,
        .precision = !strcmp(o->precision, "bf16") ? PODIUM_BF16 : PODIUM_F32,
        .point = -1,
        .budget_multiplier = 1,
        .seed = (uint64_t)o->seed,
        .resume = true,
        .max_steps = o->max_steps,
    };
}

json_t *trial_options_identity(const trial_options *o, const char *command)
{
    json_t *id = json_object();
    json_object_set_new(id, "command", json_string(command));
    json_object_set_new(id, "suite", json_string(o->suite));
    json_object_set_new(id, "held_out", json_string(o->held_out ? o->held_out : "none"));
    json_object_set_new(id, "device", json_string(o->device));
    json_object_set_new(id, "precision", json_string(o->precision));
    json_object_set_new(id, "threads", json_integer(o->threads));
    json_object_set_new(id, "seed", json_integer(o->seed));
    json_object_set_new(id, "max_steps", json_integer(o->max_steps));
    return id;
}

static int32_t same_identity(const json_t *before, json_t *now, const char *path)
{
    const char *key;
    json_t *field;
    json_object_foreach(now, key, field)
    {
        const json_t *old = json_object_get(before, key);
        if (old && json_equal(old, field))
            continue;
        char *a = old ? json_dumps(old, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        char *b = json_dumps(field, JSON_ENCODE_ANY | JSON_COMPACT);
        int32_t rc = podium_fail(PODIUM_EINVAL,
                                 "the records beside '%s' were begun with %s %.300s, now it is "
                                 "%.300s: choose another --results folder",
                                 path, key, a ? a : "nothing", b ? b : "?");
        free(a);
        free(b);
        return rc;
    }
    return 0;
}

int32_t results_claim(const char *dir, json_t *identity)
{
    char path[4096];
    json_t *before = NULL;
    int32_t rc = identity ? directory_create(dir) : podium_fail(PODIUM_ENOMEM, "no memory");
    if (!rc)
        rc = path_join(path, sizeof path, dir, "search.json");
    if (!rc && file_exists(path)) {
        rc = json_read_file(&before, path);
        if (!rc)
            rc = same_identity(before, identity, path);
    } else if (!rc) {
        char *text = json_dumps(identity, JSON_INDENT(2));
        rc = text ? file_write_atomic(path, text, strlen(text))
                  : podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
        free(text);
    }
    json_decref(before);
    json_decref(identity);
    return rc;
}

int32_t submission_hash(const char *so_path, char hash[SHA256_HEX])
{
    char file[4096];
    TRY(python_submission_file(so_path, file, sizeof file));
    return sha256_of_file(file, hash);
}

int32_t trial_record(trial_config *c, record **out)
{
    static trial_outcome outcome;
    char path[4200];
    TRY(trial_run(c, &outcome));
    snprintf(path, sizeof path, "%s/trial.jsonl", outcome.folder);
    return record_read(out, path);
}

double record_time(const record *r, record_clock clock)
{
    int64_t hit = r->valid ? record_hit(r) : -1;
    return hit < 0 ? INFINITY : r->evaluations[hit].clock[clock];
}
