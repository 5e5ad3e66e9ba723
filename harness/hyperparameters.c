/* Values of hyperparameters: one cell a declared name, filled with its default, then overridden. */
#include "harness/hyperparameters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limits.h>

#include "base/json.h"
#include "base/text.h"
#include "harness/python_submission.h"

#define MAX_LIST 4096

typedef struct cell {
    runner_value value;
    double *list;          /* owned, what value.list points to */
    hyperparameters *base; /* PODIUM_BASE: NULL until named */
    char *base_name;
    bool set; /* by the user */
} cell;

struct hyperparameters {
    runner *r;
    int32_t slot;
    const runner_submission *s;
    hyperparameters_find find;
    void *find_arg;
    cell *cells;
};

/* One value on its way in, from any of the three syntaxes. */
typedef struct incoming {
    const char *place; /* begins messages */
    bool is_none, is_number;
    double number;
    const char *text; /* NULL: not a text */
    double *list;     /* owned by whoever takes it; NULL: no list */
    size_t length;
} incoming;

static int32_t use_base(hyperparameters *h, cell *c, const char *place, const char *name);

static int32_t set_default(hyperparameters *h, int32_t i)
{
    const podium_hyperparameter *d = h->s->hyperparameters[i];
    cell *c = &h->cells[i];
    c->value = (runner_value){.type = d->type, .number = d->value, .base_slot = -1};
    if (d->type != PODIUM_NUMBER && isfinite(d->value))
        c->value.integer = (int64_t)d->value;
    if (d->type == PODIUM_LIST) {
        c->list = calloc(d->list_length + 1, sizeof *c->list);
        if (!c->list)
            return podium_fail(PODIUM_ENOMEM, "no memory for hyperparameter '%s'", d->name);
        memcpy(c->list, d->list, d->list_length * sizeof *c->list);
        c->value.list = c->list;
        c->value.list_length = d->list_length;
    }
    if (d->type == PODIUM_BASE && d->base)
        return use_base(h, c, "default", d->base);
    return 0;
}

int32_t hyperparameters_create(hyperparameters **out, runner *r, int32_t slot,
                               hyperparameters_find find, void *find_arg)
{
    *out = NULL;
    hyperparameters *h = calloc(1, sizeof *h);
    if (!h)
        return podium_fail(PODIUM_ENOMEM, "no memory for hyperparameters");
    *h = (hyperparameters){.r = r, .slot = slot, .find = find, .find_arg = find_arg};
    h->s = runner_get_submission(r, slot);
    h->cells = h->s ? calloc((size_t)h->s->num_hyperparameters + 1, sizeof *h->cells) : NULL;
    int32_t rc = h->cells ? 0 : podium_fail(PODIUM_EINVAL, "no submission in slot %d", slot);
    for (int32_t i = 0; !rc && i < h->s->num_hyperparameters; i++)
        rc = set_default(h, i);
    if (rc)
        hyperparameters_destroy(h);
    else
        *out = h;
    return rc;
}

void hyperparameters_destroy(hyperparameters *h)
{
    if (!h)
        return;
    for (int32_t i = 0; h->cells && i < h->s->num_hyperparameters; i++) {
        free(h->cells[i].list);
        free(h->cells[i].base_name);
        hyperparameters_destroy(h->cells[i].base);
    }
    free(h->cells);
    free(h);
}

/* The base of `c` becomes `name`, with that submission's defaults, unless it is it already. */
static int32_t use_base(hyperparameters *h, cell *c, const char *place, const char *name)
{
    if (c->base && !strcmp(c->base_name, name))
        return 0;
    char path[PATH_MAX];
    int32_t slot;
    int32_t rc = h->find ? h->find(h->find_arg, name, path, sizeof path)
                         : podium_fail(PODIUM_ENOTSUP, "no base submissions here");
    if (!rc)
        rc = runner_load(h->r, path, &slot);
    if (rc)
        return podium_fail_in(rc, "%s: base '%s'", place, name);
    hyperparameters *base;
    TRY(hyperparameters_create(&base, h->r, slot, h->find, h->find_arg));
    hyperparameters_destroy(c->base);
    free(c->base_name);
    c->base = base;
    c->base_name = strdup(name);
    c->value.base_slot = slot;
    return c->base_name ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for '%s'", name);
}

static int32_t find_cell(hyperparameters *h, const char *place, const char *name, int32_t *out)
{
    text_buffer legal = {0};
    for (int32_t i = 0; i < h->s->num_hyperparameters; i++) {
        const char *known = h->s->hyperparameters[i]->name;
        if (!strcmp(known, name)) {
            *out = i;
            text_release(&legal);
            return 0;
        }
        text_print(&legal, "%s%s", i ? ", " : "", known);
    }
    int32_t rc = podium_fail(PODIUM_EINVAL, "%s: '%s' has no hyperparameter '%s'; it has %s", place,
                             h->s->name, name, legal.data ? legal.data : "none");
    text_release(&legal);
    return rc;
}

static int32_t set_number(cell *c, const podium_hyperparameter *d, const incoming *in)
{
    double x = in->is_none ? NAN : in->number;
    bool none = in->is_none || (in->is_number && isnan(x));
    if (none && d->may_be_none) {
        c->value.number = NAN;
        return 0;
    }
    if (none || !in->is_number || !(x >= d->min && x <= d->max))
        return podium_fail(PODIUM_EINVAL, "%s: '%s' expects %s from %g to %g%s", in->place, d->name,
                           d->type == PODIUM_INTEGER ? "an integer" : "a number", d->min, d->max,
                           d->may_be_none ? ", or none" : "");
    if (d->type == PODIUM_INTEGER && x != floor(x))
        return podium_fail(PODIUM_EINVAL, "%s: '%s' expects an integer, got %g", in->place, d->name,
                           x);
    c->value.number = x;
    if (d->type == PODIUM_INTEGER)
        c->value.integer = (int64_t)x;
    return 0;
}

static int32_t set_flag(cell *c, const podium_hyperparameter *d, const incoming *in)
{
    double x = in->is_number ? in->number : -1;
    if (in->text && (!strcmp(in->text, "true") || !strcmp(in->text, "yes")))
        x = 1;
    if (in->text && (!strcmp(in->text, "false") || !strcmp(in->text, "no")))
        x = 0;
    if (x != 0 && x != 1)
        return podium_fail(PODIUM_EINVAL, "%s: '%s' expects true or false", in->place, d->name);
    c->value.number = x;
    c->value.integer = (int64_t)x;
    return 0;
}

static int32_t set_choice(cell *c, const podium_hyperparameter *d, const incoming *in)
{
    text_buffer legal = {0};
    for (int64_t i = 0; d->choices[i]; i++) {
        if (in->text && !strcmp(d->choices[i], in->text)) {
            c->value.integer = i;
            c->value.number = (double)i;
            text_release(&legal);
            return 0;
        }
        text_print(&legal, "%s%s", i ? ", " : "", d->choices[i]);
    }
    int32_t rc = podium_fail(PODIUM_EINVAL, "%s: '%s' expects one of %s", in->place, d->name,
                             legal.data ? legal.data : "");
    text_release(&legal);
    return rc;
}

static int32_t set_list(cell *c, const podium_hyperparameter *d, incoming *in)
{
    if (!in->list)
        return podium_fail(PODIUM_EINVAL, "%s: '%s' expects a list of numbers", in->place, d->name);
    for (size_t i = 0; d->min < d->max && i < in->length; i++)
        if (!(in->list[i] >= d->min && in->list[i] <= d->max))
            return podium_fail(PODIUM_EINVAL, "%s: '%s' expects numbers from %g to %g, got %g",
                               in->place, d->name, d->min, d->max, in->list[i]);
    free(c->list);
    c->list = in->list;
    in->list = NULL;
    c->value.list = c->list;
    c->value.list_length = in->length;
    return 0;
}

static int32_t assign(hyperparameters *h, int32_t i, incoming *in)
{
    const podium_hyperparameter *d = h->s->hyperparameters[i];
    cell *c = &h->cells[i];
    c->set = true;
    switch (d->type) {
    case PODIUM_FLAG:
        return set_flag(c, d, in);
    case PODIUM_CHOICE:
        return set_choice(c, d, in);
    case PODIUM_LIST:
        return set_list(c, d, in);
    case PODIUM_BASE:
        if (!in->text)
            return podium_fail(PODIUM_EINVAL,
                               "%s: '%s' expects the name of a submission or a map {name: ...}",
                               in->place, d->name);
        return use_base(h, c, in->place, in->text);
    default:
        return set_number(c, d, in);
    }
}

static int32_t yaml_incoming(const yaml_node *n, incoming *in)
{
    if (yaml_node_kind(n) == YAML_LIST) {
        in->length = yaml_length(n);
        if (in->length > MAX_LIST)
            return yaml_fail(n, "list longer than %d", MAX_LIST);
        in->list = calloc(in->length + 1, sizeof *in->list);
        for (size_t i = 0; in->list && i < in->length; i++)
            if (yaml_node_kind(yaml_item(n, i)) != YAML_SCALAR ||
                !number_parse(yaml_text(yaml_item(n, i)), &in->list[i]))
                return yaml_fail(yaml_item(n, i), "expected a number");
        return 0;
    }
    in->text = yaml_text(n);
    in->is_none = !strcmp(in->text, "none") || !strcmp(in->text, "null") || !strcmp(in->text, "~");
    in->is_number = number_parse(in->text, &in->number);
    return 0;
}

/* A map for a base: its name first, then its own values. */
static int32_t yaml_base(hyperparameters *h, cell *c, const yaml_node *map, const char *place)
{
    const yaml_node *name = yaml_get(map, "name");
    if (name && yaml_node_kind(name) != YAML_SCALAR)
        return yaml_fail(name, "expected the name of a submission");
    if (name)
        TRY(use_base(h, c, place, yaml_text(name)));
    if (!c->base)
        return yaml_fail(map, "a base needs a name");
    return hyperparameters_set_yaml(c->base, map);
}

/* One value; "base.lr" is the value lr of the base. */
static int32_t set_yaml_value(hyperparameters *h, const char *key, const yaml_node *given,
                              const char *place)
{
    char name[128];
    const char *dot = strchr(key, '.');
    int32_t i;
    if (strlen(key) >= sizeof name)
        return yaml_fail(given, "'%.100s...': a name of at most 127 characters", key);
    snprintf(name, sizeof name, "%s", key);
    name[dot ? dot - key : (ptrdiff_t)strlen(key)] = 0;
    TRY(find_cell(h, place, name, &i));
    cell *c = &h->cells[i];
    if (dot && !c->base)
        return yaml_fail(given, "'%s' is no base submission, or has no name yet", name);
    c->set = true;
    if (dot)
        return set_yaml_value(c->base, dot + 1, given, place);
    if (yaml_node_kind(given) == YAML_MAP) {
        if (c->value.type != PODIUM_BASE)
            return yaml_fail(given, "'%s' is not a base submission", key);
        return yaml_base(h, c, given, place);
    }
    incoming in = {.place = place};
    int32_t rc = yaml_incoming(given, &in);
    if (!rc)
        rc = assign(h, i, &in);
    free(in.list);
    return rc;
}

int32_t hyperparameters_set_yaml(hyperparameters *h, const yaml_node *map)
{
    if (yaml_node_kind(map) != YAML_MAP)
        return yaml_fail(map, "hyperparameters: expected a map of names to values");
    /* Names of bases first, then what belongs to them. */
    for (size_t k = 0; k < 2 * yaml_length(map); k++) {
        const char *key = yaml_key(map, k % yaml_length(map));
        const yaml_node *given = yaml_get(map, key);
        bool is_name = h->slot > 0 && !strcmp(key, "name");
        if (is_name || (strchr(key, '.') != NULL) != (k >= yaml_length(map)))
            continue;
        /* yaml_fail knows file, line and column; the rest is told by the setters. */
        yaml_fail(given, "hyperparameters");
        char place[512];
        snprintf(place, sizeof place, "%s", podium_error());
        podium_error_clear();
        TRY(set_yaml_value(h, key, given, place));
    }
    return 0;
}

static int32_t json_incoming(const json_t *v, const char *name, incoming *in)
{
    in->is_none = json_is_null(v);
    in->text = json_string_value(v);
    in->is_number = json_number_of(v, &in->number);
    if (json_is_boolean(v)) {
        in->is_number = true;
        in->number = json_is_true(v);
    }
    if (!json_is_array(v))
        return 0;
    in->length = json_array_size(v);
    if (in->length > MAX_LIST)
        return podium_fail(PODIUM_EINVAL, "%s: '%s': list longer than %d", in->place, name,
                           MAX_LIST);
    in->list = calloc(in->length + 1, sizeof *in->list);
    for (size_t i = 0; in->list && i < in->length; i++)
        if (!json_number_of(json_array_get(v, i), &in->list[i]))
            return podium_fail(PODIUM_EINVAL, "%s: '%s' expects a list of numbers", in->place,
                               name);
    return 0;
}

static int32_t json_base(hyperparameters *h, cell *c, const json_t *v, const char *place)
{
    const char *name = json_string_value(json_object_get(v, "name"));
    if (name)
        TRY(use_base(h, c, place, name));
    if (!c->base)
        return podium_fail(PODIUM_EINVAL, "%s: a base needs a name", place);
    return hyperparameters_set_json(c->base, v, place);
}

int32_t hyperparameters_set_json(hyperparameters *h, const json_t *object, const char *place)
{
    if (!json_is_object(object))
        return podium_fail(PODIUM_EINVAL, "%s: hyperparameters: expected an object", place);
    const char *key;
    json_t *given;
    json_object_foreach((json_t *)object, key, given)
    {
        if (h->slot > 0 && !strcmp(key, "name"))
            continue;
        int32_t i;
        TRY(find_cell(h, place, key, &i));
        const podium_hyperparameter *d = h->s->hyperparameters[i];
        if (json_is_null(given) && !d->may_be_none)
            continue;
        if (json_is_object(given) && d->type == PODIUM_BASE) {
            h->cells[i].set = true;
            TRY(json_base(h, &h->cells[i], given, place));
            continue;
        }
        incoming in = {.place = place};
        int32_t rc = json_incoming(given, key, &in);
        if (!rc)
            rc = assign(h, i, &in);
        free(in.list);
        TRY(rc);
    }
    return 0;
}

/* "1,2,3" into in->list. */
static int32_t parse_list(const char *text, const char *name, incoming *in)
{
    in->list = calloc(strlen(text) + 2, sizeof *in->list);
    if (!in->list)
        return podium_fail(PODIUM_ENOMEM, "no memory for '%s'", name);
    while (*text) {
        char *end;
        in->list[in->length++] = strtod(text, &end);
        if (end == text || (*end && *end != ','))
            return podium_fail(PODIUM_EINVAL, "--set %s: expected numbers with commas between",
                               name);
        text = *end ? end + 1 : end;
    }
    return 0;
}

int32_t hyperparameters_set_text(hyperparameters *h, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment || equals - assignment > 100)
        return podium_fail(PODIUM_EINVAL, "--set %s: expected NAME=VALUE", assignment);
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    char *dot = strchr(name, '.');
    if (dot)
        *dot = 0;
    int32_t i;
    TRY(find_cell(h, "--set", name, &i));
    cell *c = &h->cells[i];
    if (dot) {
        if (!c->base)
            return podium_fail(PODIUM_EINVAL, "--set %s: '%s' has no base submission yet",
                               assignment, name);
        c->set = true;
        return hyperparameters_set_text(c->base, assignment + (dot - name) + 1);
    }
    char place[160];
    snprintf(place, sizeof place, "--set %s", name);
    incoming in = {.place = place, .text = equals + 1};
    in.is_none = !strcmp(in.text, "none");
    in.is_number = number_parse(in.text, &in.number);
    int32_t rc = c->value.type == PODIUM_LIST ? parse_list(in.text, name, &in) : 0;
    if (!rc)
        rc = assign(h, i, &in);
    free(in.list);
    return rc;
}

bool hyperparameters_are_default(const hyperparameters *h)
{
    for (int32_t i = 0; i < h->s->num_hyperparameters; i++) {
        const podium_hyperparameter *d = h->s->hyperparameters[i];
        const cell *c = &h->cells[i];
        if (!c->set)
            continue;
        bool same = c->value.number == d->value || (isnan(c->value.number) && isnan(d->value));
        if (d->type == PODIUM_LIST)
            same = c->value.list_length == d->list_length &&
                   !memcmp(c->list, d->list, d->list_length * sizeof *c->list);
        if (d->type == PODIUM_BASE)
            same = d->base && c->base_name && !strcmp(d->base, c->base_name) &&
                   hyperparameters_are_default(c->base);
        if (!same)
            return false;
    }
    return true;
}

static json_t *cell_to_json(const podium_hyperparameter *d, const cell *c)
{
    json_t *list;
    switch (d->type) {
    case PODIUM_INTEGER:
        return isnan(c->value.number) ? json_null() : json_integer(c->value.integer);
    case PODIUM_FLAG:
        return json_boolean(c->value.integer);
    case PODIUM_CHOICE:
        return json_string(d->choices[c->value.integer]);
    case PODIUM_LIST:
        list = json_array();
        for (size_t i = 0; i < c->value.list_length; i++)
            json_array_append_new(list, json_from_number(c->list[i]));
        return list;
    case PODIUM_BASE:
        return c->base ? hyperparameters_to_json(c->base) : json_null();
    default:
        return isnan(c->value.number) ? json_null() : json_from_number(c->value.number);
    }
}

json_t *hyperparameters_to_json(const hyperparameters *h)
{
    json_t *out = json_object();
    if (out && h->slot > 0)
        json_object_set_new(out, "name", json_string(h->s->name));
    for (int32_t i = 0; out && i < h->s->num_hyperparameters; i++)
        json_object_set_new(out, h->s->hyperparameters[i]->name,
                            cell_to_json(h->s->hyperparameters[i], &h->cells[i]));
    return out;
}

int32_t hyperparameters_send(hyperparameters *h)
{
    int32_t n = h->s->num_hyperparameters;
    runner_value *values = calloc((size_t)n + 1, sizeof *values);
    int32_t rc = values ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for %d values", n);
    for (int32_t i = 0; !rc && i < n; i++) {
        const cell *c = &h->cells[i];
        values[i] = c->value;
        if (c->value.type == PODIUM_BASE)
            rc = c->base ? hyperparameters_send(c->base)
                         : podium_fail(PODIUM_EINVAL, "'%s' needs its base submission '%s'",
                                       h->s->name, h->s->hyperparameters[i]->name);
    }
    if (!rc)
        rc = runner_set_values(h->r, h->slot, values, n);
    free(values);
    return rc;
}

static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

int32_t submission_find(const char *what, char *path, size_t size)
{
    if (python_submission_is(what))
        return python_submission_find(what, path, size);
    if ((size_t)snprintf(path, size, "%s", what) < size && is_file(path))
        return 0;
    if ((size_t)snprintf(path, size, "%s/submission.so", what) < size && is_file(path))
        return 0;
    if (strchr(what, '/'))
        return podium_fail(PODIUM_EINVAL,
                           "no submission at '%s': expected a .so, or a folder with submission.so",
                           what);
    char folder[PATH_MAX];
    TRY(path_of_executable(folder, sizeof folder));
    for (int up = 0; up < 2; up++) {
        if ((size_t)snprintf(path, size, "%s/optimizers/%s.so", folder, what) < size &&
            is_file(path))
            return 0;
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = 0;
    }
    return podium_fail(PODIUM_EINVAL,
                       "unknown submission '%s': expected a .so, a folder with submission.so, or "
                       "the name of a built optimizer (`podium list optimizers`)",
                       what);
}

int32_t submission_find_base(void *arg, const char *name, char *path, size_t size)
{
    (void)arg;
    return submission_find(name, path, size);
}
