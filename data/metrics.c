/* Metrics of tasks. */
#include "data/metrics.h"

#include <math.h>
#include <stdlib.h>

double metric_accuracy(const int32_t *got, const int32_t *want, int64_t n)
{
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++)
        right += got[i] == want[i];
    return n ? (double)right / (double)n : 0;
}

double metric_f1(const int32_t *got, const int32_t *want, int64_t n, int32_t positive)
{
    int64_t both = 0, either = 0;
    for (int64_t i = 0; i < n; i++) {
        both += got[i] == positive && want[i] == positive;
        either += (got[i] == positive) + (want[i] == positive);
    }
    return either ? 2 * (double)both / (double)either : 0;
}

double metric_macro_f1(const int32_t *got, const int32_t *want, int64_t n, int32_t classes)
{
    double sum = 0;
    for (int32_t k = 0; k < classes; k++)
        sum += metric_f1(got, want, n, k);
    return classes ? sum / classes : 0;
}

int32_t metric_matthews(const int32_t *got, const int32_t *want, int64_t n, int32_t classes,
                        double *out)
{
    double *predicted = calloc(2 * (size_t)classes + 1, sizeof *predicted);
    if (!predicted)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %d classes", classes);
    double *occurs = predicted + classes, right = 0, cross = 0, pp = 0, tt = 0;
    for (int64_t i = 0; i < n; i++) {
        right += got[i] == want[i];
        predicted[got[i]]++;
        occurs[want[i]]++;
    }
    for (int32_t k = 0; k < classes; k++) {
        cross += predicted[k] * occurs[k];
        pp += predicted[k] * predicted[k];
        tt += occurs[k] * occurs[k];
    }
    double all = (double)n, below = sqrt((all * all - pp) * (all * all - tt));
    *out = below > 0 ? (right * all - cross) / below : 0;
    free(predicted);
    return 0;
}

double metric_pearson(const double *x, const double *y, int64_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double a = x[i] - mx, b = y[i] - my;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

typedef struct ranked {
    double value;
    int64_t place;
} ranked;

static int compare_values(const void *pa, const void *pb)
{
    const ranked *a = pa, *b = pb;
    return (a->value > b->value) - (a->value < b->value);
}

static void rank(const double *x, int64_t n, ranked *sorted, double *out)
{
    for (int64_t i = 0; i < n; i++)
        sorted[i] = (ranked){x[i], i};
    qsort(sorted, (size_t)n, sizeof *sorted, compare_values);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && sorted[end].value == sorted[i].value;)
            end++;
        end = end > i ? end : i + 1; /* not a number: a rank of its own */
        for (int64_t k = i; k < end; k++)
            out[sorted[k].place] = 0.5 * (double)(i + end - 1);
    }
}

int32_t metric_spearman(const double *x, const double *y, int64_t n, double *out)
{
    size_t room = n > 0 ? (size_t)n : 1;
    ranked *sorted = malloc(room * sizeof *sorted);
    double *a = malloc(room * sizeof *a), *b = malloc(room * sizeof *b);
    int32_t rc = sorted && a && b ? 0 : podium_fail(PODIUM_ENOMEM, "cannot allocate ranks");
    if (rc == 0) {
        rank(x, n, sorted, a);
        rank(y, n, sorted, b);
        *out = metric_pearson(a, b, n);
    }
    free(sorted);
    free(a);
    free(b);
    return rc;
}
