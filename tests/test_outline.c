/* Workloads counted without their data: published sizes come out exactly, nothing large is
 * allocated, and where the data are here both ways agree. */
#include <string.h>
#include <sys/resource.h>

#include "base/home.h"
#include "harness/outline.h"
#include "harness/training.h"
#include "tap.h"

/* WideNet-B from its parts: patches, positions, attention, experts, router, norms, head. */
static int64_t widenet_b(void)
{
    int64_t d = 768, h = 4096, blocks = 12;
    return d * 3 * 16 * 16 + d + 196 * d + 4 * (d * d + d) + 4 * (2 * d * h + h + d) + 4 * d +
           blocks * 4 * d + 2 * d + d * d + d + 1000 * d + 1000;
}

/* What the papers' models have. */
static void check_published(void)
{
    static const struct {
        const char *workload;
        int64_t trainable, all;
    } full[] = {
        {"vit", 22122472, 22122472},           /* AlgoPerf's S/16 */
        {"transformer", 133521408, 133521408}, /* AlgoPerf's wmt */
        {"widenet", 29689832, 29689832},       /* WideNet-B, 29.69 M */
        {"compacter", 104704, INT64_C(222903552) + 24 * (2 * (768 + 24) + 24 + 768) + 64},
    };
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        workload_config c;
        outline o;
        int64_t sum = 0;
        ok(!workload_config_init(&c, workload_find(full[i].workload), "full", NULL),
           "%s has a size full", full[i].workload);
        ok(!outline_init(&o, &c), "that can be counted: %s", podium_error());
        ok(o.trainable == full[i].trainable && o.trainable + o.frozen == full[i].all,
           "%s full trains %lld of %lld parameters, expected %lld of %lld", full[i].workload,
           (long long)o.trainable, (long long)(o.trainable + o.frozen),
           (long long)full[i].trainable, (long long)full[i].all);
        for (int k = 0; k < o.num_kinds; k++)
            sum += o.kinds[k].elements;
        ok(sum == o.trainable, "the kinds add up");
        ok(o.flops > 1e9 && o.step_bytes > 4.0 * (double)full[i].all, "%.3g FLOPs, %.3g MiB",
           o.flops, o.step_bytes / (1 << 20));
        workload_config_release(&c);
    }
    ok(widenet_b() == 29689832, "WideNet-B's formula says as many");
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    ok(r.ru_maxrss < 700000, "nothing of that size was allocated: %ld KiB resident", r.ru_maxrss);
}

static void check_opened(const workload_entry *w, const char *size, const char *variant,
                         const char *data_dir)
{
    training t;
    outline o;
    training_options options = {.workload = w,
                                .size = size,
                                .held_out = variant,
                                .data_dir = data_dir,
                                .device = "cpu",
                                .threads = 1,
                                .precision = PODIUM_F32};
    if (training_open(&t, &options))
        return; /* not prepared here */
    int64_t frozen = 0;
    int32_t rc = outline_init(&o, &t.config);
    for (int32_t i = 0; i < params_count(t.params); i++)
        frozen += params_get(t.params, i)->frozen ? params_get(t.params, i)->count : 0;
    ok(!rc && o.trainable == params_trainable_elements(t.params) && o.frozen == frozen,
       "%s %s%s%s: %lld trainable and %lld frozen, with and without data%s%s", w->name, size,
       variant ? " " : "", variant ? variant : "", (long long)o.trainable, (long long)o.frozen,
       rc ? ": " : "", rc ? podium_error() : "");
    rc = training_record(&t, t.config.batch, PODIUM_F32, &t.train);
    graph_stats s = graph_get_stats(t.train.graph);
    ok(!rc && o.flops == s.forward_flops + s.backward_flops, "and %.4g FLOPs a step both ways",
       o.flops);
    training_close(&t);
}

/* Every size that is named below `map` of the yaml. */
static void check_sizes(const workload_entry *w, const char *data_dir)
{
    yaml_document *d;
    if (yaml_parse(&d, w->yaml, strlen(w->yaml), w->name))
        return;
    const yaml_node *sizes = yaml_get(yaml_root(d), "sizes");
    for (size_t i = 0; i < yaml_length(sizes); i++) {
        workload_config c;
        outline o;
        const char *size = yaml_key(sizes, i);
        ok(!workload_config_init(&c, w, size, NULL) && !outline_init(&o, &c), "%s %s is counted",
           w->name, size);
        workload_config_release(&c);
        if (!strcmp(size, "mini") || !strncmp(size, "test", 4) || !strcmp(size, "text"))
            check_opened(w, size, NULL, data_dir);
    }
    yaml_destroy(d);
}

int main(void)
{
    char data[3072];
    if (home_data(NULL, data, sizeof data))
        return tap_skip_all("no folder of data sets");
    check_published();
    for (const workload_entry *w = workload_registry; w->name; w++)
        if (w->workload->open)
            check_sizes(w, data);
    check_opened(workload_find("vit"), "test", "glu", data);
    check_opened(workload_find("widenet"), "test", "vit_moe", data);
    check_opened(workload_find("compacter"), "test", "low_rank", data);
    return tap_done();
}
