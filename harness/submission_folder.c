/* Finds what a user wants to race. */
#include "harness/submission_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/text.h"
#include "harness/hyperparameters.h"
#include "harness/python_submission.h"

/* A name goes into paths and pages. */
static int32_t check_name(const char *name)
{
    size_t n = strlen(name);
    if (!n || n > 100 || name[0] == '.' || name[0] == '-' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") != n)
        return podium_fail(PODIUM_EINVAL,
                           "submission name '%.100s': expected 1 to 100 letters, "
                           "digits and _ . + -",
                           name);
    return 0;
}

static int32_t read_folder(submission_folder *s, const char *folder)
{
    static const char *const texts[] = {"authors", "licence", "ruleset", "description"};
    char path[4096];
    const char *name = NULL, *optimizer = NULL, *ignored;
    TRY(path_join(path, sizeof path, folder, "submission.yaml"));
    TRY(yaml_parse_file(&s->document, path));
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    const yaml_node *root = yaml_root(s->document);
    TRY(yaml_require(root, "name"));
    TRY(yaml_string(root, "name", &name));
    TRY(yaml_string(root, "optimizer", &optimizer));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(yaml_string(root, texts[i], &ignored));
    TRY(yaml_string(root, "url", &s->url));
    s->settings = yaml_get(root, "hyperparameters");
    yaml_mark(s->settings);
    s->search_space = yaml_get(root, "search_space");
    yaml_mark(s->search_space);
    TRY(yaml_finish(root));
    if (s->settings && yaml_node_kind(s->settings) != YAML_MAP)
        return yaml_fail(s->settings, "expected a map of hyperparameters");
    int32_t rc = check_name(name);
    if (rc)
        return podium_fail_in(rc, "%s", path);
    snprintf(s->name, sizeof s->name, "%s", name);
    rc = submission_find(optimizer ? optimizer : folder, s->so_path, sizeof s->so_path);
    return rc ? podium_fail_in(rc, "%s", path) : 0;
}

static int32_t read_plain(submission_folder *s, const char *what)
{
    TRY(submission_find(what, s->so_path, sizeof s->so_path));
    const char *base = strrchr(what, python_submission_is(what) ? ':' : '/');
    snprintf(s->name, sizeof s->name, "%s", base ? base + 1 : what);
    size_t n = strlen(s->name);
    if (n > 3 && !strcmp(s->name + n - 3, ".so"))
        s->name[n - 3] = '\0';
    return check_name(s->name);
}

static int32_t resolve(submission_folder *s, const char *what)
{
    char home[4096], folder[4200], file[4300];
    if (directory_exists(what)) {
        snprintf(file, sizeof file, "%s/submission.yaml", what);
        if (file_exists(file))
            return read_folder(s, what);
    }
    if (!strchr(what, '/') && !home_find("submissions", home, sizeof home)) {
        snprintf(folder, sizeof folder, "%s/submissions/%s", home, what);
        snprintf(file, sizeof file, "%s/submission.yaml", folder);
        if (file_exists(file))
            return read_folder(s, folder);
    }
    return read_plain(s, what);
}

int32_t submission_folder_init(submission_folder *s, const char *what)
{
    *s = (submission_folder){0};
    int32_t rc = resolve(s, what);
    if (rc)
        submission_folder_release(s);
    return rc;
}

void submission_folder_release(submission_folder *s)
{
    yaml_destroy(s->document);
    *s = (submission_folder){0};
}
