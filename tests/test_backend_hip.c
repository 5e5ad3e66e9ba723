/* The hip backend against ref; skips with the reason where there is no device. */
#include "tests/gpu_backend.h"

int main(void)
{
    return gpu_test(backend_hip_open);
}
