/* The numbers over the rows for a terminal, behind the funnel's. */
#include "reports/grid.h"
#include "reports/page.h"

#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>

enum { LISTED = 10, CAPTION_BYTES = 60 };

static int number_cell(struct grid *g, double value, bool integer)
{
    return integer ? grid_u64(g, (uint64_t)value) : grid_printf(g, "%.4g", value);
}

/* ---- limits */

static int option_cells(struct grid *g, const struct limit *l, const struct limit_option *o)
{
    const char *about = l->level ? "≈" : "";
    if (grid_printf(g, "%s%s", o->own ? "> " : "  ", o->text) < 0) return -1;
    if (grid_printf(g, "%s%llu", about, (unsigned long long)(o->passes << l->level)) < 0) return -1;
    if (grid_printf(g, "%.1f %%", l->rows ? 100 * (double)o->passes / (double)l->rows : 0) < 0) return -1;
    if (grid_printf(g, "%s%s%llu", o->only ? "<=" : "", about, (unsigned long long)((o->kept + o->only) << l->level)) < 0) return -1;
    return grid_text(g, str_from(o->from));
}

static int add_limit(const struct stats *s, const struct limit *l, struct buf *out)
{
    if (!l->rows || !l->option_count) return 0;
    if (buf_byte(out, '\n') < 0 || log_mask(out, str_from(s->funnel->list[l->step].name)) < 0 || buf_byte(out, ' ') < 0) return -1;
    if (log_mask(out, str_from(l->rule->name)) < 0) return -1;
    for (size_t i = 0; i < 2 && l->columns[i]; i++)
        if (buf_printf(out, i ? " + " : ", ") < 0 || log_mask(out, str_from(l->columns[i])) < 0) return -1;
    if (l->rule->substitute && (buf_printf(out, " (") < 0 || log_mask(out, str_from(l->rule->substitute)) < 0 || buf_byte(out, ')') < 0)) return -1;
    if (buf_printf(out, ": %s%llu rows, median %.4g%s%s\n", l->level ? "≈" : "", (unsigned long long)(l->rows << l->level),
                   bins_quantile(&l->bins, BINS_ALL, 0.5), l->unit[0] ? " " : "", l->unit) < 0)
        return -1;
    static const char *const heads[] = {"  limit", "passes", "", "corpus", "published in"};
    struct grid g;
    grid_init(&g, "lrrrl", 2);
    int result = 0;
    for (size_t i = 0; i < 5 && result == 0; i++) result = grid_text(&g, str_from(heads[i]));
    for (size_t i = 0; i < l->option_count && result == 0; i++)
        if (limit_option_tells(l, &l->options[i])) result = option_cells(&g, l, &l->options[i]);
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

static int add_limits(const struct stats *s, struct buf *out)
{
    size_t before = out->n;
    if (buf_add(out, STR("\nOther limits: rows of the step that each would pass, and the corpus if it alone moved (<=: rows let in would still "
                         "meet later steps)\n")) < 0)
        return -1;
    size_t empty = out->n;
    for (size_t i = 0; i < s->limits.count; i++)
        if (add_limit(s, &s->limits.list[i], out) < 0) return -1;
    if (out->n == empty) out->n = before;
    return 0;
}

/* ---- quantities */

static int quantity_cells(struct grid *g, const char *name, const struct bins *b, bool integer)
{
    static const double shares[] = {0, 0.05, 0.5, 0.95, 1};
    if (!bins_total(b, BINS_ALL)) return 0;
    if (grid_text(g, str_from(name)) < 0) return -1;
    for (size_t i = 0; i < 5; i++)
        if (number_cell(g, bins_quantile(b, BINS_ALL, shares[i]), integer) < 0) return -1;
    if (!bins_total(b, 1 << ROW_KEPT)) return grid_text(g, STR("-"));
    return number_cell(g, bins_quantile(b, 1 << ROW_KEPT, 0.5), integer);
}

static int add_quantities(const struct stats *s, struct buf *out)
{
    static const char *const heads[] = {"", "least", "5 %", "median", "95 %", "most", "median kept"};
    struct grid g;
    if (!s->rows) return 0;
    if (buf_add(out, STR("\nWhat the rows hold, to three digits\n")) < 0) return -1;
    grid_init(&g, "lrrrrrr", 2);
    int result = 0;
    for (size_t i = 0; i < 7 && result == 0; i++) result = grid_text(&g, str_from(heads[i]));
    if (result == 0) result = quantity_cells(&g, "words", &s->words, true);
    if (result == 0) result = quantity_cells(&g, "characters", &s->chars, true);
    if (result == 0) result = quantity_cells(&g, "shorter side", &s->short_side, true);
    if (result == 0) result = quantity_cells(&g, "width / height", &s->aspect, false);
    if (result == 0) result = quantity_cells(&g, "bytes", &s->bytes, true);
    for (size_t i = 0; i < s->score_count && result == 0; i++) result = quantity_cells(&g, s->scores[i].name, &s->scores[i].bins, false);
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

/* ---- lists */

static int add_frequent(const struct frequent *t, const char *title, struct buf *out)
{
    if (!t->count) return 0;
    if (buf_printf(out, "\n%s: %llu%s\n", title, (unsigned long long)t->count, t->floor ? " or more" : "") < 0) return -1;
    struct grid g;
    grid_init(&g, "rrl", 2);
    int result = grid_text(&g, STR("rows")) < 0 || grid_text(&g, STR("kept")) < 0 || grid_text(&g, STR("")) < 0 ? -1 : 0;
    for (size_t i = 0; i < t->count && i < LISTED && result == 0; i++) {
        const struct frequent_item *item = &t->items[i];
        struct str name = frequent_text(t, item);
        size_t shown = utf8_cut(name, CAPTION_BYTES);
        if (grid_printf(&g, "%s%llu", item->missed ? ">=" : "", (unsigned long long)item->n[N_ROWS]) < 0 || grid_u64(&g, item->n[N_KEPT]) < 0) result = -1;
        else result = grid_printf(&g, "%.*s%s", (int)shown, shown ? name.p : "", shown < name.n ? "…" : "");
    }
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

/* ---- whom captions name */

static int share_cells(struct grid *g, const struct stats *s, const char *name, size_t step, uint64_t all, const uint64_t kinds[MENTION_KINDS])
{
    if (grid_text(g, str_from(name)) < 0) return -1;
    for (int kind = -1; kind < MENTION_KINDS; kind++) {
        uint64_t reached = stats_reached(s, step, kind < 0 ? MENTION_KINDS : (unsigned)kind), part = kind < 0 ? all : kinds[kind];
        if ((reached ? grid_printf(g, "%.1f %%", 100 * (double)part / (double)reached) : grid_text(g, STR("-"))) < 0) return -1;
    }
    return 0;
}

static int mention_lines(struct grid *g, const struct stats *s)
{
    static const char *const heads[] = {"removed by", "all", "people", "genders", "nations", "religions"};
    for (size_t i = 0; i < 2 + MENTION_KINDS; i++)
        if (grid_text(g, str_from(heads[i])) < 0) return -1;
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct stats_rule *r = &s->rules[i];
        if (r->rows && share_cells(g, s, r->rule->name, r->step, r->rows, r->mentioning) < 0) return -1;
    }
    return share_cells(g, s, "(kept)", 0, s->kept, s->mentioning_kept);
}

static int add_mentions(const struct stats *s, struct buf *out)
{
    if (!s->rows || buf_add(out, STR("\nWho is removed by what: share of the captions that reached the step and name people, genders, nations, "
                                     "religions (lists mentions-people, -genders, -nations, -religions)\n")) < 0)
        return s->rows ? -1 : 0;
    struct grid g;
    grid_init(&g, "lrrrrr", 2);
    int result = mention_lines(&g, s);
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

int page_text(const struct stats *s, struct buf *out)
{
    if (add_limits(s, out) < 0 || add_quantities(s, out) < 0) return -1;
    if (s->rows && buf_printf(out, "\nDifferent captions: %s%llu, different URLs of pictures: %s%llu\n", s->texts.level ? "≈" : "",
                              (unsigned long long)groups_count(&s->texts), s->urls.level ? "≈" : "", (unsigned long long)groups_count(&s->urls)) < 0)
        return -1;
    for (size_t i = 0; i < s->label_count; i++)
        if (stats_label_tells(&s->labels[i]) && add_frequent(&s->labels[i].values, s->labels[i].name, out) < 0) return -1;
    return add_frequent(&s->formats, "Formats of pictures", out) < 0 || add_frequent(&s->sizes, "Sizes of pictures", out) < 0 ||
                   add_frequent(&s->captions, "Captions", out) < 0 || add_frequent(&s->text_sources, "Where texts stood", out) < 0 ||
                   add_frequent(&s->languages, "Languages that pages declare", out) < 0 ||
                   add_frequent(&s->personal, "Personal data in captions, by its form", out) < 0 || add_frequent(&s->domains, "Domains of pictures", out) < 0 ||
                   add_frequent(&s->page_domains, "Domains of pages", out) < 0 || add_mentions(s, out) < 0
               ? -1
               : 0;
}
