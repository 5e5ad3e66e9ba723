/* Finds font files by family name and renders digits and Latin letters with FreeType.
 * Outlines are read in font units and scaled here, so that no driver's rounding of sizes and no
 * hinting enters: the pixels depend on the outline and on FreeType's gray rasteriser alone. */
#include "fonts.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include FT_BBOX_H
#include FT_OUTLINE_H

enum { CAP_HEIGHT = 17, BASELINE = 7 }; /* pixels */

static int warn(const char *path, const char *why)
{
    fprintf(stderr, "glyphs: skipped '%s': %s\n", path, why);
    return -1;
}

static int list_add(font_list *list, const char *path)
{
    char **grown = realloc(list->path, (list->count + 1) * sizeof *grown);
    if (!grown)
        return -1;
    list->path = grown;
    list->path[list->count] = strdup(path);
    return list->path[list->count] ? (list->count++, 0) : -1;
}

static int is_font(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".ttf") || !strcasecmp(dot, ".otf"));
}

/* Adds every regular font file below `folder`; symbolic links are not followed. */
static int list_walk(font_list *list, const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return warn(folder, "cannot open folder");
    int rc = 0;
    for (const struct dirent *e; !rc && (e = readdir(dir));) {
        char path[4096];
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        int n = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (n < 0 || (size_t)n >= sizeof path || lstat(path, &st))
            rc = warn(e->d_name, "cannot read its status");
        else if (S_ISDIR(st.st_mode))
            rc = list_walk(list, path);
        else if (S_ISREG(st.st_mode) && is_font(path))
            rc = list_add(list, path);
    }
    closedir(dir);
    return rc;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_has(const font_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->path[i], text))
            return 1;
    return 0;
}

/* Does the file belong to the family with a style not yet in `styles`?  Remembers the style. */
static int is_wanted(FT_Library library, const char *path, const char *family, font_list *styles)
{
    FT_Face face;
    if (FT_New_Face(library, path, 0, &face)) {
        warn(path, "FreeType cannot open it");
        return 0;
    }
    const char *style = face->style_name ? face->style_name : "";
    int wanted = face->family_name && !fnmatch(family, face->family_name, 0);
    if (wanted) {
        char key[512]; /* a pattern may cover several families with equal style names */
        snprintf(key, sizeof key, "%s/%s", face->family_name, style);
        wanted = !list_has(styles, key) && !list_add(styles, key);
    }
    FT_Done_Face(face);
    return wanted;
}

void font_list_release(font_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (font_list){0};
}

int font_list_init(font_list *list, FT_Library library, const char *folder, const char *family,
                   size_t max)
{
    font_list all = {0}, styles = {0}, kept = {0};
    *list = (font_list){0};
    int rc = list_walk(&all, folder);
    if (all.count)
        qsort(all.path, all.count, sizeof *all.path, compare_paths);
    for (size_t i = 0; !rc && i < all.count; i++)
        if (is_wanted(library, all.path[i], family, &styles))
            rc = list_add(&kept, all.path[i]);
    size_t n = kept.count < max ? kept.count : max;
    for (size_t i = 0; !rc && i < n; i++)
        rc = list_add(list, kept.path[i * kept.count / n]);
    font_list_release(&all);
    font_list_release(&styles);
    font_list_release(&kept);
    if (rc)
        font_list_release(list);
    return rc;
}

/* Loads a character's outline in font units, with its exact box; -1 when absent or without ink. */
static int load_outline(FT_Face face, unsigned code, FT_BBox *box)
{
    FT_UInt index = FT_Get_Char_Index(face, code);
    if (!index || FT_Load_Glyph(face, index, FT_LOAD_NO_SCALE | FT_LOAD_NO_HINTING))
        return -1;
    if (face->glyph->format != FT_GLYPH_FORMAT_OUTLINE || !face->glyph->outline.n_contours)
        return -1;
    FT_Outline_Get_BBox(&face->glyph->outline, box);
    return box->xMax > box->xMin && box->yMax > box->yMin ? 0 : -1;
}

/* Font units to 26.6 pixels by `scale` (16.16), centred horizontally; ink outside is clipped. */
static int render_class(uint8_t *image, FT_Library library, FT_Face face, unsigned code,
                        FT_Fixed scale)
{
    FT_BBox box;
    if (load_outline(face, code, &box))
        return -1;
    FT_Outline *outline = &face->glyph->outline;
    FT_Matrix matrix = {.xx = scale, .yy = scale};
    FT_Outline_Transform(outline, &matrix);
    FT_Pos ink = FT_MulFix(box.xMin, scale) + FT_MulFix(box.xMax, scale);
    FT_Outline_Translate(outline, (GLYPH_SIDE * 64 - ink) / 2, BASELINE * 64);
    FT_Bitmap bitmap = {
        .rows = GLYPH_SIDE,
        .width = GLYPH_SIDE,
        .pitch = GLYPH_SIDE,
        .buffer = image,
        .num_grays = 256,
        .pixel_mode = FT_PIXEL_MODE_GRAY,
    };
    memset(image, 0, GLYPH_PIXELS);
    return FT_Outline_Get_Bitmap(library, outline, &bitmap) ? -1 : 0;
}

int font_render(uint8_t images[GLYPH_CLASSES][GLYPH_PIXELS], FT_Library library, const char *path)
{
    static const char classes[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    FT_Face face;
    FT_BBox cap;
    if (FT_New_Face(library, path, 0, &face))
        return warn(path, "FreeType cannot open it");
    int rc = 0;
    if (FT_Select_Charmap(face, FT_ENCODING_UNICODE))
        rc = warn(path, "no Unicode charmap");
    else if (load_outline(face, 'H', &cap) || cap.yMax <= 0)
        rc = warn(path, "no 'H'");
    for (size_t k = 0; !rc && k < GLYPH_CLASSES; k++)
        if (render_class(images[k], library, face, (unsigned)classes[k],
                         FT_DivFix(CAP_HEIGHT * 64, cap.yMax)))
            rc = warn(path, "a digit or letter is missing or has no ink");
    FT_Done_Face(face);
    return rc;
}
