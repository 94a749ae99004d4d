/* Width by height, both logarithmic: hue by what most of a cell's pictures met at the rules about pictures, opacity by how many
 * they are. */
#include "reports/charts.h"

enum {
    LEVELS = 6,
    OCTAVES = 12, /* of named lines: 25 px to 51,200 */
    CELLS_LEAST = 3 * MAP_PER_OCTAVE, /* a side: pictures of one size are a cell, not a wall */
};

struct frame { /* the cells that are shown */
    size_t from, to;
    double side;
};

static uint64_t in_cell(const struct stats *s, size_t x, size_t y)
{
    const uint64_t *n = s->map[x][y];
    return n[MAP_KEPT] + n[MAP_OTHER] + n[MAP_PICTURE];
}

static struct frame frame_of(const struct stats *s)
{
    struct frame f = {MAP_SIDE, 0, 0};
    for (size_t x = 0; x < MAP_SIDE; x++)
        for (size_t y = 0; y < MAP_SIDE; y++) {
            if (!in_cell(s, x, y)) continue;
            size_t low = x < y ? x : y, high = x > y ? x : y;
            if (low < f.from) f.from = low;
            if (high + 1 > f.to) f.to = high + 1;
        }
    if (f.from > f.to) f.from = 8, f.to = 32;
    f.from = f.from > 1 ? f.from - 1 : 0;
    f.to = f.to + 1 < MAP_SIDE ? f.to + 1 : MAP_SIDE;
    while (f.to - f.from < CELLS_LEAST) {
        if (f.to < MAP_SIDE) f.to++;
        if (f.from > 0) f.from--;
    }
    f.side = (double)(f.to - f.from);
    return f;
}

static double place(const struct stats *s, const struct frame *f, double pixels)
{
    return (log2(pixels / s->map_edges[0]) * MAP_PER_OCTAVE - (double)f->from) / f->side;
}

/* Least pictures of each level: at first equal steps of a ratio, up to the fullest cell. */
static void lay_levels(const struct stats *s, double least[LEVELS])
{
    double top = 1;
    for (size_t x = 0; x < MAP_SIDE; x++)
        for (size_t y = 0; y < MAP_SIDE; y++) top = fmax(top, (double)in_cell(s, x, y));
    double ratio = pow(fmax(top / 1.6, LEVELS), 1.0 / (LEVELS - 1));
    least[0] = 1;
    for (int i = 1; i < LEVELS; i++) least[i] = fmax(least[i - 1] + 1, bins_digits(pow(ratio, i), 1));
}

static void cells(struct html *h, const struct stats *s, const struct frame *f, const double least[LEVELS])
{
    for (int kept = 0; kept < 2; kept++)
        for (int level = 0; level < LEVELS; level++) {
            bool any = false;
            for (size_t x = f->from; x < f->to; x++)
                for (size_t y = f->from; y < f->to; y++) {
                    double n = (double)in_cell(s, x, y), k = n - (double)s->map[x][y][MAP_PICTURE];
                    if (n < least[level] || (level + 1 < LEVELS && n >= least[level + 1]) || (2 * k >= n) != (kept == 1)) continue;
                    if (!any) html_f(h, "<path class=\"%s o%d\" d=\"", kept ? "keep" : "drop", level + 1);
                    any = true;
                    html_f(h, "M%zu %zuh1v1h-1z", x - f->from, f->to - 1 - y);
                }
            if (any) html_str(h, STR("\"/>"));
        }
}

/* The region that min_side and aspect rules keep, where the run has them. */
static void region(struct html *h, const struct stats *s, const struct frame *f)
{
    double side = 0, ratio = 0;
    for (size_t i = 0; i < s->limits.count; i++) {
        const struct limit *l = &s->limits.list[i];
        if (strcmp(l->asked->filter->name, "image.min_side") == 0) side = decimal_value(l->asked->bounds.low);
        if (strcmp(l->asked->filter->name, "image.aspect") == 0) ratio = decimal_value(l->asked->bounds.high);
    }
    if (!(side > 0)) return;
    double n = f->side, at = place(s, f, side) * n, far = ratio > 0 ? log2(ratio) * MAP_PER_OCTAVE : n;
    if (at < 0 || at > n) return;
    double end = fmin(at + far, n);
    html_f(h, "<path class=\"region\" d=\"M%.2f %.2fH%.2fM%.2f %.2fV%.2f", at, n - at, end, at, n - at, n - end);
    if (ratio > 0 && at + far < n) html_f(h, "M%.2f %.2fL%.2f %.2fM%.2f %.2fL%.2f 0", end, n - at, n, far, at, n - end, n - far);
    html_str(h, STR("\"/>"));
}

static void axis_names(struct html *h, const struct stats *s, const struct frame *f, const char *class, const char *side)
{
    html_f(h, "<div class=\"%s\" aria-hidden=\"true\">", class);
    for (int i = 0; i < OCTAVES; i++) {
        double pixels = 25 << i, at = place(s, f, pixels);
        if (at < 0.01 || at > 0.99) continue;
        html_f(h, "<span%s style=\"%s:", i % 2 ? "" : " class=\"w\"", side);
        html_percent_at(h, at);
        html_str(h, STR("\">"));
        html_count(h, (uint64_t)pixels);
        html_str(h, STR("</span>"));
    }
    html_str(h, STR("</div>"));
}

static void grid_lines(struct html *h, const struct stats *s, const struct frame *f)
{
    for (int i = 0; i < OCTAVES; i++) {
        double at = place(s, f, 25 << i);
        if (at < 0 || at > 1) continue;
        html_f(h, "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>", 100 * at, 100 * at);
        html_f(h, "<line class=\"grid\" y1=\"%.2f%%\" y2=\"%.2f%%\" x1=\"0\" x2=\"100%%\"/>", 100 - 100 * at, 100 - 100 * at);
    }
}

void chart_map(struct html *h, const struct stats *s)
{
    struct frame f = frame_of(s);
    double least[LEVELS];
    lay_levels(s, least);
    html_str(h, STR("<div class=\"map\">"));
    axis_names(h, s, &f, "ylab", "bottom");
    html_str(h, STR("<svg class=\"plot\" role=\"img\" aria-label=\"Width by height of "));
    html_count(h, s->pictures);
    html_f(h, " pictures; medians and the most frequent sizes stand beside it\">");
    grid_lines(h, s, &f);
    html_f(h, "<svg width=\"100%%\" height=\"100%%\" viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\">", f.side, f.side);
    cells(h, s, &f, least);
    region(h, s, &f);
    html_str(h, STR("</svg></svg>"));
    axis_names(h, s, &f, "xlab", "left");
    html_str(h, STR("</div><p class=\"key\">pictures a cell, at least"));
    for (int i = 0; i < LEVELS; i++) {
        html_f(h, " <i class=\"o%d\"></i><span>", i + 1);
        html_short(h, least[i]);
        html_str(h, STR("</span>"));
    }
    html_str(h, STR("</p>"));
}
