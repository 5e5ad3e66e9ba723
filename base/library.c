#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

const char *library_open(const char *soname, const library_symbol *symbols, size_t n)
{
    void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL); /* stays open */
    const char *missing = NULL;
    if (!library)
        return "the library";
    for (size_t i = 0; i < n; i++) {
        void *object = dlsym(library, symbols[i].name);
        if (!object && !symbols[i].optional)
            missing = symbols[i].name;
        memcpy(symbols[i].to, &object,
               sizeof object); /* into a function pointer, as POSIX has it */
    }
    return missing;
}
