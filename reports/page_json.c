/* The numbers over the rows as one JSON object: `rows` in schemas/report.schema.json. Keys stand in a fixed order. */
#include "reports/charts.h"
#include "reports/page.h"

#include "pipeline/base/fail.h"

enum { LISTED = 1000 /* texts of a list */ };

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }
static json_t *text(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }
static json_t *text_c(const char *s) { return s ? json_string(s) : json_null(); }
static json_t *real(double v) { return v == floor(v) && fabs(v) < 1e15 ? json_integer((json_int_t)v) : json_real(v); }

/* ---- histograms */

static json_t *counts(const struct bins_drawn *d, unsigned mask)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->count; i++) {
        uint64_t n = 0;
        for (unsigned c = 0; c < BINS_CLASSES; c++) n += mask >> c & 1 ? d->n[i][c] : 0;
        json_array_append_new(list, number(n));
    }
    return list;
}

static json_t *edges(const struct bins_drawn *d)
{
    json_t *list = json_array();
    for (size_t i = 0; list && d->count && i <= d->count; i++) json_array_append_new(list, real(d->edges[i]));
    return list;
}

static json_t *quantiles(const struct bins *b, unsigned mask)
{
    static const double shares[] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
    if (!bins_total(b, mask)) return json_null();
    json_t *list = json_array();
    for (size_t i = 0; list && i < sizeof shares / sizeof *shares; i++) json_array_append_new(list, real(bins_quantile(b, mask, shares[i])));
    return list;
}

/* `names`: what the classes are called, with their masks. */
struct class_name {
    const char *name;
    unsigned mask;
};

static json_t *histogram(const struct bins *b, const struct bins_axis *axis, const struct class_name *names, size_t count)
{
    struct bins_drawn d;
    bins_draw(b, axis, &d);
    json_t *json = json_pack("{s:s,s:b,s:b,s:o}", "axis", d.log ? "log" : "linear", "first_holds_less", d.under, "last_holds_more", d.over, "edges", edges(&d));
    for (size_t i = 0; json && i < count; i++) json_object_set_new(json, names[i].name, counts(&d, names[i].mask));
    return json;
}

static json_t *quantity(const struct bins *b, const struct bins_axis *axis)
{
    static const struct class_name names[] = {{"rows", BINS_ALL}, {"kept", 1 << ROW_KEPT}};
    return json_pack("{s:o,s:o,s:o,s:o}", "rows", number(bins_total(b, BINS_ALL)), "quantiles", quantiles(b, BINS_ALL), "quantiles_kept",
                     quantiles(b, 1 << ROW_KEPT), "histogram", histogram(b, axis, names, 2));
}

/* ---- limits */

static json_t *option(const struct limit_option *o)
{
    return json_pack("{s:s,s:b,s:s,s:o,s:o,s:o}", "limit", o->text, "own", o->own, "published", o->from, "passes", number(o->passes), "kept",
                     number(o->kept), "let_in", number(o->only));
}

static json_t *example(const struct example *x)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "id", text(x->id), "value", real(x->value), "text", text(x->text), "url", text(x->url));
}

static json_t *examples(const struct examples *e)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < e->count; i++) json_array_append_new(list, example(&e->list[i]));
    return list;
}

static json_t *limit(const struct stats *s, const struct limit *l)
{
    static const struct class_name names[] = {{"kept", 1 << LIMIT_KEPT}, {"passed", 1 << LIMIT_PASSED}, {"failed_this_only", 1 << LIMIT_ONLY},
                                              {"failed", 1 << LIMIT_FAILED}, {"marked", 1 << LIMIT_MARKED}};
    struct bins_axis axis = chart_axis(l);
    json_t *options = json_array();
    for (size_t i = 0; options && i < l->option_count; i++) json_array_append_new(options, option(&l->options[i]));
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "step", s->funnel->list[l->step].name, "rule", l->rule->name, "filter",
                     l->rule->filter, "unit", l->unit, "one_row_in", number(UINT64_C(1) << l->level), "rows", number(l->rows), "without",
                     number(l->without), "disagree", number(l->disagree), "quantiles", quantiles(&l->bins, BINS_ALL), "histogram",
                     histogram(&l->bins, &axis, names, 5), "limits", options, "nearest_kept", examples(&l->inside), "nearest_dropped",
                     examples(&l->outside));
}

static json_t *limits(const struct stats *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->limits.count; i++) json_array_append_new(list, limit(s, &s->limits.list[i]));
    return list;
}

static json_t *scores(const struct stats *s)
{
    static const struct bins_axis axis = {.anchor = NAN};
    json_t *object = json_object();
    for (size_t i = 0; object && i < s->score_count; i++) json_object_set_new(object, s->scores[i].name, quantity(&s->scores[i].bins, &axis));
    return object;
}

/* ---- lists */

static json_t *frequent(const struct frequent *t, bool hosts)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < t->count && i < LISTED; i++) {
        const struct frequent_item *item = &t->items[i];
        json_t *json = json_pack("{s:o,s:o,s:o,s:o}", "name", text(frequent_text(t, item)), "rows", number(item->n[N_ROWS]), "missed_at_most",
                                 number(item->missed), "kept", number(item->n[N_KEPT]));
        if (json && hosts) {
            json_object_set_new(json, "asked", number(item->n[N_ASKED]));
            json_object_set_new(json, "received", number(item->n[N_GOT]));
        }
        json_array_append_new(list, json);
    }
    return json_pack("{s:o,s:b,s:o,s:o}", "found", number(t->count), "exact", t->floor == 0, "left_out_at_most", number(t->floor), "most_frequent", list);
}

static json_t *labels(const struct stats *s)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < s->label_count; i++) json_object_set_new(object, s->labels[i].name, frequent(&s->labels[i].values, false));
    return object;
}

static json_t *groups(const struct groups *g, uint64_t more)
{
    struct groups_by_size sizes;
    groups_sizes(g, more, &sizes);
    json_t *list = json_array();
    for (int i = 0; list && i < GROUP_SIZES; i++)
        if (sizes.groups[i])
            json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "rows_from", number(group_sizes[i]), "groups", number(sizes.groups[i]), "rows", number(sizes.values[i])));
    return json_pack("{s:o,s:b,s:o}", "different", number(groups_count(g)), "exact", g->level == 0, "by_size", list);
}

/* ---- whom captions name */

static json_t *mention_counts(uint64_t all, const uint64_t kinds[MENTION_KINDS])
{
    json_t *object = json_pack("{s:o}", "all", number(all));
    for (unsigned kind = 0; object && kind < MENTION_KINDS; kind++) json_object_set_new(object, mention_names[kind], number(kinds[kind]));
    return object;
}

static json_t *mention_rule(const struct stats *s, const struct stats_rule *r)
{
    uint64_t reached[MENTION_KINDS];
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) reached[kind] = stats_reached(s, r->step, kind);
    return json_pack("{s:s,s:s,s:o,s:o}", "step", s->funnel->list[r->step].name, "rule", r->rule->name, "reached",
                     mention_counts(stats_reached(s, r->step, MENTION_KINDS), reached), "removed", mention_counts(r->rows, r->mentioning));
}

static json_t *mentions(const struct stats *s)
{
    json_t *lists = json_object(), *rules = json_array();
    uint64_t rows[MENTION_KINDS];
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) {
        rows[kind] = stats_reached(s, 0, kind);
        json_object_set_new(lists, mention_names[kind], text_c(s->mentions.found[kind] ? mention_lists[kind] : NULL));
    }
    for (size_t i = 0; rules && i < s->rule_count; i++)
        if (s->rules[i].rows) json_array_append_new(rules, mention_rule(s, &s->rules[i]));
    return json_pack("{s:o,s:o,s:o,s:o}", "lists", lists, "rows", mention_counts(s->rows, rows), "kept", mention_counts(s->kept, s->mentioning_kept),
                     "rules", rules);
}

/* ---- parts */

static json_t *map(const struct stats *s)
{
    json_t *cells = json_array(), *lines = json_array();
    for (size_t x = 0; cells && x < MAP_SIDE; x++)
        for (size_t y = 0; y < MAP_SIDE; y++) {
            const uint64_t *n = s->map[x][y], rows = n[MAP_KEPT] + n[MAP_OTHER] + n[MAP_PICTURE];
            if (rows) json_array_append_new(cells, json_pack("[i,i,o,o,o]", (int)x, (int)y, number(rows), number(n[MAP_KEPT]), number(n[MAP_PICTURE])));
        }
    for (int i = 0; lines && i <= MAP_SIDE; i++) json_array_append_new(lines, real(s->map_edges[i]));
    return json_pack("{s:o,s:o}", "edges", lines, "cells", cells);
}

static json_t *pictures(const struct stats *s)
{
    static const struct bins_axis ratio = {.log = true, .anchor = 1}, whole = {.log = true, .integer = true, .anchor = NAN};
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "rows", number(s->pictures), "kept", number(s->pictures_kept), "all_bytes",
                     number(s->picture_bytes), "all_bytes_kept", number(s->picture_bytes_kept), "bytes", quantity(&s->bytes, &whole), "short_side",
                     quantity(&s->short_side, &whole), "aspect", quantity(&s->aspect, &ratio), "width_by_height", map(s), "formats",
                     frequent(&s->formats, false), "sizes", frequent(&s->sizes, false), "http_statuses", frequent(&s->http, false));
}

static json_t *captions(const struct stats *s)
{
    static const struct bins_axis whole = {.integer = true, .anchor = NAN};
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "empty", number(s->texts_empty), "words", quantity(&s->words, &whole), "characters",
                     quantity(&s->chars, &whole), "repeated", groups(&s->texts, 0), "frequent", frequent(&s->captions, false), "sources",
                     frequent(&s->text_sources, false), "languages", frequent(&s->languages, false), "personal_data", frequent(&s->personal, false), "naming",
                     mentions(s));
}

static json_t *hosts(const struct stats *s)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "urls", groups(&s->urls, 0), "domains", frequent(&s->domains, true), "hosts", frequent(&s->hosts, true),
                     "page_domains", frequent(&s->page_domains, true));
}

static json_t *duplicates(const struct stats *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->duplicate_count; i++) {
        const struct stats_duplicates *d = &s->duplicates[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:o}", "step", s->funnel->list[d->step].name, "rule", d->rule->name, "groups",
                                              groups(&d->groups, 1), "captions", frequent(&d->largest, false)));
    }
    return list;
}

static json_t *rules(const struct stats *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->rule_count; i++) {
        const struct stats_rule *r = &s->rules[i];
        if (!r->rows) continue;
        json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:o}", "step", s->funnel->list[r->step].name, "rule", r->rule->name, "rows",
                                              number(r->rows), "drawn", examples(&r->examples)));
    }
    return list;
}

json_t *page_json(const struct stats *s)
{
    json_t *json = json_pack("{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "read", number(s->rows), "kept", number(s->kept), "kept_in",
                             text_c(s->last_step == SIZE_MAX ? NULL : s->funnel->list[s->last_step].name), "complete", s->complete, "limits", limits(s),
                             "scores", scores(s), "labels", labels(s), "pictures", s->pictures ? pictures(s) : json_null(), "captions", captions(s), "hosts", hosts(s),
                             "duplicates", duplicates(s), "rules", rules(s), "drawn", examples(&s->kept_examples));
    if (!json) fail_memory();
    return json;
}
