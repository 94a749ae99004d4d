#include "reports/charts.h"

#include <stdio.h>

enum {
    GUTTER = 46,      /* px for y labels */
    ROOM_ABOVE = 18,  /* px over the plot, for the limit's words */
    SHAPES = 1000,    /* width of the inner drawing; its height is 100 */
    TICKS_MAX = 12,
};

/* ---- pieces */

static const char *anchor_at(double x) { return x <= 0.02 ? "start" : x >= 0.98 ? "end" : "middle"; }

static void text_begin(struct html *h, const char *class, double x, double y, const char *anchor)
{
    html_f(h, "<text class=\"%s\" x=\"", class);
    html_percent_at(h, x);
    html_f(h, "\" y=\"%g\" text-anchor=\"%s\">", y, anchor);
}

static void line_at(struct html *h, const char *class, double x, double from, double to)
{
    html_f(h, "<line class=\"%s\" x1=\"", class);
    html_percent_at(h, x);
    html_str(h, STR("\" x2=\""));
    html_percent_at(h, x);
    html_f(h, "\" y1=\"%g\" y2=\"%g\"/>", from, to);
}

static void level_line(struct html *h, const char *class, double y)
{
    html_f(h, "<line class=\"%s\" x1=\"0\" x2=\"100%%\" y1=\"%g\" y2=\"%g\"/>", class, y, y);
}

static void shapes_begin(struct html *h, double top, double height)
{
    html_f(h, "<svg x=\"0\" y=\"%g\" width=\"100%%\" height=\"%g\" viewBox=\"0 0 %d 100\" preserveAspectRatio=\"none\">", top, height, SHAPES);
}

static void gutter_begin(struct html *h, double height)
{
    html_f(h, "<svg class=\"gut\" width=\"%d\" height=\"%g\" aria-hidden=\"true\">", GUTTER, height);
}

static void gutter_text_begin(struct html *h, double y) { html_f(h, "<text class=\"t\" x=\"%d\" y=\"%g\" text-anchor=\"end\">", GUTTER - 8, y); }

/* ---- ticks */

struct ticks {
    double at[TICKS_MAX];
    size_t count;
};

static double nice(double least)
{
    double power = pow(10, floor(log10(least) + 1e-9));
    static const double steps[] = {1, 2, 2.5, 5, 10};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * power >= least * 0.999) return steps[i] * power;
    return 10 * power;
}

/* 2 to 4 levels of an axis from 0 to `top`. */
static struct ticks levels(double top, bool whole)
{
    struct ticks t = {.count = 0};
    double step = nice(top / 4.2);
    if (whole && step != floor(step)) step = fmax(1, bins_nice_step(step));
    for (double y = step; y <= top * 1.0001 && t.count < 4; y += step) t.at[t.count++] = y;
    return t;
}

static void ticks_linear(struct ticks *t, double from, double to, bool integer, size_t most)
{
    double step = nice((to - from) / (double)most);
    if (integer && step < 1) step = 1;
    if (integer && step != floor(step)) step = ceil(step);
    for (double v = ceil(from / step - 1e-9) * step; v <= to * (1 + 1e-9) && t->count < TICKS_MAX; v += step) t->at[t->count++] = v;
}

static void ticks_log(struct ticks *t, double from, double to)
{
    static const double fine[] = {1, 2, 5, 10}, coarse[] = {1, 10};
    double decades = log10(to / from);
    const double *steps = decades < 3 ? fine : coarse;
    size_t n = decades < 3 ? 3 : 1, every = decades > 9 ? 3 : 1;
    for (int e = (int)floor(log10(from)); e <= (int)ceil(log10(to)) && t->count < TICKS_MAX; e += (int)every)
        for (size_t i = 0; i < n && t->count < TICKS_MAX; i++) {
            double v = steps[i] * pow(10, e);
            if (v >= from * 0.9999 && v <= to * 1.0001) t->at[t->count++] = v;
        }
}

static double position(const struct bins_drawn *d, double v)
{
    double a = d->edges[0], b = d->edges[d->count];
    if (d->log) return log(v / a) / log(b / a);
    return (v - a) / (b - a);
}

static void axis_value(struct html *h, double v, const char *unit)
{
    if (strcmp(unit, "bytes") == 0) html_short_bytes(h, v);
    else if (fabs(v) >= 10000) html_short(h, v);
    else html_value(h, v, false);
}

static void x_axis(struct html *h, const struct bins_drawn *d, double base, const char *unit, bool integer)
{
    struct ticks t = {.count = 0};
    if (d->log) ticks_log(&t, d->edges[0], d->edges[d->count]);
    if (!d->log || t.count < 2) t.count = 0, ticks_linear(&t, d->edges[0], d->edges[d->count], integer, 6);
    level_line(h, "axis", base + 0.5);
    for (size_t i = 0; i < t.count; i++) {
        double x = position(d, t.at[i]);
        bool hide = t.count > 6 && i % 2 == 1;
        line_at(h, hide ? "axis w" : "axis", x, base, base + 4);
        text_begin(h, hide ? "t w" : "t", x, base + 16, anchor_at(x));
        axis_value(h, t.at[i], unit);
        html_str(h, STR("</text>"));
    }
}

/* Grid lines and their names; `percent`: levels are shares. */
static void y_axis(struct html *h, const struct ticks *t, double top, double height, double peak, double total, bool percent)
{
    gutter_begin(h, total);
    for (size_t i = 0; i < t->count; i++) {
        gutter_text_begin(h, top + height * (1 - t->at[i] / peak) + 4);
        if (percent) html_f(h, "%g" NARROW "%%", 100 * t->at[i]);
        else html_short(h, t->at[i]);
        html_str(h, STR("</text>"));
    }
    html_str(h, STR("</svg>"));
}

static void grid(struct html *h, const struct ticks *t, double top, double height, double peak)
{
    for (size_t i = 0; i < t->count; i++) level_line(h, "grid", top + height * (1 - t->at[i] / peak));
}

static uint64_t of_classes(const uint64_t n[BINS_CLASSES], unsigned mask)
{
    uint64_t all = 0;
    for (unsigned c = 0; c < BINS_CLASSES; c++) all += mask >> c & 1 ? n[c] : 0;
    return all;
}

/* One path for all bars of some classes: bars whose value is 0 draw nothing. */
static void bars(struct html *h, const char *class, const struct bins_drawn *d, unsigned mask, double peak)
{
    html_f(h, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < d->count; i++) {
        double n = (double)of_classes(d->n[i], mask);
        if (n <= 0) continue;
        double x = position(d, d->edges[i]) * SHAPES, next = position(d, d->edges[i + 1]) * SHAPES;
        html_f(h, "M%.1f 100V%.1fh%.1fV100z", x, fmin(100 - 100 * n / peak, 99.3), next - x);
    }
    html_str(h, STR("\"/>"));
}

static void numbers(struct html *h, const char *name, const struct bins_drawn *d, unsigned mask)
{
    html_f(h, ",\"%s\":[", name);
    for (size_t i = 0; i < d->count; i++) html_f(h, "%s%llu", i ? "," : "", (unsigned long long)of_classes(d->n[i], mask));
    html_str(h, STR("]"));
}

static void edges(struct html *h, const struct bins_drawn *d)
{
    html_str(h, STR(",\"e\":["));
    for (size_t i = 0; i <= d->count; i++) html_f(h, "%s%.10g", i ? "," : "", d->edges[i]);
    html_f(h, "],\"log\":%s", d->log ? "true" : "false");
}

/* ---- a limit */

enum { FAILS = 1 << LIMIT_ONLY | 1 << LIMIT_FAILED | 1 << LIMIT_MARKED, PASSES = 1 << LIMIT_KEPT | 1 << LIMIT_PASSED };

/* Where a bound divides the axis: between a whole number that passes and the next that does not. */
static double divides(const struct limit *l, bool high)
{
    const struct bounds *b = &l->asked->bounds;
    double at = decimal_value(high ? b->high : b->low);
    return l->integer && high != b->strict ? at + 1 : at;
}

struct bins_axis chart_axis(const struct limit *l)
{
    const struct bounds *b = &l->asked->bounds;
    bool low = b->has_low && (!b->has_high || bins_quantile(&l->bins, BINS_ALL, 0) < decimal_value(b->low));
    bool wide = strcmp(l->unit, "bytes") == 0 || strcmp(l->unit, "pixels") == 0;
    return (struct bins_axis){.log = wide, .integer = l->integer, .anchor = b->has_low || b->has_high ? divides(l, !low) : NAN};
}

static void flag_words(struct html *h, const struct limit *l, bool high)
{
    const struct bounds *b = &l->asked->bounds;
    html_f(h, high ? b->strict ? "&lt;" NARROW : "≤" NARROW : b->strict ? "&gt;" NARROW : "≥" NARROW);
    html_value(h, decimal_value(high ? b->high : b->low), l->integer);
    if (b->has_low && b->has_high) return;
    html_str(h, STR(" keeps "));
    html_share(h, bins_total(&l->bins, PASSES), bins_total(&l->bins, BINS_ALL));
}

static void flag(struct html *h, const struct limit *l, const struct bins_drawn *d, double base, bool high)
{
    double at = divides(l, high), first = d->edges[0], last = d->edges[d->count];
    bool beyond = at > last, before = at < first;
    double x = beyond ? 1 : before ? 0 : position(d, at);
    bool left = x > 0.62; /* words stand left of the line */
    if (!beyond && !before) line_at(h, "limit", x, 4, base);
    html_str(h, STR("<text class=\"t b\" x=\""));
    html_percent_at(h, x);
    html_f(h, "\" dx=\"%d\" y=\"12\" text-anchor=\"%s\">", beyond || before ? 0 : left ? -5 : 5, left ? "end" : "start");
    if (before) html_str(h, STR("← "));
    flag_words(h, l, high);
    if (beyond) html_str(h, STR(" →"));
    html_str(h, STR("</text>"));
}

static double peak_of(const struct bins_drawn *d, unsigned mask)
{
    double peak = 1;
    for (size_t i = 0; i < d->count; i++) peak = fmax(peak, (double)of_classes(d->n[i], mask));
    return peak * 1.04;
}

static void plot_begin(struct html *h, double height) { html_f(h, "<svg class=\"plot\" width=\"100%%\" height=\"%g\" role=\"img\" aria-label=\"", height); }

static void limit_data(struct html *h, const struct limit *l, const struct bins_drawn *d, double base)
{
    const struct bounds *b = &l->asked->bounds;
    html_str(h, STR(" data-c='{\"k\":\"limit\""));
    edges(h, d);
    numbers(h, "n", d, BINS_ALL);
    html_f(h, ",\"op\":\"%s\",\"whole\":%s,\"under\":%s,\"over\":%s,\"scale\":%llu,\"about\":\"%s\",\"y\":[4,%g]}'>", b->has_low ? ">" : "<",
           l->integer ? "true" : "false", d->under ? "true" : "false", d->over ? "true" : "false", 1ull << l->level, l->level ? "≈" : "", base);
}

void chart_limit(struct html *h, const struct limit *l, const struct bins_drawn *d)
{
    const double height = 124, total = ROOM_ABOVE + height + 22, base = ROOM_ABOVE + height;
    const struct bounds *b = &l->asked->bounds;
    double peak = peak_of(d, BINS_ALL);
    struct ticks t = levels(peak, true);
    html_str(h, STR("<div class=\"chart\">"));
    y_axis(h, &t, ROOM_ABOVE, height, peak, total, false);
    plot_begin(h, total);
    html_str(h, STR("Rows by what "));
    html_attribute(h, str_from(l->rule->name));
    html_str(h, STR(" measures; its limit keeps "));
    html_share(h, bins_total(&l->bins, PASSES), bins_total(&l->bins, BINS_ALL));
    html_str(h, STR("; the table below gives what other limits keep\""));
    limit_data(h, l, d, base);
    grid(h, &t, ROOM_ABOVE, height, peak);
    shapes_begin(h, ROOM_ABOVE, height);
    bars(h, "drop", d, BINS_ALL, peak); /* each from the axis: a bar that the limit divides shows both parts */
    bars(h, "pass", d, PASSES | 1 << LIMIT_MARKED, peak);
    bars(h, "keep", d, 1 << LIMIT_KEPT | 1 << LIMIT_MARKED, peak);
    html_str(h, STR("</svg>"));
    x_axis(h, d, base, l->unit, l->integer);
    if (b->has_low) flag(h, l, d, base, false);
    if (b->has_high) flag(h, l, d, base, true);
    html_str(h, STR("</svg></div>"));
}

/* ---- distributions */

void chart_score(struct html *h, const char *name, const struct bins_drawn *d)
{
    const double height = 116, top = 6, total = top + height + 22, base = top + height;
    double peak = peak_of(d, BINS_ALL);
    struct ticks t = levels(peak, true);
    html_str(h, STR("<div class=\"chart\">"));
    y_axis(h, &t, top, height, peak, total, false);
    plot_begin(h, total);
    html_str(h, STR("Rows by "));
    html_attribute(h, str_from(name));
    html_str(h, STR("\" data-c='{\"k\":\"bars\",\"u\":\"\""));
    edges(h, d);
    numbers(h, "n", d, BINS_ALL);
    numbers(h, "c", d, 1 << ROW_KEPT);
    html_f(h, ",\"whole\":false,\"under\":%s,\"over\":%s,\"y\":[4,%g]}'>", d->under ? "true" : "false", d->over ? "true" : "false", base);
    grid(h, &t, top, height, peak);
    shapes_begin(h, top, height);
    bars(h, "all", d, BINS_ALL, peak);
    bars(h, "keep", d, 1 << ROW_KEPT, peak);
    html_str(h, STR("</svg>"));
    x_axis(h, d, base, "", false);
    html_str(h, STR("</svg></div>"));
}

static double total_of(const struct bins_drawn *d, unsigned mask)
{
    double all = 0;
    for (size_t i = 0; i < d->count; i++) all += (double)of_classes(d->n[i], mask);
    return all;
}

/* The corpus as the line over its bars' tops. */
static void step_line(struct html *h, const struct bins_drawn *d, double kept, double peak)
{
    if (kept <= 0) return;
    html_str(h, STR("<path class=\"step\" d=\""));
    for (size_t i = 0; i < d->count; i++) {
        double y = 100 - 100 * (double)d->n[i][ROW_KEPT] / kept / peak;
        double next = position(d, d->edges[i + 1]) * SHAPES;
        if (i == 0) html_f(h, "M0 %.1f", y);
        html_f(h, "V%.1fH%.1f", y, next);
    }
    html_str(h, STR("\"/>"));
}

void chart_shares(struct html *h, const struct chart_shares *c)
{
    const struct bins_drawn *d = c->d;
    const double height = 116, top = 6, total = top + height + 22, base = top + height;
    double rows = total_of(d, BINS_ALL), kept = total_of(d, 1 << ROW_KEPT), peak = 0.001;
    for (size_t i = 0; i < d->count; i++) {
        peak = fmax(peak, (double)of_classes(d->n[i], BINS_ALL) / rows);
        if (kept > 0) peak = fmax(peak, (double)d->n[i][ROW_KEPT] / kept);
    }
    peak *= 1.04;
    struct ticks t = levels(peak, false);
    html_str(h, STR("<div class=\"chart\">"));
    y_axis(h, &t, top, height, peak, total, true);
    plot_begin(h, total);
    html_attribute(h, str_from(c->label));
    html_f(h, "\" data-c='{\"k\":\"bars\",\"u\":\"%s\"", c->unit);
    edges(h, d);
    numbers(h, "n", d, BINS_ALL);
    numbers(h, "c", d, 1 << ROW_KEPT);
    html_f(h, ",\"whole\":%s,\"under\":%s,\"over\":%s,\"y\":[4,%g]}'>", c->integer ? "true" : "false", d->under ? "true" : "false",
           d->over ? "true" : "false", base);
    grid(h, &t, top, height, peak);
    shapes_begin(h, top, height);
    bars(h, "all", d, BINS_ALL, peak * rows);
    step_line(h, d, kept, peak);
    html_str(h, STR("</svg>"));
    x_axis(h, d, base, c->unit, c->integer);
    html_str(h, STR("</svg></div>"));
}

/* ---- concentration */

struct concentration {
    double count;
    double place[128];
    double rows[128], kept[128];
    size_t n;
};

/* Running sums at about equal ratios of the rank. */
static void sums(struct concentration *c, const struct frequent *t)
{
    double rows = 0, kept = 0, next = 1;
    c->count = (double)t->count;
    for (size_t i = 0; i < t->count && c->n < 127; i++) {
        rows += (double)t->items[i].n[N_ROWS];
        kept += (double)t->items[i].n[N_KEPT];
        if ((double)(i + 1) < next && i + 1 < t->count) continue;
        c->place[c->n] = (double)(i + 1);
        c->rows[c->n] = rows;
        c->kept[c->n++] = kept;
        next = fmax(next + 1, next * pow(c->count, 1.0 / 110));
    }
}

static void curve(struct html *h, const char *class, const struct concentration *c, const double *sum, double all)
{
    if (all <= 0) return;
    html_f(h, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < c->n; i++)
        html_f(h, "%c%.1f %.2f", i ? 'L' : 'M', SHAPES * log(c->place[i]) / log(fmax(c->count, 2)), 100 - 100 * sum[i] / all);
    html_str(h, STR("\"/>"));
}

static void curve_data(struct html *h, const struct concentration *c, uint64_t rows, uint64_t kept, double top, double base)
{
    html_f(h, " data-c='{\"k\":\"curve\",\"log\":true,\"all\":%llu,\"kept\":%llu,\"e\":[", (unsigned long long)rows, (unsigned long long)kept);
    for (size_t i = 0; i < c->n; i++) html_f(h, "%s%.0f", i ? "," : "", c->place[i]);
    html_str(h, STR("],\"n\":["));
    for (size_t i = 0; i < c->n; i++) html_f(h, "%s%.0f", i ? "," : "", c->rows[i]);
    html_str(h, STR("],\"c\":["));
    for (size_t i = 0; i < c->n; i++) html_f(h, "%s%.0f", i ? "," : "", c->kept[i]);
    html_f(h, "],\"y\":[%g,%g]}'>", top, base);
}

void chart_concentration(struct html *h, const struct frequent *t, uint64_t rows, uint64_t kept)
{
    const double height = 180, top = 8, total = top + height + 36, base = top + height;
    struct concentration c = {.n = 0};
    sums(&c, t);
    struct ticks y = {{0.25, 0.5, 0.75, 1}, 4};
    html_str(h, STR("<div class=\"chart\">"));
    y_axis(h, &y, top, height, 1, total, true);
    plot_begin(h, total);
    html_str(h, STR("Share of rows and of the corpus that the largest domains hold\""));
    curve_data(h, &c, rows, kept, top, base);
    grid(h, &y, top, height, 1);
    shapes_begin(h, top, height);
    curve(h, "curve of-all", &c, c.rows, (double)rows);
    curve(h, "curve", &c, c.kept, (double)kept);
    html_str(h, STR("</svg>"));
    level_line(h, "axis", base + 0.5);
    struct ticks x = {.count = 0};
    ticks_log(&x, 1, fmax(c.count, 2));
    for (size_t i = 0; i < x.count; i++) {
        double at = log(x.at[i]) / log(fmax(c.count, 2));
        line_at(h, "axis", at, base, base + 4);
        text_begin(h, "t", at, base + 16, anchor_at(at));
        html_short(h, x.at[i]);
        html_str(h, STR("</text>"));
    }
    text_begin(h, "t", 0.5, base + 32, "middle");
    html_str(h, STR("domains, largest first</text></svg></div>"));
}
