/* Builds the glyph image set: renders the families of a table, drops duplicate and ambiguous
 * pictures, and writes IDX files.
 *   glyphs FAMILIES.tsv FONTS_DIR OUT_DIR
 * FONTS_DIR holds one unpacked folder a font package.  Same outlines, same bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fonts.h"

enum { TRAIN, VALID, TEST, SPLITS };
enum { PART_IMAGES = 6000 }; /* images in one file: keeps every compressed file below 1 MiB */

static const char *const split_name[SPLITS] = {"train", "valid", "test"};
static const size_t split_styles[SPLITS] = {7, 2, 2}; /* at most so many fonts a family */

typedef struct {
    uint64_t hash;
    uint8_t split;
    uint8_t label;
    uint8_t drop;
    uint8_t pixels[GLYPH_PIXELS];
} glyph;

typedef struct {
    glyph *item;
    size_t count, room;
} glyph_set;

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash_bytes(const uint8_t *bytes, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
    return h;
}

static int set_add(glyph_set *set, uint8_t split, uint8_t label, const uint8_t *pixels)
{
    if (set->count == set->room) {
        size_t room = set->room ? 2 * set->room : 4096;
        glyph *grown = realloc(set->item, room * sizeof *grown);
        if (!grown)
            return -1;
        set->item = grown;
        set->room = room;
    }
    glyph *g = &set->item[set->count++];
    *g = (glyph){.hash = hash_bytes(pixels, GLYPH_PIXELS), .split = split, .label = label};
    memcpy(g->pixels, pixels, GLYPH_PIXELS);
    return 0;
}

/* Renders one family into the set; 0 fonts is an error, since the table is curated. */
static int add_family(glyph_set *set, FT_Library library, const char *folder, const char *family,
                      uint8_t split)
{
    font_list fonts;
    size_t rendered = 0;
    int rc = font_list_init(&fonts, library, folder, family, split_styles[split]);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < fonts.count; i++) {
        uint8_t images[GLYPH_CLASSES][GLYPH_PIXELS];
        if (font_render(images, library, fonts.path[i]))
            continue;
        rendered++;
        for (uint8_t k = 0; !rc && k < GLYPH_CLASSES; k++)
            rc = set_add(set, split, k, images[k]);
    }
    font_list_release(&fonts);
    if (!rc && !rendered) {
        fprintf(stderr, "glyphs: no usable font of family '%s' under '%s'\n", family, folder);
        rc = -1;
    }
    return rc;
}

/* One row: package, family pattern, split, then columns that are for people. */
static int add_row(glyph_set *set, FT_Library library, const char *fonts, char *row)
{
    char *save = NULL;
    const char *package = strtok_r(row, "\t\n", &save);
    const char *family = strtok_r(NULL, "\t\n", &save);
    const char *split = strtok_r(NULL, "\t\n", &save);
    char folder[4096];
    if (!package || *package == '#')
        return 0;
    for (uint8_t s = 0; split && s < SPLITS; s++) {
        if (strcmp(split, split_name[s]))
            continue;
        int n = snprintf(folder, sizeof folder, "%s/%s", fonts, package);
        if (n < 0 || (size_t)n >= sizeof folder)
            return -1;
        return add_family(set, library, folder, family, s);
    }
    fprintf(stderr, "glyphs: row of '%s': split must be train, valid or test\n", package);
    return -1;
}

static int read_families(glyph_set *set, FT_Library library, const char *table, const char *fonts)
{
    char row[1024];
    int rc = 0;
    FILE *f = fopen(table, "r");
    if (!f) {
        fprintf(stderr, "glyphs: cannot open '%s': %s\n", table, strerror(errno));
        return -1;
    }
    while (!rc && fgets(row, sizeof row, f))
        rc = add_row(set, library, fonts, row);
    fclose(f);
    return rc;
}

/* By hash, then bytes: a fixed shuffle with equal pictures side by side, train first. */
static int compare_glyphs(const void *pa, const void *pb)
{
    const glyph *a = pa, *b = pb;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    int c = memcmp(a->pixels, b->pixels, GLYPH_PIXELS);
    if (c)
        return c;
    return a->split != b->split ? a->split - b->split : a->label - b->label;
}

/* Of equal pictures the first stays, whatever its split; none when their labels disagree. */
static void drop_repeats(glyph_set *set)
{
    for (size_t i = 0, end; i < set->count; i = end) {
        int ambiguous = 0;
        for (end = i + 1; end < set->count; end++) {
            if (memcmp(set->item[i].pixels, set->item[end].pixels, GLYPH_PIXELS))
                break;
            ambiguous |= set->item[end].label != set->item[i].label;
            set->item[end].drop = 1;
        }
        set->item[i].drop = ambiguous != 0;
    }
}

/* Keeps one split of the set, in order.  Returns its length. */
static size_t select_split(const glyph **out, const glyph_set *set, uint8_t split)
{
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->item[i].split == split && !set->item[i].drop)
            out[n++] = &set->item[i];
    return n;
}

static void put_be32(FILE *f, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        putc((int)(v >> shift & 255), f);
}

/* An IDX file of unsigned bytes: images [n, 28, 28], or labels [n]. */
static int write_idx(const char *path, const glyph *const *g, size_t n, int images)
{
    FILE *f = fopen(path, "wb");
    if (!f) {
        fprintf(stderr, "glyphs: cannot write '%s': %s\n", path, strerror(errno));
        return -1;
    }
    put_be32(f, images ? 0x803 : 0x801);
    put_be32(f, (uint32_t)n);
    if (images) {
        put_be32(f, GLYPH_SIDE);
        put_be32(f, GLYPH_SIDE);
    }
    for (size_t i = 0; i < n; i++)
        fwrite(images ? g[i]->pixels : &g[i]->label, 1, images ? GLYPH_PIXELS : 1, f);
    int failed = ferror(f);
    if (fclose(f) || failed) {
        fprintf(stderr, "glyphs: cannot write '%s'\n", path);
        return -1;
    }
    return 0;
}

/* Images in one file, or in numbered parts when there are more than fit; labels in one file. */
static int write_split(const char *folder, const char *name, const glyph *const *g, size_t n)
{
    char path[4096];
    int rc = 0;
    for (size_t part = 0, at = 0; !rc && at < n; part++, at += PART_IMAGES) {
        size_t len = n - at < PART_IMAGES ? n - at : PART_IMAGES;
        if (n > PART_IMAGES)
            snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte.%zu", folder, name, part);
        else
            snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, name);
        rc = write_idx(path, g + at, len, 1);
    }
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, name);
    return rc ? rc : write_idx(path, g, n, 0);
}

static void print_counts(const char *name, const glyph *const *g, size_t n)
{
    size_t of_class[GLYPH_CLASSES] = {0}, low = n, high = 0;
    for (size_t i = 0; i < n; i++)
        of_class[g[i]->label]++;
    for (size_t k = 0; k < GLYPH_CLASSES; k++) {
        low = of_class[k] < low ? of_class[k] : low;
        high = of_class[k] > high ? of_class[k] : high;
    }
    printf("%s: %zu images, %zu to %zu a class\n", name, n, low, high);
}

int main(int argc, char **argv)
{
    FT_Library library = NULL;
    glyph_set set = {0};
    const glyph **chosen = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: glyphs FAMILIES.tsv FONTS_DIR OUT_DIR\n");
        return 2;
    }
    int rc = FT_Init_FreeType(&library) ? -1 : read_families(&set, library, argv[1], argv[2]);
    if (!rc && set.count)
        chosen = calloc(set.count, sizeof *chosen);
    if (rc || !chosen) {
        fprintf(stderr, "glyphs: nothing written\n");
        rc = -1;
        goto done;
    }
    qsort(set.item, set.count, sizeof *set.item, compare_glyphs);
    drop_repeats(&set);
    for (uint8_t s = 0; !rc && s < SPLITS; s++) {
        size_t n = select_split(chosen, &set, s);
        print_counts(split_name[s], chosen, n);
        rc = write_split(argv[3], split_name[s], chosen, n);
    }
done:
    free(chosen);
    free(set.item);
    FT_Done_FreeType(library);
    return rc ? 1 : 0;
}
