/* The quasi-random search: AlgoPerf's points to the last bit, spaces as people write them. */
#include "harness/search_space.h"

#include <math.h>
#include <string.h>

#include "base/mt19937.h"
#include "harness/halton_case.h"
#include "tests/tap.h"

static void test_golden(void)
{
    double worst = INFINITY;
    ok(!halton_case_check("tests/golden/scoring/halton_points.json", &worst) && worst <= 1e-15,
       "AlgoPerf's points are reproduced (worst %g)", worst);
    mt19937 g;
    mt19937_init(&g, 5489);
    for (int i = 0; i < 9999; i++)
        mt19937_next(&g);
    ok(mt19937_next(&g) == 4123659995u, "the 10000th word of MT19937 is the published one");
}

static int32_t open_space(search_space *s, yaml_document **d, const char *text)
{
    *s = (search_space){0};
    int32_t rc = yaml_parse(d, text, strlen(text), "t.yaml");
    return rc ? rc : search_space_init(s, yaml_root(*d));
}

static void refused(const char *text, const char *message)
{
    yaml_document *d = NULL;
    search_space s;
    int32_t rc = open_space(&s, &d, text);
    if (!ok(rc == PODIUM_EINVAL && strstr(podium_error(), message), "refused: %s", message))
        tap_diag("%d: %s", rc, podium_error());
    search_space_release(&s);
    yaml_destroy(d);
}

static void test_values(void)
{
    yaml_document *d = NULL;
    search_space s;
    text_buffer out = {0};
    ok(!open_space(&s, &d,
                   "lr: {min: 0.001, max: 0.1, scale: log}\n"
                   "beta1: {min: 0.01, max: 0.2, scaling: log, one_minus: true}\n"
                   "schedule: {choices: [cosine, linear]}\n"),
       "a space of three is read");
    bool inside = true;
    for (int64_t i = 0; i < 200; i++) {
        yaml_document *point = NULL;
        double lr = 0, beta1 = 0;
        const char *schedule = "";
        out.length = 0;
        search_space_print(&s, i, &out);
        inside = inside && !yaml_parse(&point, out.data, out.length, "point");
        const yaml_node *map = point ? yaml_root(point) : NULL;
        inside = inside && !yaml_number(map, "lr", 0.001, 0.1, &lr) && lr > 0;
        inside = inside && !yaml_number(map, "beta1", 0.8, 0.99, &beta1) && beta1 > 0;
        inside = inside && !yaml_string(map, "schedule", &schedule) && *schedule;
        yaml_destroy(point);
    }
    ok(inside, "200 points lie inside");
    text_release(&out);
    search_space_release(&s);
    yaml_destroy(d);
}

static void test_dealing(void)
{
    yaml_document *d = NULL;
    search_space s;
    int32_t points[3][5], seen[15] = {0}, again[5];
    (void)open_space(&s, &d, "lr: {min: 0, max: 1}\n");
    for (int32_t k = 0; k < 3; k++)
        ok(!search_space_deal(&s, 7, 3, 5, k, points[k]), "study %d gets its points", k);
    for (int32_t i = 0; i < 15; i++)
        seen[points[i / 5][i % 5]]++;
    bool once = true;
    for (int32_t i = 0; i < 15; i++)
        once = once && seen[i] == 1;
    ok(once, "every point is dealt once");
    (void)search_space_deal(&s, 7, 3, 5, 1, again);
    ok(!memcmp(again, points[1], sizeof again), "a study's points do not depend on the others");
    (void)search_space_deal(&s, 8, 3, 5, 1, again);
    ok(memcmp(again, points[1], sizeof again) != 0, "another seed deals in another order");
    search_space_release(&s);
    yaml_destroy(d);

    d = NULL;
    ok(!open_space(&s, &d, "[{\"lr\": 0.1}, {\"lr\": 0.2}]"), "a list of points is a space");
    text_buffer out = {0};
    ok(!search_space_print(&s, 1, &out) && !strcmp(out.data, "{\"lr\":0.20000000000000001}"),
       "its points come as they are");
    ok(search_space_print(&s, 2, &out) == PODIUM_EINVAL, "a third of two is an error");
    ok(search_space_deal(&s, 1, 1, 3, 0, again) == PODIUM_EINVAL &&
           strstr(podium_error(), "needs as many points"),
       "a study longer than the list is refused");
    text_release(&out);
    search_space_release(&s);
    yaml_destroy(d);
}

int main(void)
{
    test_golden();
    test_values();
    test_dealing();
    refused("5\n", "t.yaml:1:1: expected a map of hyperparameters or a list of points");
    refused("lr: {min: 1}\n", "max");
    refused("lr: {min: 0, max: 1, scale: log}\n", "a log scale starts above 0");
    refused("lr: {min: 2, max: 1}\n", "'max'");
    refused("lr: {min: 0, max: 1, scale: cubic}\n", "linear");
    refused("lr: {choices: []}\n", "at least one value");
    refused("lr: {choices: [1], min: 1}\n", "unknown key 'min'");
    refused("lr: 3\n", "feasible_points");
    refused("[]\n", "without points");
    refused("[1]\n", "complete point");
    return tap_done();
}
