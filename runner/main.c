/* podium-runner: holds a submission's .so and nothing else.  Started by the referee with a control
 * map (descriptor 3), a map of vectors (4) and one of arrays (5). */
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "podium-runner is started by podium, not by hand\n");
        return 2;
    }
    char *end;
    long parent = strtol(argv[1], &end, 10);
    if (*end || end == argv[1] || podium_runner_serve((int32_t)parent, NULL)) {
        fprintf(stderr, "podium-runner: no referee behind descriptors 3 to 5\n");
        return 2;
    }
    return 0;
}
