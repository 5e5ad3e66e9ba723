/* podium new-submission NAME: a folder that builds and races. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

/* The templates: @NAME@ and @INCLUDE@ are replaced. */
static const char source_text[] =
    "/* @NAME@: gradient descent with momentum, as a start. */\n"
    "#include <stdlib.h>\n"
    "\n"
    "#include \"podium/schedule.h\"\n"
    "\n"
    "typedef struct state {\n"
    "    const podium_host *h;\n"
    "    const podium_task *t;\n"
    "    podium_vec *velocity;\n"
    "    double lr, momentum;\n"
    "    podium_schedule schedule;\n"
    "} state;\n"
    "\n"
    "static const podium_hyperparameter lr = {\n"
    "    .struct_size = sizeof lr, .type = PODIUM_NUMBER, .name = \"lr\",\n"
    "    .help = \"learning rate\", .value = 0.02, .min = 0, .max = 100, .scale = PODIUM_LOG};\n"
    "static const podium_hyperparameter momentum = {\n"
    "    .struct_size = sizeof momentum, .type = PODIUM_NUMBER, .name = \"momentum\",\n"
    "    .help = \"decay of the velocity\", .value = 0.9, .min = 0, .max = 1};\n"
    "static const podium_hyperparameter *const hyperparameters[] = {\n"
    "    &lr, &momentum, PODIUM_SCHEDULE_HYPERPARAMETERS, NULL};\n"
    "\n"
    "/* Ask the host for vectors here: what they hold survives a kill and a resume. */\n"
    "static int32_t create(const podium_host *h, const podium_task *t,\n"
    "                      const podium_value *const *values, void **self)\n"
    "{\n"
    "    state *o = calloc(1, sizeof *o);\n"
    "    *self = o;\n"
    "    if (!o)\n"
    "        return h->fail(h, PODIUM_ENOMEM, \"no memory\");\n"
    "    o->h = h;\n"
    "    o->t = t;\n"
    "    o->lr = values[0]->number;\n"
    "    o->momentum = values[1]->number;\n"
    "    int32_t rc = podium_schedule_init(&o->schedule, h, values + 2, t->step_hint);\n"
    "    return rc ? rc : h->vec_create(h, \"velocity\", 0, &o->velocity);\n"
    "}\n"
    "\n"
    "static int32_t step(void *self, const podium_step *s)\n"
    "{\n"
    "    state *o = self;\n"
    "    podium_eval e = {.struct_size = sizeof e, .seed = s->seed};\n"
    "    int32_t rc = o->h->evaluate(o->h, s->batch, PODIUM_LOSS | PODIUM_GRAD, &e);\n"
    "    if (rc)\n"
    "        return rc;\n"
    "    double c[] = {podium_schedule_rate(&o->schedule, o->lr, s->index), o->momentum};\n"
    "    return o->h->vec_run(o->h,\n"
    "                         \"v2 = c1*v2 + v1;\" /* velocity */\n"
    "                         \"v0 = v0 - c0*v2\",\n"
    "                         (podium_vec *[]){o->t->x, o->t->g, o->velocity}, 3, c, 2);\n"
    "}\n"
    "\n"
    "static void destroy(void *self)\n"
    "{\n"
    "    free(self);\n"
    "}\n"
    "\n"
    "const podium_submission *podium_get_submission(uint32_t host_major, uint32_t host_minor)\n"
    "{\n"
    "    static const podium_submission table = {\n"
    "        .struct_size = sizeof table,\n"
    "        .abi_major = PODIUM_ABI_MAJOR,\n"
    "        .abi_minor = PODIUM_ABI_MINOR,\n"
    "        .name = \"@NAME@\",\n"
    "        .version = \"0.1\",\n"
    "        .hyperparameters = hyperparameters,\n"
    "        .create = create,\n"
    "        .step = step,\n"
    "        .destroy = destroy,\n"
    "    };\n"
    "    (void)host_minor;\n"
    "    return host_major == PODIUM_ABI_MAJOR ? &table : NULL;\n"
    "}\n";

static const char yaml_text_of_template[] = "name: @NAME@\n"
                                            "authors: your name\n"
                                            "# url: where its source is, for the leaderboard\n"
                                            "licence: Apache-2.0\n"
                                            "ruleset: external\n"
                                            "hyperparameters:\n"
                                            "  lr: 0.02\n"
                                            "  momentum: 0.9\n"
                                            "  schedule: cosine\n"
                                            "  warmup: 0.05\n"
                                            "search_space:\n"
                                            "  lr: {min: 1.0e-3, max: 1, scale: log}\n";

static const char makefile_text[] =
    "# `make`, then `podium check .` and `podium run . --workload vit`\n"
    "INCLUDE ?= @INCLUDE@\n"
    "CFLAGS ?= -O2 -g -Wall -Wextra\n"
    "submission.so: submission.c\n"
    "\t$(CC) -std=c11 -I$(INCLUDE) $(CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $< -lm\n"
    "clean:\n"
    "\trm -f submission.so\n";

/* Writes `text` to folder/file with @NAME@ and @INCLUDE@ replaced. */
static int32_t write_template(const char *folder, const char *file, const char *text,
                              const char *name, const char *include)
{
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, folder, file));
    text_buffer out = {0};
    while (*text) {
        const char *at = strchr(text, '@');
        if (!at) {
            text_add(&out, text);
            break;
        }
        text_append(&out, text, (size_t)(at - text));
        bool is_name = !strncmp(at, "@NAME@", 6), is_include = !strncmp(at, "@INCLUDE@", 9);
        if (is_name || is_include)
            text_add(&out, is_name ? name : include);
        else
            text_append(&out, "@", 1);
        text = at + (is_name ? 6 : is_include ? 9 : 1);
    }
    int32_t rc = out.failed ? podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path)
                            : file_write_atomic(path, out.data, out.length);
    text_release(&out);
    return rc;
}

/* The folder that holds podium/submission.h: in the source tree, or installed beside bin. */
static int32_t find_include(char *out, size_t size)
{
    static const char *const places[] = {"%s/../include", "%s/include", "%s/../../include"};
    char folder[PATH_MAX], path[PATH_MAX], header[PATH_MAX + 32];
    TRY(path_of_executable(folder, sizeof folder));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        text_buffer b = {0};
        text_print(&b, places[i], folder);
        bool found = b.data && realpath(b.data, path);
        text_release(&b);
        if (!found)
            continue;
        snprintf(header, sizeof header, "%s/podium/submission.h", path);
        if (!file_exists(header))
            continue;
        snprintf(out, size, "%s", path);
        return 0;
    }
    return podium_fail(PODIUM_EIO, "cannot find podium/submission.h near '%s'", folder);
}

static int32_t check_name(const char *name)
{
    bool good = isalpha((unsigned char)*name) && strlen(name) <= 64;
    for (const char *p = name; good && *p; p++)
        good = isalnum((unsigned char)*p) || *p == '_' || *p == '-';
    if (good)
        return 0;
    return podium_fail(PODIUM_EINVAL,
                       "name '%s': expected a letter, then letters, digits, _ and -, at most 64",
                       name);
}

static int run(int argc, char **argv)
{
    if (argc != 2)
        return podium_fail(PODIUM_EINVAL, "expected one NAME");
    const char *slash = strrchr(argv[1], '/');
    const char *folder = argv[1], *name = slash ? slash + 1 : argv[1];
    char include[PATH_MAX];
    TRY(check_name(name));
    if (access(folder, F_OK) == 0)
        return podium_fail(PODIUM_EINVAL, "'%s' exists already", folder);
    TRY(find_include(include, sizeof include));
    TRY(directory_create(folder));
    TRY(write_template(folder, "submission.c", source_text, name, include));
    TRY(write_template(folder, "submission.yaml", yaml_text_of_template, name, include));
    TRY(write_template(folder, "Makefile", makefile_text, name, include));
    printf("wrote %s: make -C %s && podium check %s && podium run %s --workload vit\n", folder,
           folder, folder, folder);
    return EXIT_DONE;
}

const command command_new_submission = {
    .name = "new-submission",
    .summary = "start a submission of your own",
    .usage = "usage: podium new-submission NAME\n\n"
             "Writes a folder NAME (the last part of a path) with submission.c, submission.yaml\n"
             "and a Makefile: it builds, passes podium check, and races.\n",
    .run = run,
};
