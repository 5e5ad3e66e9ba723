/* `podium leaderboard`: a static page from records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "scoring/pack.h"
#include "scoring/site.h"

#define MOST 64 /* logs, tables */

static int run_leaderboard(int argc, char **argv)
{
    const char *dir = NULL, *tuning[MOST], *tracks[MOST];
    site_extras extras = {.tuning = tuning, .tracks = tracks};
    record_list records = {0};
    board_list boards = {0};
    int32_t rc = 0;
    int n = 0;
    for (int i = 1; i < argc && rc == 0; i++) {
        if (!strcmp(argv[i], "--out") && i + 1 < argc)
            dir = argv[++i];
        else if (!strcmp(argv[i], "--tuning") && i + 1 < argc && extras.num_tuning < MOST)
            tuning[extras.num_tuning++] = argv[++i];
        else if (!strcmp(argv[i], "--track") && i + 1 < argc && extras.num_tracks < MOST)
            tracks[extras.num_tracks++] = argv[++i];
        else if (argv[i][0] == '-')
            rc = podium_fail(PODIUM_EINVAL, "unknown option '%s', or its value is missing",
                             argv[i]);
        else if (++n)
            rc = pack_is(argv[i]) ? pack_read(&records, argv[i])
                                  : record_list_read(&records, argv[i]);
    }
    if (rc == 0 && (!dir || n == 0))
        rc = podium_fail(PODIUM_EINVAL, "usage: podium leaderboard RESULTS... --out DIR");
    if (rc == 0)
        rc = board_list_build(&boards, &records, &(board_options){.clock = CLOCK_CALIBRATED});
    if (rc == 0)
        rc = site_write(&boards, &extras, dir);
    if (rc == 0)
        printf("leaderboard of %zu records: %s/index.html\n", records.length, dir);
    board_list_release(&boards);
    record_list_release(&records);
    return rc;
}

const command command_leaderboard = {
    .name = "leaderboard",
    .summary = "a static page from results",
    .usage = "usage: podium leaderboard RESULTS|PACK... --out DIR [--tuning LOG]... [--track "
             "FILE]...\n\n"
             "Writes DIR/index.html (no JavaScript, works from a file), a page a submission,\n"
             "leaderboard.json, leaderboard.md and a copy of each record.  A PACK is what\n"
             "podium pack wrote: its checksums are compared.\n\n"
             "  --tuning LOG   sensitivity plots of a tuning log (results/tuning/*.jsonl)\n"
             "  --track FILE   a table of a track: pruning, compression, inference, distributed\n"
             "                 (JSON, schema podium-track/1: BENCHMARKS.md)\n",
    .run = run_leaderboard,
    .trains_nothing = true,
};
