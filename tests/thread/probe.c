/* Does ThreadSanitizer understand this OpenMP?  Without arguments: threads that share work and
 * meet, nothing to report.  With one: a race, to be reported. */
#include <stdio.h>

int main(int argc, char **argv)
{
    static int shared, parts[64];
    (void)argv;
    if (argc > 1) {
#pragma omp parallel num_threads(4)
        for (int i = 0; i < 1000; i++)
            shared += i;
    }
#pragma omp parallel num_threads(4)
    {
#pragma omp for
        for (int i = 0; i < 64; i++)
            parts[i] = i + shared;
#pragma omp for reduction(+ : shared)
        for (int i = 0; i < 64; i++)
            shared += parts[63 - i];
    }
    printf("%d\n", shared);
    return 0;
}
