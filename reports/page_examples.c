/* Examples: the corpus, then every rule that dropped rows; at a limit, what lies nearest on both sides. */
#include "reports/page_private.h"

enum { CARD_POINTS = 90, ROW_POINTS = 140, URL_POINTS = 70, VALUE_POINTS = 40 };
static const double UNSAFE = 0.10; /* p_nsfw…, p_porn…, p_hentai… over it is not shown without --show-unsafe */

static const struct stats_rule *rule_of(const struct page *p, size_t step, const struct funnel_rule *rule)
{
    for (size_t i = 0; i < p->s->rule_count; i++)
        if (p->s->rules[i].step == step && p->s->rules[i].rule == rule) return &p->s->rules[i];
    return NULL;
}

static const struct limit *limit_of(const struct page *p, const struct stats_rule *r)
{
    for (size_t i = 0; i < p->s->limits.count; i++)
        if (p->s->limits.list[i].step == r->step && p->s->limits.list[i].rule == r->rule) return &p->s->limits.list[i];
    return NULL;
}

bool page_has_examples(const struct page *p, size_t step, const struct funnel_rule *rule)
{
    const struct stats_rule *r = rule_of(p, step, rule);
    return r && r->examples.count > 0;
}

static bool have_pictures(const struct examples *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->list[i].length) return true;
    return false;
}

/* ---- one example */

/* The whole id, of which the page shows the beginning: a click selects it all. */
static void id_code(struct page *p, const struct example *x)
{
    html_f(&p->h, "<code class=\"id\">");
    html_text(&p->h, x->id);
    html_f(&p->h, "</code>");
}

static void picture(struct page *p, const struct example *x)
{
    static const char *const words[] = {[PICTURE_NONE] = "no picture", [PICTURE_GONE] = "not there any more", [PICTURE_TOO_MUCH] = "left out: the page is full"};
    html_f(&p->h, "<div class=\"pic\">");
    if (x->unsafe > UNSAFE && !p->options->show_unsafe) {
        html_f(&p->h, "<span class=\"absent\">not shown</span></div>");
        return;
    }
    enum page_picture shown = page_picture(p->pictures, x, &p->h);
    if (shown != PICTURE_SHOWN) html_f(&p->h, "<span class=\"absent\">%s</span>", words[shown]);
    html_f(&p->h, "</div>");
}

/* What a card says above its caption: the value where a rule measured one, else the size. */
static void value_of(struct page *p, const struct example *x, const struct limit *l, bool drawn)
{
    html_f(&p->h, "<span class=\"v\">");
    if (l && !drawn) {
        html_value(&p->h, x->value, l->integer);
        if (l->unit[0]) html_f(&p->h, " %s", l->unit);
    } else if (x->measured.n && x->measured.n < 32) {
        html_text(&p->h, x->measured);
    } else if (x->width) {
        html_count(&p->h, x->width);
        html_f(&p->h, " × ");
        html_count(&p->h, x->height);
    }
    html_f(&p->h, "</span>");
}

static void card(struct page *p, const struct example *x, const struct limit *l, bool drawn)
{
    html_f(&p->h, "<figure class=\"card %s\">", x->step == SIZE_MAX ? "keep" : "drop");
    picture(p, x);
    html_f(&p->h, "<figcaption>");
    value_of(p, x, l, drawn);
    html_f(&p->h, "<span class=\"c\">");
    html_caption(&p->h, x->text, x->text_points, CARD_POINTS);
    html_f(&p->h, "</span>");
    id_code(p, x);
    html_f(&p->h, "</figcaption></figure>\n");
}

static void cards(struct page *p, const struct examples *e, const struct limit *l, bool drawn, const char *class)
{
    html_f(&p->h, "<div class=\"cards%s\">", class);
    for (size_t i = 0; i < e->count; i++) card(p, &e->list[i], l, drawn);
    html_f(&p->h, "</div>");
}

static void text_row(struct page *p, const struct example *x, const struct limit *l, const char *fate, bool values)
{
    html_f(&p->h, "<tr>");
    if (values) {
        html_f(&p->h, "<td class=\"cap\">");
        if (l) html_value(&p->h, x->value, l->integer);
        else html_caption(&p->h, x->measured, 0, VALUE_POINTS);
        html_f(&p->h, "</td>");
    }
    if (fate) html_f(&p->h, "<td class=\"nowrap\">%s</td>", fate);
    html_f(&p->h, "<td class=\"cap\">");
    html_caption(&p->h, x->text, x->text_points, ROW_POINTS);
    html_f(&p->h, "</td><td class=\"cap quiet w\">");
    html_caption(&p->h, x->url, 0, URL_POINTS);
    html_f(&p->h, "</td><td>");
    id_code(p, x);
    html_f(&p->h, "</td></tr>\n");
}

/* ---- one rule */

static void heading(struct page *p, const struct stats_rule *r, const struct limit *l)
{
    html_f(&p->h, "<h3 id=\"");
    page_anchor(p, 'x', r->step, r->rule->name);
    html_f(&p->h, "\">%s<code>", l ? "At the limit: " : "Dropped: ");
    html_c(&p->h, r->rule->name);
    html_f(&p->h, "</code>");
    if (r->rule->bound && r->rule->bound[0]) html_f(&p->h, " "), html_bound(&p->h, r->rule->bound);
    html_f(&p->h, "<span>");
    html_count(&p->h, r->rows);
    html_f(&p->h, r->rows == 1 ? " row dropped" : " rows dropped");
    html_f(&p->h, "</span></h3>\n");
}

/* Nearest to the limit first in memory; shown by value. */
static void sort_by_value(struct examples *e)
{
    for (size_t i = 1; i < e->count; i++)
        for (size_t k = i; k > 0 && e->list[k - 1].value > e->list[k].value; k--) {
            struct example x = e->list[k];
            e->list[k] = e->list[k - 1];
            e->list[k - 1] = x;
        }
}

/* `l` NULL: no two sides, so nothing says which. */
static bool has_values(const struct examples *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->list[i].measured.n) return true;
    return false;
}

static void text_table(struct page *p, const struct examples *dropped, const struct examples *kept, const struct limit *l, const char *head)
{
    const struct page_column columns[] = {{head, ""}, {"", ""}, {"caption", "cap"}, {"URL", "w"}, {"id", ""}};
    bool values = l || has_values(dropped);
    size_t count = 0;
    struct page_column used[5];
    for (size_t i = 0; i < 5; i++)
        if ((i != 0 || values) && (i != 1 || l)) used[count++] = columns[i];
    page_table(p, "textex", NULL, used, count, false);
    for (size_t i = 0; i < dropped->count; i++) text_row(p, &dropped->list[i], l, l ? "dropped" : NULL, values);
    for (size_t i = 0; kept && i < kept->count; i++) text_row(p, &kept->list[i], l, l ? "kept" : NULL, values);
    page_table_end(p);
}

static void edge(struct page *p, const struct limit *l, struct examples *dropped, struct examples *kept)
{
    bool kept_first = l->asked->bounds.has_high && !l->asked->bounds.has_low;
    const struct examples *const sides[2] = {kept_first ? kept : dropped, kept_first ? dropped : kept};
    html_f(&p->h, "<div class=\"edge\">");
    for (int i = 0; i < 2; i++) {
        bool is_kept = sides[i] == kept;
        html_f(&p->h, "<div><p class=\"side\">%s</p>", is_kept ? "nearest inside: kept" : "nearest outside: dropped");
        cards(p, sides[i], l, false, " five");
        html_f(&p->h, "</div>");
    }
    html_f(&p->h, "</div>\n");
}

static void one_rule(struct page *p, const struct stats_rule *r)
{
    const struct limit *l = limit_of(p, r);
    if (l && !l->outside.count) l = NULL;
    heading(p, r, l);
    if (!l) {
        if (have_pictures(&r->examples)) cards(p, &r->examples, NULL, true, "");
        else text_table(p, &r->examples, NULL, NULL, r->rule->filter || strcmp(p->f->list[r->step].stage, "dedup") != 0 ? "value" : "stays");
        return;
    }
    struct examples dropped = l->outside, kept = l->inside; /* copies of the lists: sorted anew */
    sort_by_value(&dropped);
    sort_by_value(&kept);
    if (have_pictures(&dropped)) edge(p, l, &dropped, &kept);
    else text_table(p, &dropped, &kept, l, "value");
}

void page_examples(struct page *p)
{
    const struct stats *s = p->s;
    page_section(p, SECTION_EXAMPLES);
    html_f(&p->h, "Drawn by the smallest hash of the id, so every report of this run shows the same rows; at a limit, those nearest to it. "
                  "Any of them in full: <code>winnow audit ");
    html_c(&p->h, p->f->steps.out);
    html_f(&p->h, " ID</code>; a click on an id takes all of it.");
    page_lede_end(p);
    if (s->kept_examples.count) {
        html_f(&p->h, "<h3>%s</h3>", s->samples ? "In the corpus" : "Kept");
        if (have_pictures(&s->kept_examples)) cards(p, &s->kept_examples, NULL, true, "");
        else text_table(p, &(struct examples){.count = 0}, &s->kept_examples, NULL, "");
    }
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].examples.count) one_rule(p, &s->rules[i]);
    page_section_end(p);
}
