/* Is a submission a good citizen?  Each finding says what is wrong and how to mend it. */
#ifndef HARNESS_CHECK_H
#define HARNESS_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"
#include "engine/backend.h"
#include "harness/hyperparameters.h"

/* Called once a question: `passed`, or the finding in words (borrowed). */
typedef void (*check_report)(void *arg, bool passed, const char *question, const char *finding);

typedef struct check_options {
    backend *backend;       /* host memory */
    double timeout_seconds; /* of one call; 0: 10 */
    uint64_t seed;          /* of the steps at which the process is killed */
    /* Sets values other than the defaults; NULL: defaults. */
    int32_t (*configure)(void *arg, hyperparameters *h);
    void *configure_arg;
    check_report report;
    void *report_arg;
} check_options;

/* Runs every check on a toy problem.  *passed: no finding.  Errors: only ours (no memory, no
 * runner executable); what the submission does wrong is a finding. */
int32_t check_submission(const char *so_path, const check_options *options, bool *passed);

#endif
