/* `podium data backbone`: pretrains the small encoder. */
#include "cli/data_backbone.h"

#include <stdio.h>
#include <string.h>

#include "base/home.h"
#include "base/text.h"
#include "cli/command.h"
#include "workloads/pretrain.h"

static void progress(int64_t step, int64_t steps, double loss, double held_out)
{
    printf("step %lld of %lld: loss %.4f, held out %.4f\n", (long long)step, (long long)steps, loss,
           held_out);
    fflush(stdout);
}

/* Where the text is and the backbone goes, unless said. */
typedef struct places {
    const char *recipe, *dir;
    char text[4096], out[4096];
} places;

static int32_t fill_places(places *p, pretrain_options *o)
{
    char base[3072];
    TRY(home_data(p->dir, base, sizeof base));
    TRY(path_join(p->text, sizeof p->text, base, "descriptions/train.txt"));
    TRY(path_join(p->out, sizeof p->out, base, "backbone.safetensors"));
    if (!o->text && !file_exists(p->text))
        return podium_fail(PODIUM_EIO, "'%s' is not there: `podium data debian-text` makes it",
                           p->text);
    o->text = o->text ? o->text : p->text;
    o->out = o->out ? o->out : p->out;
    return PODIUM_OK;
}

static int32_t read_options(pretrain_options *o, places *p, int argc, char **argv)
{
    int64_t n;
    *o = (pretrain_options){.progress = progress};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *text = i + 1 < argc ? argv[++i] : NULL;
        if (!text)
            return podium_fail(PODIUM_EINVAL, "option '%s' needs an argument, or is unknown", name);
        if (!strcmp(name, "--text")) {
            o->text = text;
        } else if (!strcmp(name, "--out")) {
            o->out = text;
        } else if (!strcmp(name, "--recipe")) {
            p->recipe = text;
        } else if (!strcmp(name, "--dir")) {
            p->dir = text;
        } else if (!strcmp(name, "--stop-after") || !strcmp(name, "--threads")) {
            if (!integer_parse(text, &n) || n < 1 || n > 1 << 30)
                return podium_fail(PODIUM_EINVAL, "%s is '%s', expected a positive number", name,
                                   text);
            if (name[2] == 's')
                o->stop_after = n;
            else
                o->threads = (int)n;
        } else {
            return podium_fail(PODIUM_EINVAL, "unknown option '%s'", name);
        }
    }
    return o->text && o->out ? PODIUM_OK : fill_places(p, o);
}

int data_backbone(int argc, char **argv)
{
    pretrain_options o;
    pretrain_recipe r;
    char folder[3072], path[4096];
    places p = {0};
    bool finished;
    TRY(read_options(&o, &p, argc, argv));
    if (!p.recipe) {
        TRY(path_of_executable(folder, sizeof folder));
        TRY(path_join(path, sizeof path, folder, "../data/backbone.yaml"));
        p.recipe = path;
    }
    TRY(pretrain_read(&r, p.recipe));
    TRY(pretrain_run(&r, &o, &finished));
    if (!finished) {
        printf("stopped before the recipe's end; the same command goes on\n");
        return EXIT_MEASURED_FAILED;
    }
    printf("wrote %s\n", o.out);
    return EXIT_DONE;
}
