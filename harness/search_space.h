/* Search spaces of hyperparameters, in submission.yaml or AlgoPerf's JSON (which is yaml):
 *
 *   NAME: {min, max, scaling: linear|log, one_minus: flag}     a range; one_minus: 1 - x is drawn
 *   NAME: {feasible_points: [...]}                             a choice
 *
 * or a list of complete points, {NAME: value, ...} each.  `scale` and `choices` are accepted for
 * scaling and feasible_points. */
#ifndef HARNESS_SEARCH_SPACE_H
#define HARNESS_SEARCH_SPACE_H

#include <stdbool.h>
#include "base/text.h"
#include "base/yaml.h"
#include "harness/halton.h"

typedef enum { SEARCH_LINEAR, SEARCH_LOG, SEARCH_CHOICE } search_kind;

typedef struct search_axis {
    const char *name; /* borrowed from the document */
    search_kind kind;
    double min, max;
    bool one_minus;
    const yaml_node *choices; /* a list */
    halton_axis halton;
} search_axis;

typedef struct search_space {
    search_axis *axes; /* [num_axes] owned, in the order they were written */
    int32_t num_axes;
    const yaml_node *points; /* a list of complete points instead; num_axes is 0 */
} search_space;

/* The space borrows from the node's document.  Errors: PODIUM_EINVAL with file and line. */
int32_t search_space_init(search_space *s, const yaml_node *node);
void search_space_release(search_space *s);

/* Appends point `i` of the sequence as a JSON object.  Errors: PODIUM_EINVAL when a list of points
 * has no such one. */
int32_t search_space_print(const search_space *s, int64_t i, text_buffer *out);

/* The points of a study: `n` of them, numbers into the sequence.  Points are drawn for all studies
 * at once (`studies` x n), put in seeded order and dealt out; of a list, each study gets its own n
 * without replacement.  Errors: PODIUM_EINVAL a list shorter than n. */
int32_t search_space_deal(const search_space *s, uint32_t seed, int32_t studies, int32_t n,
                          int32_t study, int32_t *points);

#endif
