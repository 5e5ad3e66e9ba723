/* The lines of a trial's record (schema podium-record/1, scoring/record.h reads it). */
#include "harness/trial_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/machine.h"
#include "engine/linalg.h"
#include "harness/python_submission.h"

static void put_text(json_t *o, const char *key, const char *text)
{
    json_t *v = json_string(text);
    json_object_set_new(o, key, v ? v : json_string("(not utf-8)"));
}

static void put_number(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, json_from_number(x));
}

static void put_integer(json_t *o, const char *key, int64_t x)
{
    json_object_set_new(o, key, json_integer(x));
}

static json_t *submission_object(const trial *t)
{
    const runner_submission *s = runner_get_submission(t->runner, 0);
    char hash[SHA256_HEX], abi[32];
    json_t *o = json_object();
    char file[4096];
    if (python_submission_file(t->config->so_path, file, sizeof file) || sha256_of_file(file, hash))
        hash[0] = '\0';
    snprintf(abi, sizeof abi, "%d.%d", s->abi_major, s->abi_minor);
    put_text(o, "name", t->config->submission);
    put_text(o, "declared_name", s->name);
    put_text(o, "version", s->version);
    put_text(o, "authors", s->authors);
    if (s->url[0])
        put_text(o, "url", s->url);
    if (t->config->source)
        put_text(o, "source", t->config->source);
    put_text(o, "sha256", hash);
    put_text(o, "abi", abi);
    put_integer(o, "batch_size", t->batch);
    if (runner_needs_whole_tensors(t->runner)) /* it may use podium.linalg */
        json_object_set_new(o, "needs_whole_tensors", json_true());
    json_object_set_new(o, "defaults_only", json_boolean(hyperparameters_are_default(t->values)));
    json_object_set_new(o, "hyperparameters", hyperparameters_to_json(t->values));
    return o;
}

static int64_t frozen_elements(const params *p)
{
    int64_t n = 0;
    for (int32_t i = 0; i < params_count(p); i++)
        n += params_get(p, i)->frozen ? params_get(p, i)->count : 0;
    return n;
}

/* The user's variant, so that the record tells all of what was trained. */
static json_t *variant_object(const workload_config *c)
{
    text_buffer text = {0};
    yaml_print_canonical(&text, yaml_root(c->own));
    json_t *o = text.failed ? NULL : json_loads(text.data, 0, NULL);
    text_release(&text);
    return o ? o : json_null();
}

static json_t *workload_object(const trial *t)
{
    const workload_config *c = &t->training.config;
    graph_stats stats = graph_get_stats(t->training.train.graph);
    json_t *o = json_object(), *target = json_object();
    put_text(o, "name", c->entry->name);
    put_text(o, "size", c->size);
    if (c->held_out[0])
        put_text(o, "held_out", c->held_out);
    if (c->own)
        json_object_set_new(o, "variant", variant_object(c));
    put_text(o, "fingerprint", c->fingerprint);
    put_text(o, "data_id", c->entry->workload->data_id(t->training.task));
    put_integer(o, "parameters", params_trainable_elements(t->training.params));
    put_integer(o, "frozen_parameters", frozen_elements(t->training.params));
    put_integer(o, "batch_size", c->batch);
    put_integer(o, "step_hint", c->step_hint);
    put_integer(o, "eval_every_examples", c->eval_every_examples);
    put_number(o, "budget_steps", c->budget_steps);
    put_integer(o, "arena_bytes", (int64_t)stats.arena_bytes);
    put_text(target, "metric", c->metric);
    put_number(target, "value", c->target);
    json_object_set_new(o, "target", target);
    return o;
}

static json_t *machine_object(const trial *t)
{
    char cpu[256], lapack[512];
    json_t *o = json_object();
    machine_cpu_model(cpu, sizeof cpu);
    linalg_library(lapack, sizeof lapack);
    put_text(o, "cpu", cpu);
    put_text(o, "isa", machine_isa());
    put_integer(o, "threads", t->training.backend->threads > 0 ? t->training.backend->threads : 1);
    put_text(o, "device", t->training.backend->name);
    put_text(o, "backend", t->training.backend->description);
    put_text(o, "lapack", lapack);
    put_text(o, "precision", t->training.precision == PODIUM_BF16 ? "bf16" : "f32");
    put_text(o, "sandbox", "none");
    return o;
}

static json_t *parallel_object(const parallel *p)
{
    char layout[64];
    json_t *o = json_object();
    parallel_layout(p, layout, sizeof layout);
    put_text(o, "layout", layout);
    put_integer(o, "ranks", p->size);
    put_integer(o, "ranks_on_first_host", comm_local_size(p->comm));
    put_text(o, "library", comm_description(p->comm));
    return o;
}

json_t *trial_header_line(const trial *t)
{
    json_t *o = json_object(), *build = json_object();
    put_text(o, "event", "header");
    put_text(o, "schema", "podium-record/1");
    if (python_submission_is(t->config->so_path))
        put_text(o, "unranked", PYTHON_UNRANKED);
    else if (t->config->variant)
        put_text(o, "unranked", "a variant of the user's own");
    json_object_set_new(o, "submission", submission_object(t));
    json_object_set_new(o, "workload", workload_object(t));
    if (t->config->ruleset)
        put_text(o, "ruleset", t->config->ruleset);
    if (t->config->preset)
        put_text(o, "preset", t->config->preset);
    if (t->config->point >= 0)
        put_integer(o, "point", t->config->point);
    put_number(o, "budget_multiplier", t->config->budget_multiplier);
    put_integer(o, "study", t->config->study);
    put_integer(o, "trial", t->config->trial);
    put_integer(o, "seed", (int64_t)t->config->seed);
    if (t->config->max_steps)
        put_integer(o, "max_steps", t->config->max_steps);
    if (t->config->search)
        put_text(o, "search", t->config->search);
    json_object_set_new(o, "keep_going", json_boolean(t->config->keep_going));
    json_object_set_new(o, "machine", machine_object(t));
    if (t->config->parallel)
        json_object_set_new(o, "parallel", parallel_object(t->config->parallel));
    put_text(build, "revision", t->config->revision ? t->config->revision : "unknown");
    put_text(build, "compiler", __VERSION__);
    json_object_set_new(o, "build", build);
    return o;
}

double trial_flops(const trial *t)
{
    graph_stats s = graph_get_stats(t->training.train.graph);
    double flops = (double)t->state.gradient_evaluations * (s.forward_flops + s.backward_flops) +
                   (double)t->state.loss_evaluations * s.forward_flops;
    /* This rank's graph has its part of the batch. */
    return flops * ((double)t->batch / (double)parallel_share(t->config->parallel, t->batch).count);
}

static void put_clocks(json_t *o, const trial *t)
{
    const trial_state *s = &t->state;
    put_integer(o, "step", s->step);
    put_integer(o, "examples", s->examples);
    put_number(o, "wall_seconds", s->wall_seconds);
    put_number(o, "calibrated", s->calibrated);
    put_integer(o, "gradient_evaluations", s->gradient_evaluations);
    put_integer(o, "loss_evaluations", s->loss_evaluations);
    put_number(o, "model_flops", trial_flops(t));
    put_number(o, "compile_seconds", s->compile_seconds);
}

static void put_diagnosis(json_t *o, const diagnosis *d)
{
    put_number(o, "parameter_norm", d->parameter_norm);
    put_number(o, "update_norm", d->update_norm);
    put_number(o, "step_norm", d->step_norm);
    put_number(o, "gradient_norm", d->gradient_norm);
    put_number(o, "gradient_signal", d->gradient_signal);
    put_number(o, "gradient_noise", d->gradient_noise);
}

json_t *trial_evaluation_line(const trial *t, const char *hash)
{
    const trial_state *s = &t->state;
    json_t *o = json_object();
    put_text(o, "event", "evaluation");
    put_clocks(o, t);
    put_number(o, "loss", s->last_loss);
    const workload_config *c = &t->training.config;
    put_number(o, c->target_grows ? c->metric : "accuracy", s->last_quality);
    if (c->entry->workload->has_perplexity)
        put_number(o, "perplexity", exp(s->last_loss));
    put_number(o, "train_loss", t->config->parallel ? t->shown_loss : t->train_loss);
    put_diagnosis(o, &t->diagnosis);
    put_number(o, "reference_step_seconds", s->reference_seconds);
    put_text(o, "hash", hash);
    return o;
}

static json_t *time_to_target(const trial *t)
{
    const trial_state *s = &t->state;
    if (isnan(s->reached_wall))
        return json_null();
    json_t *o = json_object();
    put_integer(o, "step", s->reached_step);
    put_number(o, "wall_seconds", s->reached_wall);
    put_number(o, "calibrated", s->reached_calibrated);
    return o;
}

json_t *trial_end_line(const trial *t, bool valid, const char *reason)
{
    const runner_counters *c = runner_get_counters(t->runner);
    int64_t growth = t->state.memory_growth, host = c->vector_bytes + c->keep_bytes;
    char key[2 * TRIAL_KEY_BYTES + 1], log[2048];
    json_t *o = json_object();
    put_text(o, "event", "end");
    put_text(o, "status", valid ? "VALID" : "INVALID");
    json_object_set_new(o, "reached", json_boolean(!isnan(t->state.reached_wall)));
    put_text(o, "reason", reason);
    put_text(o, "ended", runner_end_name(runner_ended(t->runner)));
    json_object_set_new(o, "time_to_target", time_to_target(t));
    put_clocks(o, t);
    put_integer(o, "resident_bytes", machine_peak_resident());
    put_integer(o, "optimizer_bytes", host + (growth > 0 ? growth : 0));
    put_integer(o, "host_bytes", host);
    put_integer(o, "runner_growth_bytes", growth);
    runner_log(t->runner, log, sizeof log);
    if (log[0])
        put_text(o, "printed", log);
    for (int i = 0; i < TRIAL_KEY_BYTES; i++)
        snprintf(key + 2 * i, 3, "%02x", t->config->key[i]);
    put_text(o, "key", key);
    return o;
}
