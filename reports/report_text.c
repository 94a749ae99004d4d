/* The funnel for a terminal: the steps, then the rules of each step, then what was lost and what is off. */
#include "reports/grid.h"
#include "reports/render.h"

#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>

enum { LOSSES_SHOWN = 20, SHARE_TEXT = 24, SOURCE_SHOWN = 60 };

/* "12.3 %" of a whole; "" where there is none. */
static const char *share(char text[SHARE_TEXT], uint64_t part, uint64_t whole)
{
    if (!whole) return "";
    snprintf(text, SHARE_TEXT, "%.1f %%", 100.0 * (double)part / (double)whole);
    return text;
}

/* ---- steps */

static int step_cells(struct grid *g, const struct funnel_step *s)
{
    char kept[SHARE_TEXT];
    uint64_t whole = s->reads_rows && !s->aside ? s->read : 0;
    if (grid_text(g, str_from(s->name)) < 0) return -1;
    if ((s->reads_rows ? grid_u64(g, s->read) : grid_text(g, STR("-"))) < 0) return -1;
    if (grid_u64(g, s->kept) < 0 || grid_text(g, str_from(share(kept, s->kept, whole))) < 0 || grid_u64(g, s->dropped) < 0) return -1;
    if (grid_u64(g, s->losses_total) < 0 || grid_printf(g, "%llu/%llu", (unsigned long long)s->tasks_done, (unsigned long long)s->tasks) < 0) return -1;
    if (s->aside) return grid_text(g, STR("a table: the rows go on as they are"));
    if (s->reads_rows || !s->records) return grid_text(g, STR_ABSENT);
    return grid_printf(g, "%llu records of %llu file%s", (unsigned long long)s->records, (unsigned long long)s->inputs, s->inputs == 1 ? "" : "s");
}

static int add_steps(const struct funnel *f, struct buf *out)
{
    static const char *const heads[] = {"step", "rows in", "kept", "", "dropped", "losses", "tasks", ""};
    struct grid g;
    grid_init(&g, "lrrrrrrl", 0);
    int result = 0;
    for (size_t i = 0; i < sizeof heads / sizeof *heads && result == 0; i++) result = grid_text(&g, str_from(heads[i]));
    for (size_t i = 0; i < f->count && result == 0; i++) result = step_cells(&g, &f->list[i]);
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

/* ---- rules */

static int alone_cell(struct grid *g, const struct funnel_rule *rule)
{
    if (rule->alone_kind == ALONE_UNKNOWN) return grid_text(g, STR("-"));
    return grid_printf(g, "%s%llu", rule->alone_kind == ALONE_SAMPLED ? "≈" : "", (unsigned long long)rule->alone);
}

static int rule_cells(struct grid *g, const struct funnel_step *s, const struct funnel_rule *rule)
{
    char text[SHARE_TEXT];
    if (grid_text(g, str_from(rule->name)) < 0 || grid_u64(g, rule->removed) < 0 ||
        grid_text(g, str_from(share(text, rule->removed, s->read))) < 0 || alone_cell(g, rule) < 0 ||
        grid_text(g, str_from(rule->bound ? rule->bound : "")) < 0 ||
        grid_printf(g, "%s%s%s", rule->filter ? rule->filter : "", rule->substitute ? ", " : "", rule->substitute ? rule->substitute : "") < 0)
        return -1;
    if (!rule->provenance) return grid_text(g, STR_ABSENT);
    struct str source = str_from(rule->source ? rule->source : "");
    size_t shown = utf8_cut(source, SOURCE_SHOWN);
    return grid_printf(g, "%s%s%.*s%s", rule->provenance, shown ? ": " : "", (int)shown, shown ? source.p : "", shown < source.n ? "…" : "");
}

static bool is_asked(const struct funnel_rule *rule) { return !rule->unserved && !rule->done_by; }

static int add_asked(const struct funnel_step *s, struct buf *out)
{
    static const char *const heads[] = {"rule", "removed", "", "alone", "bound", "filter", "from"};
    struct grid g;
    grid_init(&g, "lrrrlll", 2);
    int result = 0;
    for (size_t i = 0; i < sizeof heads / sizeof *heads && result == 0; i++)
        result = grid_text(&g, str_from(i == 1 && s->rules[0].marked ? "marked" : heads[i]));
    size_t rules = 0;
    for (size_t i = 0; i < s->rule_count && result == 0; i++) {
        if (!is_asked(&s->rules[i])) continue;
        rules++;
        result = rule_cells(&g, s, &s->rules[i]);
    }
    if (result == 0 && rules) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

static int add_others(const struct funnel_step *s, struct buf *out)
{
    struct grid g;
    grid_init(&g, "lll", 2);
    int result = 0;
    for (size_t i = 0; i < s->rule_count && result == 0; i++) {
        const struct funnel_rule *rule = &s->rules[i];
        if (is_asked(rule)) continue;
        if (grid_text(&g, str_from(rule->name)) < 0 || grid_text(&g, str_from(rule->filter ? rule->filter : "")) < 0) result = -1;
        else if (rule->done_by) result = grid_printf(&g, "done by %s", rule->done_by);
        else result = grid_printf(&g, "not served: %s", rule->unserved);
    }
    if (result == 0) result = grid_format(&g, out);
    grid_free(&g);
    return result;
}

static int add_rules(const struct funnel *f, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < f->count; i++) any |= f->list[i].rule_count > 0;
    if (any && buf_add(out, STR("\nRules in order. Alone is what a rule would remove of all rows in; with ≈, from 1 % of them.\n")) < 0) return -1;
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        if (!s->rule_count) continue;
        if (buf_byte(out, '\n') < 0 || log_mask(out, str_from(s->name)) < 0) return -1;
        if (buf_byte(out, '\n') < 0) return -1;
        if (add_asked(s, out) < 0 || add_others(s, out) < 0) return -1;
    }
    return 0;
}

/* ---- counts, losses, oddities */

static int add_counts(const struct funnel *f, struct buf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        if (!s->count_count) continue;
        struct grid g;
        grid_init(&g, "lr", 2);
        int result = buf_byte(out, '\n') < 0 || log_mask(out, str_from(s->name)) < 0 || buf_add(out, STR(": counts\n")) < 0 ? -1 : 0;
        for (size_t k = 0; k < s->count_count && result == 0; k++)
            if (grid_text(&g, str_from(s->counts[k].name)) < 0 || grid_u64(&g, s->counts[k].n) < 0) result = -1;
        if (result == 0) result = grid_format(&g, out);
        grid_free(&g);
        if (result < 0) return -1;
    }
    return 0;
}

static int add_losses(const struct funnel *f, struct buf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i];
        if (!s->losses_total) continue;
        if (buf_byte(out, '\n') < 0 || log_mask(out, str_from(s->name)) < 0) return -1;
        if (buf_printf(out, ": %llu losses: input that could not be read\n", (unsigned long long)s->losses_total) < 0) return -1;
        size_t shown = s->loss_count < LOSSES_SHOWN ? s->loss_count : LOSSES_SHOWN;
        for (size_t k = 0; k < shown; k++)
            if (buf_add(out, STR("  ")) < 0 || log_mask(out, str_from(s->losses[k].what)) < 0 || buf_byte(out, '\n') < 0) return -1;
        if (s->losses_total > shown &&
            buf_printf(out, "  … and %llu more: --format json lists the first %d, log/ has all\n",
                       (unsigned long long)(s->losses_total - shown), FUNNEL_LOSSES_LISTED) < 0)
            return -1;
    }
    return 0;
}

static int add_oddity(void *context, const char *sentence)
{
    struct buf *out = context;
    return buf_add(out, STR("  ")) < 0 || log_mask(out, str_from(sentence)) < 0 ? -1 : buf_byte(out, '\n');
}

static int add_oddities(const struct funnel *f, struct buf *out)
{
    static const struct str head = {"\nTo know\n", 9};
    size_t before = out->n;
    if (buf_add(out, head) < 0 || funnel_oddities(f, add_oddity, out) < 0) return -1;
    if (out->n == before + head.n) out->n = before;
    return 0;
}

int funnel_text(const struct funnel *f, struct buf *out)
{
    if (add_steps(f, out) < 0 || add_rules(f, out) < 0 || add_counts(f, out) < 0) return -1;
    return add_losses(f, out) < 0 ? -1 : add_oddities(f, out);
}
