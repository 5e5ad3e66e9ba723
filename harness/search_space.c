/* Search spaces. */
#include "harness/search_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const yaml_node *either(const yaml_node *map, const char *a, const char *b, const char **key)
{
    const yaml_node *n = yaml_get(map, a);
    *key = n ? a : b;
    return n ? n : yaml_get(map, b);
}

static int32_t read_range(search_axis *x, const yaml_node *map)
{
    static const char *const scalings[] = {"linear", "log", NULL};
    const char *key;
    int scaling = SEARCH_LINEAR;
    TRY(yaml_require(map, "min"));
    TRY(yaml_require(map, "max"));
    TRY(yaml_number(map, "min", -INFINITY, INFINITY, &x->min));
    TRY(yaml_number(map, "max", x->min, INFINITY, &x->max));
    TRY(yaml_flag(map, "one_minus", &x->one_minus));
    (void)either(map, "scaling", "scale", &key);
    TRY(yaml_choice(map, key, scalings, &scaling));
    x->kind = (search_kind)scaling;
    if (x->kind == SEARCH_LOG && x->min <= 0)
        return yaml_fail(yaml_get(map, "min"), "'%s': a log scale starts above 0, got %g", x->name,
                         x->min);
    return 0;
}

static int32_t read_axis(search_axis *x, const char *name, const yaml_node *map)
{
    const char *key;
    x->name = name;
    if (yaml_node_kind(map) != YAML_MAP)
        return yaml_fail(map, "'%s': expected {min, max, scaling} or {feasible_points: [...]}",
                         name);
    x->choices = either(map, "feasible_points", "choices", &key);
    if (!x->choices) {
        TRY(read_range(x, map));
        return yaml_finish(map);
    }
    x->kind = SEARCH_CHOICE;
    if (yaml_node_kind(x->choices) != YAML_LIST || yaml_length(x->choices) == 0)
        return yaml_fail(x->choices, "'%s': expected a list of at least one value", name);
    yaml_mark(x->choices);
    return yaml_finish(map);
}

static int32_t read_points(search_space *s, const yaml_node *list)
{
    if (yaml_length(list) == 0)
        return yaml_fail(list, "a search space without points");
    for (size_t i = 0; i < yaml_length(list); i++)
        if (yaml_node_kind(yaml_item(list, i)) != YAML_MAP)
            return yaml_fail(yaml_item(list, i), "expected a complete point: {NAME: value, ...}");
    yaml_mark(list);
    s->points = list;
    return 0;
}

int32_t search_space_init(search_space *s, const yaml_node *node)
{
    *s = (search_space){0};
    if (yaml_node_kind(node) == YAML_LIST)
        return read_points(s, node);
    if (yaml_node_kind(node) != YAML_MAP || yaml_length(node) == 0)
        return yaml_fail(node, "expected a map of hyperparameters or a list of points");
    int32_t n = (int32_t)yaml_length(node);
    s->axes = calloc((size_t)n, sizeof *s->axes);
    if (!s->axes)
        return podium_fail(PODIUM_ENOMEM, "no memory for a search space");
    int32_t rc = 0;
    for (int32_t d = 0; d < n && !rc; d++) {
        const char *name = yaml_key(node, (size_t)d);
        rc = read_axis(&s->axes[d], name, yaml_get(node, name));
        if (!rc)
            rc = halton_axis_init(&s->axes[d].halton, d, n);
    }
    s->num_axes = n;
    if (rc)
        search_space_release(s);
    return rc;
}

void search_space_release(search_space *s)
{
    free(s->axes);
    *s = (search_space){0};
}

static double range_value(const search_axis *x, double u)
{
    double v = x->kind == SEARCH_LOG ? x->min * exp(u * log(x->max / x->min))
                                     : u * (x->max - x->min) + x->min;
    return x->one_minus ? 1 - v : v;
}

int32_t search_space_print(const search_space *s, int64_t i, text_buffer *out)
{
    if (s->points && (i < 0 || i >= (int64_t)yaml_length(s->points)))
        return yaml_fail(s->points, "no point %lld in a list of %zu", (long long)i,
                         yaml_length(s->points));
    if (s->points) {
        yaml_print_canonical(out, yaml_item(s->points, (size_t)i));
        return 0;
    }
    for (int32_t d = 0; d < s->num_axes; d++) {
        const search_axis *x = &s->axes[d];
        double u = halton_axis_value(&x->halton, i);
        text_add(out, d ? ", " : "{");
        text_add_quoted(out, x->name);
        text_add(out, ": ");
        if (x->kind == SEARCH_CHOICE)
            yaml_print_canonical(
                out, yaml_item(x->choices, (size_t)(u * (double)yaml_length(x->choices))));
        else
            text_print(out, "%.17g", range_value(x, u));
    }
    text_add(out, "}");
    return 0;
}

int32_t search_space_deal(const search_space *s, uint32_t seed, int32_t studies, int32_t n,
                          int32_t study, int32_t *points)
{
    int32_t all = s->points ? (int32_t)yaml_length(s->points) : studies * n;
    if (s->points && all < n)
        return yaml_fail(s->points, "a study of %d trials needs as many points, the list has %d", n,
                         all);
    int32_t *order = malloc((size_t)all * sizeof *order);
    if (!order)
        return podium_fail(PODIUM_ENOMEM, "no memory for %d points", all);
    /* A list is dealt anew for each study; a sequence is dealt out once. */
    halton_order(s->points ? seed + (uint32_t)study : seed, all, order);
    memcpy(points, order + (s->points ? 0 : study * n), (size_t)n * sizeof *points);
    free(order);
    return 0;
}
