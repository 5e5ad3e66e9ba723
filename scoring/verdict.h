/* What `podium verify` said of a record, kept beside it and bound to its bytes: trial.verify.json
 * beside trial.jsonl, NAME.tar.gz.verify.json beside a pack, written by `podium verify --write`
 * (schema podium-verify/1)
 *
 *   {"schema", "records": {SHA-256 of the record: {"verdict": "exact"|"statistical"|"differs",
 *    "text", "revision", "compiler", "cpu", "isa", "place": of a record in a pack}}}
 *
 * A record that was edited afterwards has another SHA-256 and so no verdict: it says so.  The file
 * is as trustworthy as whoever keeps the results; it is not signed. */
#ifndef SCORING_VERDICT_H
#define SCORING_VERDICT_H

#include "scoring/record.h"

typedef struct verdict_origin {
    const char *revision, *compiler; /* of the program that verified */
} verdict_origin;

/* Sets r->verdict and r->verdict_text from the file beside the record; none is no error.
 * Errors: PODIUM_EINVAL a damaged file, with its path and field; PODIUM_EIO. */
int32_t verdict_read(record *r);

/* Writes the file anew; that of a pack keeps what it says of its other records.
 * Errors: PODIUM_EIO, PODIUM_ENOMEM; PODIUM_EINVAL a path too long, a damaged file. */
int32_t verdict_write(const record *r, record_verdict verdict, const char *text,
                      const verdict_origin *origin);

#endif
