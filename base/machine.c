/* Reads /proc and the scheduler. */
#include "base/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* First value of "key : value" in a /proc file; false when there is none. */
static bool proc_value(const char *path, const char *key, char *out, size_t size)
{
    char line[8192];
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        size_t n = strlen(key);
        if (!colon || strncmp(line, key, n) ||
            (line[n] != ':' && line[n] != '\t' && line[n] != ' '))
            continue;
        char *value = colon + 1 + strspn(colon + 1, " \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, size, "%s", value);
        found = true;
    }
    if (f)
        fclose(f);
    return found;
}

void machine_cpu_model(char *out, size_t size)
{
    if (!proc_value("/proc/cpuinfo", "model name", out, size))
        snprintf(out, size, "unknown");
}

bool machine_has_flag(const char *flag)
{
    char flags[8192], *at = flags;
    size_t n = strlen(flag);
    if (!proc_value("/proc/cpuinfo", "flags", flags, sizeof flags))
        return false;
    while ((at = strstr(at, flag))) {
        if ((at == flags || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
        at += n;
    }
    return false;
}

const char *machine_isa(void)
{
    if (machine_has_flag("amx_bf16"))
        return "amx";
    if (machine_has_flag("avx512f"))
        return "avx512";
    return machine_has_flag("avx2") ? "avx2" : "baseline";
}

int machine_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

static int64_t kilobytes(const char *path, const char *key)
{
    char value[64];
    if (!proc_value(path, key, value, sizeof value))
        return -1;
    return (int64_t)strtoll(value, NULL, 10) * 1024;
}

int64_t machine_memory_bytes(void)
{
    return kilobytes("/proc/meminfo", "MemTotal");
}

int64_t machine_memory_available(void)
{
    return kilobytes("/proc/meminfo", "MemAvailable");
}

int64_t machine_peak_resident(void)
{
    return kilobytes("/proc/self/status", "VmHWM");
}

uint64_t clock_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
