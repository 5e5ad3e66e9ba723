/* TAP for `prove`: say what is true. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>

/* One test point; returns cond. */
bool ok(bool cond, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* |got - want| <= rel * max(|want|, 1e-300) and both finite. */
bool close_to(double got, double want, double rel, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool is_text(const char *got, const char *want, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tap_skip(int n, const char *why); /* n test points that cannot run here */
int tap_skip_all(const char *why);     /* return it from main */
void tap_diag(const char *format, ...) __attribute__((format(printf, 1, 2)));
int tap_done(void); /* prints the plan; 0 when all passed */

#endif
