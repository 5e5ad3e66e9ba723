/* What the parts of `podium verify` share: running a recorded trial again, and the form of the
 * comparison that this machine allows. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <stdbool.h>
#include "base/sha256.h"
#include "base/text.h"
#include "scoring/verdict.h"

/* Packs, unpacked into folders that go away: a record out of one is run with the .so beside it. */
typedef struct verify_pack verify_pack;
typedef struct verify_packs {
    verify_pack *items;
    size_t length;
} verify_packs;

/* Unpacks the pack, says what its checksums are worth and appends its records.  *changed: a
 * checksum does not hold, which is said and no error; nothing is appended then.
 * Errors: those of pack_open, pack_records, pack_unpack. */
int32_t verify_pack_add(verify_packs *p, const char *path, record_list *records, bool *changed);
/* The .so that came with the record; NULL: it came by itself. */
const char *verify_pack_so(const verify_packs *p, const record *r);
/* Removes the folders, too. */
void verify_packs_release(verify_packs *p);

/* Makes a folder of a name of its own in $TMPDIR or /tmp; verify_folder_remove takes it away with
 * all it holds.  Errors: PODIUM_EIO. */
int32_t verify_folder(char *out, size_t size);
void verify_folder_remove(const char *folder);

typedef struct verify_options {
    const char *submission, *data, *key; /* submission, key NULL: from the record, or its pack */
    const verify_packs *packs;
    int64_t reruns; /* most of them in the statistical form; 0: as needed */
    bool progress;
    bool write;   /* the verdict beside the record */
    bool rebuilt; /* the submission's file may be of another SHA-256 */
} verify_options;

typedef struct verify_form {
    bool exact;
    char why[640];            /* not exact: what differs */
    char rebuilt[SHA256_HEX]; /* of the submission's file where it is not the recorded one, else ""
                               */
} verify_form;

/* Can the trial run here, and can its bits be expected to agree?  Errors: why it is refused: other
 * data, workload file or submission, no key. */
int32_t verify_look(const record *r, const verify_options *o, verify_form *form);

/* Runs the trial of `r` again, as it was or (fresh) with another seed, and reads its record, which
 * the caller destroys. `number` is that of the rerun for the progress line.  Errors: those of
 * trial_run; PODIUM_EIO. */
int32_t verify_repeat(const record *r, const verify_options *o, const uint64_t *fresh, int number,
                      record **again);

/* A text of the header's object `section`.  Errors: PODIUM_EINVAL. */
int32_t verify_text(const record *r, const char *section, const char *key, const char **out);

/* Does the rerun agree with the record?  What there is to say goes into `say`, no newline last.
 * `rebuilt`: as in verify_form. */
bool verify_agree(const record *r, const record *again, const char *rebuilt, text_buffer *say);
/* Do times and memory in the record contradict each other?  The first that does goes into `say`. */
bool verify_contradicts(const record *r, text_buffer *say);

/* Prints "PATH: WHAT" and, if asked to, writes the verdict.  Returns the exit status. */
int verify_say(const record *const *records, size_t count, record_verdict verdict,
               const text_buffer *what, const verify_options *o);

/* The statistical form, for records that differ in their seeds only (verify_same_setting): reruns
 * with fresh seeds, steps to target compared by a rank test.  Prints; returns the exit status. */
int verify_statistical(const record *const *records, size_t count, const char *why,
                       const verify_options *o);
bool verify_same_setting(const record *a, const record *b);

#endif
