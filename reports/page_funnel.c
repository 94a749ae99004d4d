/* The funnel: the staircase, and every rule in its order. */
#include "reports/page_private.h"

#include "reports/charts.h"

static bool is_asked(const struct funnel_rule *rule) { return !rule->unserved && !rule->done_by; }

bool page_has_limit(const struct page *p, size_t step, const struct funnel_rule *rule)
{
    for (size_t i = 0; page_has(p, SECTION_LIMITS) && i < p->s->limits.count; i++)
        if (p->s->limits.list[i].step == step && p->s->limits.list[i].rule == rule) return true;
    return false;
}

/* ---- the sentence */

struct top {
    const struct funnel_rule *rules[3];
    size_t count;
    uint64_t removed, all;
};

static struct top top_rules(const struct funnel *f)
{
    struct top t = {.count = 0};
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < f->list[i].rule_count; k++) {
            const struct funnel_rule *rule = &f->list[i].rules[k];
            if (!is_asked(rule) || rule->marked || !rule->removed) continue;
            t.all++;
            size_t at = t.count < 3 ? t.count++ : 3;
            if (at == 3 && t.rules[2]->removed >= rule->removed) continue;
            if (at == 3) at = 2;
            for (; at > 0 && t.rules[at - 1]->removed < rule->removed; at--) t.rules[at] = t.rules[at - 1];
            t.rules[at] = rule;
        }
    for (size_t i = 0; i < t.count; i++) t.removed += t.rules[i]->removed;
    return t;
}

static void lede(struct page *p)
{
    static const char *const counts[] = {"", "One rule removes", "Two rules remove", "Three rules remove"};
    const struct funnel_step *first = &p->f->list[0];
    uint64_t rows = first->reads_rows ? first->read : first->kept + first->dropped;
    struct top t = top_rules(p->f);
    if (!t.count) {
        html_f(&p->h, "No rule dropped a row.");
        return;
    }
    html_f(&p->h, "%s ", counts[t.count]);
    html_share(&p->h, t.removed, rows);
    html_f(&p->h, " of all rows: ");
    for (size_t i = 0; i < t.count; i++) {
        html_f(&p->h, "%s<code>", i ? ", " : "");
        html_c(&p->h, t.rules[i]->name);
        html_f(&p->h, "</code> (");
        html_count(&p->h, t.rules[i]->removed);
        html_f(&p->h, ")");
    }
    html_f(&p->h, ".");
}

/* ---- the table */

static void stage_row(struct page *p, size_t at)
{
    struct html *h = &p->h;
    const struct funnel_step *s = &p->f->list[at];
    const struct funnel_step *first = &p->f->list[0];
    uint64_t rows = first->reads_rows ? first->read : first->kept + first->dropped;
    html_f(h, "<tbody><tr class=\"stage\"><th scope=\"rowgroup\" colspan=\"3\"><span class=\"no\">%zu</span>", at + 1);
    html_c(h, s->stage);
    const char *const place = s->parameters ? manifest_text(s->parameters, "at") : NULL;
    if (place && place[0] && strcmp(place, "all") != 0) html_f(h, " "), html_c(h, place);
    html_f(h, " <span class=\"flow\">");
    bool source = at == 0 && !s->reads_rows;
    html_count(h, source ? s->records : s->read);
    html_f(h, "%s → %s", !source ? "" : s->records == 1 ? " record" : " records", s->aside ? "a table of " : "");
    html_count(h, s->kept);
    if (source) html_f(h, s->kept == 1 ? " row" : " rows");
    bool loses = s->reads_rows && (s->dropped || s->rule_count);
    html_f(h, "</span></th><td class=\"r\" data-l=\"dropped\">");
    if (loses) html_count(h, s->dropped);
    html_f(h, "</td><td class=\"r\" data-l=\"%%\">");
    if (loses) html_column(h, s->dropped, s->read);
    html_f(h, "</td><td class=\"r none\"></td><td class=\"barcol\">");
    if (loses && s->read) html_bar(h, "keep", (double)s->kept / (double)s->read, NULL, 0);
    html_f(h, "</td><td class=\"src\">");
    if (s->aside) {
        html_f(h, "the rows go on as they are");
    } else if (s->reads_rows) {
        html_share(h, s->kept, s->read);
        html_f(h, " kept");
        if (at) html_f(h, "; "), html_share(h, s->kept, rows), html_f(h, " of all rows");
    }
    html_f(h, "</td></tr>\n");
}

/* What else the step counted, as it names it. */
static void note_row(struct page *p, const struct funnel_step *s)
{
    enum { NAMED = 10 };
    if (!s->count_count || strcmp(s->stage, "shard") == 0) return;
    html_f(&p->h, "<tr class=\"note\"><td colspan=\"8\">");
    for (size_t i = 0; i < s->count_count && i < NAMED; i++) {
        html_f(&p->h, i ? " · " : "");
        for (const char *c = s->counts[i].name; *c; c++) html_text(&p->h, str_of(*c == '_' ? " " : c, 1));
        html_f(&p->h, "\u00a0<b>");
        html_count(&p->h, s->counts[i].n);
        html_f(&p->h, "</b>");
    }
    if (s->count_count > NAMED) html_f(&p->h, " · …");
    html_f(&p->h, "</td></tr>\n");
}

static void name_cell(struct page *p, size_t at, const struct funnel_rule *rule)
{
    bool examples = rule->removed && page_has_examples(p, at, rule);
    html_f(&p->h, "<tr><th scope=\"row\">");
    if (examples) html_f(&p->h, "<a href=\"#"), page_anchor(p, 'x', at, rule->name), html_f(&p->h, "\">");
    html_c(&p->h, rule->name);
    html_f(&p->h, examples ? "</a></th>" : "</th>");
}

static void what_cell(struct page *p, const struct funnel_rule *rule)
{
    html_f(&p->h, "<td class=\"what\">");
    if (rule->filter) html_c(&p->h, rule->filter);
    for (struct str rest = str_from(rule->substitute ? rule->substitute : ""); rest.n;) {
        struct str pair = str_cut(&rest, ',');
        html_f(&p->h, "<span class=\"standin\">");
        html_text(&p->h, str_trim(pair));
        html_f(&p->h, "</span>");
    }
    html_f(&p->h, "</td>");
}

static void source_cell(struct page *p, const struct funnel_rule *rule)
{
    html_f(&p->h, "<td class=\"src\">");
    if (rule->provenance) {
        html_f(&p->h, "<span class=\"mark ");
        html_attribute(&p->h, str_from(rule->provenance));
        html_f(&p->h, "\">");
        html_c(&p->h, rule->provenance);
        html_f(&p->h, "</span>");
        if (rule->source) html_c(&p->h, rule->source);
    }
    html_f(&p->h, "</td></tr>\n");
}

static void alone_cell(struct page *p, const struct funnel_rule *rule)
{
    html_f(&p->h, "<td class=\"r\" data-l=\"alone\">");
    if (rule->alone_kind == ALONE_UNKNOWN) html_f(&p->h, "–");
    else html_about(&p->h, rule->alone, rule->alone_kind == ALONE_SAMPLED);
    html_f(&p->h, "</td>");
}

static void asked_row(struct page *p, size_t at, const struct funnel_rule *rule)
{
    struct html *h = &p->h;
    double read = (double)p->f->list[at].read;
    name_cell(p, at, rule);
    what_cell(p, rule);
    html_f(h, "<td class=\"lim\">");
    bool chart = page_has_limit(p, at, rule);
    if (chart) html_f(h, "<a href=\"#"), page_anchor(p, 'l', at, rule->name), html_f(h, "\">");
    if (rule->bound) html_bound(h, rule->bound);
    html_f(h, "%s</td><td class=\"r\" data-l=\"%s\">", chart ? "</a>" : "", rule->marked ? "marked" : "dropped");
    html_count(h, rule->removed);
    html_f(h, "</td><td class=\"r\" data-l=\"%%\">");
    html_column(h, rule->removed, p->f->list[at].read);
    html_f(h, "</td>");
    alone_cell(p, rule);
    html_f(h, "<td class=\"barcol\">");
    if (read > 0) html_bar(h, "drop", (double)rule->removed / read, rule->alone > rule->removed ? "alone" : NULL, (double)rule->alone / read);
    html_f(h, "</td>");
    source_cell(p, rule);
}

/* A rule that was not asked: why, in the place of its numbers. */
static void other_row(struct page *p, const struct funnel_rule *rule)
{
    html_f(&p->h, "<tr class=\"not\"><th scope=\"row\">");
    html_c(&p->h, rule->name);
    html_f(&p->h, "</th>");
    what_cell(p, rule);
    html_f(&p->h, "<td class=\"lim\"></td><td class=\"quiet\" colspan=\"4\">");
    if (rule->done_by) html_f(&p->h, "done by "), html_c(&p->h, rule->done_by);
    else html_f(&p->h, "not asked: "), html_c(&p->h, rule->unserved);
    html_f(&p->h, "</td>");
    source_cell(p, rule);
}

static void table(struct page *p)
{
    html_f(&p->h, "<div class=\"scroll\"><table class=\"funnel\"><thead><tr><th scope=\"col\">rule</th><th scope=\"col\">filter</th>"
                  "<th scope=\"col\">keeps</th><th scope=\"col\" class=\"r\">dropped</th><th scope=\"col\" class=\"r\">%% of input</th>"
                  "<th scope=\"col\" class=\"r\">alone</th><th scope=\"col\" class=\"barcol\"><span class=\"scale\"><span>0</span>"
                  "<span>step’s input</span><span>100" NARROW "%%</span></span></th><th scope=\"col\">where the limit stands</th></tr></thead>\n");
    for (size_t i = 0; i < p->f->count; i++) {
        const struct funnel_step *s = &p->f->list[i];
        stage_row(p, i);
        note_row(p, s);
        for (size_t k = 0; k < s->rule_count; k++) {
            if (is_asked(&s->rules[k])) asked_row(p, i, &s->rules[k]);
            else other_row(p, &s->rules[k]);
        }
        html_f(&p->h, "</tbody>\n");
    }
    html_f(&p->h, "</table></div>\n");
}

void page_funnel(struct page *p)
{
    page_section(p, SECTION_FUNNEL);
    lede(p);
    page_lede_end(p);
    if (p->s->rows) {
        html_f(&p->h, "<figure><figcaption><b>Rows left after each rule</b> <span>log scale: equal heights are equal shares lost</span></figcaption>");
        chart_staircase(&p->h, p->f);
        html_f(&p->h, "</figure>\n");
    }
    if (p->s->rows)
        html_f(&p->h, "<p class=\"legend\"><span><i class=\"sw drop\"></i>dropped in order: rows that came this far and failed</span>"
                      "<span><i class=\"sw alone\"></i>would drop alone: rows of the step’s input that fail this rule, whatever the others say</span>"
                      "<span><i class=\"sw keep\"></i>kept</span></p>\n");
    table(p);
    html_f(&p->h, "<p class=\"foot\"><span class=\"mark paper\">paper</span> the limit is stated in the publication · <span class=\"mark code\">code</span> "
                  "it is read from the released code · <span class=\"mark choice\">choice</span> ours, where both are silent · "
                  "<span class=\"mark hand\">hand</span> typed in the recipe. ≈ from one row in a hundred. Names lead to examples, limits to charts.</p>\n");
    page_section_end(p);
}
