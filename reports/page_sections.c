/* What the rows hold: pictures, captions, hosts. */
#include "reports/charts.h"
#include "reports/page_private.h"

enum { LISTED = 15, SIZES_LISTED = 10, CAPTION_POINTS = 140, CAPTION_LEDE = 60, CURVE_LEAST = 10 };

static double top_count(const struct frequent *t) { return t->count ? (double)t->items[0].n[N_ROWS] : 1; }

/* A count between n and n + missed: exact, or ≈ where that is within a hundredth of the rows, or ≥; none counted: at most. */
static void counted(struct page *p, const struct frequent_item *item, int which)
{
    bool nearly = item->missed <= item->n[N_ROWS] / 100;
    if (item->missed && !item->n[which]) html_f(&p->h, "≤" NARROW), html_count(&p->h, item->missed);
    else html_f(&p->h, !item->missed ? "" : nearly ? "≈" : "≥" NARROW), html_count(&p->h, item->n[which]);
}

static void number_cell(struct page *p, const struct frequent_item *item, int which)
{
    html_f(&p->h, "<td class=\"r\">");
    counted(p, item, which);
    html_f(&p->h, "</td>");
}

static void bar_cell(struct page *p, double value, double kept, double top)
{
    html_f(&p->h, "<td class=\"barcol\">");
    html_bar(&p->h, "keep", kept / top, "all", value / top);
    html_f(&p->h, "</td></tr>\n");
}

static void rest_row(struct page *p, const struct frequent *t, size_t shown, const char *noun, size_t columns)
{
    if (t->count <= shown) return;
    html_f(&p->h, "<tr><td class=\"quiet\" colspan=\"%zu\">and ", columns);
    html_count(&p->h, t->count - shown);
    html_f(&p->h, "%s other %s</td></tr>\n", t->floor ? " or more" : "", noun);
}

struct small_table {
    const char *caption, *head, *noun;
    const char *empty; /* what an absent text means */
    uint64_t all;      /* rows that are 100 % */
    bool code;         /* texts are names, not words */
};

/* A list of short names with rows, corpus, and a bar. */
static void small_table(struct page *p, const struct frequent *t, const struct small_table *of)
{
    struct page_column columns[] = {{of->head, ""}, {"rows", "r"}, {"%", "r"}, {"corpus", "r"}, {"", "barcol"}};
    page_table(p, "", of->caption, columns, 5, true);
    for (size_t i = 0; i < t->count && i < LISTED; i++) {
        const struct frequent_item *item = &t->items[i];
        struct str name = frequent_text(t, item);
        html_f(&p->h, "<tr><th scope=\"row\" class=\"cap\">%s", of->code && name.n ? "<code>" : "");
        if (name.n) html_text(&p->h, name);
        else html_f(&p->h, "<span class=\"quiet\">%s</span>", of->empty);
        html_f(&p->h, "%s</th>", of->code && name.n ? "</code>" : "");
        number_cell(p, item, N_ROWS);
        html_f(&p->h, "<td class=\"r\">");
        html_column(&p->h, item->n[N_ROWS], of->all);
        html_f(&p->h, "</td>");
        number_cell(p, item, N_KEPT);
        bar_cell(p, (double)item->n[N_ROWS], (double)item->n[N_KEPT], top_count(t));
    }
    rest_row(p, t, LISTED, of->noun, 5);
    page_table_end(p);
}

static void legend(struct page *p)
{
    html_f(&p->h, "<p class=\"legend\"><span><i class=\"sw all\"></i>all rows</span><span><i class=\"sw step\"></i>%s</span>"
                  "<span class=\"hint\">Point at a chart, or focus it and use ← →.</span></p>\n", p->s->samples ? "the corpus" : "rows kept");
}

/* A distribution of a quantity, with its quartiles of all rows and of the corpus. */
static void distribution(struct page *p, const struct bins *b, const struct bins_axis *axis, const char *title, const char *unit, const char *label)
{
    struct bins_drawn d;
    if (!bins_total(b, BINS_ALL)) return;
    bins_draw(b, axis, &d);
    html_f(&p->h, "<figure><figcaption><b>%s</b> <span>median ", title);
    html_value(&p->h, bins_quantile(b, BINS_ALL, 0.5), axis->integer);
    if (bins_total(b, 1 << ROW_KEPT)) {
        html_f(&p->h, p->s->samples ? ", of the corpus " : ", of rows kept ");
        html_value(&p->h, bins_quantile(b, 1 << ROW_KEPT, 0.5), axis->integer);
    }
    html_f(&p->h, "; nine in ten lie between ");
    html_value(&p->h, bins_quantile(b, BINS_ALL, 0.05), axis->integer);
    html_f(&p->h, " and ");
    html_value(&p->h, bins_quantile(b, BINS_ALL, 0.95), axis->integer);
    html_f(&p->h, "</span></figcaption><p class=\"readout\">share of rows by %s</p>", unit);
    chart_shares(&p->h, &(struct chart_shares){.d = &d, .unit = unit, .label = label, .integer = axis->integer});
    html_f(&p->h, "</figure>\n");
}

/* ---- pictures */

/* What models say of pictures in words: one table a column. */
static void labels(struct page *p)
{
    const struct stats *s = p->s;
    size_t shown = 0;
    for (size_t i = 0; i < s->label_count; i++) {
        const struct stats_label *label = &s->labels[i];
        if (!stats_label_tells(label)) continue;
        html_f(&p->h, shown++ ? "<div>" : "<h3>What scoring says of them</h3>\n<div class=\"two\"><div>");
        small_table(p, &label->values, &(struct small_table){label->name, "label", "labels", "", label->rows, false});
        html_f(&p->h, "</div>");
    }
    if (shown) html_f(&p->h, "</div>\n");
}

static void formats(struct page *p)
{
    static const struct page_column columns[] = {{"format", ""}, {"pictures", "r"}, {"%", "r"}, {"corpus", "r"}, {"", "barcol"}};
    const struct frequent *t = &p->s->formats;
    page_table(p, "", "Formats <span>by their first bytes</span>", columns, 5, true);
    for (size_t i = 0; i < t->count && i < LISTED; i++) {
        html_f(&p->h, "<tr><th scope=\"row\">");
        html_text(&p->h, frequent_text(t, &t->items[i]));
        html_f(&p->h, "</th>");
        number_cell(p, &t->items[i], N_ROWS);
        html_f(&p->h, "<td class=\"r\">");
        html_column(&p->h, t->items[i].n[N_ROWS], p->s->pictures);
        html_f(&p->h, "</td>");
        number_cell(p, &t->items[i], N_KEPT);
        bar_cell(p, (double)t->items[i].n[N_ROWS], (double)t->items[i].n[N_KEPT], top_count(t));
    }
    page_table_end(p);
}

static void sizes(struct page *p)
{
    static const struct page_column columns[] = {{"width × height", ""}, {"pictures", "r"}, {"%", "r"}, {"corpus", "r"}, {"", "barcol"}};
    const struct frequent *t = &p->s->sizes;
    size_t shown = 0;
    if (top_count(t) < 2) {
        html_f(&p->h, "<p class=\"none\">No two pictures have the same size.</p>\n");
        return;
    }
    page_table(p, "", "Most frequent sizes <span>pixels</span>", columns, 5, false);
    for (; shown < t->count && shown < SIZES_LISTED && t->items[shown].n[N_ROWS] > 1; shown++) {
        const struct frequent_item *item = &t->items[shown];
        struct str height = frequent_text(t, item), width = str_cut(&height, 'x');
        html_f(&p->h, "<tr><th scope=\"row\">%.*s × %.*s</th>", STR_ARG(width), STR_ARG(height));
        number_cell(p, item, N_ROWS);
        html_f(&p->h, "<td class=\"r\">");
        html_column(&p->h, item->n[N_ROWS], p->s->pictures);
        html_f(&p->h, "</td>");
        number_cell(p, item, N_KEPT);
        bar_cell(p, (double)item->n[N_ROWS], (double)item->n[N_KEPT], top_count(t));
    }
    rest_row(p, t, shown, "sizes", 5);
    page_table_end(p);
}

void page_of_pictures(struct page *p)
{
    const struct stats *s = p->s;
    struct html *h = &p->h;
    page_section(p, SECTION_PICTURES);
    html_count(h, s->pictures_kept);
    html_f(h, " of ");
    html_count(h, s->pictures);
    html_f(h, s->pictures == 1 ? " picture %s" : " pictures %s", s->samples ? "came into the corpus" : "are kept");
    html_f(h, ". The median picture has a shorter side of ");
    html_value(h, bins_quantile(&s->short_side, BINS_ALL, 0.5), true);
    html_f(h, " px and ");
    html_bytes(h, (uint64_t)bins_quantile(&s->bytes, BINS_ALL, 0.5));
    html_f(h, "; all together they have ");
    html_bytes(h, s->picture_bytes);
    html_f(h, ".");
    page_lede_end(p);
    html_f(h, "<div class=\"two\"><figure><figcaption><b>Width × height</b> <span>pixels of the original, both axes logarithmic</span></figcaption>");
    chart_map(h, s);
    html_f(h, "<p class=\"legend\"><span><i class=\"sw keep\"></i>most of the cell passes the rules about pictures</span><span><i class=\"sw drop\"></i>most of it fails them</span></p></figure>\n<div>");
    formats(p);
    sizes(p);
    html_f(h, "</div></div>\n");
    legend(p);
    html_f(h, "<div class=\"two\">");
    distribution(p, &s->aspect, &(struct bins_axis){.log = true, .anchor = 1}, "Width / height", "width / height", "Pictures by the ratio of width to height");
    distribution(p, &s->bytes, &(struct bins_axis){.log = true, .integer = true, .anchor = NAN}, "Bytes", "bytes", "Pictures by bytes, as they came");
    html_f(h, "</div>\n");
    labels(p);
    page_section_end(p);
}

/* ---- captions */

static void frequent_captions(struct page *p)
{
    static const struct page_column columns[] = {{"caption", "cap"}, {"rows", "r"}, {"%", "r"}, {"corpus", "r"}, {"", "barcol"}};
    const struct frequent *t = &p->s->captions;
    if (top_count(t) < 2) {
        html_f(&p->h, "<p class=\"none\">No caption occurs twice.</p>\n");
        return;
    }
    page_table(p, "", "Most frequent captions", columns, 5, true);
    for (size_t i = 0; i < t->count && i < LISTED && t->items[i].n[N_ROWS] > 1; i++) {
        html_f(&p->h, "<tr><th scope=\"row\" class=\"cap\">");
        html_caption(&p->h, frequent_text(t, &t->items[i]), t->items[i].points, CAPTION_POINTS);
        html_f(&p->h, "</th>");
        number_cell(p, &t->items[i], N_ROWS);
        html_f(&p->h, "<td class=\"r\">");
        html_column(&p->h, t->items[i].n[N_ROWS], p->s->rows);
        html_f(&p->h, "</td>");
        number_cell(p, &t->items[i], N_KEPT);
        bar_cell(p, (double)t->items[i].n[N_ROWS], (double)t->items[i].n[N_KEPT], top_count(t));
    }
    page_table_end(p);
}

static void repeats(struct page *p)
{
    static const char *const names[GROUP_SIZES] = {"once", "twice", "3 or 4 times", "5 to 9", "10 to 99", "100 to 999", "1,000 and more"};
    static const struct page_column columns[] = {{"the caption stands", ""}, {"captions", "r"}, {"rows", "r"}, {"% of rows", "r"}, {"", "barcol"}};
    const struct groups *g = &p->s->texts;
    struct groups_by_size sizes;
    uint64_t top = 1;
    groups_sizes(g, 0, &sizes);
    for (int i = 0; i < GROUP_SIZES; i++) top = sizes.values[i] > top ? sizes.values[i] : top;
    page_table(p, "", "How often a caption is repeated", columns, 5, false);
    for (int i = 0; i < GROUP_SIZES; i++) {
        if (!sizes.groups[i]) continue;
        html_f(&p->h, "<tr><th scope=\"row\">%s</th><td class=\"r\">", names[i]);
        html_about(&p->h, sizes.groups[i], g->level > 0);
        html_f(&p->h, "</td><td class=\"r\">");
        html_about(&p->h, sizes.values[i], g->level > 0);
        html_f(&p->h, "</td><td class=\"r\">");
        html_column(&p->h, sizes.values[i], p->s->rows);
        html_f(&p->h, "</td><td class=\"barcol\">");
        html_bar(&p->h, "all", (double)sizes.values[i] / (double)top, NULL, 0);
        html_f(&p->h, "</td></tr>\n");
    }
    page_table_end(p);
}

static void captions_lede(struct page *p)
{
    const struct stats *s = p->s;
    struct html *h = &p->h;
    html_about(h, groups_count(&s->texts), s->texts.level > 0);
    html_f(h, " different %s under ", groups_count(&s->texts) == 1 ? "caption stands" : "captions stand");
    html_count(h, s->rows);
    html_f(h, s->rows == 1 ? " picture" : " pictures");
    if (s->texts_empty) html_f(h, ", "), html_count(h, s->texts_empty), html_f(h, " of them empty");
    if (s->captions.count && s->captions.items[0].n[N_ROWS] > 1) {
        html_f(h, ". The most frequent one, “");
        html_caption(h, frequent_text(&s->captions, &s->captions.items[0]), s->captions.items[0].points, CAPTION_LEDE);
        html_f(h, "”, stands under ");
        counted(p, &s->captions.items[0], N_ROWS);
    }
    html_f(h, ".");
}

void page_captions(struct page *p)
{
    const struct stats *s = p->s;
    page_section(p, SECTION_CAPTIONS);
    captions_lede(p);
    page_lede_end(p);
    legend(p);
    html_f(&p->h, "<div class=\"two\">");
    distribution(p, &s->words, &(struct bins_axis){.integer = true, .anchor = NAN}, "Words", "words", "Captions by words between white space");
    distribution(p, &s->chars, &(struct bins_axis){.integer = true, .anchor = NAN}, "Characters", "characters", "Captions by code points");
    html_f(&p->h, "</div>\n");
    frequent_captions(p);
    html_f(&p->h, "<div class=\"two\">");
    repeats(p);
    if (s->text_sources.count)
        small_table(p, &s->text_sources, &(struct small_table){"Where the text stood", "source", "sources", "not said", s->rows, true});
    if (s->languages.count)
        small_table(p, &s->languages, &(struct small_table){"Languages <span>as the page declares them</span>", "language", "languages", "not declared", s->rows, false});
    if (s->personal.count)
        small_table(p, &s->personal, &(struct small_table){"Personal data <span>in captions, by its form</span>", "kind", "kinds", "", s->rows, false});
    html_f(&p->h, "</div>\n");
    if (s->captions.floor) {
        html_f(&p->h, "<p class=\"foot\">More different captions than are kept count of: each one with over ");
        html_count(&p->h, s->captions.floor);
        html_f(&p->h, " rows is found; ≈ and ≥ mark counts that may lack their beginning.</p>\n");
    }
    page_mentions(p);
    page_section_end(p);
}

/* ---- hosts */

static void host_table(struct page *p, const struct frequent *t, const char *caption, const char *head, const char *noun, bool fetched)
{
    struct page_column columns[] = {{head, ""}, {"rows", "r"}, {"%", "r"}, {"asked", "r w"}, {"received", "r w"}, {"corpus", "r"}, {"", "barcol"}};
    if (!fetched) memmove(&columns[3], &columns[5], 2 * sizeof *columns);
    page_table(p, "", caption, columns, fetched ? 7 : 5, true);
    for (size_t i = 0; i < t->count && i < LISTED; i++) {
        const struct frequent_item *item = &t->items[i];
        html_f(&p->h, "<tr><th scope=\"row\" class=\"cap\"><bdi>");
        html_text(&p->h, frequent_text(t, item));
        html_f(&p->h, "</bdi></th>");
        number_cell(p, item, N_ROWS);
        html_f(&p->h, "<td class=\"r\">");
        html_column(&p->h, item->n[N_ROWS], p->s->rows);
        html_f(&p->h, "</td>");
        for (int k = N_ASKED; fetched && k <= N_GOT; k++) {
            html_f(&p->h, "<td class=\"r w\">");
            html_count(&p->h, item->n[k]);
            html_f(&p->h, "</td>");
        }
        number_cell(p, item, N_KEPT);
        bar_cell(p, (double)item->n[N_ROWS], (double)item->n[N_KEPT], top_count(t));
    }
    rest_row(p, t, LISTED, noun, fetched ? 7 : 5);
    page_table_end(p);
}

static void hosts_lede(struct page *p)
{
    const struct frequent *t = &p->s->domains;
    struct html *h = &p->h;
    uint64_t ten = 0;
    if (!t->count) {
        html_f(h, "No URL names a host.");
        return;
    }
    if (t->count == 1) {
        html_f(h, "All pictures come from one domain, <bdi>");
        html_text(h, frequent_text(t, &t->items[0]));
        html_f(h, "</bdi>.");
        return;
    }
    for (size_t i = 0; i < t->count && i < 10; i++) ten += t->items[i].n[N_ROWS];
    html_f(h, "Pictures come from ");
    html_count(h, t->count);
    html_f(h, "%s domains and ", t->floor ? " or more" : "");
    html_count(h, p->s->hosts.count);
    html_f(h, "%s hosts. ", p->s->hosts.floor ? " or more" : "");
    if (t->count <= 10) html_f(h, "The largest, <bdi>"), html_text(h, frequent_text(t, &t->items[0])), html_f(h, "</bdi>, holds "), html_share(h, t->items[0].n[N_ROWS], p->s->rows);
    else html_f(h, "The ten largest domains hold "), html_share(h, ten, p->s->rows);
    html_f(h, " of all rows.");
}

void page_hosts(struct page *p)
{
    const struct stats *s = p->s;
    bool fetched = s->fetch_step != SIZE_MAX;
    page_section(p, SECTION_HOSTS);
    hosts_lede(p);
    page_lede_end(p);
    if (s->domains.count) host_table(p, &s->domains, "Largest domains of pictures <span>registrable domains by the public suffix list</span>", "domain", "domains", fetched);
    html_f(&p->h, "<div class=\"two\">");
    if (s->domains.count >= CURVE_LEAST) {
        html_f(&p->h, "<figure><figcaption><b>Concentration</b> <span>what the largest domains hold</span></figcaption><p class=\"readout\">share of rows (grey), of the corpus (blue)</p>");
        chart_concentration(&p->h, &s->domains, s->rows, s->kept);
        html_f(&p->h, "</figure>\n");
    }
    if (s->page_domains.count) host_table(p, &s->page_domains, "Domains of pages", "domain", "domains", false);
    if (s->hosts.count > s->domains.count) host_table(p, &s->hosts, "Hosts of pictures", "host", "hosts", false);
    html_f(&p->h, "</div>\n");
    if (s->domains.floor || s->hosts.floor) {
        html_f(&p->h, "<p class=\"foot\">More names than are kept count of: each one with over ");
        html_count(&p->h, s->domains.floor > s->hosts.floor ? s->domains.floor : s->hosts.floor);
        html_f(&p->h, " rows is found; ≈ and ≥ mark counts that may lack their beginning.</p>\n");
    }
    page_section_end(p);
}
