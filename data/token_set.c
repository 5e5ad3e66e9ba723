/* From descriptions to files of ids. */
#include "data/token_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/bpe.h"
#include "data/data_set.h"
#include "data/text_lines.h"

static const char *const splits[SPLITS] = {"train", "valid", "test"};

static int32_t write_file(const char *folder, const char *name, const text_buffer *text)
{
    char path[4096];
    if (text->failed)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate '%s'", name);
    TRY(path_join(path, sizeof path, folder, name));
    return file_write_atomic(path, text->length ? text->data : "", text->length);
}

static int32_t write_ids(const bpe *b, const text_lines *text, const char *folder, int split)
{
    char name[64];
    text_buffer out = {0};
    id_buffer ids = {0};
    int32_t rc = 0;
    for (int64_t i = 0; i < text->count && rc == 0; i++) {
        ids.count = 0;
        rc = bpe_encode(b, text->line[i], strlen(text->line[i]), &ids);
        for (int64_t k = 0; k < ids.count && rc == 0; k++)
            text_print(&out, "%s%d", k ? " " : "", ids.data[k]);
        text_append(&out, "\n", 1);
    }
    snprintf(name, sizeof name, "%s.target.ids", splits[split]);
    if (rc == 0)
        rc = write_file(folder, name, &out);
    id_buffer_release(&ids);
    text_release(&out);
    return rc;
}

/* A token a line as SentencePiece shows it: bytes as <0xHH>, spaces as U+2581. */
static int32_t write_vocabulary(const bpe *b, const char *folder)
{
    text_buffer out = {0}, bytes = {0};
    int32_t rc = 0;
    text_add(&out, "<pad>\t0\n<s>\t0\n</s>\t0\n");
    for (int32_t id = BPE_SPECIALS; id < bpe_count(b) && rc == 0; id++) {
        bytes.length = 0;
        rc = bpe_decode(b, &id, 1, &bytes);
        if (id < BPE_FIRST_MERGE)
            text_print(&out, "<0x%02X>", id - BPE_SPECIALS);
        for (size_t i = 0; i < bytes.length && id >= BPE_FIRST_MERGE; i++)
            if (bytes.data[i] == ' ')
                text_add(&out, "\xE2\x96\x81");
            else
                text_append(&out, bytes.data + i, 1);
        text_print(&out, "\t%d\n", -id);
    }
    if (rc == 0)
        rc = write_file(folder, "vocabulary.vocab", &out);
    text_release(&bytes);
    text_release(&out);
    return rc;
}

static int32_t write_set(const bpe *b, const char *folder, const text_lines text[SPLITS])
{
    text_buffer merges = {0};
    for (int split = 0; split < SPLITS; split++)
        if (text[split].count)
            TRY(write_ids(b, &text[split], folder, split));
    int32_t rc = bpe_write(b, "", &merges);
    if (rc == 0)
        rc = write_file(folder, "bpe.txt", &merges);
    text_release(&merges);
    return rc < 0 ? rc : write_vocabulary(b, folder);
}

/* "SECTION TAB GROUP TAB SHORT TAB LONG" becomes "SHORT. LONG". */
static int32_t read_descriptions(text_lines *out, const char *from, const char *split)
{
    char name[64];
    text_lines rows;
    text_buffer text = {0};
    int32_t rc = 0;
    snprintf(name, sizeof name, "descriptions-%s.tsv", split);
    TRY(text_lines_read(&rows, from, name, NULL));
    for (int64_t i = 0; i < rows.count && rc == 0; i++) {
        char *group = strchr(rows.line[i], '\t'), *line = group ? strchr(group + 1, '\t') : NULL;
        char *rest = line ? strchr(line + 1, '\t') : NULL;
        if (!rest)
            rc = podium_fail(PODIUM_EINVAL, "%s/%s:%lld: expected four columns", from, name,
                             (long long)i + 1);
        else
            text_print(&text, "%.*s. %s\n", (int)(rest - line - 1), line + 1, rest + 1);
    }
    text_lines_release(&rows);
    text_append(&text, "", 0);
    if (rc == 0 && text.failed)
        rc = podium_fail(PODIUM_ENOMEM, "cannot allocate descriptions");
    if (rc == 0)
        return text_lines_split(out, text.data, text.length, name);
    text_release(&text);
    return rc;
}

int32_t token_set_write(const char *from, const char *folder, int32_t merges)
{
    text_lines text[SPLITS] = {0};
    bpe *b = NULL;
    int32_t rc = 0;
    for (int split = 0; split < SPLITS && rc == 0; split++)
        rc = read_descriptions(&text[split], from, splits[split]);
    if (rc == 0)
        rc = directory_create(folder);
    const text_lines *t = &text[SPLIT_TRAIN];
    if (rc == 0 && t->count < 1)
        rc = podium_fail(PODIUM_EINVAL, "%s: no training text", from);
    if (rc == 0)
        rc = bpe_train(&b, (const char *const *)t->line, t->count, merges);
    if (rc == 0)
        rc = write_set(b, folder, text);
    bpe_close(b);
    for (int split = 0; split < SPLITS; split++)
        text_lines_release(&text[split]);
    return rc;
}

bool token_set_present(const char *folder)
{
    char path[4096];
    return path_join(path, sizeof path, folder, "vocabulary.vocab") == 0 && file_exists(path);
}
