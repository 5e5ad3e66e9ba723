/* Counts allocations: the executable's malloc family comes before libc's, adds one, and hands on.
 * `podium check` reads the count of each step.  Left out under AddressSanitizer, whose own malloc
 * must stay in front, and in the library, whose symbols come after libc's. */
#include "runner/runner.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(RUNNER_LIBRARY)
#define COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTED 0
#endif
#endif
#ifndef COUNTED
#ifdef __GLIBC__
#define COUNTED 1
#else
#define COUNTED 0
#endif
#endif

#if COUNTED
static _Atomic int64_t calls;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return __libc_memalign(alignment, size);
}

int64_t allocation_count(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}
#else
int64_t allocation_count(void)
{
    return -1;
}
#endif
