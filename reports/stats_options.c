/* Which limits are worth a line: the run's own, those that presets have for the same filter with otherwise the same parameters,
 * and two numbers on each side. */
#include "reports/stats_limits.h"

#include "filters/preset.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { PRESETS_MAX = 64, SIDE_OPTIONS = LIMIT_OPTIONS / 2 };

double decimal_value(struct decimal d) { return (double)d.units / (double)d.scale; }

/* ---- presets */

struct published {
    struct {
        char name[64];
        struct chain chain;
    } list[PRESETS_MAX];
    size_t count;
};

static void open_preset(struct published *p, struct str name)
{
    if (p->count == PRESETS_MAX || !name.n || name.n >= sizeof p->list->name) return;
    memcpy(p->list[p->count].name, name.p, name.n);
    struct chain *chain = &p->list[p->count].chain;
    if (chain_init(chain) == 0 && preset_add(chain, p->list[p->count].name) == 0) p->count++;
    else chain_free(chain);
}

struct published *published_open(void)
{
    struct published *p = calloc(1, sizeof *p);
    char *text = NULL;
    size_t n = 0;
    FILE *names = p ? open_memstream(&text, &n) : NULL;
    if (!names) {
        free(p);
        return fail_memory(), NULL;
    }
    preset_print_names(names); /* without presets nothing is published */
    fclose(names);
    for (struct str rest = str_of(text, n); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        line = str_trim(line);
        open_preset(p, str_cut(&line, ' '));
    }
    free(text);
    return p;
}

void published_close(struct published *p)
{
    for (size_t i = 0; p && i < p->count; i++) chain_free(&p->list[i].chain);
    free(p);
}

static const struct filter_parameter *parameter(const struct filter *filter, const char *name)
{
    for (const struct filter_parameter *p = filter->parameters; p && p->name; p++)
        if (strcmp(p->name, name) == 0) return p;
    return NULL;
}

/* Whether two rules of one filter measure the same: all parameters but the limits, and the form of the text, which sets rarely
 * agree on and which hardly moves a count. */
static bool measure_alike(const struct rule *a, const struct rule *b)
{
    static const char *const apart[] = {"min", "max", "strict", "form"};
    if (a->filter != b->filter) return false;
    size_t i = 0;
    for (const struct filter_parameter *p = a->filter->parameters; p && p->name; p++, i++) {
        bool skip = false;
        for (size_t k = 0; k < sizeof apart / sizeof *apart; k++) skip |= strcmp(p->name, apart[k]) == 0;
        if (!skip && !str_eq(a->values[i].text, b->values[i].text)) return false;
    }
    return true;
}

/* ---- options */

static void write_bound(char *text, size_t room, const struct bounds *b, bool high)
{
    struct decimal d = high ? b->high : b->low;
    char number[32];
    int digits = 0;
    for (int64_t s = d.scale; s > 1; s /= 10) digits++;
    snprintf(number, sizeof number, "%.*f", digits, decimal_value(d));
    snprintf(text, room, "%s%s%s", high ? "<" : ">", b->strict ? "" : "=", number);
}

static bool same_bound(const struct limit_option *o, const struct limit_option *p)
{
    return o->high == p->high && o->at == p->at && o->bounds.strict == p->bounds.strict;
}

static bool is_listed(struct str names, struct str name)
{
    while (names.n) {
        struct str one = str_cut(&names, ',');
        if (str_eq(str_trim(one), name)) return true;
    }
    return false;
}

static void add_option(struct limit *l, struct limit_option option, const char *from)
{
    struct limit_option *found = NULL;
    size_t of_side = 0;
    for (size_t i = 0; i < l->option_count; i++) {
        if (same_bound(&l->options[i], &option)) found = &l->options[i];
        of_side += l->options[i].high == option.high;
    }
    if (!found) {
        if (of_side >= SIDE_OPTIONS) return;
        found = &l->options[l->option_count++];
        *found = option;
        write_bound(found->text, sizeof found->text, &found->bounds, found->high);
    }
    size_t n = strlen(found->from);
    if (from && !is_listed(str_from(found->from), str_from(from))) snprintf(found->from + n, sizeof found->from - n, "%s%s", n ? ", " : "", from);
}

/* The run's own limits with one side put elsewhere. */
static struct limit_option option_at(const struct limit *l, struct decimal d, bool high)
{
    struct limit_option o = {.bounds = l->asked->bounds, .at = decimal_value(d), .high = high};
    if (high) o.bounds.high = d;
    else o.bounds.low = d;
    return o;
}

static void add_number(struct limit *l, double at, bool high)
{
    char text[40];
    struct decimal d;
    if (l->integer && (at < 0 || at != floor(at))) return;
    snprintf(text, sizeof text, "%.9f", at);
    for (size_t n = strlen(text); n && text[n - 1] == '0'; n--) text[n - 1] = 0;
    size_t n = strlen(text);
    if (n && text[n - 1] == '.') text[n - 1] = 0;
    if (decimal_parse(str_from(text), &d) == 0) add_option(l, option_at(l, d, high), NULL);
}

static void add_near(struct limit *l, double at, bool high)
{
    static const double ratios[] = {0.5, 0.8, 1.25, 2};
    if (l->integer && at >= 20) {
        for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) add_number(l, round(bins_digits(at * ratios[i], 2)), high);
        return;
    }
    double step = l->integer ? 1 : at != 0 ? bins_digits(fabs(at) / 10, 1) : 0.05;
    for (int i = -2; i <= 2; i++) add_number(l, l->integer ? at + i : bins_digits(at + i * step, 3), high);
}

/* Limits on one model's scores say nothing of another's. */
static void add_published(struct limit *l, const struct published *published, bool high)
{
    for (size_t i = 0; i < published->count && !l->asked->substitute; i++) {
        const struct chain *chain = &published->list[i].chain;
        for (size_t k = 0; k < chain->count; k++) {
            const struct rule *rule = chain->rules[k];
            if (!measure_alike(rule, l->asked)) continue;
            const struct rule_value *value = parameter(rule->filter, high ? "max" : "min") ? rule_value(rule, high ? "max" : "min") : NULL;
            if (!value || !value->given) continue;
            struct limit_option o = option_at(l, value->number, high);
            if (parameter(rule->filter, "strict")) o.bounds.strict = rule_value(rule, "strict")->flag;
            add_option(l, o, published->list[i].name);
        }
    }
}

static int by_side_and_value(const void *a, const void *b)
{
    const struct limit_option *x = a, *y = b;
    if (x->high != y->high) return x->high ? 1 : -1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (int)x->bounds.strict - (int)y->bounds.strict;
}

void limit_options(struct limit *l, const struct published *published)
{
    const struct bounds *b = &l->asked->bounds;
    for (int high = 0; high < 2; high++) {
        if (!(high ? b->has_high : b->has_low)) continue;
        struct limit_option own = option_at(l, high ? b->high : b->low, high);
        own.own = true;
        add_option(l, own, NULL);
        add_published(l, published, high);
        add_near(l, own.at, high);
    }
    qsort(l->options, l->option_count, sizeof *l->options, by_side_and_value);
}

bool limit_option_tells(const struct limit *l, const struct limit_option *o)
{
    if (o->own || o->from[0]) return true;
    for (size_t i = 0; i < l->option_count; i++)
        if (l->options[i].own && l->options[i].high == o->high) return l->options[i].passes != o->passes;
    return true;
}
