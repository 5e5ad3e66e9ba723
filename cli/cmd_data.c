/* `podium data`: are the data sets there and whole; fetch what is missing. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/home.h"
#include "base/text.h"
#include "cli/command.h"
#include "data/image_sets.h"
#include "cli/data_backbone.h"
#include "data/debian_text.h"
#include "data/sources.h"
#include "data/text_tasks.h"
#include "data/token_set.h"

typedef struct options {
    const char *name, *dir;
    bool all, fetch;
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
    o->all = !strcmp(o->name, "all");
    return PODIUM_OK;
}

/* What a look at a set found: the worst that holds. */
typedef enum { SET_WHOLE, SET_ABSENT, SET_BAD } set_state;

static set_state worse(set_state a, set_state b)
{
    return a > b ? a : b;
}

static set_state failed(void)
{
    fflush(stdout);
    fprintf(stderr, "podium data: %s\n", podium_error());
    return SET_BAD;
}

/* Fetches what file `f` needs; an archive is fetched once, `*unpacked` tells. */
static int32_t fetch_file(const data_source *s, const source_file *f, const char *folder,
                          bool *unpacked)
{
    if (s->archive && *unpacked)
        return PODIUM_OK;
    *unpacked = true;
    return source_fetch(s, s->archive ? NULL : f, folder);
}

/* Checks the files of a set, fetching missing ones if asked.  One that is missing is said when the
 * set was asked for by name. */
static set_state check_files(const data_source *s, const char *folder, const options *o)
{
    set_state state = SET_WHOLE;
    bool unpacked = false;
    for (size_t i = 0; i < s->count; i++) {
        const source_file *f = &s->files[i];
        const char *how;
        if (o->fetch && s->url && !source_file_present(f, folder) &&
            fetch_file(s, f, folder, &unpacked) < 0) {
            state = failed();
            if (s->archive)
                break; /* the others are in the same archive */
        } else if (o->all && !source_file_present(f, folder)) {
            state = worse(state, SET_ABSENT);
        } else if (source_file_verify(f, folder, &how) < 0) {
            state = failed();
        } else {
            printf("  ok  %s (%s)\n", f->name, how);
        }
    }
    return state;
}

/* The files that a list of sums in the folder names. */
static set_state check_sums(const data_source *s, const char *folder, const options *o)
{
    int checked;
    if (o->all && !directory_exists(folder))
        return SET_ABSENT;
    if (source_sums_verify(folder, s->sums, &checked) < 0)
        return failed();
    printf("  ok  %d files (sha256)\n", checked);
    return SET_WHOLE;
}

/* Which files of an absent set the user has to place where, and where they come from. */
static void print_wanted(const data_source *s, const char *folder)
{
    if (s->sums)
        printf("  not here: copy the folder data/%s of the source tree to %s\n", s->name, folder);
    else
        printf("  not complete: place %s in %s:\n",
               s->archive ? "these files" : "these files, plain or as .gz,", folder);
    for (size_t i = 0; i < s->count; i++) {
        const source_file *f = &s->files[i];
        if (source_file_present(f, folder))
            continue;
        printf("    %s", f->name);
        if (f->bytes)
            printf(" (%lld bytes)", (long long)f->bytes);
        printf("\n");
    }
    printf("  origin: %s\n", s->origin);
    if (s->manifest)
        printf("  `podium data %s` makes them with apt-get\n", s->name);
    if (s->url)
        printf("  from %s%s: `podium data %s --fetch` gets %s\n", s->url,
               s->archive ? s->archive : "", s->name, s->archive ? "and unpacks it" : "them");
    printf("  licence: %s\n", s->licence);
}

/* A set that was asked for by name and is not whole: why that may be. */
static void print_incomplete(const data_source *s, const options *o)
{
    fprintf(stderr, "podium data: '%s' is not complete; origin: %s\n", s->name, s->origin);
    if (s->url && !o->fetch)
        fprintf(stderr, "  from %s%s; `podium data %s --fetch` gets what is missing\n", s->url,
                s->archive ? s->archive : "", s->name);
    fprintf(stderr, "  licence: %s\n", s->licence);
}

/* Makes a set of the distribution's descriptions when a file of it is missing. */
static int32_t make_from_descriptions(const data_source *s, const char *home, const char *folder)
{
    char data[3072], manifest[4096];
    debian_counts n;
    bool whole = true;
    for (size_t i = 0; i < s->count; i++)
        whole = whole && source_file_present(&s->files[i], folder);
    if (whole)
        return PODIUM_OK;
    printf("  apt-get fetches the package descriptions\n");
    fflush(stdout);
    TRY(path_join(data, sizeof data, home, "data"));
    TRY(path_join(manifest, sizeof manifest, data, s->manifest));
    TRY(debian_text_build(manifest, folder, &n));
    bool same = n.pairs == n.wanted_pairs && n.descriptions == n.wanted_descriptions;
    printf("  %lld of %lld sentence pairs, %lld of %lld descriptions%s\n", (long long)n.pairs,
           (long long)n.wanted_pairs, (long long)n.descriptions, (long long)n.wanted_descriptions,
           same ? "" : ": another data id than the published one, results share no table with it");
    return PODIUM_OK;
}

/* Makes what is trained on from the descriptions, next to them, unless that is done. */
static int32_t make_from_text(const char *base, const char *folder)
{
    char tokens[4096];
    TRY(path_join(tokens, sizeof tokens, base, "descriptions"));
    if (!token_set_present(tokens))
        TRY(token_set_write(folder, tokens, 1000));
    printf("  ok  descriptions (1000 merges)\n");
    if (!text_tasks_present(base))
        TRY(text_tasks_write(folder, base));
    printf("  ok  sections, match, same-source, translation\n");
    return PODIUM_OK;
}

static set_state check_source(const data_source *s, const char *home, const char *base,
                              const options *o)
{
    char folder[4096];
    if (image_set_folder(folder, sizeof folder, base, s->name) < 0)
        return failed();
    printf("%s: %s\n", s->name, folder);
    fflush(stdout);
    if (s->manifest && (!o->all || o->fetch) && make_from_descriptions(s, home, folder) < 0)
        return failed();
    set_state state = s->sums ? check_sums(s, folder, o) : check_files(s, folder, o);
    if (state == SET_WHOLE && s->manifest && make_from_text(base, folder) < 0)
        state = failed();
    if (state == SET_ABSENT)
        print_wanted(s, folder);
    fflush(stdout);
    if (state == SET_BAD)
        print_incomplete(s, o);
    return state;
}

/* All sets: those that are not here are named and no failure, since only the user can bring them.
 */
static set_state check_all(const options *o, const data_sources *list, const char *home,
                           const char *base)
{
    static const char *const words[] = {"complete", "not here", "damaged or not fetched"};
    set_state states[SOURCES_MAX], worst = SET_WHOLE;
    for (size_t i = 0; i < list->count; i++) {
        states[i] = check_source(&list->items[i], home, base, o);
        worst = worse(worst, states[i]);
    }
    for (set_state state = SET_WHOLE; state <= SET_BAD; state++) {
        int named = 0;
        for (size_t i = 0; i < list->count; i++)
            if (states[i] == state)
                printf("%s %s", named++ ? "," : words[state], list->items[i].name);
        if (named)
            printf("\n");
    }
    return worst;
}

static int32_t check_sets(const options *o, const data_sources *list, const char *home,
                          const char *base, set_state *state)
{
    if (o->all) {
        *state = check_all(o, list, home, base);
        return PODIUM_OK;
    }
    const data_source *s = data_source_find(list, o->name);
    if (!s)
        return podium_fail(PODIUM_EINVAL,
                           "unknown data set '%s'; `podium list datasets` names them", o->name);
    *state = check_source(s, home, base, o);
    return PODIUM_OK;
}

static int run(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "backbone"))
        return data_backbone(argc - 1, argv + 1);
    options o;
    data_sources list = {0};
    char home[3072], base[3072], path[4096];
    set_state state = SET_BAD;
    TRY(parse(&o, argc, argv));
    TRY(home_find("data/sources.yaml", home, sizeof home));
    TRY(home_data(o.dir, base, sizeof base));
    TRY(path_join(path, sizeof path, home, "data/sources.yaml"));
    int32_t rc = data_sources_read(&list, path);
    if (rc == 0)
        rc = check_sets(&o, &list, home, base, &state);
    data_sources_release(&list);
    if (rc < 0)
        return rc;
    return state == SET_BAD ? EXIT_USAGE : EXIT_DONE;
}

const command command_data = {
    .name = "data",
    .summary = "verify data sets, fetch what is missing",
    .usage =
        "usage: podium data NAME|all [--dir DIR] [--fetch]\n"
        "       podium data backbone [--text FILE] [--out FILE] [--dir DIR] [--recipe FILE]\n"
        "                            [--stop-after STEPS] [--threads N]\n\n"
        "Checks the files in DIR/NAME (default: $PODIUM_DATA, or data/ of this tree) against\n"
        "data/sources.yaml: sizes, and sums where they are known.\n"
        "NAME: exit 2 when a file of it is missing or corrupt.\n"
        "all: says for each set that is not here which files to place where; exit 2 when a file\n"
        "that is here is corrupt, or one that --fetch was to get did not come.\n"
        "Files may be packed (.gz); DIR/cifar-10-batches-bin, DIR/MNIST/raw, DIR/FashionMNIST/raw\n"
        "and DIR/fashion-mnist are found too. `podium run --data DIR` trains on them.\n"
        "  --dir DIR   the folder of data sets\n"
        "  --fetch     get missing files with curl, resuming what a broken run left\n"
        "debian-text needs no --fetch: apt-get reads the package descriptions of this machine's\n"
        "mirror into a private folder; the token set descriptions and the tasks sections, match,\n"
        "same-source and translation are made of them.\n\n"
        "`backbone` pretrains the encoder that the workload compacter fine-tunes, in the stages "
        "of\n"
        "a recipe (causal, masked, contrastive), on a text of one document a line; a contrastive\n"
        "stage takes the lines \"SHORT LINE. LONG TEXT\". It goes on from OUT.checkpoint, appends "
        "to\n"
        "OUT.log, and writes OUT at the recipe's end; the same recipe, text and threads give the\n"
        "same bytes. Exit 1: not yet done.\n"
        "  --text FILE          default: DIR/descriptions/train.txt, of `podium data debian-text`\n"
        "  --out FILE           default: DIR/backbone.safetensors\n"
        "  --recipe FILE        default: data/backbone.yaml of this tree\n"
        "  --stop-after STEPS   of this call\n",
    .run = run,
};
