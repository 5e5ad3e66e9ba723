/* `podium list`: what there is. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/list_details.h"
#include "data/sources.h"
#include "harness/preparation.h"
#include "scoring/preset.h"
#include "workloads/workload.h"

/* Lines below a workload: sizes that can be raced, and what prepares the others. */
static int32_t list_sizes(const workload_entry *w)
{
    yaml_document *document = NULL;
    text_buffer ready = {0}, others = {0};
    TRY(yaml_parse(&document, w->yaml, strlen(w->yaml), w->name));
    const yaml_node *sizes = yaml_get(yaml_root(document), "sizes");
    int32_t rc = 0;
    for (size_t i = 0; rc == 0 && i < yaml_length(sizes); i++) {
        const char *size = yaml_key(sizes, i);
        preparation p;
        rc = preparation_init(&p, w, size, NULL);
        if (rc == 0 && preparation_is_done(&p)) {
            text_print(&ready, "%s%s", ready.length ? ", " : "", size);
        } else if (rc == 0) {
            text_print(&others, "%19snot prepared: %s, needs ", "", size);
            preparation_print(&p, &others);
            text_add(&others, "\n");
        }
        preparation_release(&p);
    }
    if (rc == 0 && (ready.failed || others.failed))
        rc = podium_fail(PODIUM_ENOMEM, "no memory for the list");
    if (rc == 0 && ready.length)
        printf("%19sprepared: %s\n", "", ready.data);
    if (rc == 0 && others.length)
        fputs(others.data, stdout);
    text_release(&ready);
    text_release(&others);
    yaml_destroy(document);
    return rc;
}

static int32_t list_workloads(void)
{
    for (const workload_entry *w = workload_registry; w->name; w++) {
        printf("  %-16s %s\n", w->name, w->workload->description);
        if (w->workload->open)
            TRY(list_sizes(w));
    }
    return 0;
}

static int32_t list_presets(void)
{
    for (const preset_entry *e = preset_registry; e->name; e++) {
        preset p;
        TRY(preset_init(&p, e->name));
        printf("  %-22s %s\n", p.name, p.description);
        preset_release(&p);
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder that end in `suffix`, without it, sorted. */
static void list_folder(const char *folder, const char *suffix)
{
    DIR *d = opendir(folder);
    char *names[1024];
    size_t n = 0;
    for (struct dirent *e; d && n < sizeof names / sizeof *names && (e = readdir(d));) {
        size_t length = strlen(e->d_name), end = strlen(suffix);
        if (e->d_name[0] != '.' && length > end && !strcmp(e->d_name + length - end, suffix) &&
            (names[n] = strndup(e->d_name, length - end)))
            n++;
    }
    if (d)
        closedir(d);
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        printf("  %s\n", names[i]);
        free(names[i]);
    }
    if (n == 0)
        printf("  (none in %s)\n", folder);
}

static int32_t list_datasets(void)
{
    char home[3072], path[4096];
    data_sources sources = {0};
    TRY(home_find("data/sources.yaml", home, sizeof home));
    TRY(path_join(path, sizeof path, home, "data/sources.yaml"));
    int32_t rc = data_sources_read(&sources, path);
    for (size_t i = 0; rc == 0 && i < sources.count; i++)
        printf("  %-16s %s\n", sources.items[i].name, sources.items[i].origin);
    data_sources_release(&sources);
    return rc;
}

/* The options of `podium list workloads --details`. */
static int run_details(int argc, char **argv)
{
    details_format format = DETAILS_TEXT;
    const char *results = NULL, *data = NULL;
    for (int i = 2; i < argc; i++)
        if (!strcmp(argv[i], "--json"))
            format = DETAILS_JSON;
        else if (!strcmp(argv[i], "--markdown"))
            format = DETAILS_MARKDOWN;
        else if (!strcmp(argv[i], "--results") && i + 1 < argc)
            results = argv[++i];
        else if (!strcmp(argv[i], "--data") && i + 1 < argc)
            data = argv[++i];
        else if (strcmp(argv[i], "--details"))
            return podium_fail(PODIUM_EINVAL, "unknown option '%s', or its value is missing",
                               argv[i]);
    TRY(list_details(format, results, data));
    return EXIT_DONE;
}

static int run_list(int argc, char **argv)
{
    for (int i = 2; i < argc && !strcmp(argv[1], "workloads"); i++)
        if (!strcmp(argv[i], "--details"))
            return run_details(argc, argv);
    static const char *const kinds[] = {"workloads", "optimizers", "tracks",
                                        "datasets",  "presets",    NULL};
    const char *want = argc > 1 ? argv[1] : NULL;
    char binary[3072], path[4096];
    bool known = !want;
    for (int i = 0; want && kinds[i]; i++)
        known = known || !strcmp(want, kinds[i]);
    if (!known || argc > 2)
        return podium_fail(PODIUM_EINVAL,
                           "usage: podium list [workloads|optimizers|tracks|datasets|presets]");
    TRY(path_of_executable(binary, sizeof binary));
    if (!want)
        puts("workloads");
    if (!want || !strcmp(want, "workloads"))
        TRY(list_workloads());
    if (!want)
        puts("optimizers");
    if (!want || !strcmp(want, "optimizers")) {
        TRY(path_join(path, sizeof path, binary, "optimizers"));
        list_folder(path, ".so");
    }
    if (!want)
        puts("tracks");
    if (!want || !strcmp(want, "tracks")) {
        TRY(path_join(path, sizeof path, binary, "../tracks"));
        list_folder(path, "");
    }
    if (!want)
        puts("datasets");
    if (!want || !strcmp(want, "datasets"))
        TRY(list_datasets());
    if (!want)
        puts("presets");
    if (!want || !strcmp(want, "presets"))
        TRY(list_presets());
    return EXIT_DONE;
}

const command command_list = {
    .name = "list",
    .summary = "workloads, optimizers, tracks, data sets, presets",
    .usage = "usage: podium list [workloads|optimizers|tracks|datasets|presets]\n"
             "       podium list workloads --details [--json|--markdown] [--results DIR]\n"
             "                                       [--data DIR]\n\n"
             "--details: each size and held-out variant with its parameters by kind, FLOPs and\n"
             "memory of a step, data id, target, budget and, from the records in DIR (default:\n"
             "results/ of this tree), the median time of the fastest baseline and its machine.\n",
    .run = run_list,
    .trains_nothing = true,
};
