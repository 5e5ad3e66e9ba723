/* podium help [COMMAND] */
#include <stdio.h>

#include "base/status.h"
#include "cli/command.h"

static int run(int argc, char **argv)
{
    if (argc > 2)
        return podium_fail(PODIUM_EINVAL, "expected one command, got '%s' too", argv[2]);
    if (argc == 2) {
        const command *c = command_find(argv[1]);
        if (!c)
            return podium_fail(PODIUM_EINVAL, "unknown command '%s'", argv[1]);
        fputs(c->usage, stdout);
        return EXIT_DONE;
    }
    printf("usage: podium COMMAND [ARGUMENTS]\n\n");
    for (int i = 0; command_registry[i]; i++)
        printf("  %-16s %s\n", command_registry[i]->name, command_registry[i]->summary);
    printf("\nExit status: 0 done, 1 the thing measured failed, 2 usage or input error.\n");
    return EXIT_DONE;
}

const command command_help = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .usage = "usage: podium help [COMMAND]\n",
    .run = run,
};
