/* podium compare: two submissions in interleaved pairs of the same seed, until a sequential test
 * can tell them apart. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/compare.h"
#include "cli/trial_options.h"
#include "engine/philox.h"
#include "harness/submission_folder.h"
#include "scoring/sequential.h"

#define MOST_PAIRS 1000
static const double level = 0.05;

typedef struct options {
    trial_options common;
    const char *what[2];
    int64_t pairs;
} options;

typedef struct comparison {
    const options *options;
    submission_folder side[2];
    trial_config config;
    bool terminal, shown;
    int now; /* the side that runs */
    compare_pairs pairs;
} comparison;

static int32_t parse(options *o, int argc, char **argv)
{
    int n = 0;
    *o = (options){.pairs = 20};
    trial_options_init(&o->common, "calibrated");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') {
            if (n == 2)
                return podium_fail(PODIUM_EINVAL, "'%s' is one submission too many, expected two",
                                   argv[i]);
            o->what[n++] = argv[i];
        } else if (!strcmp(argv[i], "--pairs")) {
            TRY(option_count(argc, argv, &i, 1, MOST_PAIRS, &o->pairs));
        } else {
            TRY(trial_options_take(&o->common, argc, argv, &i));
        }
    if (n != 2)
        return podium_fail(PODIUM_EINVAL, "expected two submissions: .so files, folders or names");
    trial_options *c = &o->common;
    if (!c->num_workloads)
        return podium_fail(PODIUM_EINVAL, "expected --workload W, one or more");
    return trial_options_finish(c);
}

static void show_progress(void *arg, const trial_progress *p)
{
    comparison *c = arg;
    printf("\r\033[Kpair %zu %s %s: step %" PRId64 " valid %.4f target %.4f, %.0f s left at most",
           c->pairs.length + 1, c->config.submission, c->config.workload->name, p->step, p->metric,
           p->target, p->seconds_left);
    fflush(stdout);
    c->shown = true;
}

static int32_t run_side(comparison *c, int side, record **out)
{
    c->now = side;
    c->config.submission = c->side[side].name;
    c->config.so_path = c->side[side].so_path;
    c->config.source = c->side[side].url;
    c->config.settings = c->side[side].settings;
    return trial_record(&c->config, out);
}

/* Pair `i`: one seed, so the same parameters, batches and relabelling; who goes first is drawn. */
static int32_t run_pair(comparison *c, int64_t i)
{
    record **pair = c->pairs.items[c->pairs.length];
    int first = (int)(philox_derive(philox_derive((uint64_t)c->options->common.seed, 77),
                                    (uint64_t)i) &
                      1);
    c->config.study = i;
    int32_t rc = run_side(c, first, &pair[first]);
    if (!rc)
        rc = run_side(c, 1 - first, &pair[1 - first]);
    if (c->shown)
        printf("\r\033[K");
    c->shown = false;
    if (rc) {
        record_destroy(pair[first]);
        pair[0] = pair[1] = NULL;
        return rc;
    }
    c->pairs.length++;
    return 0;
}

static int32_t run_workload(comparison *c, const workload_entry *w)
{
    compare_result r = {0};
    int32_t rc = 0;
    c->config.workload = w;
    for (int64_t i = 0; i < c->options->pairs && !rc && !compare_is_decided(&r); i++) {
        rc = run_pair(c, i);
        if (!rc)
            rc = compare_test(&c->pairs, c->options->common.clock, level, &r);
        if (!rc && !c->options->common.quiet)
            compare_print_pair(&c->pairs, c->options->common.clock, &r);
    }
    if (!rc)
        compare_print(&c->pairs, c->options->common.clock, &r, c->options->common.quiet);
    compare_pairs_clear(&c->pairs);
    return rc;
}

/* What the records in the folder must have in common with those to come. */
static int32_t claim(const comparison *c)
{
    static const char *const names[] = {"a", "b"};
    json_t *id = trial_options_identity(&c->options->common, "compare");
    for (int k = 0; k < 2; k++) {
        char hash[SHA256_HEX];
        text_buffer t = {0};
        int32_t rc = submission_hash(c->side[k].so_path, hash);
        text_print(&t, "%s sha256 %s ", c->side[k].name, rc ? "" : hash);
        yaml_print_canonical(&t, c->side[k].settings);
        json_object_set_new(id, names[k], json_string(t.data ? t.data : ""));
        text_release(&t);
        if (rc) {
            json_decref(id);
            return rc;
        }
    }
    return results_claim(c->config.results, id);
}

static int32_t compare(comparison *c)
{
    const options *o = c->options;
    char results[512];
    if (!strcmp(c->side[0].name, c->side[1].name))
        return podium_fail(PODIUM_EINVAL,
                           "both submissions are named '%s': give one another name, records "
                           "are kept by it",
                           c->side[0].name);
    trial_options_configure(&o->common, &c->config);
    snprintf(results, sizeof results, "results/compare/%s-%s", c->side[0].name, c->side[1].name);
    c->config.results = o->common.results ? o->common.results : results;
    c->config.search = "compare";
    c->config.progress = c->terminal && !o->common.quiet ? show_progress : NULL;
    c->config.progress_arg = c;
    TRY(claim(c));
    TRY(trial_key(c->config.results, o->common.key, c->config.key));
    TRY(compare_pairs_init(&c->pairs, (size_t)o->pairs, c->side[0].name, c->side[1].name));
    int32_t rc = 0;
    for (size_t i = 0; i < o->common.num_workloads && !rc; i++)
        rc = run_workload(c, o->common.workloads[i]);
    compare_pairs_release(&c->pairs);
    return rc;
}

static int run(int argc, char **argv)
{
    static options o;
    static comparison c;
    TRY(parse(&o, argc, argv));
    c = (comparison){.options = &o, .terminal = isatty(STDOUT_FILENO)};
    int32_t rc = submission_folder_init(&c.side[0], o.what[0]);
    if (!rc)
        rc = submission_folder_init(&c.side[1], o.what[1]);
    if (!rc)
        rc = compare(&c);
    submission_folder_release(&c.side[0]);
    submission_folder_release(&c.side[1]);
    return rc;
}

const command command_compare = {
    .name = "compare",
    .summary = "two submissions in pairs of seeds: how much faster, and why",
    .usage =
        "usage: podium compare A B --workload W... [options]\n\n"
        "A and B are .so files, folders or names, as for `podium run`.  Pair by pair both train\n"
        "from one seed, in drawn order, until the answer is known: a test by betting on the\n"
        "logarithms of the ratios of paired times, valid however often it is looked at (Ville\n"
        "1939; Ramdas et al. 2020; Vovk & Wang 2024).  Two alike are told apart in at most 5 % of\n"
        "comparisons; the 95 % interval holds at every moment if the ratios scatter\n"
        "symmetrically.  Six pairs that agree may be enough, fewer never are.  A missed target\n"
        "loses the pair.  With several workloads each has a sentence of its own, at 5 % each.\n"
        "Records are kept: the same command goes on where it stopped.\n\n"
        "  --workload W             repeat for more\n"
        "  --pairs N                at most (20)\n"
        "  --clock calibrated|wall|steps|flops   of the ratios (calibrated)\n"
        "  --results DIR            where records go (results/compare/A-B)\n" TRIAL_OPTIONS_USAGE,
    .run = run,
};
