/* Logs of tuning, for sensitivity plots: one JSON object a line, as tools/tune.py writes them:
 *
 *   {"optimizer", "setting": {NAME: number or text}, "curve": [[step, loss, ...], ...], "reached"}
 *
 * Fields that are not listed are passed over. */
#ifndef SCORING_TUNING_LOG_H
#define SCORING_TUNING_LOG_H

#include <jansson.h>
#include "base/text.h"

typedef struct tuning_point {
    const char *optimizer; /* borrowed from the line, as is the setting */
    const json_t *setting;
    double loss; /* lowest finite validation loss of the curve; NaN: none */
    bool reached;
} tuning_point;

typedef struct tuning_log {
    json_t *lines; /* owned */
    tuning_point *points;
    size_t length;
} tuning_log;

/* Errors: PODIUM_EINVAL "PLACE:LINE: ..." naming the field; PODIUM_ENOMEM. */
int32_t tuning_log_parse(tuning_log *out, const char *text, size_t length, const char *place);
void tuning_log_release(tuning_log *l);

/* For each optimizer and each number of its settings that has at least two values, a plot of the
 * lowest loss against it, filled where the target was reached. */
void tuning_log_print(text_buffer *t, const tuning_log *l);

#endif
