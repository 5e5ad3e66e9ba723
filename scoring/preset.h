/* Presets: a ruleset with its numbers, by name.  scoring/presets/NAME.yaml is embedded in the
 * binary; adding a file adds a preset.
 *
 *   description, ruleset: external|self|free, studies, trials (of a study), budget_multiplier (of
 *   each workload's budget), algoperf: anything (read by whoever scores AlgoPerf's own logs) */
#ifndef SCORING_PRESET_H
#define SCORING_PRESET_H

#include "base/yaml.h"

typedef struct preset_entry {
    const char *name, *yaml;
} preset_entry;
extern const preset_entry preset_registry[]; /* ends with a NULL name; generated */

typedef struct preset {
    yaml_document *document; /* owned */
    const char *name, *description, *ruleset;
    int64_t studies, trials;
    double budget_multiplier;
    const yaml_node *algoperf; /* NULL: none */
} preset;

/* Errors: PODIUM_EINVAL unknown name, with those there are; file, line and field. */
int32_t preset_init(preset *p, const char *name);
void preset_release(preset *p);

#endif
