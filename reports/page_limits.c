/* Limits: a chart for every rule that compares a number, and what another limit would keep. */
#include "reports/charts.h"
#include "reports/page_private.h"

/* "the shorter side" of "the shorter side: >= min (> min when strict)". */
static void what_it_is(struct page *p, const struct limit *l)
{
    struct str rest = str_from(l->what);
    html_text(&p->h, str_cut(&rest, ':'));
    for (size_t i = 0; i < 2 && l->columns[i]; i++) html_f(&p->h, i ? " + " : " "), html_c(&p->h, l->columns[i]);
    if (l->rule->substitute) html_f(&p->h, " <b>("), html_c(&p->h, l->rule->substitute), html_f(&p->h, ")</b>");
}

static uint64_t scaled(const struct limit *l, uint64_t n) { return n << l->level; }

static void readout(struct page *p, const struct limit *l)
{
    struct html *h = &p->h;
    uint64_t fails = bins_total(&l->bins, 1 << LIMIT_ONLY | 1 << LIMIT_FAILED | 1 << LIMIT_MARKED);
    html_f(h, "<p class=\"readout\">");
    html_about(h, scaled(l, l->rows), l->level > 0);
    html_f(h, l->rows == 1 ? " row, " : " rows, median ");
    html_value(h, bins_quantile(&l->bins, BINS_ALL, 0.5), l->integer);
    if (l->unit[0]) html_f(h, " %s", l->unit);
    html_f(h, "; ");
    if (fails == 0) html_f(h, "all pass");
    else html_about(h, scaled(l, fails), l->level > 0), html_f(h, fails == 1 ? " fails" : " fail");
    if (l->without) html_f(h, "; "), html_about(h, scaled(l, l->without), l->level > 0), html_f(h, " without a value");
    html_f(h, "</p>");
}

static void corpus_cells(struct page *p, const struct limit *l, const struct limit_option *o, uint64_t now)
{
    struct html *h = &p->h;
    uint64_t most = o->kept + o->only;
    html_f(h, "<td class=\"r\">%s", o->only ? "≤" NARROW : "");
    html_about(h, scaled(l, most), l->level > 0);
    html_f(h, "</td><td class=\"r w\">");
    if (!o->own && most != now) {
        html_f(h, most > now ? o->only ? "≤" NARROW "+" : "+" : "−");
        html_count(h, scaled(l, most > now ? most - now : now - most));
    }
    html_f(h, "</td>");
}

static void options_table(struct page *p, const struct limit *l)
{
    static const struct page_column columns[] = {{"limit", "r"}, {"passes rows", "r"}, {"%", "r"}, {"corpus", "r"}, {"change", "r w"}, {"published in", "src"}};
    uint64_t now = bins_total(&l->bins, 1 << LIMIT_KEPT | 1 << LIMIT_MARKED);
    page_table(p, "what-if", NULL, columns, sizeof columns / sizeof *columns, false);
    for (size_t i = 0; i < l->option_count; i++) {
        const struct limit_option *o = &l->options[i];
        if (!limit_option_tells(l, o)) continue;
        html_f(&p->h, "<tr%s><th scope=\"row\" class=\"r\">", o->own ? " class=\"now\"" : "");
        html_bound(&p->h, o->text);
        html_f(&p->h, "</th><td class=\"r\">");
        html_about(&p->h, scaled(l, o->passes), l->level > 0);
        html_f(&p->h, "</td><td class=\"r\">");
        html_column(&p->h, o->passes, l->rows);
        html_f(&p->h, "</td>");
        corpus_cells(p, l, o, now);
        html_f(&p->h, "<td class=\"src\">");
        html_c(&p->h, o->from);
        html_f(&p->h, "%s</td></tr>\n", o->own ? o->from[0] ? "; this run" : "this run" : "");
    }
    page_table_end(p);
}

static void one_limit(struct page *p, const struct limit *l)
{
    struct bins_axis axis = chart_axis(l);
    struct bins_drawn d;
    html_f(&p->h, "<figure id=\"");
    page_anchor(p, 'l', l->step, l->rule->name);
    html_f(&p->h, "\"><figcaption><b><code>");
    html_c(&p->h, l->rule->name);
    html_f(&p->h, "</code></b> <span>");
    what_it_is(p, l);
    html_f(&p->h, "</span></figcaption>");
    if (l->rows == 0) {
        html_f(&p->h, "<p class=\"none\">No row reached it.</p></figure>\n");
        return;
    }
    readout(p, l);
    bins_draw(&l->bins, &axis, &d);
    chart_limit(&p->h, l, &d);
    if (l->option_count) options_table(p, l);
    html_f(&p->h, "</figure>\n");
}

static void one_score(struct page *p, const struct stats_score *score)
{
    struct bins_axis axis = {.anchor = NAN};
    struct bins_drawn d;
    if (score->limited || !bins_total(&score->bins, BINS_ALL)) return;
    html_f(&p->h, "<figure><figcaption><b><code>");
    html_c(&p->h, score->name);
    html_f(&p->h, "</code></b> <span>");
    if (score->part_of) html_f(&p->h, "part of what <code>"), html_c(&p->h, score->part_of), html_f(&p->h, "</code> looks at");
    else html_f(&p->h, "no rule limits it");
    html_f(&p->h, "</span></figcaption><p class=\"readout\">");
    html_count(&p->h, bins_total(&score->bins, BINS_ALL));
    html_f(&p->h, " rows, median ");
    html_value(&p->h, bins_quantile(&score->bins, BINS_ALL, 0.5), false);
    html_f(&p->h, "</p>");
    bins_draw(&score->bins, &axis, &d);
    chart_score(&p->h, score->name, &d);
    html_f(&p->h, "</figure>\n");
}

/* Rules by the rows that they alone keep out: what loosening them could bring back. */
static void lede(struct page *p)
{
    const struct limits *limits = &p->s->limits;
    const struct limit *most = NULL;
    uint64_t only = 0;
    size_t n = 0;
    for (size_t i = 0; i < limits->count; i++) {
        uint64_t here = scaled(&limits->list[i], limits->list[i].bins.total[LIMIT_ONLY]);
        n += here > 0;
        if (here > only) only = here, most = &limits->list[i];
    }
    html_f(&p->h, "%zu %s a number with a limit. ", limits->count, limits->count == 1 ? "rule compares" : "rules compare");
    if (!most) {
        html_f(&p->h, "None of them alone keeps a row out of its step: loosening one would bring nothing back.");
        return;
    }
    html_f(&p->h, "%s<code>", n == 1 ? "One of them alone keeps rows out: " : "The one that alone keeps most rows out is ");
    html_c(&p->h, most->rule->name);
    html_f(&p->h, "</code>, ");
    html_about(&p->h, only, most->level > 0);
    html_f(&p->h, only == 1 ? " row that no other rule of its step would have dropped." : " rows that no other rule of its step would have dropped.");
}

void page_limits(struct page *p)
{
    const struct stats *s = p->s;
    bool sampled = false;
    page_section(p, SECTION_LIMITS);
    if (s->limits.count) lede(p);
    else html_f(&p->h, "The rows carry scores; no rule compares a number with a limit.");
    page_lede_end(p);
    html_f(&p->h, "<p class=\"legend\"><span><i class=\"sw keep\"></i>%s</span><span><i class=\"sw pass\"></i>passes this limit, dropped by another rule</span>"
                  "<span><i class=\"sw drop\"></i>fails this limit</span><span class=\"hint\">Point at a chart, or focus it and use ← →, to try another limit.</span></p>\n"
                  "<div class=\"two limits\">\n", s->samples ? "in the corpus" : "kept");
    for (size_t i = 0; i < s->limits.count; i++) {
        one_limit(p, &s->limits.list[i]);
        sampled |= s->limits.list[i].level > 0;
    }
    for (size_t i = 0; i < s->score_count; i++) one_score(p, &s->scores[i]);
    html_f(&p->h, "</div>\n");
    if (!s->limits.count) {
        page_section_end(p);
        return;
    }
    html_f(&p->h, "<p class=\"foot\">Every rule was asked again of all rows that reached its step. “Corpus” is its size if this limit alone moved; "
                  "“≤”, because rows let in would still meet the rules of later steps.%s</p>\n", sampled ? " ≈ scaled up from a sample by hash of id." : "");
    if (s->limits.unasked)
        html_f(&p->h, "<p class=\"foot\">%zu more could not be asked again: a list that they use is not there any more.</p>\n", s->limits.unasked);
    page_section_end(p);
}
