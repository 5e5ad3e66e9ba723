/* A command of `podium`: one file each, cli/cmd_NAME.c defines `const command command_NAME`; a dash
 * in the name is an underscore in the file.  The registry is generated from the listing. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

typedef struct command {
    const char *name;    /* as typed: "new-submission" */
    const char *summary; /* one line */
    const char *usage;   /* what `podium help NAME` prints: arguments and options */
    /* argv[0] is the command's name.  Returns the exit status: 0 done, 1 the thing measured failed,
     * 2 usage or input error; a negative status of base/status.h counts as 2 and main prints
     * podium_error(). */
    int (*run)(int argc, char **argv);
    bool trains_nothing; /* main need not start over to set how the engine's threads wait */
} command;

enum { EXIT_DONE = 0, EXIT_MEASURED_FAILED = 1, EXIT_USAGE = 2 };

extern const command *const command_registry[]; /* ends with NULL; generated */
const command *command_find(const char *name);  /* NULL: unknown */

#endif
