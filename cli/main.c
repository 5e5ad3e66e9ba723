/* `podium`: finds the command, runs it, prints the one error and chooses the exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/command.h"

const command *command_find(const char *name)
{
    for (int i = 0; command_registry[i]; i++)
        if (!strcmp(command_registry[i]->name, name))
            return command_registry[i];
    return NULL;
}

static void print_summary(FILE *out)
{
    fputs("usage: podium COMMAND [ARGUMENTS]\n\n", out);
    for (int i = 0; command_registry[i]; i++)
        fprintf(out, "  %-16s %s\n", command_registry[i]->name, command_registry[i]->summary);
    fputs("\n`podium help COMMAND` says more.\n", out);
}

/* libgomp's threads spin for long at each barrier, which makes a step ten times slower as soon as
 * another process wants a core (measured: 42 ms against 411).  It reads its settings before main,
 * so they are set by starting over, once; if that fails only speed is lost. */
static void limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    const command *c = argc < 2 ? NULL : command_find(argv[1]);
    if (c && !c->trains_nothing)
        limit_spinning(argv);
    if (argc < 2) {
        print_summary(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_summary(stdout);
        return EXIT_DONE;
    }
    if (!c) {
        fprintf(stderr, "podium: unknown command '%s'; `podium help` lists them\n", argv[1]);
        return EXIT_USAGE;
    }
    if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
        fputs(c->usage, stdout);
        return EXIT_DONE;
    }
    int rc = c->run(argc - 1, argv + 1);
    if (rc >= 0)
        return rc;
    fprintf(stderr, "podium %s: %s\n", c->name, podium_error());
    return EXIT_USAGE;
}
