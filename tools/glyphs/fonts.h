/* Font files of one family, and the 62 pictures of one font. */
#ifndef PODIUM_TOOLS_GLYPHS_FONTS_H
#define PODIUM_TOOLS_GLYPHS_FONTS_H

#include <stddef.h>
#include <stdint.h>
#include <ft2build.h>
#include FT_FREETYPE_H

enum { GLYPH_SIDE = 28, GLYPH_PIXELS = GLYPH_SIDE * GLYPH_SIDE, GLYPH_CLASSES = 62 };

typedef struct {
    char **path; /* owned, sorted by byte order */
    size_t count;
} font_list;

/* All .ttf and .otf files under `folder` whose family name matches the shell pattern `family`:
 * the first file of each style name in path order, then at most `max` of them, evenly spaced.
 * Files that do not open are left out with a warning.  Errors: -1, with the reason on stderr. */
int font_list_init(font_list *list, FT_Library library, const char *folder, const char *family,
                   size_t max);
void font_list_release(font_list *list);

/* The 62 classes of one font file in class order, cap height 17 px, baseline 7 px above the bottom.
 *   images  [62, 28, 28] u8   255 = full ink
 * Returns 0, or -1 with a warning when the font lacks a Unicode charmap, an 'H' or a class. */
int font_render(uint8_t images[GLYPH_CLASSES][GLYPH_PIXELS], FT_Library library, const char *path);

#endif
