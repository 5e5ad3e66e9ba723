/* Numbers and texts of tables. */
#include "scoring/table_text.h"

#include <math.h>
#include <string.h>

void csv_text(text_buffer *t, const char *s)
{
    text_add(t, strchr("=+-@", s[0]) && s[0] ? "\"'" : "\"");
    for (; *s; s++) {
        if (*s == '"')
            text_add(t, "\"");
        text_append(t, s, 1);
    }
    text_add(t, "\"");
}

void markdown_text(text_buffer *t, const char *s)
{
    for (; *s; s++) {
        if (strchr("|\\`*_{}[]<>#!&", *s))
            text_add(t, "\\");
        text_append(t, (unsigned char)*s < ' ' ? " " : s, 1);
    }
}

void plain_text(text_buffer *t, const char *s, int width)
{
    int n = 0;
    for (; s[n] && (!width || n < width); n++) {
        unsigned char c = (unsigned char)s[n];
        text_append(t, c < ' ' || c == 127 ? "?" : s + n, 1);
    }
    for (; n < width; n++)
        text_add(t, " ");
}

void table_number(text_buffer *t, double x, int width)
{
    if (isfinite(x))
        text_print(t, "%*.*f", width, x < 100 ? 2 : 1, x);
    else
        text_print(t, "%*s", width, "-");
}
