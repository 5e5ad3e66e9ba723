/* Reads workloads/NAME.yaml. */
#include "harness/workload_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { MAX_METRICS = 8 };

static int32_t unknown_name(const yaml_node *map, const char *what, const char *name)
{
    text_buffer known = {0};
    for (size_t i = 0; map && i < yaml_length(map); i++)
        text_print(&known, "%s%s", i ? ", " : "", yaml_key(map, i));
    int32_t rc = podium_fail(PODIUM_EINVAL, "no %s '%s', expected one of: %s", what, name,
                             known.data ? known.data : "(none)");
    text_release(&known);
    return rc;
}

static int32_t read_target(workload_config *c, const yaml_node *target)
{
    const workload *w = c->entry->workload;
    const char *metrics[MAX_METRICS + 1] = {"loss", "accuracy"};
    int metric = 0, count = 2;
    for (int i = 0; w->output_metrics && w->output_metrics[i]; i++)
        metrics[count++] = w->output_metrics[i];
    if (w->has_perplexity)
        metrics[count] = "perplexity";
    TRY(yaml_require(target, "metric"));
    TRY(yaml_require(target, "value"));
    TRY(yaml_choice(target, "metric", metrics, &metric));
    bool is_perplexity = metric == count; /* a way to write a loss */
    c->metric = is_perplexity ? "loss" : metrics[metric];
    c->target_grows = metric > 0 && !is_perplexity;
    TRY(yaml_number(target, "value", is_perplexity ? 1 : -INFINITY, INFINITY, &c->target));
    if (is_perplexity)
        c->target = log(c->target);
    return 0;
}

static int32_t read_limits(workload_config *c, const yaml_node *map)
{
    const yaml_node *target = yaml_get(map, "target");
    TRY(yaml_integer(map, "step_hint", 1, INT64_C(1) << 40, &c->step_hint));
    TRY(yaml_number(map, "budget_steps", 1, 1e12, &c->budget_steps));
    return target ? read_target(c, target) : 0;
}

static int32_t read_size(workload_config *c, const yaml_node *size)
{
    static const char *const required[] = {"batch", "step_hint", "eval_every_examples",
                                           "budget_steps", "target"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        TRY(yaml_require(size, required[i]));
    TRY(yaml_integer(size, "batch", 1, 1 << 24, &c->batch));
    TRY(yaml_integer(size, "eval_every_examples", 1, INT64_C(1) << 40, &c->eval_every_examples));
    TRY(yaml_number(size, "dropout", 0, 0.999, &c->dropout));
    TRY(yaml_number(size, "label_smoothing", 0, 0.999, &c->label_smoothing));
    TRY(read_limits(c, size));
    c->model = yaml_get(size, "model");
    c->data = yaml_get(size, "data");
    return 0;
}

/* Sections of sizes and variants that are not run are another run's to check. */
static void mark_others(const yaml_node *map, const char *chosen)
{
    for (size_t i = 0; map && i < yaml_length(map); i++)
        if (strcmp(yaml_key(map, i), chosen))
            yaml_mark(yaml_item(map, i)), (void)yaml_get(map, yaml_key(map, i));
}

/* A target is a property of model and size: one that was found for another model means nothing. */
static int32_t read_variant(workload_config *c, const yaml_node *variant)
{
    const yaml_node *sizes = yaml_get(variant, "sizes"), *mine = yaml_get(sizes, c->size);
    if (!mine || !yaml_get(mine, "target"))
        return yaml_fail(variant, "held-out variant '%s' has no target at size '%s'", c->held_out,
                         c->size);
    mark_others(sizes, c->size);
    return read_limits(c, mine);
}

/* It goes into paths. */
static int32_t read_name(const yaml_node *own, char *out, size_t size)
{
    const char *name = "";
    TRY(yaml_require(own, "name"));
    TRY(yaml_string(own, "name", &name));
    size_t n = strlen(name);
    if (!n || n >= size || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") < n)
        return yaml_fail(yaml_get(own, "name"),
                         "name '%s': expected at most %zu of a-z, 0-9, '_' and '-'", name,
                         size - 1);
    snprintf(out, size, "%s", name);
    return 0;
}

/* The user's variant over the size. */
static int32_t read_own(workload_config *c, const yaml_node *size)
{
    const yaml_node *own = yaml_root(c->own);
    TRY(read_name(own, c->held_out, sizeof c->held_out));
    TRY(yaml_require(own, "target"));
    yaml_mark(own);
    yaml_mark(size);
    TRY(yaml_overlay(c->document, size, own, &c->merged));
    (void)yaml_get(c->merged, "name");
    return read_size(c, c->merged);
}

static int32_t read_document(workload_config *c, const char *size, const char *held_out)
{
    const yaml_node *root = yaml_root(c->document), *chosen;
    const char *name = "";
    TRY(yaml_require(root, "name"));
    TRY(yaml_require(root, "sizes"));
    TRY(yaml_string(root, "name", &name));
    if (strcmp(name, c->entry->name))
        return yaml_fail(yaml_get(root, "name"), "name '%s' differs from the file's '%s'", name,
                         c->entry->name);
    c->description = "";
    TRY(yaml_string(root, "description", &c->description));
    yaml_mark(yaml_get(root, "sources"));
    yaml_mark(yaml_get(root, "extents"));
    c->extents = yaml_get(yaml_get(root, "extents"), size);
    const yaml_node *sizes = yaml_get(root, "sizes"), *variants = yaml_get(root, "held_out");
    if (!(chosen = yaml_get(sizes, size)))
        return unknown_name(sizes, "size", size);
    TRY(c->own ? read_own(c, chosen) : read_size(c, chosen));
    mark_others(sizes, size);
    mark_others(variants, held_out ? held_out : "");
    if (!held_out)
        return 0;
    if (!(chosen = yaml_get(variants, held_out)))
        return unknown_name(variants, "held-out variant", held_out);
    TRY(read_variant(c, chosen));
    const yaml_node *over = yaml_get(chosen, "model");
    yaml_mark(over);
    yaml_mark(c->model); /* the copy below is what gets checked */
    return yaml_overlay(c->document, c->model, over, &c->model);
}

/* Over what this size and variant say and nothing else: a comment, or another size, may change
 * without making records strangers to each other. */
static int32_t take_fingerprint(workload_config *c)
{
    const yaml_node *root = yaml_root(c->document);
    const yaml_node *variants = yaml_get(root, "held_out");
    text_buffer text = {0};
    text_print(&text, "%s/%s/%s\n", c->entry->name, c->size, c->held_out);
    yaml_print_canonical(&text, yaml_get(yaml_get(root, "sizes"), c->size));
    yaml_print_canonical(&text, c->own         ? yaml_root(c->own)
                                : *c->held_out ? yaml_get(variants, c->held_out)
                                               : NULL);
    yaml_print_canonical(&text, yaml_get(root, "sources"));
    if (!text.failed)
        sha256_of(text.data, text.length, c->fingerprint);
    int32_t rc = text.failed ? podium_fail(PODIUM_ENOMEM, "no memory for a fingerprint") : 0;
    text_release(&text);
    return rc;
}

/* The embedded yaml. */
static int32_t open_document(workload_config *c, const workload_entry *entry, const char *size)
{
    char file[128];
    *c = (workload_config){.entry = entry};
    snprintf(file, sizeof file, "workloads/%s.yaml", entry->name);
    snprintf(c->size, sizeof c->size, "%s", size);
    return yaml_parse(&c->document, entry->yaml, strlen(entry->yaml), file);
}

static int32_t finish_init(workload_config *c, const char *size, const char *held_out)
{
    int32_t rc = read_document(c, size, held_out);
    if (!rc)
        rc = take_fingerprint(c);
    if (rc)
        workload_config_release(c);
    return rc;
}

int32_t workload_config_init(workload_config *c, const workload_entry *entry, const char *size,
                             const char *held_out)
{
    TRY(open_document(c, entry, size));
    snprintf(c->held_out, sizeof c->held_out, "%s", held_out ? held_out : "");
    return finish_init(c, size, held_out);
}

int32_t workload_config_init_own(workload_config *c, const workload_entry *entry, const char *size,
                                 const char *text, const char *file)
{
    TRY(open_document(c, entry, size));
    int32_t rc = yaml_parse(&c->own, text, strlen(text), file);
    if (!rc)
        return finish_init(c, size, NULL);
    workload_config_release(c);
    return rc;
}

int32_t workload_variant_name(const char *text, const char *file, char *name, size_t size)
{
    yaml_document *own;
    TRY(yaml_parse(&own, text, strlen(text), file));
    int32_t rc = read_name(yaml_root(own), name, size);
    yaml_destroy(own);
    return rc;
}

void workload_config_release(workload_config *c)
{
    yaml_destroy(c->document);
    yaml_destroy(c->own);
    c->document = c->own = NULL;
}

int32_t workload_config_finish(const workload_config *c)
{
    TRY(yaml_finish(yaml_root(c->document)));
    if (c->merged)
        TRY(yaml_finish(c->merged));
    TRY(yaml_finish(c->model));
    return yaml_finish(c->data);
}

bool workload_config_is_reached(const workload_config *c, double loss, double quality)
{
    return c->target_grows ? quality >= c->target : loss <= c->target;
}
