/* What a user names to be raced: a .so, a class in Python, a folder with submission.yaml, or
 * a name. */
#ifndef HARNESS_SUBMISSION_FOLDER_H
#define HARNESS_SUBMISSION_FOLDER_H

#include "base/yaml.h"

typedef struct submission_folder {
    char name[128]; /* for results folders and tables */
    char so_path[4096];
    char folder[4200];             /* that holds submission.yaml, "" if none does */
    yaml_document *document;       /* of submission.yaml, or NULL; owned */
    const yaml_node *settings;     /* its hyperparameters, or NULL */
    const yaml_node *search_space; /* or NULL */
    const char *url;               /* where submission.yaml says the source is, or NULL */
} submission_folder;

/* A path of a .so: its file name, at its defaults.  FILE.py:CLASS: the class, likewise.  A folder:
 * its submission.yaml (name, authors, licence, ruleset, description, url, optimizer,
 * hyperparameters, search_space, batch_size), its .so is submission.so or that of `optimizer`.  A
 * name: HOME/submissions/NAME, else the optimizer NAME at its defaults.  Errors: PODIUM_EINVAL with
 * what was looked for, or file and line. */
int32_t submission_folder_init(submission_folder *s, const char *what);
void submission_folder_release(submission_folder *s);

#endif
