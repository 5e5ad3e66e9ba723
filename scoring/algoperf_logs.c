/* The folders of AlgoPerf's submission runner: which there are, and what was read put together. */
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/algoperf_walk.h"

static int32_t out_of_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory for AlgoPerf's logs");
}

/* ---- what there is ------------------------------------------------------------------------ */

typedef struct walk_list {
    algoperf_walk *items;
    size_t length, capacity;
} walk_list;

/* "x-2024-05-30-17-48-25" is a run of "x". */
static size_t length_without_timestamp(const char *name)
{
    static const char shape[] = "-dddd-dd-dd-dd-dd-dd";
    size_t n = strlen(name), m = sizeof shape - 1;
    if (n <= m)
        return n;
    for (size_t i = 0; i < m; i++) {
        char c = name[n - m + i];
        if (shape[i] == 'd' ? c < '0' || c > '9' : c != '-')
            return n;
    }
    return n - m;
}

static int32_t add_walk(walk_list *l, const char *dir, const char *run, const char *folder)
{
    if (l->length == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        algoperf_walk *grown = realloc(l->items, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory();
        l->items = grown;
        l->capacity = capacity;
    }
    algoperf_walk *w = &l->items[l->length];
    *w = (algoperf_walk){.root = strlen(dir) + 1};
    w->study = w->root + strlen(run) + 1;
    int n = snprintf(w->path, sizeof w->path, "%s/%s/%s", dir, run, folder);
    if (n < 0 || (size_t)n >= sizeof w->path)
        return podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", w->path);
    w->submission = strndup(run, length_without_timestamp(run));
    l->length++;
    return w->submission ? 0 : out_of_memory();
}

/* The folders of one run of a submission. */
static int32_t list_run(walk_list *l, algoperf_logs *logs, const char *dir, const char *run)
{
    char path[4096], **names;
    size_t n;
    TRY(path_join(path, sizeof path, dir, run));
    TRY(algoperf_list_folders(&names, &n, path));
    int32_t rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = strncmp(names[i], "trial_", 6)
                 ? add_walk(l, dir, run, names[i])
                 : algoperf_leave_out(logs, run,
                                      "trials in a folder that is named for no workload of the "
                                      "preset");
    algoperf_free_names(names, n);
    return rc;
}

static int32_t list_walks(walk_list *l, algoperf_logs *logs, const char *dir)
{
    char **names;
    size_t n;
    TRY(algoperf_list_folders(&names, &n, dir));
    int32_t rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        char *name = strndup(names[i], length_without_timestamp(names[i]));
        rc = name ? algoperf_name_number(&logs->submissions, &logs->num_submissions, name)
                  : out_of_memory();
        free(name);
        if (rc >= 0)
            rc = list_run(l, logs, dir, names[i]);
    }
    algoperf_free_names(names, n);
    return rc;
}

static void release_walks(walk_list *l)
{
    for (size_t i = 0; i < l->length; i++) {
        free(l->items[i].submission);
        algoperf_logs_release(&l->items[i].part);
    }
    free(l->items);
}

/* ---- put together ------------------------------------------------------------------------- */

static int32_t merge_texts(algoperf_logs *out, const algoperf_logs *part)
{
    for (size_t i = 0; i < part->num_left_out; i++)
        TRY(algoperf_name_number(&out->left_out, &out->num_left_out, part->left_out[i]));
    return 0;
}

/* Takes the trials' folders over. */
static int32_t merge(algoperf_logs *out, algoperf_walk *w)
{
    algoperf_logs *part = &w->part;
    int32_t submission = algoperf_name_number(&out->submissions, &out->num_submissions,
                                              w->submission);
    TRY(submission);
    TRY(merge_texts(out, part));
    if (!part->num_trials)
        return 0;
    algoperf_trial *grown = realloc(out->trials,
                                    (out->num_trials + part->num_trials) * sizeof *grown);
    if (!grown)
        return out_of_memory();
    out->trials = grown;
    for (size_t i = 0; i < part->num_trials; i++) {
        algoperf_trial *t = &grown[out->num_trials];
        int32_t study = algoperf_name_number(&out->studies, &out->num_studies,
                                             part->studies[part->trials[i].study]);
        TRY(study);
        *t = part->trials[i];
        part->trials[i].folder = NULL;
        t->submission = submission;
        t->study = study;
        out->num_trials++;
    }
    return 0;
}

/* A folder of another framework that holds no evaluation (the published logs have some) is no
 * second log of its workload. */
static int32_t check_frameworks(const algoperf_rules *r, const algoperf_logs *l)
{
    size_t W = r->num_base + r->num_held_out;
    char *seen = calloc(l->num_submissions * W + 1, 1); /* 'j', 'p', 'n' none named */
    int32_t rc = seen ? 0 : out_of_memory();
    for (size_t i = 0; !rc && i < l->num_trials; i++) {
        const algoperf_trial *t = &l->trials[i];
        char *first = &seen[(size_t)t->submission * W + (size_t)t->workload];
        if (*first && *first != t->framework)
            rc = podium_fail(PODIUM_EINVAL,
                             "'%s': workload '%s' of this submission is logged under two "
                             "frameworks",
                             t->folder, r->workloads[t->workload].name);
        *first = t->framework;
    }
    free(seen);
    return rc;
}

/* More or fewer studies and trials than the ruleset has. */
static int32_t count_trials(const algoperf_rules *r, algoperf_logs *l)
{
    size_t W = r->num_base + r->num_held_out, K = l->num_studies;
    int64_t *counts = calloc(l->num_submissions * W * K + 1, sizeof *counts);
    int32_t rc = counts ? 0 : out_of_memory();
    for (size_t i = 0; !rc && i < l->num_trials; i++) {
        const algoperf_trial *t = &l->trials[i];
        counts[((size_t)t->submission * W + (size_t)t->workload) * K + (size_t)t->study]++;
    }
    for (size_t c = 0; !rc && c < l->num_submissions * W; c++) {
        char why[160], what[512];
        int64_t trials = 0, studies = 0;
        for (size_t k = 0; k < K; k++) {
            trials += counts[c * K + k];
            studies += counts[c * K + k] > 0;
        }
        if (studies == r->preset->studies && trials == studies * r->preset->trials)
            continue;
        snprintf(what, sizeof what, "%.200s, %.200s", l->submissions[c / W],
                 r->workloads[c % W].name);
        snprintf(why, sizeof why, "%lld trials in %lld studies, the ruleset has %lld in %lld",
                 (long long)trials, (long long)studies,
                 (long long)(r->preset->trials * r->preset->studies),
                 (long long)r->preset->studies);
        rc = algoperf_leave_out(l, what, why);
    }
    free(counts);
    return rc;
}

/* Folders that threads take one after another. */
typedef struct shares {
    walk_list *list;
    const algoperf_rules *rules;
    atomic_size_t next;
} shares;

static void *read_shares(void *arg)
{
    shares *s = arg;
    text_buffer text = {0};
    for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->list->length;)
        algoperf_walk_run(&s->list->items[i], s->rules, &text);
    text_release(&text);
    return NULL;
}

/* The first failure in listing order is reported.  Plain threads: those of OpenMP spin where one
 * waits for another, and on a busy machine that is time another could read in. */
static int32_t read_walks(walk_list *l, const algoperf_rules *rules)
{
    enum { MOST = 16 };
    shares s = {.list = l, .rules = rules};
    pthread_t threads[MOST];
    int want = omp_get_max_threads() - 1, started = 0;
    while (started < want && started < MOST &&
           !pthread_create(&threads[started], NULL, read_shares, &s))
        started++;
    read_shares(&s);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < l->length; i++)
        if (l->items[i].code)
            return podium_fail(l->items[i].code, "%s", l->items[i].message);
    return 0;
}

int32_t algoperf_logs_read(algoperf_logs *out, const algoperf_rules *rules, const char *dir)
{
    walk_list walks = {0};
    *out = (algoperf_logs){0};
    int32_t rc = list_walks(&walks, out, dir);
    if (rc >= 0)
        rc = read_walks(&walks, rules);
    for (size_t i = 0; i < walks.length && rc >= 0; i++)
        rc = merge(out, &walks.items[i]);
    release_walks(&walks);
    TRY(rc);
    TRY(check_frameworks(rules, out));
    if (!out->num_trials)
        return podium_fail(PODIUM_EINVAL,
                           "no trial below '%s', expected "
                           "SUBMISSION/STUDY/WORKLOAD_jax/trial_1/eval_measurements.csv",
                           dir);
    return count_trials(rules, out);
}

void algoperf_logs_release(algoperf_logs *l)
{
    for (size_t i = 0; i < l->num_trials; i++)
        free(l->trials[i].folder);
    for (size_t i = 0; i < l->num_submissions; i++)
        free(l->submissions[i]);
    for (size_t i = 0; i < l->num_studies; i++)
        free(l->studies[i]);
    for (size_t i = 0; i < l->num_left_out; i++)
        free(l->left_out[i]);
    free(l->trials);
    free(l->submissions);
    free(l->studies);
    free(l->left_out);
    *l = (algoperf_logs){0};
}
