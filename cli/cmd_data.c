/* `podium data`: are the data sets there and whole; fetch what is missing. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "data/sources.h"

typedef struct options {
    const char *name, *dir;
    bool fetch;
} options;

static int32_t parse(options *o, int argc, char **argv)
{
    *o = (options){0};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--fetch"))
            o->fetch = true;
        else if (!strcmp(argv[i], "--dir") && i + 1 < argc)
            o->dir = argv[++i];
        else if (!strcmp(argv[i], "--dir"))
            return podium_fail(PODIUM_EINVAL, "--dir needs a folder");
        else if (argv[i][0] == '-')
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", argv[i]);
        else if (o->name)
            return podium_fail(PODIUM_EINVAL, "expected one data set, got '%s' too", argv[i]);
        else
            o->name = argv[i];
    }
    if (!o->name)
        return podium_fail(PODIUM_EINVAL, "expected a data set or 'all'");
    return PODIUM_OK;
}

/* The folder data/ of the tree that holds the executable: build/podium, or deeper below build/. */
static int32_t tree_path(char *out, size_t size)
{
    char binary[3072], list[4096];
    const char *const up[] = {"../data", "../../data"};
    TRY(path_of_executable(binary, sizeof binary));
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        TRY(path_join(out, size, binary, up[i]));
        TRY(path_join(list, sizeof list, out, "sources.yaml"));
        if (file_exists(list))
            return PODIUM_OK;
    }
    return podium_fail(PODIUM_EIO, "cannot find 'data/sources.yaml' above '%s'", binary);
}

static void print_failure(void)
{
    fprintf(stderr, "podium data: %s\n", podium_error());
}

/* Checks the files of a set, fetching bad ones if asked; false: something is missing or corrupt. */
static bool check_files(const data_source *s, const char *folder, bool fetch)
{
    bool good = true, unpacked = false;
    for (size_t i = 0; i < s->count; i++) {
        const source_file *f = &s->files[i];
        const char *how;
        int32_t rc = source_file_verify(f, folder, &how);
        if (rc == PODIUM_EIO && fetch && !(s->archive && unpacked)) {
            unpacked = true;
            rc = source_fetch(s, s->archive ? NULL : f, folder);
            if (rc == 0)
                rc = source_file_verify(f, folder, &how);
            else if (s->archive)
                i = s->count; /* the others are in the same archive */
        }
        if (rc < 0)
            print_failure();
        else
            printf("  ok  %s (%s)\n", f->name, how);
        good = good && rc == 0;
    }
    return good;
}

static bool check_source(const data_source *s, const char *base, bool fetch)
{
    char folder[4096];
    bool good;
    if (path_join(folder, sizeof folder, base, s->name) < 0) {
        print_failure();
        return false;
    }
    printf("%s: %s\n", s->name, folder);
    fflush(stdout);
    if (s->sums) {
        int checked;
        good = source_sums_verify(folder, s->sums, &checked) == 0;
        if (good)
            printf("  ok  %d files (sha256)\n", checked);
        else
            print_failure();
    } else {
        good = check_files(s, folder, fetch);
    }
    fflush(stdout);
    if (!good) {
        fprintf(stderr, "podium data: '%s' is not complete; origin: %s\n", s->name, s->origin);
        if (s->url && !fetch)
            fprintf(stderr, "  from %s%s; `podium data %s --fetch` gets what is missing\n", s->url,
                    s->archive ? s->archive : "", s->name);
        fprintf(stderr, "  licence: %s\n", s->licence);
    }
    return good;
}

static int32_t check_all(const options *o, const data_sources *list, const char *base, bool *good)
{
    *good = true;
    if (strcmp(o->name, "all")) {
        const data_source *s = data_source_find(list, o->name);
        if (!s)
            return podium_fail(PODIUM_EINVAL,
                               "unknown data set '%s'; `podium list datasets` names them", o->name);
        *good = check_source(s, base, o->fetch);
        return PODIUM_OK;
    }
    for (size_t i = 0; i < list->count; i++)
        *good = check_source(&list->items[i], base, o->fetch) && *good;
    return PODIUM_OK;
}

static int run(int argc, char **argv)
{
    options o;
    data_sources list = {0};
    char tree[4096], path[4096];
    bool good = false;
    TRY(parse(&o, argc, argv));
    TRY(tree_path(tree, sizeof tree));
    TRY(path_join(path, sizeof path, tree, "sources.yaml"));
    const char *base = o.dir ? o.dir : getenv("PODIUM_DATA");
    int32_t rc = data_sources_read(&list, path);
    if (rc == 0)
        rc = check_all(&o, &list, base ? base : tree, &good);
    data_sources_release(&list);
    if (rc < 0)
        return rc;
    return good ? EXIT_DONE : EXIT_USAGE;
}

const command command_data = {
    .name = "data",
    .summary = "verify data sets, fetch what is missing",
    .usage =
        "usage: podium data NAME|all [--dir DIR] [--fetch]\n\n"
        "Checks the files in DIR/NAME (default: $PODIUM_DATA, or data/ of this tree) against\n"
        "data/sources.yaml: sizes, and sums where they are known. Missing or corrupt: exit 2.\n"
        "  --dir DIR   the folder of data sets\n"
        "  --fetch     get missing files with curl, resuming what a broken run left\n",
    .run = run,
};
