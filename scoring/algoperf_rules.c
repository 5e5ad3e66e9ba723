/* What AlgoPerf's logs are scored by: the section `algoperf:` of a preset. */
#include "scoring/algoperf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int32_t read_workload(algoperf_workload *w, const yaml_node *n, const char *name)
{
    static const char *const directions[] = {"min", "max", NULL};
    const char *metric = NULL;
    int direction = 0;
    for (int i = 0; i < 4; i++)
        TRY(yaml_require(n, (const char *[]){"metric", "direction", "target", "seconds"}[i]));
    TRY(yaml_string(n, "metric", &metric));
    TRY(yaml_choice(n, "direction", directions, &direction));
    TRY(yaml_number(n, "target", -1e300, 1e300, &w->target));
    TRY(yaml_number(n, "seconds", 1e-9, 1e300, &w->seconds));
    w->name = name;
    w->larger_is_better = direction == 1;
    w->base = -1;
    if (strlen(metric) > 64)
        return yaml_fail(n, "the name of the metric is longer than 64 bytes");
    snprintf(w->column, sizeof w->column, "validation/%s", metric);
    return 0;
}

int32_t algoperf_find_workload(const algoperf_rules *r, const char *name)
{
    for (size_t i = 0; i < r->num_base + r->num_held_out; i++)
        if (!strcmp(r->workloads[i].name, name))
            return (int32_t)i;
    return -1;
}

/* Base workloads in a first pass, the variants behind them. */
static int32_t read_workloads(algoperf_rules *r, const yaml_node *list, double multiplier)
{
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < yaml_length(list); i++) {
            const yaml_node *node = yaml_item(list, i);
            const char *base = NULL;
            TRY(yaml_string(node, "held_out_of", &base));
            if ((base != NULL) != pass)
                continue;
            algoperf_workload *w = &r->workloads[n++];
            TRY(read_workload(w, node, yaml_key(list, i)));
            w->seconds *= multiplier;
            if (base && (w->base = algoperf_find_workload(r, base)) < 0)
                return yaml_fail(node, "held_out_of: '%s' is no base workload", base);
        }
        if (!pass)
            r->num_base = n;
    }
    r->num_held_out = n - r->num_base;
    return 0;
}

static int32_t no_section(const preset *p)
{
    text_buffer known = {0};
    for (const preset_entry *e = preset_registry; e->name; e++)
        if (strstr(e->yaml, "\nalgoperf:"))
            text_print(&known, "%s%s", known.length ? ", " : "", e->name);
    int32_t rc = podium_fail(PODIUM_EINVAL,
                             "preset '%s' does not say how AlgoPerf's logs are scored, expected "
                             "one of: %s",
                             p->name, known.data ? known.data : "(none)");
    text_release(&known);
    return rc;
}

int32_t algoperf_rules_init(algoperf_rules *r, const preset *p)
{
    *r = (algoperf_rules){.preset = p};
    if (!p->algoperf)
        return no_section(p);
    const yaml_node *list = yaml_get(p->algoperf, "workloads");
    if (!list || yaml_node_kind(list) != YAML_MAP || !yaml_length(list))
        return yaml_fail(p->algoperf, "algoperf: expected a map 'workloads'");
    r->trial_order = yaml_get(p->algoperf, "trial_order");
    r->workloads = calloc(yaml_length(list), sizeof *r->workloads);
    if (!r->workloads)
        return podium_fail(PODIUM_ENOMEM, "no memory for a preset");
    int32_t rc = read_workloads(r, list, p->budget_multiplier);
    if (rc)
        algoperf_rules_release(r);
    return rc;
}

void algoperf_rules_release(algoperf_rules *r)
{
    free(r->workloads);
    r->workloads = NULL;
}
