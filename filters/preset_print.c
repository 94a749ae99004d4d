/* Presets as people read them: one with its sources, two side by side. */
#include "filters/preset.h"

#include "pipeline/base/fail.h"

static int print_description(FILE *out, const char *path, bool first_line_only)
{
    struct buf text;
    buf_init(&text, PRESET_BYTES_MAX);
    int result = buf_read_file(&text, path);
    for (struct str rest = buf_str(&text); result == 0 && rest.p;) {
        struct str line = str_cut(&rest, '\n');
        if (!line.n || line.p[0] != '#') break;
        struct str words = str_trim(str_from_at(line, 1));
        fprintf(out, "%.*s\n", STR_ARG(words));
        if (first_line_only) break;
    }
    buf_free(&text);
    return result;
}

/* What a rule counts, or how it compares, is told even where it is the filter's default. */
static bool is_measure(const char *parameter)
{
    static const char *const names[] = {"split", "match", "case"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(parameter, names[i]) == 0) return true;
    return false;
}

/* "min=3 max=20": what differs from the filter's defaults, and its measure. */
static int add_settings(struct buf *out, const struct rule *rule)
{
    const struct filter_parameter *p;
    size_t own = 0, from = out->n;
    while (rule->filter->parameters && rule->filter->parameters[own].name) own++;
    for (size_t i = 0; (p = i < own ? &rule->filter->parameters[i] : filter_parameter_common(i - own)); i++) {
        struct str text = rule->values[i].given ? rule->values[i].text : STR_ABSENT;
        if (!text.n || (!is_measure(p->name) && p->initial && str_eq(str_from(p->initial), text))) continue;
        if (buf_printf(out, "%s%s=%.*s", out->n > from ? " " : "", p->name, STR_ARG(text)) < 0) return -1;
    }
    return 0;
}

/* "keeps <=0.2", or why it keeps nothing yet. */
static int add_boundary(struct buf *out, const struct rule *rule)
{
    if (strcmp(rule->filter->name, "corpus.first") == 0)
        return buf_printf(out, "done by winnow dedup --by %.*s", STR_ARG(rule_value(rule, "key")->text));
    if (rule->unserved) return buf_printf(out, "unserved: %s", rule->unserved);
    if (rule->filter->done_by) return buf_printf(out, "done by winnow %s", rule->filter->done_by);
    bool rewrites = rule->filter->changes_text && rule->bound[0] && !strchr("<>", rule->bound[0]);
    return rewrites ? buf_printf(out, "keeps: all, %s", rule->bound) : buf_printf(out, "keeps: %s", rule->bound[0] ? rule->bound : "all");
}

static void print_rule(FILE *out, const struct rule *rule, size_t wide)
{
    struct buf settings;
    buf_init(&settings, PRESET_BYTES_MAX);
    add_settings(&settings, rule);
    if (settings.n) fprintf(out, "  %-*s  %-20s %.*s\n", (int)wide, rule->name, rule->filter->name, STR_ARG(buf_str(&settings)));
    else fprintf(out, "  %-*s  %s\n", (int)wide, rule->name, rule->filter->name);
    fprintf(out, "  %-*s  %s: %s\n", (int)wide, "", rule->provenance, rule->source);
    buf_clear(&settings);
    add_boundary(&settings, rule);
    fprintf(out, "  %-*s  %.*s\n", (int)wide, "", STR_ARG(buf_str(&settings)));
    buf_free(&settings);
}

static size_t longest_name(const struct chain *chain)
{
    size_t wide = 0;
    for (size_t i = 0; i < chain->count; i++)
        if (strlen(chain->rules[i]->name) > wide) wide = strlen(chain->rules[i]->name);
    return wide;
}

/* What may take the place of what rules need. */
static void print_stand_ins(FILE *out, const struct chain *chain)
{
    bool scores = false, languages = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        bool needs = rule_value(rule, "needs")->given;
        languages |= needs && strcmp(rule->filter->name, "text.language") == 0;
        scores |= needs && rule->filter->place == PLACE_SCORE;
    }
    if (!scores && !languages) return;
    fputs("\nneeds= names the model or list that a rule reads.", out);
    if (scores) fputs(" Scores of another model stand in by\n--allow-substitute NAME (builtin is winnow's own).", out);
    if (languages) fputs(" Languages of winnow's own stand in for a detector by\n--allow-substitute winnow_language.", out);
    fputs(" Manifests, index and report then say so.\n", out);
}

int preset_print(FILE *out, const char *name)
{
    struct chain chain;
    char path[PRESET_PATH_MAX];
    int result = chain_init(&chain);
    if (result == 0) result = preset_find(name, path);
    if (result == 0) result = preset_add(&chain, name);
    if (result == 0) result = chain_prepare(&chain, NULL, NULL);
    if (result == 0) result = print_description(out, path, false);
    size_t wide = longest_name(&chain);
    for (int place = 0; result == 0 && place < PLACES; place++) {
        bool any = false;
        for (size_t i = 0; i < chain.count; i++) {
            if (chain.rules[i]->place != (enum filter_place)place) continue;
            if (!any) fprintf(out, "\nat %s:\n", filter_place_name((enum filter_place)place));
            any = true;
            print_rule(out, chain.rules[i], wide);
        }
    }
    if (result == 0) print_stand_ins(out, &chain);
    chain_free(&chain);
    return result;
}

static void print_name(void *context, const char *name, const char *path)
{
    fprintf(context, "  %-20s ", name);
    print_description(context, path, true);
}

int preset_print_names(FILE *out)
{
    preset_each(print_name, out);
    return 0;
}

/* ---- two presets side by side */

/* The rule of `other` that answers to `rule`: the one of its name; else the first of its filter and place, where neither has a
 * namesake. */
static const struct rule *counterpart(const struct rule *rule, const struct chain *own, const struct chain *other)
{
    const struct rule *same = chain_find(other, str_from(rule->name));
    if (same) return same;
    for (size_t i = 0; i < other->count; i++) {
        const struct rule *r = other->rules[i];
        if (r->filter == rule->filter && r->place == rule->place && !chain_find(own, str_from(r->name))) return r;
    }
    return NULL;
}

static int print_side(FILE *out, const struct rule *rule, char side, size_t wide)
{
    struct buf text;
    buf_init(&text, PRESET_BYTES_MAX);
    int result = add_settings(&text, rule) < 0 || (text.n && buf_add(&text, STR("; ")) < 0) || add_boundary(&text, rule) < 0 ? -1 : 0;
    fprintf(out, "  %-*s  %c %.*s\n", (int)wide, "", side, STR_ARG(buf_str(&text)));
    fprintf(out, "  %-*s    %s: %s\n", (int)wide, "", rule->provenance, rule->source);
    buf_free(&text);
    return result;
}

static bool same_source(const struct rule *a, const struct rule *b)
{
    return strcmp(a->provenance, b->provenance) == 0 && strcmp(a->source, b->source) == 0;
}

static int print_pair(FILE *out, const struct rule *a, const struct rule *b, size_t wide)
{
    struct buf left, right;
    const struct rule *any = a ? a : b;
    buf_init(&left, PRESET_BYTES_MAX);
    buf_init(&right, PRESET_BYTES_MAX);
    int result = (a && add_settings(&left, a) < 0) || (b && add_settings(&right, b) < 0) ? -1 : 0;
    bool equal = a && b && a->filter == b->filter && str_eq(buf_str(&left), buf_str(&right));
    fprintf(out, "%c %-*s  %s", equal ? '=' : !a ? '>' : !b ? '<' : '|', (int)wide, any->name, any->filter->name);
    if (a && b && a->filter != b->filter) fprintf(out, " | %s", b->filter->name);
    if (a && b && strcmp(a->name, b->name) != 0) fprintf(out, " (there %s)", b->name);
    fputc('\n', out);
    if (result == 0 && equal) result = print_side(out, a, '=', wide);
    if (result == 0 && equal && !same_source(a, b)) fprintf(out, "  %-*s  > %s: %s\n", (int)wide, "", b->provenance, b->source);
    if (result == 0 && a && !equal) result = print_side(out, a, '<', wide);
    if (result == 0 && b && !equal) result = print_side(out, b, '>', wide);
    buf_free(&left);
    buf_free(&right);
    return result;
}

static int load(struct chain *chain, const char *name)
{
    return chain_init(chain) < 0 || preset_add(chain, name) < 0 || chain_prepare(chain, NULL, NULL) < 0 ? -1 : 0;
}

static int print_place(FILE *out, const struct chain *a, const struct chain *b, enum filter_place place, size_t wide)
{
    bool any = false;
    for (int side = 0; side < 2; side++) {
        const struct chain *own = side ? b : a, *other = side ? a : b;
        for (size_t i = 0; i < own->count; i++) {
            const struct rule *rule = own->rules[i], *twin = counterpart(rule, own, other);
            if (rule->place != place || (side && twin)) continue;
            if (!any) fprintf(out, "\nat %s:\n", filter_place_name(place));
            any = true;
            if (print_pair(out, side ? NULL : rule, side ? rule : twin, wide) < 0) return -1;
        }
    }
    return 0;
}

int preset_print_diff(FILE *out, const char *a, const char *b)
{
    struct chain left = {.count = 0}, right = {.count = 0};
    int result = load(&left, a) < 0 || load(&right, b) < 0 ? -1 : 0;
    if (result == 0) {
        size_t wide = longest_name(&left), other = longest_name(&right);
        fprintf(out, "< %s   > %s   = the same in both   | other settings\n", a, b);
        for (int place = 0; place < PLACES && result == 0; place++)
            result = print_place(out, &left, &right, (enum filter_place)place, wide > other ? wide : other);
    }
    chain_free(&left);
    chain_free(&right);
    return result;
}
