/* Libraries that are opened when something first needs them, so that commands which do not start
 * without waiting for them. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct library_symbol {
    const char *name;
    void *to; /* where its function pointer goes; NULL there when it is not found */
    bool optional;
} library_symbol;

/* Opens `soname` for good and looks the symbols up, in its dependencies, too.  What is missing, to
 * be named in an error: "the library", or the last symbol that was not found; NULL: nothing. */
const char *library_open(const char *soname, const library_symbol *symbols, size_t n);

#endif
