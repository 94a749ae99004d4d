/* The staircase: rows left after each rule. Log scale, so that equal heights are equal shares lost. */
#include "reports/charts.h"

#include <stdio.h>

enum { GUTTER = 46, HEIGHT = 210, TOP = 10, UNITS = 10 /* of the drawing a rule's slot */ };

struct stairs {
    double width;       /* slots */
    double high, low;   /* rows at the top and at the bottom */
    double left;        /* rows at the moment */
};

static bool is_asked(const struct funnel_rule *rule) { return !rule->unserved && !rule->done_by && !rule->marked; }

static double slots_of(const struct funnel_step *s)
{
    double n = 0;
    for (size_t i = 0; i < s->rule_count; i++) n += is_asked(&s->rules[i]);
    return fmax(n, 2);
}

static double y_of(const struct stairs *t, double rows)
{
    double y = rows > 0 ? log(t->high / rows) / log(t->high / t->low) : 1;
    return fmin(fmax(y, 0), 1);
}

static void area(struct html *h, const struct stairs *t, double x, double width)
{
    html_f(h, "M%.1f 100V%.2fH%.1fV100z", UNITS * x, 100 * y_of(t, t->left), UNITS * (x + width));
}

/* Walks over all slots; `part` says which path is drawn. */
static void walk(struct html *h, const struct funnel *f, struct stairs t, char part)
{
    double x = 0;
    if (part == 'l') html_f(h, "M0 %.2f", 100 * y_of(&t, t.left));
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        double width = slots_of(s), asked = 0, per;
        if (s->aside) continue;
        for (size_t k = 0; k < s->rule_count; k++) asked += is_asked(&s->rules[k]);
        per = asked > 0 ? width / asked : width;
        if (asked == 0 && part == 'a') area(h, &t, x, width);
        if (asked == 0 && part == 'l') html_f(h, "H%.1f", UNITS * (x + width));
        double at = x;
        for (size_t k = 0; k < s->rule_count; k++) {
            if (!is_asked(&s->rules[k])) continue;
            double before = t.left;
            t.left -= (double)s->rules[k].removed;
            if (part == 'a') area(h, &t, at, per);
            if (part == 'l') html_f(h, "V%.2fH%.1f", 100 * y_of(&t, t.left), UNITS * (at + per));
            if (part == 'd' && y_of(&t, t.left) - y_of(&t, before) > 0.0015)
                html_f(h, "M%.1f %.2fH%.1fV%.2fH%.1fz", UNITS * at, 100 * y_of(&t, before), UNITS * (at + per), 100 * y_of(&t, t.left), UNITS * at);
            at += per;
        }
        x += width;
        t.left = (double)s->kept;
    }
}

/* Names of large steps: right of them while the stairs are high, left and below near the end. */
static void names(struct html *h, const struct funnel *f, struct stairs t)
{
    double x = 0, last_y = -100;
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        double width = slots_of(s), asked = 0;
        if (s->aside) continue;
        for (size_t k = 0; k < s->rule_count; k++) asked += is_asked(&s->rules[k]);
        double per = asked > 0 ? width / asked : width, at = x;
        for (size_t k = 0; k < s->rule_count; k++) {
            const struct funnel_rule *rule = &s->rules[k];
            if (!is_asked(rule)) continue;
            double before = t.left, end = at + per;
            t.left -= (double)rule->removed;
            double lost = before > 0 ? (double)rule->removed / before : 0;
            bool right = end / t.width < 0.66;
            double y = TOP + HEIGHT * (right ? y_of(&t, before) : y_of(&t, t.left)) + (right ? 11 : 12);
            if (lost > (f->count > 12 ? 0.25 : 0.12) && fabs(y - last_y) > 13) {
                html_f(h, "<text class=\"t b%s\" x=\"", lost > 0.25 ? "" : " w");
                html_percent_at(h, (right ? end : at) / t.width);
                html_f(h, "\" dx=\"%d\" y=\"%.1f\" text-anchor=\"%s\">", right ? 6 : -6, fmin(y, TOP + HEIGHT - 3), right ? "start" : "end");
                html_c(h, rule->name);
                html_str(h, STR(" −"));
                html_share(h, rule->removed, (uint64_t)before);
                html_str(h, STR("</text>"));
                last_y = y;
            }
            at = end;
        }
        x += width;
        t.left = (double)s->kept;
    }
}

static void stage_names(struct html *h, const struct funnel *f, const struct stairs *t)
{
    double x = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        double at = x / t->width;
        if (s->aside) continue;
        if (i) {
            html_str(h, STR("<line class=\"grid\" x1=\""));
            html_percent_at(h, at);
            html_str(h, STR("\" x2=\""));
            html_percent_at(h, at);
            html_f(h, "\" y1=\"%d\" y2=\"%d\"/>", TOP, TOP + HEIGHT + 36);
        }
        const char *const starts[] = {"<text class=\"t b\" x=\"", "<text class=\"t k w\" x=\""};
        for (int line = 0; line < 2; line++) {
            html_c(h, "");
            html_f(h, "%s", starts[line]);
            html_percent_at(h, at);
            html_f(h, "\" dx=\"%d\" y=\"%d\">", i ? 5 : 1, TOP + HEIGHT + 16 + 15 * line);
            if (line) html_count(h, s->kept);
            else html_f(h, "%zu<tspan class=\"w\"> ", i + 1), html_c(h, s->stage), html_f(h, "</tspan>");
            html_str(h, STR("</text>"));
        }
        x += slots_of(s);
    }
}

/* The fewest rows, but none, that a step or one of its rules leaves. */
static double least_left(const struct funnel_step *s)
{
    double left = (double)(s->kept + s->dropped), least = s->kept ? (double)s->kept : INFINITY;
    for (size_t k = 0; k < s->rule_count; k++) {
        if (!is_asked(&s->rules[k])) continue;
        left -= (double)s->rules[k].removed;
        if (left > 0) least = fmin(least, left);
    }
    return least;
}

static size_t levels(const struct stairs *t, double at[8])
{
    static const double steps[] = {1, 2, 5};
    size_t n = 0;
    double decades = log10(t->high / t->low);
    for (int e = 0; e < 18; e++)
        for (size_t i = 0; i < 3; i++) {
            double v = steps[i] * pow(10, e);
            if (decades > 2 && i == 1) continue;
            if (decades > 4 && i) continue;
            if (v > t->low * 1.02 && v < t->high * 0.99 && n < 8) at[n++] = v;
        }
    if (n < 2) { /* less than an octave: equal steps instead */
        double step = fmax(bins_nice_step((t->high - t->low) / 4), 1);
        n = 0;
        for (double v = ceil(t->low / step) * step; v < t->high && n < 8; v += step)
            if (v > t->low) at[n++] = v;
    }
    return n;
}

void chart_staircase(struct html *h, const struct funnel *f)
{
    struct stairs t = {.width = 0};
    double least = INFINITY;
    for (size_t i = 0; i < f->count; i++) {
        if (f->list[i].aside) continue;
        t.width += slots_of(&f->list[i]);
        least = fmin(least, least_left(&f->list[i]));
    }
    const struct funnel_step *first = &f->list[0];
    t.left = (double)(first->reads_rows ? first->read : first->kept + first->dropped);
    if (t.left <= 0) return;
    t.high = t.left * 1.06;
    t.low = fmin(least, t.left) * 0.72;
    const double total = TOP + HEIGHT + 38;
    double at[8];
    size_t n = levels(&t, at);
    html_str(h, STR("<div class=\"chart stair\">"));
    html_f(h, "<svg class=\"gut\" width=\"%d\" height=\"%g\" aria-hidden=\"true\">", GUTTER, total);
    for (size_t i = 0; i < n; i++) {
        html_f(h, "<text class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", GUTTER - 8, TOP + HEIGHT * y_of(&t, at[i]) + 4);
        html_short(h, at[i]);
        html_str(h, STR("</text>"));
    }
    html_f(h, "<text class=\"t w\" x=\"%d\" y=\"%d\" text-anchor=\"end\">step</text>", GUTTER - 8, TOP + HEIGHT + 16);
    html_f(h, "<text class=\"t k w\" x=\"%d\" y=\"%d\" text-anchor=\"end\">rows</text></svg>", GUTTER - 8, TOP + HEIGHT + 31);
    html_f(h, "<svg class=\"plot\" width=\"100%%\" height=\"%g\" role=\"img\" aria-label=\"Rows left after each rule, from ", total);
    html_count(h, (uint64_t)t.left);
    html_str(h, STR(" to "));
    html_count(h, f->list[f->count - 1].kept);
    html_str(h, STR("; the table below gives every number\">"));
    for (size_t i = 0; i < n; i++) html_f(h, "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>", TOP + HEIGHT * y_of(&t, at[i]), TOP + HEIGHT * y_of(&t, at[i]));
    stage_names(h, f, &t);
    html_f(h, "<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %.0f 100\" preserveAspectRatio=\"none\">", TOP, HEIGHT, UNITS * t.width);
    static const struct {
        const char *class;
        char part;
    } paths[] = {{"under", 'a'}, {"drop", 'd'}, {"line", 'l'}};
    for (size_t i = 0; i < 3; i++) {
        html_f(h, "<path class=\"%s\" d=\"", paths[i].class);
        walk(h, f, t, paths[i].part);
        html_str(h, STR("\"/>"));
    }
    html_f(h, "</svg><line class=\"axis\" x1=\"0\" x2=\"100%%\" y1=\"%d.5\" y2=\"%d.5\"/>", TOP + HEIGHT, TOP + HEIGHT);
    names(h, f, t);
    html_str(h, STR("</svg></div>"));
}
