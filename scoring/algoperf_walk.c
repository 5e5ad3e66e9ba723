/* Walks one folder of AlgoPerf's logs.  Every file is opened relative to its folder: thousands of
 * small files are read, and resolving their long paths would take as long as reading them. */
#include "scoring/algoperf_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 16 /* of folders: links may make rings */
#define MAX_BYTES (256u << 20)
#define FIRST_BYTES (256u << 10) /* a published file has 14 kB on average */

static int32_t out_of_memory(void)
{
    return podium_fail(PODIUM_ENOMEM, "no memory for AlgoPerf's logs");
}

int32_t algoperf_name_number(char ***list, size_t *n, const char *name)
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

int32_t algoperf_leave_out(algoperf_logs *logs, const char *what, const char *why)
{
    text_buffer t = {0};
    text_print(&t, "%s: %s", what, why);
    int32_t rc = t.failed ? out_of_memory()
                          : algoperf_name_number(&logs->left_out, &logs->num_left_out, t.data);
    text_release(&t);
    return rc < 0 ? rc : 0;
}

/* ---- folders ------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(int fd, const struct dirent64 *e)
{
    struct stat s;
    if (e->d_name[0] == '.' || e->d_type == DT_REG)
        return false;
    return e->d_type == DT_DIR || (!fstatat(fd, e->d_name, &s, 0) && S_ISDIR(s.st_mode));
}

static int32_t append_name(char ***names, size_t *count, const char *name)
{
    if (!(*count & (*count - 1))) { /* room up to the next power of two */
        char **grown = realloc(*names, (2 * *count + 1) * sizeof *grown);
        if (!grown)
            return out_of_memory();
        *names = grown;
    }
    (*names)[*count] = strdup(name);
    return (*names)[(*count)++] ? 0 : out_of_memory();
}

/* Folders in the open folder.  Of its entries getdents64 tells all at once, where opendir and
 * readdir take five more system calls, as many as it takes to read the folder's files. */
static int32_t list_folders(char ***names, size_t *count, int fd, const char *path)
{
    _Alignas(struct dirent64) char entries[16384];
    ssize_t n = 0;
    int32_t rc = 0;
    *names = NULL;
    *count = 0;
    while (!rc && (n = getdents64(fd, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < n && !rc;) {
            const struct dirent64 *e = (const struct dirent64 *)(entries + at);
            if (is_folder(fd, e))
                rc = append_name(names, count, e->d_name);
            at += e->d_reclen;
        }
    if (!rc && n < 0)
        rc = podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", path, strerror(errno));
    if (!rc && *count > 1)
        qsort(*names, *count, sizeof **names, compare_names);
    return rc;
}

void algoperf_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int32_t algoperf_list_folders(char ***names, size_t *count, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", path, strerror(errno));
    int32_t rc = list_folders(names, count, fd, path);
    close(fd);
    if (rc) {
        algoperf_free_names(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return rc;
}

/* ---- files -------------------------------------------------------------------------------- */

static int32_t grow(text_buffer *t, const char *path)
{
    size_t capacity = t->capacity ? 2 * t->capacity : FIRST_BYTES;
    char *grown = capacity <= MAX_BYTES ? realloc(t->data, capacity) : NULL;
    if (!grown)
        return podium_fail(PODIUM_EINVAL, "'%s' has more than %u bytes", path, MAX_BYTES);
    t->data = grown;
    t->capacity = capacity;
    return 0;
}

/* `name` below the open folder into t.  1: there is no such file. */
static int32_t read_file(text_buffer *t, int folder, const char *name, const char *path)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? 1
                   : podium_fail(PODIUM_EIO, "cannot open '%s': %s", path, strerror(errno));
    int32_t rc = 0;
    t->length = 0;
    for (bool whole = false; !whole && !rc;) {
        if (t->length == t->capacity && (rc = grow(t, path)))
            break;
        ssize_t n = read(fd, t->data + t->length, t->capacity - t->length);
        if (n < 0) {
            rc = podium_fail(PODIUM_EIO, "cannot read '%s': %s", path, strerror(errno));
            break;
        }
        whole = (size_t)n < t->capacity - t->length; /* of a regular file: nothing follows */
        t->length += (size_t)n;
    }
    close(fd);
    return rc;
}

/* ---- the walk ----------------------------------------------------------------------------- */

typedef struct place {
    algoperf_walk *walk;
    const algoperf_rules *rules;
    text_buffer *text;
} place;

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
        int32_t w = algoperf_find_workload(r, base);
        if (w >= 0)
            return w;
    }
    return -1;
}

static bool is_trial(const char *name, int64_t *number)
{
    return !strncmp(name, "trial_", 6) && integer_parse(name + 6, number) && *number >= 0;
}

static int32_t append_trial(algoperf_logs *l, const char *path, const algoperf_trial *what)
{
    if (!(l->num_trials & (l->num_trials - 1))) { /* room up to the next power of two */
        algoperf_trial *grown = realloc(l->trials, (2 * l->num_trials + 1) * sizeof *grown);
        if (!grown)
            return out_of_memory();
        l->trials = grown;
    }
    char *folder = strdup(path);
    if (!folder)
        return out_of_memory();
    l->trials[l->num_trials] = *what;
    l->trials[l->num_trials++].folder = folder;
    return 0;
}

/* The study of a workload's folder: the path between the submission's and its own. */
static int32_t study_of(algoperf_walk *w)
{
    char study[sizeof w->path];
    const char *slash = strrchr(w->path, '/');
    size_t end = slash ? (size_t)(slash - w->path) : 0;
    snprintf(study, sizeof study, "%.*s", end > w->study ? (int)(end - w->study) : 0,
             w->path + w->study);
    return algoperf_name_number(&w->part.studies, &w->part.num_studies, study);
}

/* A trial's folder, which w->path names and which lies as `name` in the open folder.  One that left
 * no evaluation counts for nothing, as if it had not been started. */
static int32_t read_trial(const place *p, int folder, const char *name, algoperf_trial *trial)
{
    algoperf_walk *w = p->walk;
    static const char file[] = "/eval_measurements.csv";
    size_t length = strlen(w->path), name_length = strlen(name);
    if (length + sizeof file > sizeof w->path)
        return podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", w->path);
    memcpy(w->path + length, file, sizeof file);
    int32_t rc = read_file(p->text, folder, w->path + length - name_length, w->path);
    bool there = rc == 0;
    if (there)
        rc = algoperf_csv_hit(p->text->data, p->text->length, w->path,
                              &p->rules->workloads[trial->workload], &trial->hit);
    w->path[length] = '\0';
    TRY(rc);
    if (!there)
        return algoperf_leave_out(&w->part, w->path + w->root, "no eval_measurements.csv");
    if (trial->study < 0) {
        char *slash = strrchr(w->path, '/');
        *slash = '\0';
        trial->study = study_of(w);
        *slash = '/';
        TRY((int32_t)trial->study);
    }
    return append_trial(&w->part, w->path, trial);
}

static int32_t enter(const place *p, int folder, int depth);

/* What w->path names, which lies as `name` in the open folder. */
static int32_t visit(const place *p, int folder, const char *name, int depth, algoperf_trial *trial)
{
    algoperf_walk *w = p->walk;
    if (!is_trial(name, &trial->number)) {
        int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", w->path,
                                    strerror(errno))
                      : enter(p, fd, depth + 1);
    }
    if (trial->workload >= 0)
        return read_trial(p, folder, name, trial);
    size_t length = strlen(w->path) - strlen(name) - 1;
    w->path[length] = '\0';
    int32_t rc = algoperf_leave_out(&w->part, w->path,
                                    "trials in a folder that is named for no workload of the "
                                    "preset");
    w->path[length] = '/';
    return rc;
}

/* Takes the folder over. */
static int32_t enter(const place *p, int folder, int depth)
{
    algoperf_walk *w = p->walk;
    char **names = NULL;
    size_t n = 0, length = strlen(w->path);
    const char *slash = strrchr(w->path, '/');
    algoperf_trial trial = {.study = -1};
    trial.workload = workload_of_folder(p->rules, slash ? slash + 1 : w->path, &trial.framework);
    int32_t rc = depth > MAX_DEPTH
                     ? podium_fail(PODIUM_EINVAL, "'%s' is nested more than %d folders deep",
                                   w->path, MAX_DEPTH)
                     : list_folders(&names, &n, folder, w->path);
    for (size_t i = 0; i < n && !rc; i++) {
        if (length + strlen(names[i]) + 2 > sizeof w->path) {
            rc = podium_fail(PODIUM_EINVAL, "the path '%.80s...' is too long", w->path);
            break;
        }
        w->path[length] = '/';
        memcpy(w->path + length + 1, names[i], strlen(names[i]) + 1);
        rc = visit(p, folder, names[i], depth, &trial);
        w->path[length] = '\0';
    }
    algoperf_free_names(names, n);
    close(folder);
    return rc;
}

void algoperf_walk_run(algoperf_walk *w, const algoperf_rules *rules, text_buffer *text)
{
    place p = {w, rules, text};
    int fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w->code = fd < 0
                  ? podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", w->path, strerror(errno))
                  : enter(&p, fd, 1);
    if (w->code)
        snprintf(w->message, sizeof w->message, "%s", podium_error());
}
