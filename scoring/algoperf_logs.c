/* The folders of AlgoPerf's submission runner. */
#include "scoring/algoperf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define MAX_DEPTH 16 /* of folders: links may make rings */
#define MAX_BYTES (256u << 20)

/* ---- rules -------------------------------------------------------------------------------- */

static int32_t read_workload(algoperf_workload *w, const yaml_node *n, const char *name)
{
    static const char *const directions[] = {"min", "max", NULL};
    const char *metric = NULL;
    int direction = 0;
    for (int i = 0; i < 4; i++)
        TRY(yaml_require(n, (const char *[]){"metric", "direction", "target", "seconds"}[i]));
    TRY(yaml_string(n, "metric", &metric));
    TRY(yaml_choice(n, "direction", directions, &direction));
    TRY(yaml_number(n, "target", -1e300, 1e300, &w->target));
    TRY(yaml_number(n, "seconds", 1e-9, 1e300, &w->seconds));
    w->name = name;
    w->larger_is_better = direction == 1;
    w->base = -1;
    if (strlen(metric) > 64)
        return yaml_fail(n, "the name of the metric is longer than 64 bytes");
    snprintf(w->column, sizeof w->column, "validation/%s", metric);
    return 0;
}

static int32_t find_workload(const algoperf_rules *r, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(r->workloads[i].name, name))
            return (int32_t)i;
    return -1;
}

/* Base workloads in a first pass, the variants behind them. */
static int32_t read_workloads(algoperf_rules *r, const yaml_node *list, double multiplier)
{
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < yaml_length(list); i++) {
            const yaml_node *node = yaml_item(list, i);
            const char *base = NULL;
            TRY(yaml_string(node, "held_out_of", &base));
            if ((base != NULL) != pass)
                continue;
            algoperf_workload *w = &r->workloads[n++];
            TRY(read_workload(w, node, yaml_key(list, i)));
            w->seconds *= multiplier;
            if (base && (w->base = find_workload(r, r->num_base, base)) < 0)
                return yaml_fail(node, "held_out_of: '%s' is no base workload", base);
        }
        if (!pass)
            r->num_base = n;
    }
    r->num_held_out = n - r->num_base;
    return 0;
}

static int32_t no_section(const preset *p)
{
    text_buffer known = {0};
    for (const preset_entry *e = preset_registry; e->name; e++)
        if (strstr(e->yaml, "\nalgoperf:"))
            text_print(&known, "%s%s", known.length ? ", " : "", e->name);
    int32_t rc = podium_fail(PODIUM_EINVAL,
                             "preset '%s' does not say how AlgoPerf's logs are scored, expected "
                             "one of: %s",
                             p->name, known.data ? known.data : "(none)");
    text_release(&known);
    return rc;
}

int32_t algoperf_rules_init(algoperf_rules *r, const preset *p)
{
    *r = (algoperf_rules){.preset = p};
    if (!p->algoperf)
        return no_section(p);
    const yaml_node *list = yaml_get(p->algoperf, "workloads");
    if (!list || yaml_node_kind(list) != YAML_MAP || !yaml_length(list))
        return yaml_fail(p->algoperf, "algoperf: expected a map 'workloads'");
    r->trial_order = yaml_get(p->algoperf, "trial_order");
    r->workloads = calloc(yaml_length(list), sizeof *r->workloads);
    if (!r->workloads)
        return podium_fail(PODIUM_ENOMEM, "no memory for a preset");
    int32_t rc = read_workloads(r, list, p->budget_multiplier);
    if (rc)
        algoperf_rules_release(r);
    return rc;
}

void algoperf_rules_release(algoperf_rules *r)
{
    free(r->workloads);
    r->workloads = NULL;
}

/* ---- folders ------------------------------------------------------------------------------ */

typedef struct walk {
    const algoperf_rules *rules;
    algoperf_logs *logs;
    size_t prefix, root; /* lengths of DIR/SUBMISSION/ and of DIR/ in a path */
    char *framework;     /* [workload] of this submission: 0 unknown, 'j', 'p', 'n' none named */
    size_t capacity;
} walk;

static int32_t out_of_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory for AlgoPerf's logs");
}

/* Number of `name` in the list, appended when new. */
static int32_t number_of(char ***list, size_t *n, const char *name)
{
    for (size_t i = *n; i > 0; i--)
        if (!strcmp((*list)[i - 1], name))
            return (int32_t)(i - 1);
    char **grown = realloc(*list, (*n + 1) * sizeof *grown), *copy = strdup(name);
    if (grown)
        *list = grown;
    if (!grown || !copy) {
        free(copy);
        return out_of_memory();
    }
    grown[*n] = copy;
    return (int32_t)(*n)++;
}

static int32_t leave_out(algoperf_logs *logs, const char *what, const char *why)
{
    text_buffer t = {0};
    text_print(&t, "%s: %s", what, why);
    int32_t rc = t.failed ? out_of_memory()
                          : number_of(&logs->left_out, &logs->num_left_out, t.data);
    text_release(&t);
    return rc < 0 ? rc : 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

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

/* The workload a folder is named for, "ogbg_jax": its number and framework; -1: none. */
static int32_t workload_of_folder(const algoperf_rules *r, const char *name, char *framework)
{
    static const struct {
        const char *suffix;
        char framework;
    } known[] = {{"_jax", 'j'}, {"_pytorch", 'p'}, {"", 'n'}};
    char base[256];
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t m = strlen(known[i].suffix);
        if (n <= m || n - m >= sizeof base || strcmp(name + n - m, known[i].suffix))
            continue;
        memcpy(base, name, n - m);
        base[n - m] = '\0';
        *framework = known[i].framework;
        int32_t w = find_workload(r, r->num_base + r->num_held_out, base);
        if (w >= 0)
            return w;
    }
    return -1;
}

static bool is_trial(const char *name, int64_t *number)
{
    return !strncmp(name, "trial_", 6) && integer_parse(name + 6, number) && *number >= 0;
}

static int32_t add_trial(walk *k, const char *path, int32_t workload, int32_t study, int64_t number)
{
    algoperf_logs *l = k->logs;
    if (l->num_trials == k->capacity) {
        size_t capacity = k->capacity ? 2 * k->capacity : 1024;
        algoperf_trial *grown = realloc(l->trials, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory();
        l->trials = grown;
        k->capacity = capacity;
    }
    char *folder = strdup(path);
    if (!folder)
        return out_of_memory();
    l->trials[l->num_trials++] = (algoperf_trial){.folder = folder,
                                                  .submission = (int32_t)l->num_submissions - 1,
                                                  .workload = workload,
                                                  .study = study,
                                                  .number = number};
    return 0;
}

/* The study of a workload's folder: the path between the submission's and its own. */
static int32_t study_of(walk *k, const char *path)
{
    char study[4096];
    size_t length = (size_t)(last_part(path) - path);
    int n = snprintf(study, sizeof study, "%.*s",
                     length > k->prefix ? (int)(length - 1 - k->prefix) : 0, path + k->prefix);
    if (n < 0 || (size_t)n >= sizeof study)
        return podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", path);
    return number_of(&k->logs->studies, &k->logs->num_studies, study);
}

static int32_t enter(walk *k, const char *path, int depth);

static int32_t walk_entries(walk *k, const char *path, struct dirent **names, int n, int depth,
                            int32_t workload)
{
    int32_t study = -1;
    char child[4096];
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        int64_t number;
        if (name[0] == '.' || names[i]->d_type == DT_REG)
            continue;
        TRY(path_join(child, sizeof child, path, name));
        if (names[i]->d_type != DT_DIR && !directory_exists(child))
            continue;
        bool trial = is_trial(name, &number);
        if (!trial) {
            TRY(enter(k, child, depth + 1));
        } else if (workload < 0) {
            TRY(leave_out(k->logs, path,
                          "trials in a folder that is named for no workload of the "
                          "preset"));
        } else {
            if (study < 0)
                TRY(study = study_of(k, path));
            TRY(add_trial(k, child, workload, study, number));
        }
    }
    return 0;
}

static int32_t enter(walk *k, const char *path, int depth)
{
    if (depth > MAX_DEPTH)
        return podium_fail(PODIUM_EINVAL, "'%s' is nested more than %d folders deep", path,
                           MAX_DEPTH);
    char framework = 0;
    int32_t workload = workload_of_folder(k->rules, last_part(path), &framework);
    if (workload >= 0) {
        char *seen = &k->framework[workload];
        if (*seen && *seen != framework)
            return podium_fail(PODIUM_EINVAL,
                               "'%s': workload '%s' of this submission is logged under two "
                               "frameworks",
                               path, k->rules->workloads[workload].name);
        *seen = framework;
    }
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, versionsort);
    if (n < 0)
        return podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", path, strerror(errno));
    int32_t rc = walk_entries(k, path, names, n, depth, workload);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}

/* The submissions of DIR, in the order of their names; one's timestamped runs follow it. */
static int32_t walk_submissions(walk *k, const char *dir, struct dirent **names, int n)
{
    algoperf_logs *l = k->logs;
    size_t W = k->rules->num_base + k->rules->num_held_out;
    for (int i = 0; i < n; i++) {
        char path[4096], name[256];
        if (names[i]->d_name[0] == '.')
            continue;
        TRY(path_join(path, sizeof path, dir, names[i]->d_name));
        if (!directory_exists(path))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length_without_timestamp(names[i]->d_name),
                 names[i]->d_name);
        size_t before = l->num_submissions;
        int32_t s = number_of(&l->submissions, &l->num_submissions, name);
        TRY(s);
        if (before && s + 1 < (int32_t)before) {
            return podium_fail(PODIUM_EINVAL, "'%s': other submissions sort between the runs of it",
                               path);
        }
        if (l->num_submissions > before)
            memset(k->framework, 0, W);
        k->prefix = strlen(path) + 1;
        k->root = strlen(path) - strlen(names[i]->d_name);
        TRY(enter(k, path, 0));
    }
    return 0;
}

/* ---- files -------------------------------------------------------------------------------- */

typedef struct file_text {
    char *data;
    size_t length, capacity;
} file_text;

/* 1: there is no such file. */
static int32_t read_file(file_text *t, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? 1
                   : podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    t->length = 0;
    for (bool whole = false; !whole;) {
        if (t->length == t->capacity) {
            size_t capacity = t->capacity ? 2 * t->capacity : 256u << 10;
            char *grown = capacity <= MAX_BYTES ? realloc(t->data, capacity) : NULL;
            if (!grown) {
                close(fd);
                return podium_fail(PODIUM_EINVAL, "'%s' has more than %u bytes", path, MAX_BYTES);
            }
            t->data = grown;
            t->capacity = capacity;
        }
        ssize_t n = read(fd, t->data + t->length, t->capacity - t->length);
        if (n < 0) {
            int error = errno;
            close(fd);
            return podium_fail(PODIUM_EIO, "cannot read '%s': %s", path, strerror(error));
        }
        whole = (size_t)n < t->capacity - t->length; /* of a regular file: nothing follows */
        t->length += (size_t)n;
    }
    close(fd);
    return 0;
}

static int32_t read_trial(const algoperf_rules *rules, algoperf_trial *t, file_text *text)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/eval_measurements.csv", t->folder);
    int32_t rc = read_file(text, path);
    if (rc)
        return rc;
    return algoperf_csv_hit(text->data, text->length, path, &rules->workloads[t->workload],
                            &t->hit);
}

/* Reads every trial's file, a thread a share; the first failure in listing order is reported. */
static int32_t read_trials(const algoperf_rules *rules, algoperf_logs *l)
{
    size_t failed = SIZE_MAX;
    char message[1024] = "";
    int32_t code = 0;
#pragma omp parallel
    {
        file_text text = {0};
#pragma omp for schedule(dynamic, 16)
        for (size_t i = 0; i < l->num_trials; i++) {
            int32_t rc = read_trial(rules, &l->trials[i], &text);
            if (rc > 0)
                l->trials[i].hit.evaluations = -1; /* no file */
            if (rc < 0) {
#pragma omp critical(algoperf_failure)
                if (i < failed) {
                    failed = i;
                    code = rc;
                    snprintf(message, sizeof message, "%s", podium_error());
                }
            }
        }
        free(text.data);
    }
    return code ? podium_fail(code, "%s", message) : 0;
}

/* A trial that left no evaluation counts for nothing, as if it had not been started. */
static int32_t drop_unread(algoperf_logs *l, size_t root)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->num_trials; i++) {
        algoperf_trial *t = &l->trials[i];
        if (t->hit.evaluations >= 0) {
            l->trials[kept++] = *t;
            continue;
        }
        int32_t rc = leave_out(l, t->folder + root, "no eval_measurements.csv");
        free(t->folder);
        t->folder = NULL;
        if (rc) {
            for (size_t k = i + 1; k < l->num_trials; k++)
                free(l->trials[k].folder);
            l->num_trials = kept;
            return rc;
        }
    }
    l->num_trials = kept;
    return 0;
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
        rc = leave_out(l, what, why);
    }
    free(counts);
    return rc;
}

int32_t algoperf_logs_read(algoperf_logs *out, const algoperf_rules *rules, const char *dir)
{
    size_t W = rules->num_base + rules->num_held_out;
    walk k = {.rules = rules, .logs = out, .framework = calloc(W + 1, 1)};
    struct dirent **names = NULL;
    *out = (algoperf_logs){0};
    if (!k.framework)
        return out_of_memory();
    int n = scandir(dir, &names, NULL, versionsort);
    int32_t rc = n < 0
                     ? podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", dir, strerror(errno))
                     : walk_submissions(&k, dir, names, n);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    free(k.framework);
    TRY(rc);
    TRY(read_trials(rules, out));
    TRY(drop_unread(out, k.root));
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
