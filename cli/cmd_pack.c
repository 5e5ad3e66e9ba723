/* podium pack: one archive with a submission's source, .so, records and checksums. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/home.h"
#include "base/sha256.h"
#include "base/text.h"
#include "cli/command.h"
#include "harness/python_submission.h"
#include "harness/submission_folder.h"
#include "scoring/pack.h"

/* The folder that the submission's source lies in; false: a bare .so. */
static bool source_folder(const char *what, char *out, size_t size)
{
    char home[4096], yaml[4300];
    snprintf(out, size, "%s", what);
    snprintf(yaml, sizeof yaml, "%s/submission.yaml", what);
    if (file_exists(yaml))
        return true;
    if (strchr(what, '/') || home_find("submissions", home, sizeof home))
        return false;
    snprintf(out, size, "%s/submissions/%s", home, what);
    snprintf(yaml, sizeof yaml, "%s/submission.yaml", out);
    return file_exists(yaml);
}

/* The files of a folder, not those below it: what a submission is built from. */
static int32_t add_sources(pack_writer *p, const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, alphasort);
    int32_t rc = n < 0 ? podium_fail(PODIUM_EIO, "cannot read folder '%s': %s", folder,
                                     strerror(errno))
                       : 0;
    for (int i = 0; i < n; i++) {
        char path[4200], inside[300];
        struct stat s;
        const char *name = names[i]->d_name;
        size_t length = strlen(name);
        bool object = length > 3 && !strcmp(name + length - 3, ".so");
        if (!rc && name[0] != '.' && !object) {
            snprintf(inside, sizeof inside, "source/%s", name);
            rc = path_join(path, sizeof path, folder, name);
            if (!rc && !stat(path, &s) && S_ISREG(s.st_mode))
                rc = pack_add_file(p, inside, path);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Of the results, the records of this .so under this name. */
static int32_t add_records(pack_writer *p, const record_list *records, const char *name,
                           const char *sha, size_t *count)
{
    for (size_t i = 0; i < records->length; i++) {
        const record *r = records->items[i];
        char inside[300];
        if (strcmp(r->submission, name))
            continue;
        if (strcmp(r->submission_sha256, sha))
            return podium_fail(PODIUM_EINVAL,
                               "%s: the record is of another .so than '%s' now is: run it again",
                               r->path, name);
        snprintf(inside, sizeof inside, "records/%zu/trial.jsonl", (*count)++);
        TRY(pack_add_file(p, inside, r->path));
    }
    return 0;
}

static int32_t pack(const submission_folder *s, const char *what, const record_list *records,
                    const char *out)
{
    pack_writer p = {.name = s->name};
    char folder[4200], sha[SHA256_HEX], source[200], found[4400], home[4096];
    size_t count = 0;
    if (python_submission_is(s->so_path))
        return podium_fail(PODIUM_ENOTSUP, "'%s' is in Python, so UNRANKED: pack its port", what);
    int32_t rc = sha256_of_file(s->so_path, sha);
    if (!rc && source_folder(what, folder, sizeof folder))
        rc = add_sources(&p, folder);
    /* Our own optimizers: the .so of build/optimizers comes from this file. */
    snprintf(source, sizeof source, "optimizers/%.128s.c", s->name);
    if (!rc && !home_find(source, home, sizeof home)) {
        rc = path_join(found, sizeof found, home, source);
        if (!rc && file_exists(found))
            rc = pack_add_file(&p, "source/optimizer.c", found);
    }
    if (!rc)
        rc = pack_add_file(&p, "submission.so", s->so_path);
    if (!rc)
        rc = add_records(&p, records, s->name, sha, &count);
    if (!rc && records->length && !count)
        rc = podium_fail(PODIUM_EINVAL, "no record of '%s' among the results", s->name);
    if (rc) {
        pack_release(&p);
        return rc;
    }
    TRY(pack_write(&p, out));
    printf("packed %s: %zu records\n", out, count);
    return 0;
}

static int run(int argc, char **argv)
{
    const char *what = NULL, *out = NULL;
    record_list records = {0};
    submission_folder s = {0};
    char path[4096];
    int32_t rc = 0;
    for (int i = 1; i < argc && !rc; i++) {
        if (!strcmp(argv[i], "--out") && i + 1 < argc)
            out = argv[++i];
        else if (argv[i][0] == '-')
            rc = podium_fail(PODIUM_EINVAL, "unknown option '%s', or its value is missing",
                             argv[i]);
        else if (!what)
            what = argv[i];
        else
            rc = record_list_read(&records, argv[i]);
    }
    if (!rc && !what)
        rc = podium_fail(PODIUM_EINVAL, "usage: podium pack NAME [RESULTS...] [--out FILE.tar.gz]");
    if (!rc)
        rc = submission_folder_init(&s, what);
    if (!rc) {
        snprintf(path, sizeof path, "%s.tar.gz", s.name);
        rc = pack(&s, what, &records, out ? out : path);
        submission_folder_release(&s);
    }
    record_list_release(&records);
    return rc < 0 ? rc : EXIT_DONE;
}

const command command_pack = {
    .name = "pack",
    .summary = "one archive of a submission and its records",
    .usage =
        "usage: podium pack NAME [RESULTS...] [--out FILE.tar.gz]\n\n"
        "NAME is a submission as for podium run.  The archive (NAME.tar.gz) holds its source, its\n"
        ".so, those of the RESULTS that are its own, and the SHA-256 of every file;\n"
        "podium verify runs its records again, podium leaderboard takes it; both compare the "
        "sums.\n",
    .run = run,
};
