/* libFuzzer: no bytes make the yaml reader crash; every node of a document it accepts can be read
 * by every getter, and overlays of it keep the keys of both maps. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(const yaml_node *map, const char *key)
{
    static const char *const choices[] = {"loss", "accuracy", NULL};
    double number = 1;
    int64_t integer = 1;
    bool flag = false;
    const char *text = NULL;
    int choice = 0;
    if (yaml_number(map, key, -10, 10, &number) == 0 && !(number >= -10 && number <= 10))
        abort();
    if (yaml_integer(map, key, -10, 10, &integer) == 0 && !(integer >= -10 && integer <= 10))
        abort();
    if (yaml_flag(map, key, &flag) < 0 && !podium_error()[0])
        abort();
    if (yaml_string(map, key, &text) == 0 && !text)
        abort();
    if (yaml_choice(map, key, choices, &choice) == 0 && (choice < 0 || choice > 1))
        abort();
}

static void walk(const yaml_node *n)
{
    if (yaml_line(n) < 1)
        abort();
    if (yaml_node_kind(n) == YAML_SCALAR) {
        double x;
        if (!yaml_text(n))
            abort();
        yaml_scalar_number(n, &x);
        return;
    }
    for (size_t i = 0; i < yaml_length(n); i++) {
        if (yaml_node_kind(n) == YAML_MAP) {
            if (yaml_get(n, yaml_key(n, i)) != yaml_item(n, i))
                abort(); /* keys are unique */
            read_value(n, yaml_key(n, i));
        }
        walk(yaml_item(n, i));
    }
}

static void overlay(yaml_document *d)
{
    const yaml_node *root = yaml_root(d), *out;
    if (yaml_node_kind(root) != YAML_MAP || yaml_length(root) < 2)
        return;
    const yaml_node *base = yaml_item(root, 0), *over = yaml_item(root, 1);
    if (yaml_overlay(d, base, over, &out))
        return;
    for (size_t i = 0; i < yaml_length(over); i++)
        if (!yaml_get(out, yaml_key(over, i)))
            abort();
    for (size_t i = 0; i < yaml_length(base); i++)
        if (!yaml_get(out, yaml_key(base, i)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yaml_document *d = NULL;
    if (yaml_parse(&d, (const char *)data, size, "fuzz") == 0) {
        int32_t unread = yaml_finish(yaml_root(d));
        if (unread && !strstr(podium_error(), "fuzz:"))
            abort();
        walk(yaml_root(d));
        overlay(d);
        yaml_mark(yaml_root(d));
        if (yaml_finish(yaml_root(d)))
            abort();
    }
    yaml_destroy(d);
    return 0;
}
