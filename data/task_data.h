/* Examples of classification, pair and regression tasks, from the files their publishers use. */
#ifndef DATA_TASK_DATA_H
#define DATA_TASK_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define TASK_MAX_CLASSES 256

/* How an example is laid out:
 *   TASK_TSV      columns by number (from 0), or by name when there is a header; .tsv, the others
 * .jsonl TASK_JSON     fields by name, one object a line TASK_COPA     the premise with the
 * question; both choices; which of them TASK_MULTIRC  an example an answer: the passage; the
 * question and that answer; whether it is right TASK_WSC      the text with the pronoun between
 * asterisks; the noun; whether it is meant */
typedef enum { TASK_TSV, TASK_JSON, TASK_COPA, TASK_MULTIRC, TASK_WSC } task_layout;

/* The files of one task; ends with a NULL name. */
typedef struct task_format {
    const char *name;  /* "sst2", "cola", "mrpc", ..., "boolq", "rte-superglue", ...; "tsv": ours */
    const char *first; /* column or field of the first sentence */
    const char *second;  /* NULL: single sentences */
    const char *label;   /* class, or score when `scores` */
    const char *classes; /* names in order of their numbers, "|" between; NULL: as they come */
    int scores;          /* labels are numbers */
    task_layout layout;
    /* Of TSV files without labels: the header's name of `first` where `first` is a number. */
    const char *first_unlabelled;
    int drops_short; /* the publisher's file has rows that lack columns, which nobody counts */
} task_format;
extern const task_format task_formats[];
const task_format *task_format_find(const char *name); /* NULL: unknown */

typedef struct task_example {
    char *first, *second; /* second NULL: a single sentence */
    int32_t label;        /* -1: withheld, or a score */
    bool has_score;
    double score;
} task_example;

typedef struct task_data {
    task_example *examples; /* owned, texts too */
    int64_t count, capacity;
    char *classes[TASK_MAX_CLASSES]; /* names, owned */
    int32_t class_count;
} task_data;

/* Adds the examples of one file to `io` (start with {0}); classes keep their numbers over the files
 * of a task.  Our own "tsv" is LABEL TAB SENTENCE [TAB SECOND [TAB SCORE]].  A TSV file whose
 * header lacks the label's column (GLUE's test.tsv) has withheld labels, as objects without it.
 * Errors: PODIUM_EINVAL "NAME:LINE: ..." a column that is missing, a label out of the list, damaged
 * JSON; PODIUM_ENOMEM.  io stays valid. */
int32_t task_data_parse(task_data *io, const task_format *format, const char *text, size_t length,
                        const char *name);
/* The same from a file, plain or gzip. */
int32_t task_data_read(task_data *io, const task_format *format, const char *path);
void task_data_release(task_data *d);

#endif
