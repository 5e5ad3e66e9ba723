/* `podium doctor`: what this machine can do, and the Debian package of what is missing.  Every line
 * is a finding: part of the machine, there or not, and in words what was found or why not. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/home.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/command.h"
#include "comm/comm.h"
#include "engine/backend.h"
#include "engine/linalg.h"

#define MAX_FINDINGS 64
#define TEXT_BYTES 512

typedef struct finding {
    const char *section, *name; /* static */
    bool present;
    char text[TEXT_BYTES];
    const char *package; /* static; NULL: no package brings it */
} finding;

typedef struct findings {
    finding items[MAX_FINDINGS];
    size_t count;
} findings;

/* Adds one; the text is cut at TEXT_BYTES. */
__attribute__((format(printf, 6, 7))) static void add(findings *f, const char *section,
                                                      const char *name, bool present,
                                                      const char *package, const char *format, ...)
{
    if (f->count == MAX_FINDINGS)
        abort(); /* the calls below are counted: our own mistake */
    finding *item = &f->items[f->count++];
    *item = (finding){
        .section = section,
        .name = name,
        .present = present,
        .package = package,
    };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item->text, sizeof item->text, format, arguments);
    va_end(arguments);
}

static void look_at_machine(findings *f)
{
    char model[256];
    machine_cpu_model(model, sizeof model);
    const double gib = 1024.0 * 1024.0 * 1024.0;
    add(f, "machine", "cpu", true, NULL, "%s", model);
    add(f, "machine", "isa", true, NULL, "%s", machine_isa());
    add(f, "machine", "threads", true, NULL, "%d", machine_threads());
    add(f, "machine", "memory", machine_memory_bytes() > 0, NULL, "%.1f GiB, %.1f available",
        (double)machine_memory_bytes() / gib, (double)machine_memory_available() / gib);
}

/* The package that would help a device that did not open: its compiler where it was not built,
 * CUDA's driver where that is what could not be loaded; NULL: none (say, there is no such device).
 */
static const char *package_for(const char *reason, const char *compiler)
{
    if (strstr(reason, "libcuda.so"))
        return "libcuda1";
    return strstr(reason, "not built") || strstr(reason, "not in this build") ? compiler : NULL;
}

/* Opens every backend the command line can name: its description, or why it does not open. */
static void look_at_devices(findings *f)
{
    static const struct {
        const char *name, *package;
    } devices[] = {
        {"ref", NULL},
        {"cpu", "libdnnl-dev"},
        {"cuda", "nvidia-cuda-toolkit"},
        {"hip", "hipcc libhipblas-dev"},
    };
    bool bf16 = false;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        backend *b = NULL;
        bool opened = backend_open(&b, devices[i].name, 0) == 0;
        add(f, "devices", devices[i].name, opened,
            opened ? NULL : package_for(podium_error(), devices[i].package), "%s",
            opened ? b->description : podium_error());
        if (opened && !strcmp(devices[i].name, "cpu"))
            bf16 = b->has_bf16;
        backend_close(b);
    }
    add(f, "devices", "bf16", bf16, NULL, "%s",
        bf16 ? "matrix products of device cpu" : "device cpu offers no bf16 matrix products");
}

/* Which LAPACK there is: OpenBLAS brings its own, and says so. */
static void look_at_lapack(findings *f)
{
    char library[512];
    linalg_library(library, sizeof library);
    bool there = strstr(library, "OpenBLAS");
    add(f, "devices", "openblas", there, there ? NULL : "libopenblas0-openmp", "%s%s", library,
        there ? "" : ": Shampoo's roots and SOAP's bases take eight times as long");
}

/* The first executable of that name on PATH into `out`. */
static bool find_program(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        int length = snprintf(out, size, "%.*s/%s", (int)n, path, name);
        if (n > 0 && length > 0 && (size_t)length < size && !access(out, X_OK))
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static void look_at_programs(findings *f)
{
    static const struct {
        const char *section, *name, *package;
    } programs[] = {
        {"mpi", "mpirun", "openmpi-bin"},         {"mpi", "mpicc", "libopenmpi-dev"},
        {"compilers", "gcc", "build-essential"},  {"compilers", "clang", "clang"},
        {"compilers", "make", "build-essential"}, {"compilers", "nvcc", "nvidia-cuda-toolkit"},
        {"compilers", "hipcc", "hipcc"},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char path[TEXT_BYTES];
        bool found = find_program(programs[i].name, path, sizeof path);
        add(f, programs[i].section, programs[i].name, found, programs[i].package, "%s",
            found ? path : "not on PATH");
    }
}

/* The MPI that ranks would speak: the library's own words, or why there is none. */
static void look_at_mpi(findings *f)
{
    char text[TEXT_BYTES];
    bool found = comm_describe_mpi(text, sizeof text) == 0;
    add(f, "mpi", "library", found, "libopenmpi-dev", "%s", found ? text : podium_error());
}

/* Whether an unprivileged process may make a user namespace: a child tries. */
static bool namespaces_work(void)
{
    pid_t child = fork();
    if (child == 0) {
        const long new_user = 0x10000000; /* CLONE_NEWUSER */
        _exit(syscall(SYS_unshare, new_user) == 0 ? 0 : 1);
    }
    int status = -1;
    pid_t ended = -1;
    while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        continue;
    return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What a sandbox for submissions could use here, and what trials use. */
static void look_at_sandbox(findings *f)
{
    unsigned action = SECCOMP_RET_KILL_PROCESS;
    bool seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    bool namespaces = namespaces_work();
    const unsigned ask_version = 1; /* LANDLOCK_CREATE_RULESET_VERSION */
    long landlock = syscall(444 /* landlock_create_ruleset */, NULL, 0, ask_version);
    add(f, "sandbox", "user namespaces", namespaces, NULL, "%s",
        namespaces ? "may be created" : "may not be created by this user");
    add(f, "sandbox", "seccomp", seccomp, NULL, "%s",
        seccomp ? "filters can kill a process" : "the kernel offers no filters");
    if (landlock > 0)
        add(f, "sandbox", "landlock", true, NULL, "ABI %ld", landlock);
    else
        add(f, "sandbox", "landlock", false, NULL, "the kernel does not offer it");
    add(f, "sandbox", "in use", false, NULL,
        "none: a submission runs in a process of its own, unconfined");
}

/* The data that is part of the tree; the folder as `podium run` finds it. */
static int32_t look_at_data(findings *f)
{
    char data[2000], folder[2048], file[4096];
    if (home_data(NULL, data, sizeof data)) {
        add(f, "data", "glyphs", false, NULL, "%.400s", podium_error());
        return 0;
    }
    TRY(path_join(folder, sizeof folder, data, "glyphs"));
    TRY(path_join(file, sizeof file, folder, "SHA256SUMS"));
    bool found = file_exists(file);
    add(f, "data", "glyphs", found, NULL, "%s%.400s", found ? "" : "not found, last looked in ",
        folder);
    return 0;
}

static void print_text(const findings *f)
{
    const char *section = "";
    for (size_t i = 0; i < f->count; i++) {
        const finding *item = &f->items[i];
        if (strcmp(section, item->section))
            printf("%s%s\n", i ? "\n" : "", item->section);
        section = item->section;
        printf("  %-3s %-16s %s\n", item->present ? "yes" : "no", item->name, item->text);
        if (!item->present && item->package)
            printf("  %-3s %-16s apt-get install %s\n", "", "", item->package);
    }
}

/* [{"section", "name", "present", "text", "package"?}, ...] */
static int32_t print_json(const findings *f)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < f->count; i++) {
        const finding *item = &f->items[i];
        json_t *entry = json_pack("{s:s, s:s, s:b, s:s}", "section", item->section, "name",
                                  item->name, "present", (int)item->present, "text", item->text);
        if (entry && !item->present && item->package)
            json_object_set_new(entry, "package", json_string(item->package));
        json_array_append_new(list, entry);
    }
    int rc = list ? json_dumpf(list, stdout, JSON_INDENT(2)) : -1;
    json_decref(list);
    if (rc)
        return podium_fail(PODIUM_EIO, "cannot write the findings as JSON");
    putchar('\n');
    return 0;
}

static int run(int argc, char **argv)
{
    bool as_json = argc == 2 && !strcmp(argv[1], "--json");
    if (argc > 1 && !as_json)
        return podium_fail(PODIUM_EINVAL, "expected nothing or --json, got '%s'",
                           argv[argc > 2 ? 2 : 1]);
    findings f = {.count = 0};
    look_at_machine(&f);
    look_at_devices(&f);
    look_at_lapack(&f);
    look_at_mpi(&f);
    look_at_programs(&f);
    look_at_sandbox(&f);
    TRY(look_at_data(&f));
    if (as_json)
        TRY(print_json(&f));
    else
        print_text(&f);
    return EXIT_DONE;
}

const command command_doctor = {
    .name = "doctor",
    .summary = "what this machine can do, and what is missing",
    .usage = "usage: podium doctor [--json]\n\n"
             "Looks at the processor, the devices ref, cpu, cuda and hip, MPI, compilers, what a\n"
             "sandbox could use, and the data in the tree.  For what is missing it names the\n"
             "Debian package.  --json prints a list of {section, name, present, text, package}.\n",
    .run = run,
};
