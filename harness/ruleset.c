/* Rulesets: the settings of each trial. */
#include "harness/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/philox.h"

static bool is_named(const ruleset *r, const char *name)
{
    return r->name && !strcmp(r->name, name);
}

int32_t ruleset_init(ruleset *r, const char *name, const submission_folder *s, uint64_t seed,
                     int64_t studies, int64_t trials)
{
    *r = (ruleset){
        .submission = s,
        .name = name,
        .seed = seed,
        .studies = studies,
        .trials = trials,
    };
    if (!is_named(r, "external"))
        return 0;
    if (!s->search_space)
        return podium_fail(PODIUM_EINVAL,
                           "submission '%s' has no search_space, which ruleset external draws from",
                           s->name);
    return search_space_init(&r->space, s->search_space);
}

void ruleset_release(ruleset *r)
{
    search_space_release(&r->space);
}

static int32_t number_of_point(const ruleset *r, int64_t study, int64_t trial, int64_t *out)
{
    int32_t *points = malloc((size_t)r->trials * sizeof *points);
    if (!points)
        return podium_fail(PODIUM_ENOMEM, "no memory for the points of a study");
    int32_t rc = search_space_deal(&r->space, (uint32_t)philox_derive(r->seed, 0),
                                   (int32_t)r->studies, (int32_t)r->trials, (int32_t)study, points);
    if (!rc)
        *out = points[trial];
    free(points);
    return rc;
}

/* {fixed: ..., point: ...}: one document, so that one may be laid over the other. */
int32_t ruleset_point_settings(const ruleset *r, int64_t point, yaml_document **document,
                               const yaml_node **out)
{
    *document = NULL;
    char name[160];
    text_buffer text = {0};
    text_add(&text, "{\"fixed\": ");
    if (r->submission->settings)
        yaml_print_canonical(&text, r->submission->settings);
    else
        text_add(&text, "{}");
    text_add(&text, ", \"point\": ");
    int32_t rc = search_space_print(&r->space, point, &text);
    text_add(&text, "}");
    if (!rc && text.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for a point");
    snprintf(name, sizeof name, "%s: point %lld", r->submission->name, (long long)point);
    if (!rc)
        rc = yaml_parse(document, text.data, text.length, name);
    if (!rc)
        rc = yaml_overlay(*document, yaml_get(yaml_root(*document), "fixed"),
                          yaml_get(yaml_root(*document), "point"), out);
    text_release(&text);
    return rc;
}

int32_t ruleset_settings(const ruleset *r, int64_t study, int64_t trial, yaml_document **document,
                         const yaml_node **out, int64_t *point)
{
    *document = NULL;
    *point = -1;
    *out = is_named(r, "self") ? NULL : r->submission->settings;
    if (!is_named(r, "external"))
        return 0;
    TRY(number_of_point(r, study, trial, point));
    return ruleset_point_settings(r, *point, document, out);
}
