/* One folder of AlgoPerf's logs, read with all that lies below it.  Private to scoring/: folders
 * are walked by several threads, each with a walk of its own, and put together afterwards. */
#ifndef SCORING_ALGOPERF_WALK_H
#define SCORING_ALGOPERF_WALK_H

#include "scoring/algoperf.h"

typedef struct algoperf_walk {
    char *submission;   /* owned */
    char path[4096];    /* DIR/SUBMISSION/FOLDER on entry, then where the walk is */
    size_t root, study; /* lengths of DIR/ and of DIR/SUBMISSION/ in it */
    algoperf_logs part; /* trials are of submission 0 */
    int32_t code;       /* of the failure that ended it, and its text */
    char message[1024];
} algoperf_walk;

/* Folders below `path` in the order of their names (numbers in them by value); malloc'd, each.
 * Errors: PODIUM_EIO, PODIUM_ENOMEM. */
int32_t algoperf_list_folders(char ***names, size_t *count, const char *path);
void algoperf_free_names(char **names, size_t count);

/* Reads the trials below w->path; a failure is left in w->code.  `text` is working memory that a
 * thread may keep for its next walk. */
void algoperf_walk_run(algoperf_walk *w, const algoperf_rules *rules, text_buffer *text);

/* "WHAT: why" to the list of what is left out, once.  Errors: PODIUM_ENOMEM. */
int32_t algoperf_leave_out(algoperf_logs *logs, const char *what, const char *why);
/* Number of `name` in a list of owned names, appended when new.  Errors: PODIUM_ENOMEM. */
int32_t algoperf_name_number(char ***list, size_t *n, const char *name);

#endif
