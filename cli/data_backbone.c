/* `podium data backbone`: pretrains the small encoder. */
#include "cli/data_backbone.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "workloads/pretrain.h"

static void progress(int64_t step, int64_t steps, double loss, double held_out)
{
    printf("step %lld of %lld: loss %.4f, held out %.4f\n", (long long)step, (long long)steps, loss,
           held_out);
    fflush(stdout);
}

static int32_t read_options(pretrain_options *o, const char **recipe, int argc, char **argv)
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
            *recipe = text;
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
    if (!o->text || !o->out)
        return podium_fail(PODIUM_EINVAL, "expected --text FILE and --out FILE");
    return PODIUM_OK;
}

int data_backbone(int argc, char **argv)
{
    pretrain_options o;
    pretrain_recipe r;
    char folder[3072], path[4096];
    const char *recipe = NULL;
    bool finished;
    TRY(read_options(&o, &recipe, argc, argv));
    if (!recipe) {
        TRY(path_of_executable(folder, sizeof folder));
        TRY(path_join(path, sizeof path, folder, "../data/backbone.yaml"));
        recipe = path;
    }
    TRY(pretrain_read(&r, recipe));
    TRY(pretrain_run(&r, &o, &finished));
    if (!finished) {
        printf("stopped before the recipe's end; the same command goes on\n");
        return EXIT_MEASURED_FAILED;
    }
    printf("wrote %s\n", o.out);
    return EXIT_DONE;
}
