/* From the sets that a workload's yaml names to files and commands. */
#include "harness/preparation.h"

#include <stdio.h>
#include <string.h>

#include "base/home.h"
#include "data/image_sets.h"
#include "data/sources.h"
#include "harness/workload_config.h"

/* Sets that `podium data` makes out of others: a file that is written last, and how. */
static const struct {
    const char *set, *file, *made_by;
} derived[] = {
    {"debian-text", "train.en", "debian-text"},
    {"descriptions", "vocabulary.vocab", "debian-text"},
    {"sections", "valid.tsv", "debian-text"},
    {"match", "valid.tsv", "debian-text"},
    {"same-source", "valid.tsv", "debian-text"},
    {"translation", "valid.tsv", "debian-text"},
};

/* `made_by`: the arguments of podium data; NULL: no command brings it. */
static void add_missing(preparation *p, const char *name, const char *made_by, const char *option,
                        const char *given)
{
    bool by_apt = made_by && !strcmp(made_by, "debian-text");
    p->apt_alone = by_apt && (p->apt_alone || !p->missing.length);
    text_print(&p->missing, "%s%s", p->missing.length ? ", " : "", name);
    if (made_by)
        text_print(&p->commands, "%spodium data %s%s%s%s", p->commands.length ? " && " : "",
                   made_by, option, given ? " --dir " : "", given ? given : "");
    else
        text_print(&p->by_hand, "%s%s", p->by_hand.length ? ", " : "", name);
}

/* A set of data/sources.yaml by its first file; another one by its folder. */
static int32_t look_for_source(preparation *p, const char *set, const char *folder,
                               const char *given)
{
    char home[3072], path[4096];
    data_sources list = {0};
    TRY(home_find("data/sources.yaml", home, sizeof home));
    TRY(path_join(path, sizeof path, home, "data/sources.yaml"));
    int32_t rc = data_sources_read(&list, path);
    const data_source *s = rc < 0 ? NULL : data_source_find(&list, set);
    bool there = s && s->count ? source_file_present(&s->files[0], folder)
                               : directory_exists(folder);
    if (rc == 0 && !there)
        add_missing(p, set, s && s->url ? set : NULL, " --fetch", given);
    data_sources_release(&list);
    return rc;
}

static int32_t look_for_set(preparation *p, const yaml_node *data, const char *base,
                            const char *given)
{
    const char *set = NULL, *path = NULL;
    char folder[4096], file[4200], packed[4200 + 4];
    TRY(yaml_string(data, "set", &set));
    TRY(yaml_string(data, "path", &path));
    if (!set || path) /* a folder of the user's own: opening it says what is wrong */
        return 0;
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
        if (strcmp(set, derived[i].set))
            continue;
        TRY(path_join(folder, sizeof folder, base, set));
        TRY(path_join(file, sizeof file, folder, derived[i].file));
        snprintf(packed, sizeof packed, "%s.gz", file);
        if (!file_exists(file) && !file_exists(packed))
            add_missing(p, set, derived[i].made_by, "", given);
        return 0;
    }
    TRY(image_set_folder(folder, sizeof folder, base, set));
    return look_for_source(p, set, folder, given);
}

static int32_t look_for_backbone(preparation *p, const yaml_node *model, const char *base,
                                 const char *given)
{
    static const char ours[] = "backbone.safetensors";
    const char *name = NULL;
    char path[4096];
    TRY(yaml_string(model, "backbone", &name));
    if (!name || !strcmp(name, "random"))
        return 0;
    TRY(path_join(path, sizeof path, base, name));
    if (!file_exists(path))
        add_missing(p, name, strcmp(name, ours) ? NULL : "backbone", "", given);
    return 0;
}

int32_t preparation_init(preparation *p, const workload_entry *entry, const char *size,
                         const char *given)
{
    char base[3072];
    workload_config c;
    *p = (preparation){0};
    TRY(home_data(given, base, sizeof base));
    TRY(workload_config_init(&c, entry, size, NULL));
    int32_t rc = look_for_set(p, c.data, base, given);
    if (rc == 0)
        rc = look_for_backbone(p, c.model, base, given);
    if (rc == 0 && (p->missing.failed || p->commands.failed || p->by_hand.failed))
        rc = podium_fail(PODIUM_ENOMEM, "no memory for what is missing");
    workload_config_release(&c);
    return rc;
}

void preparation_release(preparation *p)
{
    text_release(&p->missing);
    text_release(&p->commands);
    text_release(&p->by_hand);
}

bool preparation_is_done(const preparation *p)
{
    return p->missing.length == 0;
}

void preparation_print(const preparation *p, text_buffer *out)
{
    bool both = p->commands.length && p->by_hand.length;
    text_print(out, "%s: ", p->missing.data);
    if (p->commands.length)
        text_print(out, "`%s`", p->commands.data);
    if (p->by_hand.length)
        text_print(out, "%splace %s by hand", both ? ", then " : "", p->by_hand.data);
}
