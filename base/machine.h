/* What the machine is: for records and `podium doctor`. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void machine_cpu_model(char *out, size_t size); /* "unknown" where the kernel does not say */
bool machine_has_flag(const char *flag);        /* of /proc/cpuinfo: "avx2", "amx_bf16", ... */
/* "amx", "avx512", "avx2" or "baseline": results of different classes share no table. */
const char *machine_isa(void);
int machine_threads(void);          /* that this process may use at once */
int64_t machine_memory_bytes(void); /* installed; -1 unknown */
int64_t machine_memory_available(void);
int64_t machine_peak_resident(void); /* bytes of this process so far; -1 unknown */
uint64_t clock_nanoseconds(void);    /* CLOCK_MONOTONIC */

#endif
