/* The sentence of `podium compare`, and what the records say of why. */
#include "cli/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trial_options.h"

int32_t compare_pairs_init(compare_pairs *p, size_t most, const char *a, const char *b)
{
    *p = (compare_pairs){
        .name = {a, b},
        .items = calloc(most, sizeof *p->items),
        .d = calloc(most, sizeof *p->d),
    };
    return p->items && p->d ? 0 : podium_fail(PODIUM_ENOMEM, "no memory for %zu pairs", most);
}

void compare_pairs_clear(compare_pairs *p)
{
    for (size_t i = 0; i < p->length; i++)
        for (int k = 0; k < 2; k++) {
            record_destroy(p->items[i][k]);
            p->items[i][k] = NULL;
        }
    p->length = 0;
}

void compare_pairs_release(compare_pairs *p)
{
    compare_pairs_clear(p);
    free(p->items);
    free(p->d);
    *p = (compare_pairs){0};
}

/* --- the test ----------------------------------------------------------------------------- */

/* Time of a step: up to the target, or to the last evaluation of one that missed it. */
static double step_cost(const record *r, record_clock clock)
{
    int64_t hit = record_hit(r);
    size_t i = hit >= 0 ? (size_t)hit : r->num_evaluations - 1;
    if (!r->num_evaluations || !r->evaluations[i].step)
        return NAN;
    return r->evaluations[i].clock[clock] / (double)r->evaluations[i].step;
}

typedef enum { TIME, STEPS, COST } quantity;

static double value_of(const record *r, record_clock clock, quantity q)
{
    return q == COST ? step_cost(r, clock) : record_time(r, q == STEPS ? CLOCK_STEPS : clock);
}

/* NaN where both missed (or a time is 0): the pair says nothing. */
static double log_ratio(record *const pair[2], record_clock clock, quantity q)
{
    double a = value_of(pair[0], clock, q), b = value_of(pair[1], clock, q);
    return (isinf(a) && isinf(b)) || (a == 0 && b == 0) ? NAN : log(b / a);
}

static int32_t test_one(compare_pairs *p, record_clock clock, quantity q, double level,
                        sequential_result *out)
{
    for (size_t i = 0; i < p->length; i++)
        p->d[i] = log_ratio(p->items[i], clock, q);
    return sequential_test(p->d, p->length, level, out);
}

int32_t compare_test(compare_pairs *p, record_clock clock, double level, compare_result *out)
{
    TRY(test_one(p, clock, STEPS, level, &out->steps));
    TRY(test_one(p, clock, COST, level, &out->cost));
    return test_one(p, clock, TIME, level, &out->time);
}

static int sign_of(const sequential_result *r)
{
    return r->low > 0 ? 1 : r->high < 0 ? -1 : 0;
}

bool compare_is_decided(const compare_result *r)
{
    return sign_of(&r->time) != 0;
}

/* --- the sentence ------------------------------------------------------------------------- */

static void print_ratio(double x)
{
    if (isnan(x))
        printf("-");
    else if (isinf(x))
        printf(x > 0 ? "infinity" : "0");
    else
        printf("%.3gx", exp(x));
}

static void print_interval(const sequential_result *r, bool turned)
{
    double low = turned ? -r->high : r->low, high = turned ? -r->low : r->high;
    if (low > 0 && isinf(low))
        printf("95 %% infinite");
    else if (high < 0 && isinf(high))
        printf("95 %% 0");
    else if (isinf(low) && isinf(high))
        printf("no interval yet");
    else if (isinf(high))
        printf("95 %% at least %.3g", exp(low));
    else
        printf("95 %% %.3g to %.3g", exp(low), exp(high));
}

/* `sign` of each factor as the faster one sees it. */
static const char *cause(int steps, int cost)
{
    static const char *const causes[3][3] = {
        /* cost:  dearer, unknown, cheaper */
        {"though neither fewer steps nor cheaper ones", "although it takes more steps",
         "from cheaper steps, although it takes more"},
        {"although its steps cost more", "fewer steps or cheaper ones cannot be told apart yet",
         "from cheaper steps, not fewer steps"},
        {"from fewer steps, although each costs more", "from fewer steps, not cheaper steps",
         "from fewer steps and cheaper ones"},
    };
    return causes[steps + 1][cost + 1];
}

static void print_sentence(const compare_pairs *p, record_clock clock, const compare_result *r)
{
    const record *one = p->items[0][0];
    int sign = sign_of(&r->time);
    bool turned = sign ? sign < 0 : r->time.centre < 0;
    double centre = turned ? -r->time.centre : r->time.centre;
    const char *fast = p->name[turned], *slow = p->name[!turned];
    if (!sign)
        printf("%s and %s cannot be told apart on %s-%s%s%s after %zu pairs: ", p->name[0],
               p->name[1], one->workload, one->size, one->held_out[0] ? "-" : "", one->held_out,
               p->length);
    if (!r->time.pairs) {
        printf("neither reached the target\n");
        return;
    }
    if (isinf(centre))
        printf("%s reaches the target where %s does not", fast, slow);
    else
        printf("%s is %.2fx faster%s%s", fast, exp(centre), sign ? " than " : "", sign ? slow : "");
    printf(" (");
    print_interval(&r->time, turned);
    printf(")");
    if (sign && clock != CLOCK_STEPS && !isinf(centre))
        printf(", %s", cause(sign * sign_of(&r->steps), sign * sign_of(&r->cost)));
    if (sign)
        printf(" [%s-%s%s%s, %zu pairs, %s clock]", one->workload, one->size,
               one->held_out[0] ? "-" : "", one->held_out, p->length, record_clock_names[clock]);
    printf("\n");
}

void compare_print_pair(const compare_pairs *p, record_clock clock, const compare_result *r)
{
    record *const *pair = p->items[p->length - 1];
    printf("pair %zu %s:", p->length, pair[0]->workload);
    for (int k = 0; k < 2; k++) {
        int64_t hit = pair[k]->valid ? record_hit(pair[k]) : -1;
        printf("%s %s ", k ? "," : "", p->name[k]);
        if (hit < 0)
            printf("missed%s%s", pair[k]->valid ? "" : ": ", pair[k]->valid ? "" : pair[k]->reason);
        else
            printf("%" PRId64 " steps, %.4g", pair[k]->evaluations[hit].step,
                   pair[k]->evaluations[hit].clock[clock]);
    }
    printf("; ");
    print_ratio(r->time.centre);
    printf(" so far (");
    print_interval(&r->time, false);
    printf(")\n");
    fflush(stdout);
}

/* --- the diagnosis ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the runs of one side of a field at a share of the way to the target (or to the last
 * evaluation); NaN: no run has it. */
static double median_at(const compare_pairs *p, int side, double share,
                        double (*field)(const record *r, size_t i))
{
    size_t n = 0;
    for (size_t i = 0; i < p->length; i++) {
        const record *r = p->items[i][side];
        int64_t hit = record_hit(r);
        if (!r->num_evaluations)
            continue;
        double last = (double)(hit >= 0 ? (size_t)hit : r->num_evaluations - 1);
        double x = field(r, (size_t)lround(share * last));
        if (!isnan(x))
            p->d[n++] = x;
    }
    qsort(p->d, n, sizeof *p->d, ascending);
    return n ? 0.5 * (p->d[(n - 1) / 2] + p->d[n / 2]) : NAN;
}

static double field_step(const record *r, size_t i)
{
    return (double)r->evaluations[i].step;
}

#define FIELD(name)                                       \
    static double field_##name(const record *r, size_t i) \
    {                                                     \
        return r->evaluations[i].name;                    \
    }
FIELD(loss)
FIELD(train_loss)
FIELD(parameter_norm)
FIELD(gradient_norm)
FIELD(gradient_signal)
FIELD(gradient_noise)

/* Way between two evaluations over its number of steps, relative to the parameters. */
static double field_update(const record *r, size_t i)
{
    const record_evaluation *e = &r->evaluations[i];
    if (!i || e->step == e[-1].step)
        return NAN;
    return e->update_norm / (double)(e->step - e[-1].step) / e->parameter_norm;
}

static double field_step_norm(const record *r, size_t i)
{
    return r->evaluations[i].step_norm / r->evaluations[i].parameter_norm;
}

/* How far a step goes for each unit of the gradient's length: the learning rate of plain SGD. */
static double field_rate(const record *r, size_t i)
{
    return r->evaluations[i].step_norm / r->evaluations[i].gradient_norm;
}

static double field_seconds(const record *r, size_t i)
{
    const record_evaluation *e = &r->evaluations[i];
    if (!i || e->step == e[-1].step)
        return NAN;
    return (e->clock[CLOCK_WALL] - e[-1].clock[CLOCK_WALL]) / (double)(e->step - e[-1].step);
}

static void print_value(double x)
{
    if (isnan(x))
        printf(" %10s", "-");
    else
        printf(" %10.4g", x);
}

static void print_diagnosis(const compare_pairs *p, int side)
{
    static const double shares[] = {0, 0.25, 0.5, 0.75, 1};
    const struct {
        const char *label;
        double (*field)(const record *r, size_t i);
        double (*below)(const record *r, size_t i); /* median of field over median of it */
    } rows[] = {
        {"step", field_step, NULL},
        {"validation loss", field_loss, NULL},
        {"loss of the last batch", field_train_loss, NULL},
        {"norm of the parameters", field_parameter_norm, NULL},
        {"update / norm", field_step_norm, NULL},
        {"net update a step / norm", field_update, NULL},
        {"norm of the gradient", field_gradient_norm, NULL},
        {"effective learning rate", field_rate, NULL},
        {"gradient noise, examples", field_gradient_noise, field_gradient_signal},
        {"seconds a step", field_seconds, NULL},
    };
    printf("\n  %-26s %10s %10s %10s %10s %10s\n", p->name[side], "start", "25 %", "50 %", "75 %",
           "end");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        printf("  %-26s", rows[k].label);
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
            double x = median_at(p, side, shares[s], rows[k].field);
            if (rows[k].below) {
                double below = median_at(p, side, shares[s], rows[k].below);
                x = below > 0 ? x / below : NAN; /* all noise: no scale can be told */
            }
            print_value(x);
        }
        printf("\n");
    }
}

static void print_factor(const char *what, const sequential_result *r)
{
    printf("  %-34s ", what);
    print_ratio(r->centre);
    printf(" (");
    print_interval(r, false);
    printf("), %zu pairs\n", r->pairs);
}

void compare_print(const compare_pairs *p, record_clock clock, const compare_result *r, bool brief)
{
    print_sentence(p, clock, r);
    fflush(stdout);
    if (brief)
        return;
    printf("\n  %s over %s\n", p->name[1], p->name[0]);
    print_factor("time to target", &r->time);
    print_factor("steps to target", &r->steps);
    if (clock != CLOCK_STEPS)
        print_factor("time a step", &r->cost);
    print_diagnosis(p, 0);
    print_diagnosis(p, 1);
    printf(
        "\n  Medians over the runs, on the way to the target.  Update: the last step alone; net\n"
        "  update: distance between two evaluations, so steps that cancel are not in it.\n"
        "  Effective learning rate: length of a step over the gradient's, for SGD its rate.\n"
        "  Gradient noise: the batch at which noise and signal of the gradient are equal (simple\n"
        "  noise scale, McCandlish et al. 2018).  -: the records do not say.\n");
}
