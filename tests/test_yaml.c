/* YAML trees: values, positions in messages, unknown keys, refused constructs. */
#include "base/yaml.h"

#include <math.h>
#include <string.h>

#include "tests/tap.h"

static yaml_document *parse(const char *text)
{
    yaml_document *d = NULL;
    int32_t rc = yaml_parse(&d, text, strlen(text), "t.yaml");
    return rc ? NULL : d;
}

static void refused(const char *text, const char *want, const char *what)
{
    yaml_document *d = parse(text);
    ok(!d && strstr(podium_error(), want), "%s is refused with its place", what);
    if (d || !strstr(podium_error(), want))
        tap_diag("message: '%s'", podium_error());
    yaml_destroy(d);
}

static void test_values(void)
{
    yaml_document *d = parse("a: 1.5\nb: {c: -7, d: [x, 'y z'], e: true}\nf: none\n");
    const yaml_node *r = yaml_root(d), *b = yaml_get(r, "b");
    double a = 0;
    int64_t c = 0;
    bool e = false;
    const char *f = NULL;
    int which = -1;
    ok(!yaml_number(r, "a", 0, 2, &a) && a == 1.5, "a number is read");
    ok(!yaml_integer(b, "c", -10, 10, &c) && c == -7, "an integer of a nested map is read");
    ok(!yaml_flag(b, "e", &e) && e, "a flag is read");
    ok(yaml_length(yaml_get(b, "d")) == 2, "a list has its length");
    is_text(yaml_text(yaml_item(yaml_get(b, "d"), 1)), "y z", "a quoted element is text");
    ok(!yaml_string(r, "f", &f) && !strcmp(f, "none"), "text is read");
    const char *const choices[] = {"some", "none", NULL};
    ok(!yaml_choice(r, "f", choices, &which) && which == 1, "a choice gives its index");
    ok(!yaml_number(r, "absent", 0, 1, &a) && a == 1.5, "an absent key keeps the default");
    ok(yaml_require(r, "absent") == PODIUM_EINVAL, "a required key must be there");
    ok(yaml_finish(r) == 0, "every key was asked for");
    yaml_destroy(d);
}

static void test_errors(void)
{
    yaml_document *d = parse("a: 3\nb: x\nc: 1.5\nd:\n  e: 1\n");
    const yaml_node *r = yaml_root(d);
    double a = 0;
    int64_t i = 0;
    const char *const choices[] = {"y", "z", NULL};
    int which = 0;
    yaml_number(r, "a", 0, 2, &a);
    is_text(podium_error(), "t.yaml:1:4: 'a': expected a number from 0 to 2, got 3",
            "a number out of range names file, line, column, key and range");
    yaml_number(r, "b", 0, 2, &a);
    is_text(podium_error(), "t.yaml:2:4: 'b': expected a number, got 'x'", "text is no number");
    yaml_integer(r, "c", 0, 2, &i);
    is_text(podium_error(), "t.yaml:3:4: 'c': expected an integer, got '1.5'",
            "a fraction is no integer");
    yaml_choice(r, "b", choices, &which);
    is_text(podium_error(), "t.yaml:2:4: 'b': expected one of y, z, got 'x'",
            "a wrong choice lists the right ones");
    ok(yaml_number(r, "d", 0, 2, &a) == PODIUM_EINVAL, "a map is no number");
    ok(yaml_finish(r) == PODIUM_EINVAL, "a key nobody asked for is an error");
    is_text(podium_error(), "t.yaml:5:3: unknown key 'e'", "it is named with its place");
    yaml_mark(yaml_get(r, "d"));
    ok(yaml_finish(r) == 0, "a marked subtree counts as used");
    yaml_destroy(d);
}

static void test_refused(void)
{
    refused("a: 1\na: 2\n", "t.yaml:2:1: key 'a' appears twice, first in line 1", "a double key");
    refused("a: &x 1\nb: *x\n", "anchors", "an anchor");
    refused("a: [1, 2\nb: 3\n", "t.yaml:2", "an open list");
    refused("", "empty", "an empty file");
    refused("a: 1\n---\nb: 2\n", "one document", "a second document");
    refused("? [a]\n: 1\n", "plain key", "a key that is a list");
    refused("a: !!int 1\n", "tags", "a tag");
    refused("a: \"x\\0y\"\n", "zero byte", "a zero byte");
    char deep[400];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 199);
    deep[399] = '\0';
    refused(deep, "levels", "nesting without end");
    yaml_document *d = NULL;
    ok(yaml_parse_file(&d, "/nonexistent/x.yaml") == PODIUM_EIO, "a missing file is an i/o error");
    double x = 0;
    d = parse("a: nan\n");
    ok(yaml_number(yaml_root(d), "a", -INFINITY, INFINITY, &x) == PODIUM_EINVAL,
       "nan is in no range");
    yaml_destroy(d);
}

static void test_overlay(void)
{
    yaml_document *d = parse("a: {x: 1, m: {p: 1, q: 2}}\nb: {m: {q: 3}, y: 4}\n");
    const yaml_node *a = yaml_get(yaml_root(d), "a"), *b = yaml_get(yaml_root(d), "b"), *o;
    ok(!yaml_overlay(d, a, b, &o) && yaml_length(o) == 3, "an overlay holds the keys of both");
    const yaml_node *m = yaml_get(o, "m");
    is_text(yaml_text(yaml_get(m, "p")), "1", "a nested key stays");
    is_text(yaml_text(yaml_get(m, "q")), "3", "a nested key is replaced");
    is_text(yaml_text(yaml_get(yaml_get(a, "m"), "q")), "2", "the base keeps its own");
    ok(yaml_finish(o) == PODIUM_EINVAL && strstr(podium_error(), "t.yaml:1:5: unknown key 'x'"),
       "positions survive");
    ok(yaml_overlay(d, a, yaml_get(m, "p"), &o) == PODIUM_EINVAL, "a number is no overlay");
    yaml_destroy(d);
}

static void test_canonical(void)
{
    yaml_document *a = parse("# note\nb: [1.50, 'x\"', {}]\na: {d: \"1.5\", c: 2}\n");
    yaml_document *b = parse("a:\n  c: 2.0\n  d: '1.5'\nb:\n- 15e-1\n- \"x\\\"\"\n- {}\n");
    text_buffer x = {0}, y = {0};
    yaml_print_canonical(&x, yaml_root(a));
    yaml_print_canonical(&y, yaml_root(b));
    is_text(x.data, "{\"a\":{\"c\":2,\"d\":\"1.5\"},\"b\":[1.5,\"x\\\"\",{}]}",
            "the canonical form sorts keys and tells a number from its text");
    is_text(y.data, x.data, "order, style and comments do not show in it");
    text_release(&x), text_release(&y);
    yaml_destroy(a), yaml_destroy(b);
}

int main(void)
{
    test_canonical();
    test_overlay();
    test_values();
    test_errors();
    test_refused();
    return tap_done();
}
