/* Presets of rulesets. */
#include "scoring/preset.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const preset_entry *find(const char *name)
{
    for (const preset_entry *e = preset_registry; e->name; e++)
        if (!strcmp(e->name, name))
            return e;
    return NULL;
}

static int32_t unknown(const char *name)
{
    text_buffer known = {0};
    for (const preset_entry *e = preset_registry; e->name; e++)
        text_print(&known, "%s%s", e == preset_registry ? "" : ", ", e->name);
    int32_t rc = podium_fail(PODIUM_EINVAL, "unknown preset '%s', expected one of: %s", name,
                             known.data ? known.data : "(none)");
    text_release(&known);
    return rc;
}

static int32_t read_document(preset *p)
{
    static const char *const rulesets[] = {"external", "self", "free", NULL};
    static const char *const required[] = {"description", "ruleset", "studies", "trials"};
    const yaml_node *root = yaml_root(p->document);
    int ruleset = 0;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        TRY(yaml_require(root, required[i]));
    TRY(yaml_string(root, "description", &p->description));
    TRY(yaml_choice(root, "ruleset", rulesets, &ruleset));
    TRY(yaml_integer(root, "studies", 1, 1000, &p->studies));
    TRY(yaml_integer(root, "trials", 1, 1000, &p->trials));
    TRY(yaml_number(root, "budget_multiplier", 0.01, 1000, &p->budget_multiplier));
    p->ruleset = rulesets[ruleset];
    p->algoperf = yaml_get(root, "algoperf");
    yaml_mark(p->algoperf);
    return yaml_finish(root);
}

int32_t preset_init(preset *p, const char *name)
{
    char file[256];
    const preset_entry *e = find(name);
    *p = (preset){.budget_multiplier = 1};
    if (!e)
        return unknown(name);
    p->name = e->name;
    snprintf(file, sizeof file, "scoring/presets/%s.yaml", e->name);
    TRY(yaml_parse(&p->document, e->yaml, strlen(e->yaml), file));
    int32_t rc = read_document(p);
    if (rc)
        preset_release(p);
    return rc;
}

void preset_release(preset *p)
{
    yaml_destroy(p->document);
    p->document = NULL;
}
