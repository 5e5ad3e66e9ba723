/* A golden replay notices a changed coefficient or sign: each operator, operand and number of an
 * optimizer's programs and step is changed in a copy of its source, one at a time, the copy is
 * compiled, and at least one trajectory must fail.  Some mutants of each optimizer here; all of
 * them with PODIUM_MUTANTS=all (make soak).  A site under "not covered:" in a comment's line is
 * left out. */
#include <ctype.h>
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "harness/replay.h"
#include "tests/tap.h"

enum { MAX_CASES = 16, MAX_SITES = 512, SAMPLE = 2 };

typedef struct site {
    size_t at, length;
    char with[64];
} site;

typedef struct sites {
    site list[MAX_SITES];
    int count;
} sites;

static const char *build_folder(void)
{
    const char *build = getenv("PODIUM_BUILD");
    return build ? build : "build";
}

/* True when the line around t[at] says so. */
static bool is_exempt(const char *t, size_t at)
{
    size_t length = strcspn(t + at, "\n");
    const char *mark = strstr(t + at, "/* no golden");
    return mark && mark < t + at + length;
}

static void add(sites *s, const char *t, size_t at, size_t length, const char *with)
{
    if (s->count == MAX_SITES || is_exempt(t, at))
        return;
    site *x = &s->list[s->count++];
    x->at = at;
    x->length = length;
    snprintf(x->with, sizeof x->with, "%s", with);
}

/* Where an operand such as c12 ends; 0: none starts here. */
static size_t operand(const char *t)
{
    if (!strchr("cp", *t) || !isdigit((unsigned char)t[1]))
        return 0;
    size_t n = 1;
    while (isdigit((unsigned char)t[n]))
        n++;
    return n;
}

/* A program's text from `i` to its closing quote: signs flip, coefficients grow by 3 %. */
static size_t scan_program(const char *t, size_t i, sites *s)
{
    for (; t[i] && t[i] != '"'; i++) {
        bool exponent = t[i - 1] == 'e' && isdigit((unsigned char)t[i + 1]);
        if ((t[i] == '+' && t[i + 1] != '=') || (t[i] == '-' && !exponent))
            add(s, t, i, 1, t[i] == '+' ? "-" : "+");
        size_t n = isalnum((unsigned char)t[i - 1]) ? 0 : operand(t + i);
        if (n) {
            char with[64];
            snprintf(with, sizeof with, "(1.03*%.*s)", (int)n, t + i);
            add(s, t, i, n, with);
        }
    }
    return i;
}

static bool is_program(const char *t, size_t i)
{
    return strchr("vtsq", t[i]) && isdigit((unsigned char)t[i + 1]);
}

/* Sites behind the table of hyperparameters (defaults are the goldens' to give), comments and
 * loops left out: in C code " - " and " + " between operands flip, 0.5, 2 * and 1e-30 change. */
static void scan(const char *t, sites *s)
{
    const char *table = strstr(t, "    NULL,\n};");
    for (size_t i = table ? (size_t)(table - t) : 0; t[i]; i++) {
        if (!strncmp(t + i, "/*", 2)) {
            while (t[i] && strncmp(t + i, "*/", 2))
                i++;
        } else if (!strncmp(t + i, "for (", 5)) {
            while (t[i] && t[i] != '\n')
                i++;
        } else if (!strncmp(t + i, "PODIUM_OPTIMIZER", 16)) {
            return;
        } else if (t[i] == '"') {
            bool is_text = !is_program(t, i + 1);
            for (i++; is_text && t[i] && t[i] != '"';)
                i++;
            if (!is_text)
                i = scan_program(t, i, s);
        } else if (!strncmp(t + i, " - ", 3) || !strncmp(t + i, " + ", 3)) {
            add(s, t, i + 1, 1, t[i + 1] == '-' ? "+" : "-");
        } else if (!strncmp(t + i, "0.5 *", 5)) {
            add(s, t, i, 3, "0.51");
        } else if (!strncmp(t + i, "1e-30", 5)) {
            add(s, t, i, 5, "1e-28");
            add(s, t, i, 5, "0");
        } else if (!strncmp(t + i, "2 *", 3) && !isalnum((unsigned char)t[i - 1])) {
            add(s, t, i, 1, "2.02");
        }
    }
}

static int32_t load_cases(const char *name, replay_case **cases)
{
    char pattern[512];
    glob_t g;
    int32_t n = 0;
    const char *folder = getenv("PODIUM_GOLDEN");
    snprintf(pattern, sizeof pattern, "%.200s/%s-*.json",
             folder ? folder : "tests/golden/optimizers", name);
    if (glob(pattern, 0, NULL, &g))
        return 0;
    for (size_t i = 0; i < g.gl_pathc && n < MAX_CASES; i++)
        n += replay_load(&cases[n], g.gl_pathv[i]) == 0;
    globfree(&g);
    return n;
}

/* Compiles the source with one site changed; false: it does not compile. */
static bool compile(const char *text, const site *x, const char *so)
{
    char source[600], command[2048];
    const char *cc = getenv("CC");
    snprintf(source, sizeof source, "%s.c", so);
    FILE *f = fopen(source, "w");
    if (!f)
        return false;
    fprintf(f, "%.*s%s%s", (int)x->at, text, x->with, text + x->at + x->length);
    fclose(f);
    snprintf(command, sizeof command,
             "%s -D_GNU_SOURCE -Iinclude -std=c17 -w -fPIC -shared -fvisibility=hidden -o '%s' "
             "'%s' -lm",
             cc ? cc : "cc", so, source);
    bool done = system(command) == 0;
    unlink(source);
    return done;
}

/* True when some case notices on one of the devices: ref runs in double, cpu in single precision.
 */
static bool is_noticed(replay_case **cases, int32_t n, const char *so, backend *const devices[2])
{
    for (int32_t i = 0; i < 2 * n; i++) {
        replay_result r;
        if (replay_run(cases[i % n], so, devices[i / n], -1, &r) < 0 || !r.passed)
            return true;
    }
    return false;
}

static void report(const char *name, const char *text, const site *x)
{
    int line = 1;
    for (size_t i = 0; i < x->at; i++)
        line += text[i] == '\n';
    tap_diag("optimizers/%s.c:%d: '%.*s' for '%.*s' goes unnoticed", name, line,
             (int)strlen(x->with), x->with, (int)x->length, text + x->at);
}

static void mutate(const char *name, backend *const devices[2], bool all)
{
    static sites s;
    replay_case *cases[MAX_CASES];
    char path[512], so[512], *text = NULL;
    size_t length;
    int32_t n = load_cases(name, cases);
    int tried = 0, survived = 0;
    s.count = 0;
    snprintf(path, sizeof path, "optimizers/%s.c", name);
    snprintf(so, sizeof so, "%s/mutants/%s.so", build_folder(), name);
    if (!ok(n > 0 && file_read(path, 1 << 20, &text, &length) == 0,
            "%s has a source and trajectories", name))
        return;
    scan(text, &s);
    int step = all || s.count <= SAMPLE ? 1 : s.count / SAMPLE;
    for (int i = all ? 0 : step / 2; i < s.count; i += step) {
        if (!compile(text, &s.list[i], so))
            continue;
        tried++;
        if (is_noticed(cases, n, so, devices))
            continue;
        survived++;
        report(name, text, &s.list[i]);
    }
    ok(tried > 0 && survived == 0, "%s: %d of %d mutants noticed", name, tried - survived, tried);
    unlink(so);
    free(text);
    for (int32_t i = 0; i < n; i++)
        replay_destroy(cases[i]);
}

int main(void)
{
    const char *mutants = getenv("PODIUM_MUTANTS");
    const char *only = getenv("PODIUM_MUTANTS_OF");
    char command[512];
    glob_t g;
    backend *devices[2];
    if (backend_open(&devices[0], "ref", 1) < 0 || backend_open(&devices[1], "cpu", 1) < 0)
        return tap_skip_all(podium_error());
    snprintf(command, sizeof command, "mkdir -p '%s/mutants'", build_folder());
    if (system(command) || glob("optimizers/*.c", 0, NULL, &g))
        return tap_skip_all("no folder for mutants");
    for (size_t i = 0; i < g.gl_pathc; i++) {
        char name[256];
        const char *base = strrchr(g.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof name, "%.*s", (int)(strlen(base) - 2), base);
        if (!only || !strcmp(only, name))
            mutate(name, devices, mutants && !strcmp(mutants, "all"));
    }
    globfree(&g);
    backend_close(devices[0]);
    backend_close(devices[1]);
    return tap_done();
}
