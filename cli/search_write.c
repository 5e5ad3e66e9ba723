/* The winner of a search into submission.yaml, line by line, so that comments stay. */
#include "cli/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_YAML_BYTES (1u << 20)

/* The shortest decimal that is the same number; other values as JSON, which is yaml. */
static void print_value(text_buffer *t, const json_t *field)
{
    char number[64];
    if (!json_is_number(field)) {
        char *text = json_dumps(field, JSON_ENCODE_ANY);
        text_add(t, text ? text : "");
        free(text);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, json_number_value(field));
        if (strtod(number, NULL) == json_number_value(field))
            break;
    }
    text_add(t, number);
}

static void print_lines(text_buffer *t, const json_t *values, size_t indent)
{
    const char *name;
    json_t *field;
    json_object_foreach((json_t *)values, name, field)
    {
        text_print(t, "%*s%s: ", (int)indent, "", name);
        print_value(t, field);
        text_add(t, "\n");
    }
}

/* "  key: value  # comment": the value is replaced when `left` has the key, which leaves it. */
static bool print_line(text_buffer *t, const char *line, size_t n, json_t *left)
{
    char key[128];
    size_t indent = strspn(line, " "), length = strcspn(line + indent, ": \n");
    size_t start = indent + length + 1;
    if (indent + length >= n || line[indent + length] != ':' || length >= sizeof key)
        return false;
    memcpy(key, line + indent, length);
    key[length] = '\0';
    json_t *field = json_object_get(left, key);
    if (!field)
        return false;
    start += strspn(line + start, " ");
    size_t end = start;
    while (end < n && line[end] != '\n' && !(line[end] == '#' && line[end - 1] == ' '))
        end++;
    while (end > start && line[end - 1] == ' ')
        end--;
    text_append(t, line, start);
    print_value(t, field);
    text_append(t, line + end, n - end);
    json_object_del(left, key);
    return true;
}

/* Edits the block that begins at `at`, the line behind `hyperparameters:`; returns where it ends.
 */
static size_t print_block(text_buffer *t, const char *text, size_t at, json_t *left)
{
    size_t indent = 2;
    while (text[at] == ' ') {
        size_t n = strcspn(text + at, "\n");
        n += text[at + n] == '\n';
        indent = strspn(text + at, " ");
        if (!print_line(t, text + at, n, left))
            text_append(t, text + at, n);
        at += n;
    }
    if (t->length && t->data[t->length - 1] != '\n')
        text_add(t, "\n");
    print_lines(t, left, indent);
    return at;
}

/* The whole file with the point in it. */
static void print_file(text_buffer *t, const search *s, const char *text, json_t *left)
{
    static const char key[] = "hyperparameters:";
    const char *found = strstr(text, "\nhyperparameters:");
    size_t at = found ? (size_t)(found - text) + 1 : strlen(text),
           n = at + strcspn(text + at, "\n");
    if (!found) {
        text_add(t, text);
        if (t->length && t->data[t->length - 1] != '\n')
            text_add(t, "\n");
        text_print(t, "%s\n", key);
        print_lines(t, left, 2);
        return;
    }
    size_t start = at + strlen(key);
    start += strspn(text + start, " ");
    text_append(t, text, at);
    if (text[start] != '{') {
        n += text[n] == '\n';
        text_append(t, text + at, n - at);
        text_add(t, text + print_block(t, text, n, left));
        return;
    }
    /* A map on one line becomes a block. */
    const char *name;
    json_t *field;
    text_print(t, "%s\n", key);
    for (size_t i = 0; i < yaml_length(s->submission.settings); i++)
        if (!json_object_get(left, yaml_key(s->submission.settings, i))) {
            text_print(t, "  %s: ", yaml_key(s->submission.settings, i));
            yaml_print_canonical(t, yaml_item(s->submission.settings, i));
            text_add(t, "\n");
        }
    json_object_foreach(left, name, field)
    {
        text_print(t, "  %s: ", name);
        print_value(t, field);
        text_add(t, "\n");
    }
    text_add(t, text[n] == '\n' ? text + n + 1 : text + n);
}

/* Does the new text say what ran? */
static int32_t check(const search *s, size_t point, const text_buffer *t, const char *path)
{
    yaml_document *wanted = NULL, *got = NULL;
    const yaml_node *settings;
    text_buffer a = {0}, b = {0};
    int32_t rc = ruleset_point_settings(&s->rules, s->order[point], &wanted, &settings);
    if (!rc)
        yaml_print_canonical(&a, settings);
    if (!rc)
        rc = yaml_parse(&got, t->data, t->length, path);
    if (!rc)
        yaml_print_canonical(&b, yaml_get(yaml_root(got), "hyperparameters"));
    if (!rc && (a.failed || b.failed || strcmp(a.data, b.data)))
        rc = podium_fail(PODIUM_EINVAL,
                         "cannot edit the hyperparameters of '%s' as they are written; the winner "
                         "is %s",
                         path, a.data);
    yaml_destroy(wanted);
    yaml_destroy(got);
    text_release(&a);
    text_release(&b);
    return rc;
}

int32_t search_write(const search *s, size_t point)
{
    char path[4300], *text = NULL;
    size_t n;
    text_buffer t = {0};
    json_t *left = NULL;
    TRY(path_join(path, sizeof path, s->submission.folder, "submission.yaml"));
    TRY(file_read(path, MAX_YAML_BYTES, &text, &n));
    int32_t rc = search_point_json(s, point, &left);
    if (!rc)
        print_file(&t, s, text, left);
    if (!rc && t.failed)
        rc = podium_fail(PODIUM_ENOMEM, "no memory for '%s'", path);
    if (!rc)
        rc = check(s, point, &t, path);
    if (!rc)
        rc = file_write_atomic(path, t.data, t.length);
    json_decref(left);
    text_release(&t);
    free(text);
    return rc;
}
