/* podium calibrate: cli/search.c does it. */
#include "cli/command.h"
#include "cli/search.h"

static int run(int argc, char **argv)
{
    static search s;
    s = (search){.command = "calibrate"};
    return search_command(&s, argc, argv);
}

const command command_calibrate = {
    .name = "calibrate",
    .summary = "search one setting that is good on all workloads at once",
    .usage =
        "usage: podium calibrate SUBMISSION [--workload W]... [options]\n\n"
        "The same quasi-random points of the submission's search_space on every workload (all "
        "that\n"
        "race, if none is named).  A point's ratio on a workload is its time to target over that\n"
        "of the best point; points rank by missed targets, then by their worst ratio, then by the\n"
        "mean.  The best, and the first by the other of the two, run again on fresh seeds, which\n"
        "alone choose the winner.  Records are the state, as for `podium tune`.\n\n"
        "  --select worst|mean      ratio that ranks first (worst)\n"
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
        "  --results DIR            where records go (results/calibrate/NAME)\n" TRIAL_OPTIONS_USAGE
        "\nExit status: 0 done, 1 no point reached a target, 2 usage.\n",
    .run = run,
};
