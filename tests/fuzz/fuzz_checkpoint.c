/* libFuzzer: no index of a checkpoint makes its reader crash, or read a file that is not beside it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/checkpoint.h"
#include "podium/submission.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], part[96], index_path[96];

static void clean(void)
{
    unlink(part);
    unlink(index_path);
    rmdir(folder);
}

/* A folder with one file of one tensor, "a" in "part". */
static int prepare(void)
{
    const float x = 1;
    const safetensor a = {.name = "a", .dtype = PODIUM_F32, .ndim = 1, .shape = {1}, .data = &x};
    snprintf(folder, sizeof folder, "/tmp/fuzz_checkpoint_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(part, sizeof part, "%s/part", folder);
    snprintf(index_path, sizeof index_path, "%s/index.json", folder);
    atexit(clean);
    return safetensors_write(part, &a, 1, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    checkpoint *c;
    if (!*folder && prepare() < 0)
        abort();
    FILE *f = fopen(index_path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
    if (checkpoint_open(&c, index_path))
        return 0;
    const safetensor *a = checkpoint_find(c, "a");
    int bad = !a || checkpoint_count(c) != 1 || checkpoint_item(c, 0) != a;
    checkpoint_close(c);
    if (bad) /* an index that opens lists that tensor */
        abort();
    return 0;
}
