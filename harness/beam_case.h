/* Golden cases of beam search (schema beam-case/1): sources, how they are searched, what comes out.
 */
#ifndef HARNESS_BEAM_CASE_H
#define HARNESS_BEAM_CASE_H

#include <jansson.h>
#include "workloads/workload.h"

typedef struct beam_case {
    json_t *json;      /* owned; the texts below are borrowed from it */
    const char *model; /* file of the case that has the parameters, beside this one */
    workload_search search;
    int64_t rows, length; /* of the sources */
    int32_t *ids;         /* [rows, length], owned */
    int32_t *want;        /* [rows, beam, max_length], owned */
    double *want_scores;  /* [rows, beam], owned */
} beam_case;

/* The caller releases, also after a failure.  What holds then: rows, length, beam and max_length
 * are positive, every id fits, `model` is a name without a folder.
 * Errors: PODIUM_EIO; PODIUM_EINVAL "PLACE: ...". */
int32_t beam_case_read(beam_case *c, const char *path);
/* The same from memory. */
int32_t beam_case_parse(beam_case *c, const char *text, size_t length, const char *place);
void beam_case_release(beam_case *c);

/* Integers of a matrix [rows, *columns] in JSON into `out` (NULL: only checked); *columns 0: taken
 * from the first row.  Errors: PODIUM_EINVAL. */
int32_t beam_case_ids(const json_t *rows, const char *place, int64_t *columns, int32_t *out);

#endif
