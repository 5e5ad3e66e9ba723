/* Small helpers on text and files that every floor needs: checked numbers, growing buffers, whole
 * files, paths. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* The whole text is one number ("nan" and "inf" included) or integer; false otherwise. */
bool number_parse(const char *text, double *out);
bool integer_parse(const char *text, int64_t *out);

/* Growing text, always terminated; data is owned by the buffer until text_release.  A failed
 * allocation is sticky: `failed` is set and later appends do nothing. */
typedef struct text_buffer {
    char *data; /* NULL until the first append */
    size_t length, capacity;
    bool failed;
} text_buffer;
void text_append(text_buffer *b, const char *bytes, size_t n);
void text_add(text_buffer *b, const char *s);
void text_print(text_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_quoted(text_buffer *b, const char *s); /* as a JSON string */
void text_release(text_buffer *b);

/* Reads a whole file, terminated by a zero byte that *length does not count; the caller frees.
 * Errors: PODIUM_EIO; PODIUM_EINVAL more than `limit` bytes. */
int32_t file_read(const char *path, size_t limit, char **out, size_t *length);
/* Writes a file through a temporary one, fsync and rename: after a crash the old or the new
 * contents are there, never a mixture.  Errors: PODIUM_EIO. */
int32_t file_write_atomic(const char *path, const void *data, size_t length);
/* The same for a file that is the parts one after another. */
typedef struct file_part {
    const void *data;
    size_t length;
} file_part;
int32_t file_write_parts(const char *path, const file_part *parts, size_t count);
bool file_exists(const char *path);
bool directory_exists(const char *path);
/* Creates the folder and those above it. Errors: PODIUM_EIO. */
int32_t directory_create(const char *path);

/* The path of the file `name` in the folder that `path` is in, into out.
 * Errors: PODIUM_EINVAL a name that leads elsewhere, or when it does not fit. */
int32_t path_sibling(char *out, size_t size, const char *path, const char *name);
/* "a/b" into out. Errors: PODIUM_EINVAL when it does not fit. */
int32_t path_join(char *out, size_t size, const char *a, const char *b);
/* The folder that holds the running executable (no slash at the end). Errors: PODIUM_EIO. */
int32_t path_of_executable(char *out, size_t size);

#endif
