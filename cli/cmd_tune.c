/* podium tune: cli/search.c does it. */
#include "cli/command.h"
#include "cli/search.h"

static int run(int argc, char **argv)
{
    static search s;
    s = (search){.command = "tune"};
    return search_command(&s, argc, argv);
}

const command command_tune = {
    .name = "tune",
    .summary = "search a setting for one workload",
    .usage =
        "usage: podium tune SUBMISSION --workload W [options]\n\n"
        "Quasi-random points of the submission's search_space, over the hyperparameters that it\n"
        "fixes, all on one seed; then the best of them on fresh seeds, which alone choose the\n"
        "winner.  Records are the state: the same command goes on where it stopped, and more\n"
        "points or seeds add to it.  They are part of no race.\n\n"
        "  --points N               of the search space, in seeded order (20, or the whole list)\n"
        "  --best M                 points that are repeated (3)\n"
        "  --seeds K                fresh seeds of each of them (3)\n"
        "  --halving                end hopeless points early: a trial goes on past a ninth, a\n"
        "                           third and the whole of the step hint if it is in the best "
        "third\n"
        "                           of those that came there (asynchronous successive halving, Li\n"
        "                           et al. 2020, stopping form); its record says so\n"
        "  --clock steps|calibrated|wall|flops   time to target to rank by (steps)\n"
        "  --dry-run                points and predicted hours, nothing is run\n"
        "  --write                  the winner into the folder's submission.yaml\n"
        "  --results DIR            where records go (results/tune/NAME)\n" TRIAL_OPTIONS_USAGE
        "\nExit status: 0 done, 1 no point reached a target, 2 usage.\n",
    .run = run,
};
