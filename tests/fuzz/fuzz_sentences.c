/* Sentence files from anywhere: read or refused; what is read can be batched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workloads/sentence_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[64];

static void clean(void)
{
    static const char *const names[] = {"s/train.tsv", "s/valid.tsv", "s", ""};
    char path[128];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", base, names[i]);
        remove(path);
    }
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/s/%s", base, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "set: s";
    yaml_document *d;
    sentence_data *s;
    workload_batch b;
    if (!base[0]) {
        char folder[128];
        snprintf(base, sizeof base, "/tmp/podium-fuzz-XXXXXX");
        if (!mkdtemp(base))
            abort();
        snprintf(folder, sizeof folder, "%s/s", base);
        if (mkdir(folder, 0700))
            abort();
        atexit(clean);
    }
    write_file("train.tsv", data, size);
    write_file("valid.tsv", data, size / 2);
    if (yaml_parse(&d, text, sizeof text - 1, "fuzz"))
        abort();
    if (sentence_data_open(&s, yaml_root(d), base, 8 + (int64_t)(size % 9), NULL) == 0) {
        if (sentence_data_train(s, 1, 0, 4, 0, 4, &b) ||
            sentence_data_eval(s, SPLIT_VALID, 0, 3, &b))
            abort();
        sentence_data_close(s);
    }
    yaml_destroy(d);
    return 0;
}
