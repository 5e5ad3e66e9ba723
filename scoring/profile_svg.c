/* Performance profiles as a file of their own, for pages that show pictures: it carries its
 * colours, light and dark, and names its lines beside them, best score first.  Submissions that
 * reach no target would all lie on the axis: they are counted, not drawn. */

#include "scoring/board.h"
#include "scoring/site.h"

enum { LEFT = 52, TOP = 30, PLOT_WIDTH = 560, PLOT_HEIGHT = 380, LEGEND_WIDTH = 260, ROW = 18 };
enum { COLOURS = 8, MOST_LINES = 32 };

static const char style[] =
    "text{font:12px system-ui,sans-serif;fill:#57606a}.name{fill:#1b1f24}"
    ".grid{stroke:#d0d7de;stroke-width:.6}polyline,.key{fill:none;stroke-width:1.8}"
    ".c0{stroke:#0b6bcb}.c1{stroke:#c4320a}.c2{stroke:#107c41}.c3{stroke:#8a3ffc}"
    ".c4{stroke:#9a6700}.c5{stroke:#bf3989}.c6{stroke:#05707a}.c7{stroke:#57606a}"
    ".d1{stroke-dasharray:7 3}.d2{stroke-dasharray:2 3}.d3{stroke-dasharray:9 3 2 3}"
    "@media(prefers-color-scheme:dark){text{fill:#9aa4ae}.name{fill:#e6edf3}.grid{stroke:#30363d}"
    ".c0{stroke:#58a6ff}.c1{stroke:#ff7b5c}.c2{stroke:#3fb950}.c3{stroke:#bc8cff}"
    ".c4{stroke:#e3b341}.c5{stroke:#f778ba}.c6{stroke:#39c5cf}.c7{stroke:#9aa4ae}}";

static double place_x(double tau)
{
    return LEFT + PLOT_WIDTH * (tau - 1) / (SCORE_TAU_MAX - 1);
}

static double place_y(double share)
{
    return TOP + PLOT_HEIGHT * (1 - share);
}

static void draw_axes(text_buffer *t)
{
    for (int i = 0; i <= 6; i++) {
        double tau = 1 + 0.5 * i;
        text_print(t,
                   "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                   "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                   place_x(tau), place_x(tau), TOP, TOP + PLOT_HEIGHT, place_x(tau),
                   TOP + PLOT_HEIGHT + 16, tau);
    }
    for (int i = 0; i <= 4; i++)
        text_print(t,
                   "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                   "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                   LEFT, LEFT + PLOT_WIDTH, place_y(0.25 * i), place_y(0.25 * i), LEFT - 6,
                   place_y(0.25 * i) + 4, 0.25 * i);
    text_print(t,
               "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">within this many times the fastest"
               "</text>\n<text x=\"%d\" y=\"%d\">share of the workloads</text>\n",
               LEFT + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT + 34, LEFT, TOP - 10);
}

static void draw_line(text_buffer *t, const board *b, size_t s, size_t line)
{
    const double *rho = b->result.rho + s * SCORE_POINTS;
    double y = TOP + ROW * (0.5 + (double)line);
    text_print(t, "<polyline class=\"c%zu d%zu\" points=\"%.1f,%.1f", line % COLOURS,
               line / COLOURS, place_x(score_tau(0)), place_y(rho[0]));
    for (int i = 1; i < SCORE_POINTS; i++)
        if (rho[i] != rho[i - 1])
            text_print(t, " %.1f,%.1f %.1f,%.1f", place_x(score_tau(i)), place_y(rho[i - 1]),
                       place_x(score_tau(i)), place_y(rho[i]));
    text_print(t, " %.1f,%.1f\"/>\n", place_x(SCORE_TAU_MAX), place_y(rho[SCORE_POINTS - 1]));
    text_print(t,
               "<line class=\"key c%zu d%zu\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
               "<text class=\"name\" x=\"%d\" y=\"%.1f\">",
               line % COLOURS, line / COLOURS, LEFT + PLOT_WIDTH + 16, LEFT + PLOT_WIDTH + 44, y, y,
               LEFT + PLOT_WIDTH + 50, y + 4);
    html_text(t, b->names[s]);
    text_print(t, " %.3f</text>\n", b->result.score[s]);
}

static void draw(text_buffer *t, const board *b)
{
    size_t lines = 0, drawn = 0;
    for (size_t k = 0; k < b->num_submissions; k++)
        lines += b->result.score[k] > 0;
    size_t shown = lines < MOST_LINES ? lines : MOST_LINES;
    int height = TOP + PLOT_HEIGHT + 44, legend = TOP + ROW * (int)(shown + 2);
    text_print(t,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">"
               "<title>Performance profiles: ",
               LEFT + PLOT_WIDTH + LEGEND_WIDTH, legend > height ? legend : height);
    html_text(t, b->title);
    text_print(t, "</title>\n<style>%s</style>\n", style);
    draw_axes(t);
    for (size_t k = 0; k < b->num_submissions && drawn < shown; k++)
        if (b->result.score[b->result.order[k]] > 0)
            draw_line(t, b, b->result.order[k], drawn++);
    if (b->num_submissions > shown)
        text_print(t, "<text x=\"%d\" y=\"%d\">%zu more %s</text>\n", LEFT + PLOT_WIDTH + 16,
                   TOP + ROW * (int)shown + ROW, b->num_submissions - shown,
                   lines > shown ? "are not drawn" : "score 0");
    text_add(t, "</svg>\n");
}

int32_t board_print_svg(const board_list *list, char **out)
{
    text_buffer t = {0};
    draw(&t, &list->items[0]); /* the board of most records; one always is */
    if (t.failed) {
        text_release(&t);
        return podium_fail(PODIUM_ENOMEM, "no memory for a picture");
    }
    *out = t.data;
    return 0;
}
