/* Text from the distribution: the translated package descriptions that apt fetches.  A manifest of
 * hashes says which sentences and descriptions belong to the set, in which order and split, so that
 * every release that still has them gives the same bytes. */
#ifndef DATA_DEBIAN_TEXT_H
#define DATA_DEBIAN_TEXT_H

#include <stdint.h>
#include "base/status.h"
#include "base/text.h"
#include "data/vocabulary.h"

/* Everything that was found in the index files.  Start with {0}. */
typedef struct debian_text {
    vocabulary english, german; /* by Description-md5, the numbers of texts[0] and texts[1] */
    char **texts[2];            /* "short\nline\nline...", owned */
    int64_t capacity[2];
} debian_text;

/* Adds the stanzas of a Translation-en (language 0) or Translation-de (1) index; a description that
 * is there already is kept.  Errors: PODIUM_EINVAL a stanza without its fields; PODIUM_ENOMEM. */
int32_t debian_text_parse(debian_text *d, int language, const char *text, size_t length,
                          const char *name);
void debian_text_release(debian_text *d);

/* Calls `each` for every aligned pair of sentences of description `md5` (32 digits): the short
 * lines; of the paragraphs, when there are as many, the sentences, when there are as many, else the
 * paragraph; 2 to 60 words a side, lengths within 0.5 and 2.2, not identical. */
typedef int32_t debian_pair(void *context, const char *english, const char *german);
int32_t debian_text_pairs(const debian_text *d, const char *md5, debian_pair *each, void *context);
/* The first 12 hexadecimal digits of the SHA-256 of "english TAB german". */
void debian_pair_hash(const char *english, const char *german, char hash[13]);

/* Counts of debian_text_write. */
typedef struct debian_counts {
    int64_t pairs, wanted_pairs, descriptions, wanted_descriptions;
} debian_counts;
/* Writes what the manifest lists into `folder`: {train,valid,test}.{de,en}, and
 * descriptions-{train,valid,test}.tsv: section, source group, short line, long text.
 * Manifest lines: "p t|v|e HASH" and "d t|v|e MD5 SECTION GROUP" (12 digits of each sum).
 * Errors: PODIUM_EINVAL a bad manifest line; PODIUM_EIO. */
int32_t debian_text_write(const debian_text *d, const char *manifest, const char *folder,
                          debian_counts *counts);
/* Fetches the indices with apt-get into a private folder below `folder`, reads and deletes them,
 * and writes the set.  The system's lists are not touched; no rights are needed. Errors: also
 * PODIUM_EIO no apt, no mirror, no translations. */
int32_t debian_text_build(const char *manifest, const char *folder, debian_counts *counts);

#endif
