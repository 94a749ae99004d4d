/* Whom the rules remove: for each rule the share that it took of all captions, and of those that name people and so on. */
#include "reports/page_private.h"

enum { MARKED_ROWS = 30 /* fewer rows of a kind are no ground to mark a share */ };
static const double marked_over = 1.25; /* times the share of all captions */

static void share_cell(struct page *p, uint64_t removed, uint64_t reached, double all)
{
    bool marked = reached >= MARKED_ROWS && (double)removed > marked_over * all * (double)reached;
    html_f(&p->h, marked ? "<td class=\"r\"><b class=\"over\">" : "<td class=\"r\">");
    if (reached) html_column(&p->h, removed, reached);
    else html_f(&p->h, "–");
    html_f(&p->h, marked ? "</b></td>" : "</td>");
}

static void rule_row(struct page *p, const struct stats_rule *r)
{
    uint64_t reached = stats_reached(p->s, r->step, MENTION_KINDS);
    double all = reached ? (double)r->rows / (double)reached : 0;
    html_f(&p->h, "<tr><th scope=\"row\"><code>");
    html_c(&p->h, r->rule->name);
    html_f(&p->h, "</code> <span class=\"quiet w\">");
    html_c(&p->h, p->s->funnel->list[r->step].name);
    html_f(&p->h, "</span></th>");
    share_cell(p, r->rows, reached, 1);
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) share_cell(p, r->mentioning[kind], stats_reached(p->s, r->step, kind), all);
    html_f(&p->h, "</tr>\n");
}

/* The first row counts captions, the last shares of them that are left. */
static void count_row(struct page *p)
{
    html_f(&p->h, "<tr><th scope=\"row\">captions</th>");
    for (int kind = -1; kind < MENTION_KINDS; kind++) {
        html_f(&p->h, "<td class=\"r\">");
        html_count(&p->h, stats_reached(p->s, 0, kind < 0 ? MENTION_KINDS : (unsigned)kind));
        html_f(&p->h, "</td>");
    }
    html_f(&p->h, "</tr>\n");
}

static void kept_row(struct page *p)
{
    html_f(&p->h, "<tr><th scope=\"row\">%s</th>", p->s->samples ? "in the corpus" : "kept");
    for (int kind = -1; kind < MENTION_KINDS; kind++)
        share_cell(p, kind < 0 ? p->s->kept : p->s->mentioning_kept[kind], stats_reached(p->s, 0, kind < 0 ? MENTION_KINDS : (unsigned)kind), 1);
    html_f(&p->h, "</tr>\n");
}

void page_mentions(struct page *p)
{
    static const struct page_column columns[] = {{"rule", ""}, {"all", "r"}, {"people", "r"}, {"genders", "r"}, {"nations", "r"}, {"religions", "r"}};
    bool found = false, missing = false;
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) found |= p->s->mentions.found[kind], missing |= !p->s->mentions.found[kind];
    if (!found) return;
    page_table(p, "", "Who is removed by what <span>% of the captions that reached the rule’s step and name …</span>", columns, 2 + MENTION_KINDS, false);
    count_row(p);
    for (size_t i = 0; i < p->s->rule_count; i++)
        if (p->s->rules[i].rows) rule_row(p, &p->s->rules[i]);
    kept_row(p);
    page_table_end(p);
    html_f(&p->h, "<p class=\"foot\">By winnow’s word lists ");
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) html_f(&p->h, "%s<code>%s</code>", kind ? ", " : "", mention_lists[kind]);
    html_f(&p->h, ": English words, so captions in other languages name none. Bold: over 1.25 times the share of all captions.%s</p>\n",
           missing ? " A list that is not installed has no rows here." : "");
}
