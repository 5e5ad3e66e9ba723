/* The one line that repeats a submission's row: `podium run` with what its records were made by. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "scoring/site_internal.h"

/* A word of a shell command: quoted when it has anything but letters, digits and ./_- */
static void add_word(text_buffer *t, const char *s)
{
    bool plain = s[0] && s[0] != '-';
    for (const char *p = s; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || strchr("./_-", *p));
    if (plain) {
        text_add(t, s);
        return;
    }
    text_add(t, "'");
    for (; *s; s++)
        text_append(t, *s == '\'' ? "'\\''" : s, *s == '\'' ? 4 : 1);
    text_add(t, "'");
}

static void add_option(text_buffer *t, const char *name, const char *value)
{
    text_print(t, " --%s ", name);
    add_word(t, value);
}

/* The key of all records of the submission; NULL: they have several, or do not tell. */
static const char *common_key(const board *b, size_t s)
{
    const char *common = NULL;
    for (size_t i = 0; i < b->num_records; i++) {
        if ((size_t)b->submission_of[i] != s)
            continue;
        const char *key = json_string_value(json_object_get(b->records[i]->end, "key"));
        if (!key || (common && strcmp(key, common)))
            return NULL;
        common = key;
    }
    return common;
}

static void add_ruleset(text_buffer *t, const board *b, size_t s, const record *first)
{
    const char *named = json_string_value(json_object_get(first->header, "preset"));
    int64_t studies = 0, trials = 0;
    if (named) {
        add_option(t, "preset", named);
        return;
    }
    if (!first->ruleset[0])
        return;
    for (size_t i = 0; i < b->num_records; i++) {
        const record *r = b->records[i];
        if ((size_t)b->submission_of[i] != s)
            continue;
        studies = r->study >= studies ? r->study + 1 : studies;
        trials = r->trial >= trials ? r->trial + 1 : trials;
    }
    add_option(t, "ruleset", first->ruleset);
    text_print(t, " --studies %" PRId64 " --trials %" PRId64, studies, trials);
}

/* One run: the base workloads (held_out NULL), or one variant of one workload. */
static void add_run(text_buffer *t, const board *b, size_t s, const record *first, size_t variant)
{
    const char *slash = variant < b->num_workloads ? strchr(b->workloads[variant], '/') : NULL;
    text_add(t, "podium run ");
    add_word(t, first->submission);
    for (size_t w = 0; w < b->num_workloads; w++) {
        char name[256];
        const char *cut = strchr(b->workloads[w], '/');
        size_t n = cut ? (size_t)(cut - b->workloads[w]) : strlen(b->workloads[w]);
        if (!b->cells[s * b->num_workloads + w].trials || (slash ? w != variant : cut != NULL) ||
            n >= sizeof name)
            continue;
        memcpy(name, b->workloads[w], n);
        name[n] = '\0';
        add_option(t, "workload", name);
    }
    if (slash)
        add_option(t, "held-out", slash + 1);
    add_option(t, "suite", first->size);
    add_ruleset(t, b, s, first);
    text_print(t, " --threads %" PRId64 " --seed %" PRIu64, first->threads, first->seed);
    if (strcmp(first->precision, "f32"))
        add_option(t, "precision", first->precision);
    if (strcmp(first->device, "cpu"))
        add_option(t, "device", first->device);
    if (first->layout[0])
        add_option(t, "parallel", first->layout);
    if (common_key(b, s))
        add_option(t, "key", common_key(b, s));
    add_option(t, "results", "again");
}

const record *site_first_record(const board *b, size_t s)
{
    for (size_t i = 0; i < b->num_records; i++)
        if ((size_t)b->submission_of[i] == s)
            return b->records[i];
    return NULL;
}

void site_command(text_buffer *t, const board *b, size_t s)
{
    const record *first = site_first_record(b, s);
    text_buffer line = {0};
    bool base = false;
    for (size_t w = 0; w < b->num_workloads; w++)
        base = base || (!strchr(b->workloads[w], '/') && b->cells[s * b->num_workloads + w].trials);
    if (first && base)
        add_run(&line, b, s, first, SIZE_MAX);
    for (size_t w = 0; first && w < b->num_workloads; w++) {
        if (!strchr(b->workloads[w], '/') || !b->cells[s * b->num_workloads + w].trials)
            continue;
        if (line.length)
            text_add(&line, " && ");
        add_run(&line, b, s, first, w);
    }
    html_text(t, line.data ? line.data : "");
    t->failed = t->failed || line.failed;
    text_release(&line);
}
