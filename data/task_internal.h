/* Between the readers of task files. */
#ifndef DATA_TASK_INTERNAL_H
#define DATA_TASK_INTERNAL_H

#include "data/task_data.h"

/* label NULL: withheld; texts are copied.  Errors: PODIUM_EINVAL a label that the format has not;
 * PODIUM_ENOMEM. */
int32_t task_add_example(task_data *d, const task_format *f, const char *first, const char *second,
                         const char *label);
/* Adds the examples of one line.  `place` begins messages. */
int32_t task_json_parse(task_data *io, const task_format *f, const char *line, const char *place);

#endif
